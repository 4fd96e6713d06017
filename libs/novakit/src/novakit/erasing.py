"""Deleted means gone from the file too."""

from sqlalchemy.ext.asyncio import AsyncEngine


async def erase(engine: AsyncEngine) -> None:
    """Leave nothing of deleted rows in SQLite's log; comes after the transaction that deleted them.

    The database itself is overwritten by ``PRAGMA secure_delete``, the log keeps old pages until it is cut off. Where
    a reader is in the way for longer than the busy timeout, the next call does it. PostgreSQL frees what was deleted
    by itself, some time later (autovacuum).
    """
    if engine.dialect.name != "sqlite":
        return
    async with engine.connect() as connection:
        await connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
