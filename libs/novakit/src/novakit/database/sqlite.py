"""A SQLite file: write-ahead logging, and durable commits."""

import asyncio
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from .base import Database, run_alembic

BUSY_TIMEOUT_MS = 5000
_PAUSE_MS = 5
PRAGMAS = (
    f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}",
    "PRAGMA journal_mode=WAL",
    # FULL: what was committed outlives a power cut too, which "durable before it is answered" asks for.
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    # What was deleted is overwritten, and not merely given up.
    "PRAGMA secure_delete=ON",
)


class SqliteDatabase(Database):
    """The file at ``path``, with which one process serves at a time."""

    shared = False

    def __init__(self, path: Path) -> None:
        self.path = path

    def engine(self) -> AsyncEngine:
        """An engine whose connections have PRAGMAS."""
        engine = create_async_engine(_url("sqlite+aiosqlite", self.path), hide_parameters=True)
        _with_pragmas(engine.sync_engine)
        return engine

    async def lock(self, connection: AsyncConnection, name: str) -> None:  # noqa: ARG002 (it has one lock for all)
        """Be the one who writes."""
        await connection.exec_driver_sql("BEGIN IMMEDIATE")

    async def revision(self) -> str | None:
        """Read without making the file."""
        return await asyncio.to_thread(self._revision)

    def upgrade(self, scripts: Path, head: str) -> None:
        """Migrate in one transaction; makes the file's folder."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        begin_wal(self.path)
        engine = create_engine(_url("sqlite", self.path), hide_parameters=True)
        _with_pragmas(engine)
        _with_whole_transactions(engine)
        try:
            with engine.begin() as connection:
                run_alembic(connection, scripts, head)
        finally:
            engine.dispose()

    def address(self) -> tuple[str | None, str, str]:
        """No URL."""
        return None, str(self.path.parent), self.path.stem

    def _revision(self) -> str | None:
        if not self.path.exists():
            return None
        with closing(sqlite3.connect(self.path)) as connection:
            try:
                row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
            except sqlite3.OperationalError:
                return None
        return None if row is None else str(row[0])


def begin_wal(path: Path) -> None:
    """Let the file have a write-ahead log; makes the file.

    Of several who do this to a new file at once SQLite lets nobody wait, whatever its timeout: each holds a lock that
    the others need, and all but one are turned away.
    """
    with closing(sqlite3.connect(path)) as connection:
        for _ in range(BUSY_TIMEOUT_MS // _PAUSE_MS):
            try:
                connection.execute("PRAGMA journal_mode=WAL")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                    raise
                time.sleep(_PAUSE_MS / 1000)
            else:
                return


def _url(driver: str, path: Path) -> URL:
    return URL.create(driver, database=str(path))


def _with_pragmas(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def _connect(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        for pragma in PRAGMAS:
            cursor.execute(pragma)
        cursor.close()


def _with_whole_transactions(engine: Engine) -> None:
    """Left alone, Python's driver commits before each CREATE TABLE."""

    @event.listens_for(engine, "connect")
    def _connect(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
