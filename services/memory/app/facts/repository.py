"""Every query on facts. Each method is one transaction; a fact of another user does not exist for it."""

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Sequence
from dataclasses import dataclass

from novakit.database import upsert
from novakit.erasing import erase
from novakit.ids import is_uuid
from novakit.words import words_of
from sqlalchemy import RowMapping, delete, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncEngine

from ..store.tables import facts
from .schemas import MOST_FACTS
from .search import search_of
from .words import telling_words_of


class BadCursorError(ValueError):
    """The cursor is not one that a list has given."""


class TooManyFactsError(Exception):
    """The user has MOST_FACTS of them."""


@dataclass(frozen=True, slots=True)
class Telling:
    """Something to be remembered. ``at`` is microseconds since 1970 UTC."""

    text: str
    local_only: bool
    at: int
    session_id: str | None = None
    message_id: str | None = None


@dataclass(frozen=True, slots=True)
class FactPage:
    """Some of a user's facts, newest first; ``total`` counts all that match."""

    rows: Sequence[RowMapping]
    total: int
    next_cursor: str | None


class FactsRepository:
    """The stored facts."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._search = search_of(engine)

    async def remember(self, fact_id: str, user_id: str, telling: Telling) -> RowMapping:
        """The fact as it is kept; raises TooManyFactsError.

        The same words are kept once, so telling them again does no harm. What was ever told as local stays local.
        """
        change = upsert(self._engine, facts).values(
            id=fact_id,
            user_id=user_id,
            text=telling.text,
            digest=hashlib.sha256(telling.text.encode()).hexdigest(),
            local_only=telling.local_only,
            session_id=telling.session_id,
            message_id=telling.message_id,
            created_at=telling.at,
        )
        stricter = {"local_only": facts.c.local_only | change.excluded.local_only}
        change = change.on_conflict_do_update(index_elements=["user_id", "digest"], set_=stricter)
        mine = select(func.count()).select_from(facts).where(facts.c.user_id == user_id)
        async with self._engine.begin() as connection:
            # The write comes first: from here on nobody else's write comes between.
            row = (await connection.execute(change.returning(*facts.c))).mappings().one()
            if row["id"] == fact_id and (await connection.execute(mine)).scalar_one() > MOST_FACTS:
                raise TooManyFactsError
        return row

    async def page(self, user_id: str, *, limit: int, cursor: str | None, query: str | None) -> FactPage:
        """One page; raises BadCursorError. ``query``: each of its words begins a word of the fact."""
        mine = facts.c.user_id == user_id
        if query:
            words = words_of(query)
            if not words:
                return FactPage([], 0, None)
            mine &= self._search.having_all(user_id, words)
        page = select(facts).where(mine).order_by(facts.c.created_at.desc(), facts.c.id.desc()).limit(limit + 1)
        if cursor:
            page = page.where(tuple_(facts.c.created_at, facts.c.id) < _place(cursor))
        async with self._engine.connect() as connection:
            total = (await connection.execute(select(func.count()).select_from(facts).where(mine))).scalar_one()
            rows = (await connection.execute(page)).mappings().all()
        shown = rows[:limit]
        return FactPage(shown, total, _cursor(shown[-1]) if len(rows) > limit else None)

    async def recall(self, user_id: str, text: str, limit: int) -> Sequence[RowMapping]:
        """The facts that match a text best."""
        words = telling_words_of(text)
        if not words:
            return []
        async with self._engine.connect() as connection:
            return (await connection.execute(self._search.best(user_id, words).limit(limit))).mappings().all()

    async def forget(self, user_id: str, fact_id: str | None = None) -> int:
        """Delete this fact, or all; says how many there were. Nothing of them is left, also in the files."""
        gone = delete(facts).where(facts.c.user_id == user_id)
        if fact_id is not None:
            gone = gone.where(facts.c.id == fact_id)
        async with self._engine.begin() as connection:
            deleted = (await connection.execute(gone)).rowcount
            if deleted:
                await self._search.tidy(connection)
        if deleted:
            await erase(self._engine)
        return deleted


def _cursor(row: RowMapping) -> str:
    return urlsafe_b64encode(f"{row['created_at']}:{row['id']}".encode()).decode()


def _place(cursor: str) -> tuple[int, str]:
    try:
        at, _, fact_id = urlsafe_b64decode(cursor.encode()).decode().partition(":")
        micros = int(at)
    except (Base64Error, UnicodeError, ValueError):
        raise BadCursorError from None
    if not (0 <= micros < 2**63 and is_uuid(fact_id)):
        raise BadCursorError
    return micros, fact_id
