"""Databases that are up to date already, so that no test waits for a migration."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from novakit.database import SqliteDatabase

from services.gateway.app.main import MIGRATIONS as GATEWAY
from services.gateway.app.store.tables import HEAD as GATEWAY_HEAD
from services.intelligence.app.main import MIGRATIONS as INTELLIGENCE
from services.intelligence.app.store.tables import HEAD as INTELLIGENCE_HEAD
from services.memory.app.main import MIGRATIONS as MEMORY
from services.memory.app.store.tables import HEAD as MEMORY_HEAD

from .whole import Whole, whole


@pytest.fixture(scope="session")
def databases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("databases")
    SqliteDatabase(folder / "gateway.db").upgrade(GATEWAY, GATEWAY_HEAD)
    SqliteDatabase(folder / "intelligence.db").upgrade(INTELLIGENCE, INTELLIGENCE_HEAD)
    SqliteDatabase(folder / "memory.db").upgrade(MEMORY, MEMORY_HEAD)
    return folder


@pytest.fixture
async def running(databases: Path, tmp_path: Path) -> AsyncIterator[Whole]:
    data = tmp_path / "data"
    shutil.copytree(databases, data)
    async with whole(data) as started:
        yield started
