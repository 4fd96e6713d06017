"""Full-text search in messages and their answers: the one place that knows how each database does it.

Answers are searched once they have ended. The words come from ``novakit.words``, so they are letters and digits
alone. They are quoted all the same, and travel as parameters.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from novakit.erasing import erase
from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    String,
    column,
    func,
    literal,
    literal_column,
    select,
    table,
    text,
)
from sqlalchemy.ext.asyncio import AsyncEngine

from .tables import prompts, sessions

INDEX = "prompts_search"
SEARCHABLE = "searchable"
MERGE_PAGES = 64
"""How much of the index is tidied in one transaction: chats wait for no more than this."""


class Search(ABC):
    """Finds sessions by what was said in them."""

    @abstractmethod
    def with_all(self, user_id: str, words: Sequence[str]) -> ColumnElement[bool]:
        """Whether one message of a session, with its answer, has for each of these a word that begins with it."""

    @abstractmethod
    async def erase(self) -> None:
        """Leave nothing of deleted messages in the index and in the files; comes after the transaction."""


def search_of(engine: AsyncEngine) -> Search:
    """The search of this database."""
    return SqliteSearch(engine) if engine.dialect.name == "sqlite" else PostgresSearch(engine)


class SqliteSearch(Search):
    """FTS5, filled by the triggers of migration 0007."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    def with_all(self, user_id: str, words: Sequence[str]) -> ColumnElement[bool]:
        """As a list of row numbers, which the table beside the index knows the sessions of."""
        query = " AND ".join(f'"{word}" *' for word in words)
        number, of_user, session = column("number", Integer), column("user_id", String), column("session_id", String)
        found: Select[tuple[int]] = (
            select(literal_column("rowid"))
            .select_from(text(INDEX))
            .where(literal_column(INDEX).bool_op("MATCH")(literal(query)))
        )
        saying = (
            select(session)
            .select_from(table(SEARCHABLE, number, of_user, session))
            .where(of_user == user_id, number.in_(found))
        )
        return sessions.c.id.in_(saying)

    async def erase(self) -> None:
        """Merge the index into one piece: until then it marks what was deleted, and keeps its words.

        A negative number begins that, others go on with it (https://www.sqlite.org/fts5.html, "merge").
        """
        pages = -MERGE_PAGES
        while await self._merge(pages):
            pages = MERGE_PAGES
        await erase(self._engine)

    async def _merge(self, pages: int) -> bool:
        """Whether something is left to do: a command that has nothing more to do changes one row, its own."""
        async with self._engine.begin() as connection:
            before = (await connection.exec_driver_sql("SELECT total_changes()")).scalar_one()
            await connection.exec_driver_sql(f"INSERT INTO {INDEX} ({INDEX}, rank) VALUES ('merge', {pages})")  # noqa: S608 (constants)
            after = (await connection.exec_driver_sql("SELECT total_changes()")).scalar_one()
        return bool(after - before >= 2)


class PostgresSearch(Search):
    """Text search with the configuration ``simple``: the beginning of a word has no form in any language."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    def with_all(self, user_id: str, words: Sequence[str]) -> ColumnElement[bool]:
        """By the index of migration 0007, for which the condition is written as it is there."""
        query = func.to_tsquery("simple", " & ".join(_in_any_case(word) for word in words))
        saying = select(prompts.c.session_id).where(
            prompts.c.user_id == user_id,
            prompts.c.status != literal_column("'running'"),
            _vector().bool_op("@@")(query),
        )
        return sessions.c.id.in_(saying)

    async def erase(self) -> None:
        """See novakit.erasing."""
        await erase(self._engine)


def _in_any_case(word: str) -> str:
    """A word as it is usually written: in the locale C a database knows no capitals but A to Z."""
    forms = sorted({word, word.lower(), word.upper(), word.capitalize()})
    return "(" + " | ".join(f"'{form}':*" for form in forms) + ")"


def _vector() -> ColumnElement[object]:
    # Written as in the index, or the index is not used. A vector holds 1 MB at most, so long texts are cut.
    return literal_column(
        "to_tsvector('simple', left(prompts.input_text, 100000) || ' ' || left(prompts.output_text, 400000))"
    )
