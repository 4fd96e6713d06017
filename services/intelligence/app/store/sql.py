"""The SQL of the jobs: what runs on SQLite and on PostgreSQL alike, with ``?`` for each value.

So there is ON CONFLICT and no INSERT OR REPLACE, TRUE and FALSE are not 1 and 0, and a value has its column's type.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any, Protocol


class Rows(Protocol):
    """What a statement gave. ``rowcount`` is how many rows it changed."""

    @property
    def rowcount(self) -> int:
        """Rows inserted, updated or deleted."""
        ...

    def fetchone(self) -> Any:
        """The next row, None at the end."""
        ...

    def fetchall(self) -> list[Any]:
        """The rows that are left."""
        ...

    def __iter__(self) -> Iterator[Any]:
        """The rows that are left."""
        ...


class Sql(Protocol):
    """One connection, inside a transaction."""

    def execute(self, sql: str, parameters: Sequence[Any] = (), /) -> Rows:
        """Run one statement."""
        ...

    def lock(self, name: str) -> None:
        """Let no other transaction that locks this name go on before this one ends."""
        ...


class SqliteSql(sqlite3.Connection):
    """A connection whose transactions begin with BEGIN IMMEDIATE."""

    def lock(self, name: str) -> None:
        """Nothing is left to do: there is one such transaction at a time."""
