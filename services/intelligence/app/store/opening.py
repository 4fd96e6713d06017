"""Opens what everything is stored in."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from novakit.database import Database, SqliteDatabase
from sqlalchemy.ext.asyncio import AsyncEngine

from .sqlite_writer import SqliteWriter
from .writer import Writer


@dataclass(frozen=True, slots=True)
class Store:
    """``shared``: other processes may serve from it too; ``instance_id`` is this one among them."""

    writer: Writer
    engine: AsyncEngine
    instance_id: str
    shared: bool


@asynccontextmanager
async def opened(database: Database, instance_id: str) -> AsyncIterator[Store]:
    """The store in this database, which is migrated; raises DatabaseError and sqlite3.Error."""
    engine = database.engine()
    try:
        writer = await open_writer(database)
        try:
            yield Store(writer, engine, instance_id, database.shared)
        finally:
            await writer.aclose()
    finally:
        await engine.dispose()


async def open_writer(database: Database) -> Writer:
    """The writer for this database; raises DatabaseError and sqlite3.Error."""
    if isinstance(database, SqliteDatabase):
        return SqliteWriter(database.path)
    # asyncpg would stay in the memory of a service that has no use for it.
    from novakit.database.postgres import PostgresDatabase  # noqa: PLC0415

    from .postgres_writer import PostgresWriter  # noqa: PLC0415

    if not isinstance(database, PostgresDatabase):
        raise TypeError(type(database).__name__)
    return await PostgresWriter.open(database.connect)
