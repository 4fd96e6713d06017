"""The jobs' SQL on PostgreSQL: a connection of asyncpg's that looks like one of SQLite's from inside a greenlet.

A job is a plain function. Where it waits for the server, the greenlet that it runs in gives way to the event loop.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from novakit.database.postgres import LOCK
from sqlalchemy.util import await_only

if TYPE_CHECKING:
    from asyncpg import Connection
    from asyncpg.prepared_stmt import PreparedStatement

_PLACE_OR_TEXT = re.compile(r"'[^']*'|\?")
_LOCK = LOCK.format(name="?")


@lru_cache(maxsize=256)
def numbered(sql: str) -> str:
    """The statement with ``$1``, ``$2`` for each ``?`` that stands outside a text."""
    number = 0

    def place(found: re.Match[str]) -> str:
        nonlocal number
        if found[0] != "?":
            return found[0]
        number += 1
        return f"${number}"

    return _PLACE_OR_TEXT.sub(place, sql)


class PostgresRows:
    """All rows of a statement, and how many it has changed."""

    def __init__(self, rows: list[Any], tag: str) -> None:
        self._rows = iter(rows)
        self._tag = tag

    @property
    def rowcount(self) -> int:
        """The number at the end of the server's tag, as in ``UPDATE 3``."""
        count = self._tag.rpartition(" ")[2]
        return int(count) if count.isdecimal() else -1

    def fetchone(self) -> Any:
        """The next row, None at the end."""
        return next(self._rows, None)

    def fetchall(self) -> list[Any]:
        """The rows that are left."""
        return list(self._rows)

    def __iter__(self) -> Iterator[Any]:
        return self._rows


class PostgresSql:
    """Prepares each statement once."""

    def __init__(self, connection: "Connection") -> None:
        self._connection = connection
        self._prepared: dict[str, PreparedStatement] = {}

    def execute(self, sql: str, parameters: Sequence[Any] = (), /) -> PostgresRows:
        """Run one statement; to be called inside ``greenlet_spawn``."""
        return await_only(self._execute(sql, parameters))

    def lock(self, name: str) -> None:
        """Take an advisory lock."""
        self.execute(_LOCK, (name,))

    def forget(self) -> None:
        """Prepare all anew: the tables were changed by somebody."""
        self._prepared.clear()

    async def _execute(self, sql: str, parameters: Sequence[Any]) -> PostgresRows:
        statement = self._prepared.get(sql)
        if statement is None:
            statement = self._prepared[sql] = await self._connection.prepare(numbered(sql))
        rows = await statement.fetch(*parameters)
        return PostgresRows(rows, statement.get_statusmsg())
