"""What a service knows of its database, whichever it is."""

import asyncio
import os
import subprocess
import sys
from abc import ABC, abstractmethod
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ..settings import SettingsError

# The URL holds a password, and everyone on the machine may read a command line.
URL_VARIABLE = "DATABASE_URL"


class DatabaseError(SettingsError):
    """The database cannot be used as it is set; the message is one sentence, without the password."""


class Database(ABC):
    """The database of one service. ``shared``: several processes may serve from it at once."""

    shared: bool

    @abstractmethod
    def engine(self) -> AsyncEngine:
        """A new engine; the caller disposes of it. Its errors do not quote what was to be stored."""

    @abstractmethod
    async def lock(self, connection: AsyncConnection, name: str) -> None:
        """Let no other transaction that locks this name go on before this one ends. Comes first in a transaction."""

    @abstractmethod
    async def revision(self) -> str | None:
        """The Alembic revision that it is at; None where it has none yet. Raises DatabaseError."""

    @abstractmethod
    def upgrade(self, scripts: Path, head: str) -> None:
        """Bring it to this revision, in this process. Blocks, and must not be called from an event loop.

        Others that do the same at the same time wait, and find it done. Raises DatabaseError.
        """

    @abstractmethod
    def address(self) -> tuple[str | None, str, str]:
        """(URL, data folder, service): what ``open_database`` makes the same database of, elsewhere."""

    async def migrate(self, scripts: Path, head: str) -> None:
        """Bring it to this revision where it is not there yet. Raises DatabaseError."""
        if await self.revision() != head:
            await upgrade_elsewhere(self.address(), scripts, head)


async def upgrade_elsewhere(address: tuple[str | None, str, str], scripts: Path, head: str) -> None:
    """Run ``Database.upgrade`` in another process; what it has to say is on standard error. Raises DatabaseError.

    What Alembic imports would stay in a small service's memory for good.
    """
    url, data_dir, service = address
    root = str(Path(__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])}
    environment.pop(URL_VARIABLE, None)
    if url is not None:
        environment[URL_VARIABLE] = url
    command = [sys.executable, "-m", "novakit.database.migrations", data_dir, service, str(scripts), head]
    if await asyncio.to_thread(_run, command, environment) != 0:
        raise DatabaseError(f"The database of {service} could not be migrated to revision {head}; see above.")


def _run(command: list[str], environment: dict[str, str]) -> int:
    # The other end of its standard input is ours alone: it ends with us, however we do.
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE) as process:  # noqa: S603 (our own module)
        return process.wait()


def run_alembic(connection: Connection, scripts: Path, head: str) -> None:
    """Migrate in the transaction that this connection is in; raises DatabaseError for a revision of the future."""
    from alembic import command  # noqa: PLC0415 (only the migrating process pays for it)
    from alembic.config import Config  # noqa: PLC0415 (only the migrating process pays for it)
    from alembic.migration import MigrationContext  # noqa: PLC0415 (only the migrating process pays for it)
    from alembic.script import ScriptDirectory  # noqa: PLC0415 (only the migrating process pays for it)

    config = Config()
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    found = MigrationContext.configure(connection).get_current_revision()
    if found is not None and found not in known:
        raise DatabaseError(
            f"The database is at revision {found}, which this version does not know: a newer one has migrated it."
        )
    config.attributes["connection"] = connection
    command.upgrade(config, head)
