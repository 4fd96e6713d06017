"""Databases for the tests: each test gets one of its own, migrated, on SQLite or on PostgreSQL.

``BOTH`` runs a test, or with ``pytestmark`` all tests of a module that ask for a database, on each. Without it the
database is SQLite.
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
from pydantic import SecretStr
from sqlalchemy.util import greenlet_spawn

from services.intelligence.app.store.postgres_sql import PostgresSql
from services.intelligence.app.store.sql import Rows, Sql, SqliteSql

from .postgres import PostgresServer

Kind = Literal["sqlite", "postgres"]
BOTH = pytest.mark.databases("sqlite", "postgres")
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

    def rows(self, sql: str, parameters: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """The rows of one statement."""
        with self.beside() as connection:
            return [tuple(row) for row in connection.execute(sql, parameters)]

    def settings(self) -> dict[str, str]:
        """The environment in which a service finds it."""
        found = {"NOVACORE_DATA_DIR": str(self.folder)}
        return found if self.url is None else {**found, "DATABASE_URL": self.url.get_secret_value()}


def in_folder(folder: Path) -> MadeDatabase:
    """Intelligence's SQLite in this folder, which its first start makes."""
    return MadeDatabase(open_database(None, folder, "intelligence"), folder, None, None, "intelligence.db")


class Databases:
    """Makes databases of one service, each a copy of one that was migrated once."""

    def __init__(self, service: str, scripts: Path, head: str, folder: Path, postgres: Callable[[], PostgresServer]):
        self._service = service
        self._scripts = scripts
        self._head = head
        self._folder = folder
        self._postgres = postgres
        self._template: str | None = None

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
        name = server.create(self._postgres_template(server))
        url = SecretStr(server.url(name))
        try:
            yield MadeDatabase(open_database(url, folder, self._service), folder, url, server, name)
        finally:
            server.drop(name)

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
