"""The memory service in this process, on a database that is already up to date."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from novakit import database
from novakit.clock import FakeClock
from pydantic import SecretStr

from services.memory.app.config import Settings
from services.memory.app.main import MIGRATIONS, create_app
from services.memory.app.store.tables import HEAD

SECRET = "s" * 32


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("memory") / "memory.db"
    database.upgrade(path, MIGRATIONS, HEAD)
    return path


@pytest.fixture
def settings(tmp_path: Path, migrated: Path) -> Settings:
    shutil.copy(migrated, tmp_path / "memory.db")
    return Settings(novacore_data_dir=tmp_path, service_jwt_secret=SecretStr(SECRET))


@pytest.fixture
async def memory(settings: Settings, clock: FakeClock) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(settings, clock=clock)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://memory") as client:
            yield client
