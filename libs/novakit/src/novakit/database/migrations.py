"""Migrations in a process of their own: what Alembic imports would stay in a small service's memory for good."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

from pydantic import SecretStr

from . import open_database
from .base import DatabaseError

# The URL holds a password, and everyone on the machine may read a command line.
_URL = "DATABASE_URL"


async def upgrade_elsewhere(address: tuple[str | None, str, str], scripts: Path, head: str) -> None:
    """Run ``Database.upgrade`` in another process; what it has to say is on standard error. Raises DatabaseError."""
    url, data_dir, service = address
    root = str(Path(__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])}
    environment.pop(_URL, None)
    if url is not None:
        environment[_URL] = url
    command = [sys.executable, "-m", "novakit.database.migrations", data_dir, service, str(scripts), head]
    done = await asyncio.to_thread(subprocess.run, command, check=False, env=environment)
    if done.returncode != 0:
        raise DatabaseError(f"The database of {service} could not be migrated to revision {head}; see above.")


def _main(data_dir: str, service: str, scripts: str, head: str) -> None:
    url = os.environ.get(_URL)
    database = open_database(None if url is None else SecretStr(url), Path(data_dir), service)
    try:
        database.upgrade(Path(scripts), head)
    except DatabaseError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    _main(*sys.argv[1:])
