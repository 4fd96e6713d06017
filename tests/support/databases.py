"""Databases for the tests: each test gets one of its own, migrated, on SQLite or on PostgreSQL.

``BOTH`` runs a test, or with ``pytestmark`` all tests of a module that ask for a database, on each; ``ON_SQLITE``
takes one of these out again, such as one that looks into the file. Without a mark the database is SQLite.
"""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import asyncpg
import pytest
from novakit.database import Database, SqliteDatabase, open_database
from novakit.database.postgres import PostgresDatabase
from pydantic import SecretStr
from sqlalchemy.util import greenlet_spawn

from services.intelligence.app.store.postgres_sql import PostgresSql
from services.intelligence.app.store.sql import Rows, Sql, SqliteSql

from .postgres import PostgresServer

Kind = Literal["sqlite", "postgres"]
BOTH = pytest.mark.databases("sqlite", "postgres")
ON_SQLITE = pytest.mark.databases("sqlite")
ON_POSTGRES = pytest.mark.databases("postgres")


class Portable(Sql, Protocol):
    """What ``beside`` gives: each statement is a transaction, unless one is begun."""


@dataclass(frozen=True)
class MadeDatabase:
    """A database that is already up to date. ``url`` is its DATABASE_URL; without one it is in ``folder``."""

    database: Database
    folder: Path
    url: SecretStr | None
    server: PostgresServer | None
    name: str

    @contextmanager
    def beside(self) -> Iterator[Portable]:
        """A connection of the test's own."""
        if isinstance(self.database, SqliteDatabase):
            connection = sqlite3.connect(
                self.database.path, isolation_level=None, check_same_thread=False, factory=SqliteSql
            )
            with closing(connection):
                connection.execute("PRAGMA foreign_keys=ON")
                yield connection
            return
        assert self.server is not None
        opened = self.server.run(_connect(self.database))
        try:
            yield _Blocking(self.server, opened)
        finally:
            self.server.run(opened.close())

    @contextmanager
    def away(self) -> Iterator[None]:
        """PostgreSQL lets nobody in meanwhile, and has ended every connection."""
        assert self.server is not None
        self.server.shut(self.name)
        try:
            yield
        finally:
            self.server.execute(f"ALTER DATABASE {self.name} ALLOW_CONNECTIONS true")

    def rows(self, sql: str, parameters: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """The rows of one statement."""
        with self.beside() as connection:
            return [tuple(row) for row in connection.execute(sql, parameters)]

    def stored(self) -> bytes:
        """All that is in it: the files of SQLite's, else every row."""
        if isinstance(self.database, SqliteDatabase):
            return b"".join(path.read_bytes() for path in sorted(self.folder.iterdir()))
        tables = self.rows(
            "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'"
        )
        return "\n".join(
            row for (table,) in tables for (row,) in self.rows(f"SELECT one::text FROM {table} AS one")
        ).encode()

    def settings(self) -> dict[str, str]:
        """The environment in which a service finds it."""
        found = {"NOVACORE_DATA_DIR": str(self.folder)}
        return found if self.url is None else {**found, "DATABASE_URL": self.url.get_secret_value()}


def in_folder(folder: Path) -> MadeDatabase:
    """Intelligence's SQLite in this folder, which its first start makes."""
    return MadeDatabase(open_database(None, folder, "intelligence"), folder, None, None, "intelligence.db")


class Databases:
    """Makes databases of one service, each a copy of one that was migrated once.

    On PostgreSQL a copy takes 0.1 s: one that a test has left with its tables as they were is emptied for the next.
    """

    def __init__(self, service: str, scripts: Path, head: str, folder: Path, postgres: Callable[[], PostgresServer]):
        self._service = service
        self._scripts = scripts
        self._head = head
        self._folder = folder
        self._postgres = postgres
        self._template: str | None = None
        self._shape = ""
        self._free: list[str] = []

    @contextmanager
    def make(self, kind: Kind, folder: Path) -> Iterator[MadeDatabase]:
        """One for a test, gone at its end."""
        if kind == "sqlite":
            database = open_database(None, folder, self._service)
            assert isinstance(database, SqliteDatabase)
            shutil.copy(self._sqlite_template(), database.path)
            yield MadeDatabase(database, folder, None, None, database.path.name)
            return
        server = self._postgres()
        name = self._free.pop() if self._free else server.create(self._postgres_template(server))
        url = SecretStr(server.url(name))
        database = open_database(url, folder, self._service)
        assert isinstance(database, PostgresDatabase)
        try:
            yield MadeDatabase(database, folder, url, server, name)
        finally:
            if self._emptied(server, name, database.schema):
                self._free.append(name)
            else:
                server.drop(name)

    def _emptied(self, server: PostgresServer, name: str, schema: str) -> bool:
        """Whether it is as good as new."""
        try:
            return server.empty(name, schema) == self._shape
        except asyncpg.PostgresError:
            return False

    def _sqlite_template(self) -> Path:
        database = SqliteDatabase(self._folder / f"{self._service}.db")
        if not database.path.exists():
            database.upgrade(self._scripts, self._head)
        return database.path

    def _postgres_template(self, server: PostgresServer) -> str:
        if self._template is None:
            name = server.create()
            database = open_database(SecretStr(server.url(name)), self._folder, self._service)
            # The test that asks first may be in an event loop, where one of its own cannot run.
            with ThreadPoolExecutor(1) as thread:
                thread.submit(database.upgrade, self._scripts, self._head).result()
            assert isinstance(database, PostgresDatabase)
            self._shape = server.empty(name, database.schema)
            self._template = name
        return self._template


class _Blocking:
    """PostgreSQL's side of the jobs' SQL, for a test that is no job."""

    def __init__(self, server: PostgresServer, connection: Any) -> None:
        self._server = server
        self._sql = PostgresSql(connection)

    def execute(self, sql: str, parameters: Any = (), /) -> Rows:
        return self._server.run(greenlet_spawn(self._sql.execute, sql, parameters))

    def lock(self, name: str) -> None:
        self._server.run(greenlet_spawn(self._sql.lock, name))


async def _connect(database: Any) -> "asyncpg.Connection":
    return await database.connect()
