"""A schema in a PostgreSQL database, which all services of all replicas may share."""

import asyncio
import ssl
from pathlib import Path
from socket import gaierror
from typing import TYPE_CHECKING

import asyncpg
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from ..database_url import named_files, normalised, shown
from .base import Database, DatabaseError, run_alembic

if TYPE_CHECKING:
    from asyncpg import Connection

CONNECT_SEC = 10.0
COMMAND_SEC = 30.0
"""A server that is silent for so long is given up; a migration has no such limit."""
LOCK = "SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || ' ' || {name}, 0))"
"""Hold a name until the transaction ends; the schema is part of it, because the database may be shared."""


class PostgresDatabase(Database):
    """The schema ``novacore_<service>`` of the database that the URL names."""

    shared = True

    def __init__(self, url: str, service: str) -> None:
        """Raises ValueError where the URL cannot be used; connects to nothing."""
        self._url = normalised(url)
        self._service = service
        self.schema = f"novacore_{service}"

    def engine(self) -> AsyncEngine:
        """An engine that notices at once that the server was restarted."""
        return create_async_engine(
            "postgresql+asyncpg://", async_creator=self._for_engine, hide_parameters=True, pool_pre_ping=True
        )

    async def connect(self, *, command_timeout: float | None = COMMAND_SEC) -> "Connection":
        """A new connection of asyncpg's; raises DatabaseError."""
        _look_for_files(self._url)
        settings = {"search_path": self.schema, "application_name": self.schema}
        try:
            connection = await asyncpg.connect(
                self._url, timeout=CONNECT_SEC, command_timeout=command_timeout, server_settings=settings
            )
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
            raise DatabaseError(f"DATABASE_URL: {_reason(error, shown(self._url))}") from None
        for name in ("text", "varchar"):
            await connection.set_type_codec(name, schema="pg_catalog", encoder=_storable, decoder=str, format="text")
        return connection

    async def _for_engine(self) -> "Connection":
        """The same for an engine, whose users look for SQLAlchemy's errors; it would pass ours on as they are."""
        try:
            return await self.connect()
        except DatabaseError as error:
            raise OperationalError(None, None, error) from None

    async def lock(self, connection: AsyncConnection, name: str) -> None:
        """Take an advisory lock."""
        await connection.execute(text(LOCK.format(name="CAST(:name AS text)")), {"name": name})

    async def revision(self) -> str | None:
        """Ask the server."""
        connection = await self.connect()
        try:
            found = await connection.fetchval("SELECT version_num FROM alembic_version")
        except asyncpg.UndefinedTableError:
            return None
        finally:
            await connection.close()
        return None if found is None else str(found)

    def upgrade(self, scripts: Path, head: str) -> None:
        """Migrate in one transaction; makes the schema."""
        asyncio.run(self._upgrade(scripts, head))

    def address(self) -> tuple[str | None, str, str]:
        """No folder."""
        return self._url, "", self._service

    async def _upgrade(self, scripts: Path, head: str) -> None:
        guard = await self.connect(command_timeout=None)
        engine = create_async_engine(
            "postgresql+asyncpg://",
            async_creator=lambda: self.connect(command_timeout=None),
            hide_parameters=True,
        )
        try:
            # Held by the connection, so that a process that dies lets go of it.
            await guard.execute("SELECT pg_advisory_lock(hashtextextended($1, 0))", f"migrate {self.schema}")
            await self._make_schema(guard)
            async with engine.begin() as connection:
                await connection.run_sync(run_alembic, scripts, head)
        finally:
            await engine.dispose()
            await guard.close()

    async def _make_schema(self, connection: "Connection") -> None:
        # IF NOT EXISTS would ask for the right to make it, also where it is there.
        if await connection.fetchval("SELECT 1 FROM pg_namespace WHERE nspname = $1", self.schema):
            return
        try:
            await connection.execute(f"CREATE SCHEMA {self.schema}")
        except asyncpg.InsufficientPrivilegeError:
            raise DatabaseError(
                f"DATABASE_URL: its user may not make the schema {self.schema}: grant it CREATE on the database, "
                f"or make the schema for it."
            ) from None


def _look_for_files(url: str) -> None:
    for file in named_files(url):
        if not Path(file).is_file():
            raise DatabaseError(f"DATABASE_URL: it names {file!r}, which is not a file.")


def _reason(error: Exception, where: str) -> str:
    """Why there is no connection. The server's own words do not hold the password."""
    match error:
        case asyncpg.PostgresError():
            reason = f"PostgreSQL at {where} refuses the connection: {str(error).rstrip('.')}."
        case TimeoutError():
            reason = f"PostgreSQL at {where} did not answer within {CONNECT_SEC:g} s."
        case gaierror():
            reason = f"the host of {where} is not known."
        case ssl.SSLError():
            why = getattr(error, "verify_message", None) or error.reason
            reason = f"TLS with PostgreSQL at {where} failed: {why}."
        case OSError() if "SSL upgrade" in str(error):
            reason = f"PostgreSQL at {where} does not offer TLS, which ssl= in the URL asks for."
        case OSError():
            reason = f"no PostgreSQL answers at {where}: is it running, and is this its address?"
        case asyncpg.InterfaceError():
            reason = f"PostgreSQL at {where} cannot be asked: {str(error).partition(chr(10))[0].rstrip('.')}."
        case _:
            reason = "it cannot be used."
    return reason


def _storable(value: str) -> str:
    """PostgreSQL's text has no NUL; a message that holds one is stored all the same."""
    return value.replace("\0", "\ufffd") if "\0" in value else value
