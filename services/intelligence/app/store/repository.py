"""Sessions and prompts for the ordinary routes, through SQLAlchemy."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from novakit.words import words_of
from sqlalchemy import RowMapping, delete, func, insert, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncEngine

from .search import search_of
from .tables import prompts, sessions, user_settings

LATEST = 2**63 - 1
"""The largest number that a database stores."""


class BadCursorError(ValueError):
    """The cursor is not one that a list has given."""


@dataclass(frozen=True, slots=True)
class SessionPage:
    """Some of a user's sessions, newest first; ``total`` counts all that match."""

    rows: Sequence[RowMapping]
    total: int
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Sendable:
    """The messages of a session: those that its lock alone holds back, and those that stay whatever the lock."""

    messages: int
    stay_local: int


class ChatRepository:
    """Each method is one transaction. A session or prompt of another user does not exist for it."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._search = search_of(engine)

    async def ping(self) -> None:
        """Raise where the database does not answer."""
        async with self._engine.connect() as connection:
            await connection.execute(select(1))

    async def create_session(
        self, session_id: str, user_id: str, title: str, at: int, *, local_only: bool
    ) -> RowMapping:
        """A new, empty session."""
        row = {
            "id": session_id,
            "user_id": user_id,
            "title": title,
            "folded_title": title.casefold(),
            "status": "active",
            "local_only": local_only,
            "created_at": at,
            "updated_at": at,
        }
        async with self._engine.begin() as connection:
            made: RowMapping = (
                (await connection.execute(insert(sessions).values(row).returning(sessions))).mappings().one()
            )
        return made

    async def list_sessions(self, user_id: str, *, limit: int, cursor: str | None, query: str | None) -> SessionPage:
        """One page; raises BadCursorError.

        ``query`` is looked for in titles, whatever its case, and its words in each message with its answer.
        """
        mine = sessions.c.user_id == user_id
        if query:
            found = sessions.c.folded_title.contains(query.casefold(), autoescape=True)
            words = words_of(query)
            mine &= or_(found, self._search.with_all(user_id, words)) if words else found
        page = select(sessions).where(mine).order_by(sessions.c.updated_at.desc(), sessions.c.id.desc())
        if cursor:
            page = page.where(tuple_(sessions.c.updated_at, sessions.c.id) < _place(cursor))
        async with self._engine.connect() as connection:
            total = (await connection.execute(select(func.count()).select_from(sessions).where(mine))).scalar_one()
            rows = (await connection.execute(page.limit(limit + 1))).mappings().all()
        more = len(rows) > limit
        shown = rows[:limit]
        return SessionPage(shown, total, _cursor(shown[-1]) if more else None)

    async def session(self, session_id: str, user_id: str) -> RowMapping | None:
        """One session."""
        mine = (sessions.c.id == session_id) & (sessions.c.user_id == user_id)
        async with self._engine.connect() as connection:
            return (await connection.execute(select(sessions).where(mine))).mappings().one_or_none()

    async def change_session(self, session_id: str, user_id: str, changes: dict[str, Any]) -> RowMapping | None:
        """The session after the change; None where there is none."""
        if "title" in changes:
            changes = {**changes, "folded_title": changes["title"].casefold()}
        mine = (sessions.c.id == session_id) & (sessions.c.user_id == user_id)
        async with self._engine.begin() as connection:
            result = await connection.execute(update(sessions).where(mine).values(changes).returning(sessions))
            changed: RowMapping | None = result.mappings().one_or_none()
        return changed

    async def delete_session(self, session_id: str, user_id: str) -> bool:
        """Delete it with all its prompts; says whether there was one."""
        mine = (sessions.c.id == session_id) & (sessions.c.user_id == user_id)
        chain = (prompts.c.session_id == session_id) & (prompts.c.user_id == user_id)
        async with self._engine.begin() as connection:
            # Deleting along the parents would go one level down with each message, and SQLite ends at 1000.
            await connection.execute(update(prompts).where(chain).values(parent_id=None))
            result = await connection.execute(delete(sessions).where(mine))
            return result.rowcount > 0

    async def sendable(self, session_id: str) -> Sendable:
        """What of a session may go to a cloud provider where it is not locked."""
        counts = (
            select(prompts.c.local_only, func.count())
            .where(prompts.c.session_id == session_id)
            .group_by(prompts.c.local_only)
        )
        async with self._engine.connect() as connection:
            found = {bool(local): int(count) for local, count in (await connection.execute(counts)).all()}
        return Sendable(found.get(False, 0), found.get(True, 0))

    async def cloud_allowed(self, user_id: str) -> bool:
        """What the user has said of the cloud; never said is allowed."""
        wanted = select(user_settings.c.cloud_allowed).where(user_settings.c.user_id == user_id)
        async with self._engine.connect() as connection:
            row = (await connection.execute(wanted)).one_or_none()
        return row is None or row[0] is True

    async def prompts_of(self, session_id: str) -> Sequence[RowMapping]:
        """All prompts of a session, oldest first."""
        wanted = select(prompts).where(prompts.c.session_id == session_id)
        async with self._engine.connect() as connection:
            ordered = wanted.order_by(prompts.c.created_at, prompts.c.id)
            return (await connection.execute(ordered)).mappings().all()

    async def prompt(self, prompt_id: str, user_id: str) -> RowMapping | None:
        """One prompt."""
        mine = (prompts.c.id == prompt_id) & (prompts.c.user_id == user_id)
        async with self._engine.connect() as connection:
            return (await connection.execute(select(prompts).where(mine))).mappings().one_or_none()


def _cursor(row: RowMapping) -> str:
    return urlsafe_b64encode(f"{row['updated_at']}:{row['id']}".encode()).decode()


def _place(cursor: str) -> tuple[int, str]:
    try:
        at, _, session_id = urlsafe_b64decode(cursor.encode()).decode().partition(":")
        micros = int(at)
    except (Base64Error, UnicodeError, ValueError):
        raise BadCursorError from None
    if not 0 <= micros <= LATEST:
        raise BadCursorError
    return micros, session_id
