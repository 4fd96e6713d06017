"""SQLite as every service uses it: write-ahead logging, an async engine, and migrations that run only when due."""

import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

BUSY_TIMEOUT_MS = 5000
PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    # FULL: what was committed outlives a power cut too, which "durable before it is answered" asks for.
    "PRAGMA synchronous=FULL",
    f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}",
    "PRAGMA foreign_keys=ON",
)


def async_engine(path: Path) -> AsyncEngine:
    """An engine for ordinary routes; the caller disposes of it."""
    engine = create_async_engine(f"sqlite+aiosqlite:///{path}")
    _with_pragmas(engine.sync_engine)
    return engine


def migrate(path: Path, scripts: Path, head: str) -> None:
    """Bring the database at ``path`` to revision ``head`` of the Alembic ``scripts``. Blocks; makes the folder.

    Alembic is imported only when something is to be done: it costs more memory than a small service.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if revision(path) == head:
        return
    from alembic import command  # noqa: PLC0415 (see above)
    from alembic.config import Config  # noqa: PLC0415 (see above)

    config = Config()
    config.set_main_option("script_location", str(scripts))
    engine = create_engine(f"sqlite:///{path}")
    _with_pragmas(engine)
    try:
        with engine.connect() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, head)
            connection.commit()
    finally:
        engine.dispose()


def revision(path: Path) -> str | None:
    """The revision that the database at ``path`` is at; None where there is none yet."""
    if not path.exists():
        return None
    with closing(sqlite3.connect(path)) as connection:
        try:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        except sqlite3.OperationalError:
            return None
    return None if row is None else str(row[0])


def _with_pragmas(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def _connect(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        for pragma in PRAGMAS:
            cursor.execute(pragma)
        cursor.close()
