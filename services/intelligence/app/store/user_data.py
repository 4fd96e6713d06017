"""Everything that a user has said and was answered: read page by page, and deleted for good."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, RowMapping, Table, delete, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncEngine

from .search import search_of
from .tables import prompts, sessions


@dataclass(frozen=True, slots=True)
class Gone:
    """What was deleted."""

    sessions: int
    messages: int


class UserData:
    """Each method is one transaction, so that reading much of it holds up nobody."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._search = search_of(engine)

    async def sessions_after(self, user_id: str, last: RowMapping | None, limit: int) -> Sequence[RowMapping]:
        """The user's next sessions after this one, oldest first; None: the first ones."""
        return await self._page(sessions, sessions.c.user_id == user_id, last, limit)

    async def prompts_after(self, session_id: str, last: RowMapping | None, limit: int) -> Sequence[RowMapping]:
        """The session's next prompts after this one, oldest first; None: the first ones."""
        return await self._page(prompts, prompts.c.session_id == session_id, last, limit)

    async def delete(self, user_id: str) -> Gone:
        """Delete it all, keys and what is still to be remembered included."""
        mine = prompts.c.user_id == user_id
        async with self._engine.begin() as connection:
            # Deleting along the parents would go one level down with each message, and SQLite ends at 1000.
            messages = (await connection.execute(update(prompts).where(mine).values(parent_id=None))).rowcount
            gone = (await connection.execute(delete(sessions).where(sessions.c.user_id == user_id))).rowcount
        return Gone(gone, messages)

    async def erase(self) -> None:
        """Leave nothing of what was deleted in the files."""
        await self._search.erase()

    async def _page(
        self, table: Table, mine: ColumnElement[bool], last: RowMapping | None, limit: int
    ) -> Sequence[RowMapping]:
        page = select(table).where(mine).order_by(table.c.created_at, table.c.id).limit(limit)
        if last is not None:
            page = page.where(tuple_(table.c.created_at, table.c.id) > (last["created_at"], last["id"]))
        async with self._engine.connect() as connection:
            return (await connection.execute(page)).mappings().all()
