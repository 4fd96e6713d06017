"""Folders in which every service finds its database as its first start leaves it.

A first start has another process make each database, which costs 0.6 s of computing: too much before a test that is
about something else. The tests of the start, of migrations and of death begin with an empty folder.
"""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from novakit.database import SqliteDatabase

from services.gateway.app.main import MIGRATIONS as GATEWAY
from services.gateway.app.store.tables import HEAD as GATEWAY_HEAD
from services.intelligence.app.main import MIGRATIONS as INTELLIGENCE
from services.intelligence.app.store.tables import HEAD as INTELLIGENCE_HEAD
from services.memory.app.main import MIGRATIONS as MEMORY
from services.memory.app.store.tables import HEAD as MEMORY_HEAD

SERVICES = {
    "gateway": (GATEWAY, GATEWAY_HEAD),
    "intelligence": (INTELLIGENCE, INTELLIGENCE_HEAD),
    "memory": (MEMORY, MEMORY_HEAD),
}


def laid_out(folder: Path) -> Path:
    """The folder, with the databases that were not in it yet."""
    for service in SERVICES:
        path = folder / f"{service}.db"
        if not path.exists():
            path.write_bytes(_database(service))
    return folder


@cache
def _database(service: str) -> bytes:
    with TemporaryDirectory() as folder:
        database = SqliteDatabase(Path(folder) / f"{service}.db")
        database.upgrade(*SERVICES[service])
        return database.path.read_bytes()
