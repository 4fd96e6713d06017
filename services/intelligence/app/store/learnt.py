"""What users asked to be remembered and the memory service does not have yet. Functions run inside a transaction.

It is stored with its message, so nothing is lost while memory is down, and goes when its message is deleted.
"""

from collections.abc import Collection
from dataclasses import dataclass

from .sql import Sql


@dataclass(frozen=True, slots=True)
class Learnt:
    """One of them; ``at`` is when it was told, in microseconds since 1970 UTC."""

    prompt_id: str
    session_id: str
    user_id: str
    text: str
    local_only: bool
    at: int


def learn(connection: Sql, prompt_id: str, text: str, *, local_only: bool) -> None:
    """Keep this of a message that was just stored."""
    connection.execute(
        "INSERT INTO facts_to_keep (prompt_id, text, local_only) VALUES (?, ?, ?)", (prompt_id, text, local_only)
    )


def waiting(connection: Sql, limit: int) -> list[Learnt]:
    """The oldest ones."""
    rows = connection.execute(
        "SELECT p.id, p.session_id, p.user_id, f.text, f.local_only, p.created_at"
        " FROM facts_to_keep AS f JOIN prompts AS p ON p.id = f.prompt_id ORDER BY p.created_at, p.id LIMIT ?",
        (limit,),
    ).fetchall()
    return [Learnt(prompt, session, user, text, bool(local), at) for prompt, session, user, text, local, at in rows]


def done(connection: Sql, prompt_ids: Collection[str]) -> None:
    """These need not be kept here any more."""
    for prompt_id in prompt_ids:
        connection.execute("DELETE FROM facts_to_keep WHERE prompt_id = ?", (prompt_id,))


def open_sessions(connection: Sql, user_id: str, session_ids: Collection[str]) -> set[str]:
    """Those of these sessions that the user has and that are not locked now."""
    if not session_ids:
        return set()
    places = ", ".join("?" for _ in session_ids)
    rows = connection.execute(
        f"SELECT id, local_only FROM sessions WHERE user_id = ? AND id IN ({places})",  # noqa: S608 (places alone)
        (user_id, *session_ids),
    ).fetchall()
    return {str(session_id) for session_id, local_only in rows if not local_only}
