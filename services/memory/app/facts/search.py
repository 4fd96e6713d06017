"""Full-text search in facts: the one place that knows how each database does it.

The words come from ``words.py``, so they are letters and digits alone. They are quoted all the same, and travel as
parameters.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from sqlalchemy import ColumnElement, Select, func, literal, literal_column, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ..store.tables import SEARCH, facts


class Search(ABC):
    """Narrows queries on ``facts`` to those of a user that match."""

    @abstractmethod
    def having_all(self, user_id: str, words: Sequence[str]) -> ColumnElement[bool]:
        """Whether a fact has, for each of these, a word that begins with it."""

    @abstractmethod
    def best(self, user_id: str, words: Sequence[str]) -> Select[tuple[object, ...]]:
        """The facts that have any of these words, in any form that is known, the best ones first."""

    async def tidy(self, connection: AsyncConnection) -> None:  # noqa: B027 (not every database has to do something)
        """Leave nothing of deleted facts in the index."""


def search_of(engine: AsyncEngine) -> Search:
    """The search of this database."""
    return SqliteSearch() if engine.dialect.name == "sqlite" else PostgresSearch()


class SqliteSearch(Search):
    """FTS5."""

    def having_all(self, user_id: str, words: Sequence[str]) -> ColumnElement[bool]:
        """As a list of row numbers."""
        query = _of_user(user_id, " AND ".join(f"{_quoted(word)} *" for word in words))
        found: Select[tuple[int]] = select(literal_column("rowid")).select_from(text(SEARCH)).where(_match(query))
        return facts.c.number.in_(found)

    def best(self, user_id: str, words: Sequence[str]) -> Select[tuple[object, ...]]:
        """By BM25, where the user counts for nothing; of equals the newest."""
        query = _of_user(user_id, " OR ".join(_quoted(word) for word in words))
        return (
            select(*facts.c)
            .select_from(facts.join(text(SEARCH), facts.c.number == literal_column(f"{SEARCH}.rowid")))
            .where(_match(query), facts.c.user_id == user_id)
            .order_by(text(f"bm25({SEARCH}, 0.0, 1.0)"), facts.c.created_at.desc())
        )

    async def tidy(self, connection: AsyncConnection) -> None:
        """Merge the index into one piece: until then it marks what was deleted, and keeps its words."""
        await connection.exec_driver_sql(f"INSERT INTO {SEARCH} ({SEARCH}) VALUES ('optimize')")  # noqa: S608 (a constant)


class PostgresSearch(Search):
    """Text search with the configurations ``english``, for word forms, and ``simple``, for all other languages."""

    def having_all(self, user_id: str, words: Sequence[str]) -> ColumnElement[bool]:
        """By ``simple`` alone: the beginning of a word has no form."""
        query = " & ".join(f"'{word}':*" for word in words)
        return (facts.c.user_id == user_id) & _vector().bool_op("@@")(func.to_tsquery("simple", query))

    def best(self, user_id: str, words: Sequence[str]) -> Select[tuple[object, ...]]:
        """By ts_rank; of equals the newest."""
        query = " | ".join(f"'{word}'" for word in words)
        wanted = func.to_tsquery("english", query).op("||")(func.to_tsquery("simple", query))
        return (
            select(*facts.c)
            .where(facts.c.user_id == user_id, _vector().bool_op("@@")(wanted))
            .order_by(func.ts_rank(_vector(), wanted).desc(), facts.c.created_at.desc())
        )


def _quoted(word: str) -> str:
    return '"' + word.replace('"', '""') + '"'


def _of_user(user_id: str, query: str) -> str:
    return f"user_id : {_quoted(user_id)} AND text : ({query})"


def _match(query: str) -> ColumnElement[bool]:
    return literal_column(SEARCH).bool_op("MATCH")(literal(query))


def _vector() -> ColumnElement[object]:
    # Written as in the index of migration 0003, or the index is not used.
    return literal_column("(to_tsvector('english', text) || to_tsvector('simple', text))")
