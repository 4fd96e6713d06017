"""A service's database: a SQLite file of its own, or a schema of its own in PostgreSQL.

What is written against SQLAlchemy runs on both. ``upsert`` and ``Database.lock`` are for what SQL leaves to each.
"""

from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import Table
from sqlalchemy.dialects import sqlite as sqlite_dialect
from sqlalchemy.ext.asyncio import AsyncEngine

from .base import Database, DatabaseError
from .sqlite import SqliteDatabase

__all__ = ["Database", "DatabaseError", "SqliteDatabase", "open_database", "upsert"]


def open_database(url: SecretStr | None, data_dir: Path, service: str) -> Database:
    """The database of this service: in PostgreSQL where there is a URL, else ``<data_dir>/<service>.db``."""
    if url is None:
        return SqliteDatabase(data_dir / f"{service}.db")
    # asyncpg would stay in the memory of every service that has no use for it.
    from .postgres import PostgresDatabase  # noqa: PLC0415

    return PostgresDatabase(url.get_secret_value(), service)


def upsert(engine: AsyncEngine, table: Table) -> sqlite_dialect.Insert:
    """An insert that has ``on_conflict_do_update`` and ``on_conflict_do_nothing``, in the engine's dialect."""
    if engine.dialect.name == "sqlite":
        return sqlite_dialect.insert(table)
    from sqlalchemy.dialects.postgresql import insert  # noqa: PLC0415 (see above)

    # The two classes share no base that has these methods, but have the same ones.
    return insert(table)  # type: ignore[return-value]
