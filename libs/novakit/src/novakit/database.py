"""SQLite as every service uses it: write-ahead logging, an async engine, and migrations that run only when due."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from sqlalchemy import URL, Engine, create_engine, event
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
    # What was deleted is overwritten, and not merely given up.
    "PRAGMA secure_delete=ON",
)


def async_engine(path: Path) -> AsyncEngine:
    """An engine for ordinary routes; the caller disposes of it."""
    # Without its parameters an error of SQLAlchemy does not quote what a person wrote.
    engine = create_async_engine(_url("sqlite+aiosqlite", path), hide_parameters=True)
    _with_pragmas(engine.sync_engine)
    return engine


def migrate(path: Path, scripts: Path, head: str) -> None:
    """Bring the database at ``path`` to revision ``head`` of the Alembic ``scripts``. Blocks; makes the folder.

    Alembic runs in a process of its own, and only when something is to be done: what it imports would stay in a
    small service's memory for good. Raises CalledProcessError where it fails.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if revision(path) == head:
        return
    root = str(Path(__file__).parent.parent)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, "-m", "novakit.database", str(path), str(scripts), head]
    subprocess.run(command, check=True, env=environment)  # noqa: S603 (our own interpreter and arguments)


def upgrade(path: Path, scripts: Path, head: str) -> None:
    """The same in this process."""
    from alembic import command  # noqa: PLC0415 (only the migrating process pays for it)
    from alembic.config import Config  # noqa: PLC0415 (only the migrating process pays for it)

    config = Config()
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    engine = create_engine(_url("sqlite", path))
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


def _url(driver: str, path: Path) -> URL:
    return URL.create(driver, database=str(path))


def _with_pragmas(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def _connect(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        for pragma in PRAGMAS:
            cursor.execute(pragma)
        cursor.close()


if __name__ == "__main__":
    upgrade(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
