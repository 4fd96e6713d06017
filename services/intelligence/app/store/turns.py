"""What a chat turn reads and writes, as plain SQL on one connection. Each function runs inside a transaction."""

from dataclasses import dataclass
from typing import Literal

from ..domain.chat import ChatTurn
from .privacy import cloud_allowed
from .sql import Sql

PromptStatus = Literal["running", "complete", "stopped", "interrupted", "failed", "fallback"]
"""``stopped`` by the user; ``interrupted``: the provider or the reader went away; ``fallback``: nobody answered."""

HISTORY_TURNS = 200
"""How far back a conversation is read. What of it is sent depends on the model's context."""
TITLE_WORDS = 8
TITLE_CHARS = 60


class SessionMissingError(Exception):
    """There is no such session for this user."""


class SessionEndedError(Exception):
    """The session was ended; it takes no more messages."""


class ParentMissingError(Exception):
    """``parent_id`` names no prompt of this session."""


@dataclass(frozen=True, slots=True)
class NewPrompt:
    """A message that was just received. Without ``session_id`` a session is made with ``new_session_id``.

    ``instead_of`` is a prompt whose place it takes, whatever ``session_id`` and ``parent_id`` say. ``instance_id`` is
    the process that answers it.
    """

    prompt_id: str
    user_id: str
    text: str
    local_only: bool
    at: int
    new_session_id: str
    session_id: str | None = None
    parent_id: str | None = None
    instead_of: str | None = None
    instance_id: str | None = None


@dataclass(frozen=True, slots=True)
class Begun:
    """The stored message: its session, that session's lock, and the turns before it, oldest first.

    ``user_local_only``: its user does not allow the cloud.
    """

    session_id: str
    session_local_only: bool
    history: tuple[ChatTurn, ...]
    user_local_only: bool = False


@dataclass(frozen=True, slots=True)
class EndedPrompt:
    """How a turn ended, as it is stored. ``route`` is JSON, empty where none is stored."""

    prompt_id: str
    session_id: str
    text: str
    status: PromptStatus
    tokens_used: int
    latency_ms: int
    provider: str | None
    model: str | None
    locality: str | None
    route: str


def begin(connection: Sql, new: NewPrompt) -> Begun:
    """Store the message; raises SessionMissingError, SessionEndedError, ParentMissingError."""
    session_id = new.session_id
    at = new.at
    local_only = False
    history: tuple[ChatTurn, ...] = ()
    parent = None
    if session_id is None and new.instead_of is None:
        session_id = new.new_session_id
        title = title_of(new.text)
        connection.execute(
            "INSERT INTO sessions (id, user_id, title, folded_title, status, local_only, created_at, updated_at)"
            " VALUES (?, ?, ?, ?, 'active', FALSE, ?, ?)",
            (session_id, new.user_id, title, title.casefold(), new.at, new.at),
        )
    else:
        session_id, local_only, parent = _join(connection, new)
        history = ancestors(connection, parent)
        at = _after_all(connection, session_id, at)
    connection.execute(
        "INSERT INTO prompts (id, session_id, parent_id, user_id, input_text, output_text, local_only, status,"
        " tokens_used, latency_ms, created_at, instance_id) VALUES (?, ?, ?, ?, ?, '', ?, 'running', 0, 0, ?, ?)",
        (new.prompt_id, session_id, parent, new.user_id, new.text, new.local_only, at, new.instance_id),
    )
    return Begun(session_id, local_only, history, not cloud_allowed(connection, new.user_id))


def foresee(connection: Sql, user_id: str, session_id: str | None, parent_id: str | None) -> Begun:
    """What ``begin`` would return for a message that is not stored; raises what it raises.

    The id of a session that would be made is empty.
    """
    local_only = False
    history: tuple[ChatTurn, ...] = ()
    if session_id is not None:
        local_only = _open(connection, session_id, user_id)
        history = ancestors(connection, _parent(connection, session_id, parent_id))
    return Begun(session_id or "", local_only, history, not cloud_allowed(connection, user_id))


def keep_partial(connection: Sql, prompt_id: str, text: str, instance_id: str | None = None) -> None:
    """Store what was said so far, should this process die before the end; not where another one goes on with it."""
    connection.execute(
        "UPDATE prompts SET output_text = ? WHERE id = ? AND status = 'running'"
        " AND (instance_id IS NULL OR instance_id = ?)",
        (text, prompt_id, instance_id),
    )


def end(connection: Sql, ended: EndedPrompt, at: int, instance_id: str | None = None) -> bool:
    """Store the whole turn, which ended at this time (microseconds) in this process.

    False, and nothing is stored, where another process goes on with the answer by now: its end is still to come.
    """
    stored = connection.execute(
        "UPDATE prompts SET output_text = ?, status = ?, tokens_used = ?, latency_ms = ?, provider = ?, model = ?,"
        " locality = ?, route = ? WHERE id = ? AND (instance_id IS NULL OR instance_id = ?)",
        (
            ended.text,
            ended.status,
            ended.tokens_used,
            ended.latency_ms,
            ended.provider,
            ended.model,
            ended.locality,
            ended.route,
            ended.prompt_id,
            instance_id,
        ),
    )
    if not stored.rowcount:
        return False
    connection.execute(
        "UPDATE sessions SET updated_at = ?, model_name = coalesce(?, model_name) WHERE id = ?",
        (at, ended.model, ended.session_id),
    )
    return True


def keep_from_cloud(connection: Sql, prompt_id: str, *, local_only: bool) -> None:
    """Whether the message and its answer must not reach a cloud model later."""
    connection.execute("UPDATE prompts SET local_only = ? WHERE id = ?", (local_only, prompt_id))


def title_of(text: str) -> str:
    """A session's title: the first words of its first message."""
    words = text.split()
    title = " ".join(words[:TITLE_WORDS])
    if len(title) > TITLE_CHARS:
        return title[: TITLE_CHARS - 1].rstrip() + "…"
    return title + "…" if len(words) > TITLE_WORDS else title


def _join(connection: Sql, new: NewPrompt) -> tuple[str, bool, str | None]:
    """(session, whether it is locked, parent) of a message to a session that is there."""
    if new.instead_of is not None:
        session_id, parent = connection.execute(
            "SELECT session_id, parent_id FROM prompts WHERE id = ?", (new.instead_of,)
        ).fetchone()
        return session_id, _enter(connection, new, session_id), parent
    session_id = str(new.session_id)
    local_only = _enter(connection, new, session_id)
    return session_id, local_only, _parent(connection, session_id, new.parent_id)


def _enter(connection: Sql, new: NewPrompt, session_id: str) -> bool:
    """The same as ``_open``, for a message that is stored.

    The write comes first: until this transaction ends, nobody else begins a turn in the session, locks or ends it.
    """
    title = title_of(new.text)
    row = connection.execute(
        "UPDATE sessions SET updated_at = ?, title = CASE title WHEN '' THEN ? ELSE title END,"
        " folded_title = CASE title WHEN '' THEN ? ELSE folded_title END"
        " WHERE id = ? AND user_id = ? AND status = 'active' RETURNING local_only",
        (new.at, title, title.casefold(), session_id, new.user_id),
    ).fetchone()
    return _open(connection, session_id, new.user_id) if row is None else bool(row[0])


def _open(connection: Sql, session_id: str, user_id: str) -> bool:
    """Whether the session, which must take messages of this user, is locked."""
    row = connection.execute(
        "SELECT status, local_only FROM sessions WHERE id = ? AND user_id = ?", (session_id, user_id)
    ).fetchone()
    if row is None:
        raise SessionMissingError
    if row[0] != "active":
        raise SessionEndedError
    return bool(row[1])


def _parent(connection: Sql, session_id: str, parent_id: str | None) -> str | None:
    """The prompt that the next one follows: the one that is named, else the session's latest.

    One that names the session itself follows nothing: another beginning of the conversation.
    """
    if parent_id == session_id:
        return None
    if parent_id is not None:
        found = connection.execute(
            "SELECT id FROM prompts WHERE id = ? AND session_id = ?", (parent_id, session_id)
        ).fetchone()
        if found is None:
            raise ParentMissingError
    else:
        found = connection.execute(
            "SELECT id FROM prompts WHERE session_id = ? ORDER BY created_at DESC, id DESC LIMIT 1", (session_id,)
        ).fetchone()
    return None if found is None else str(found[0])


def _after_all(connection: Sql, session_id: str, at: int) -> int:
    """This time, but after the session's newest message also where another clock was ahead: time is its order."""
    (newest,) = connection.execute(
        "SELECT max(created_at) FROM prompts WHERE session_id = ?", (session_id,)
    ).fetchone()
    return at if newest is None else max(at, newest + 1)


_ANCESTORS = """
WITH RECURSIVE chain (id, parent_id, input_text, output_text, local_only, status, depth) AS (
    SELECT id, parent_id, input_text, output_text, local_only, status, 1 FROM prompts WHERE id = ?
    UNION ALL
    SELECT p.id, p.parent_id, p.input_text, p.output_text, p.local_only, p.status, chain.depth + 1
    FROM prompts AS p JOIN chain ON p.id = chain.parent_id WHERE chain.depth < ?
)
SELECT input_text, output_text, local_only, status FROM chain ORDER BY depth DESC
"""


def ancestors(connection: Sql, prompt_id: str | None) -> tuple[ChatTurn, ...]:
    """What was said up to this prompt and in it, oldest first."""
    if prompt_id is None:
        return ()
    turns = []
    for asked, answered, local_only, status in connection.execute(_ANCESTORS, (prompt_id, HISTORY_TURNS)):
        turns.append(ChatTurn("user", asked, bool(local_only)))
        # The fallback message is ours: a model must not find it among its own words.
        if answered and status != "fallback":
            turns.append(ChatTurn("assistant", answered, bool(local_only)))
    return tuple(turns)
