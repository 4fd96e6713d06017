"""A gateway before two scripted upstreams, on a database that is already up to date."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from novakit import database
from novakit.clock import FakeClock
from pydantic import SecretStr

from services.gateway.app.config import Settings
from services.gateway.app.main import MIGRATIONS
from services.gateway.app.store.tables import HEAD

from .running import JWT_SECRET, KEY, SECRET, Gateway, running
from .upstream import Upstream, upstream


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("gateway") / "gateway.db"
    database.upgrade(path, MIGRATIONS, HEAD)
    return path


@pytest.fixture
async def intelligence() -> AsyncIterator[Upstream]:
    async with upstream() as scripted:
        yield scripted


@pytest.fixture
async def memory() -> AsyncIterator[Upstream]:
    async with upstream() as scripted:
        yield scripted


@pytest.fixture
def settings(tmp_path: Path, migrated: Path, intelligence: Upstream, memory: Upstream) -> Settings:
    data = tmp_path / "data"
    data.mkdir()
    shutil.copy(migrated, data / "gateway.db")
    return Settings(
        novacore_data_dir=data,
        novacore_bootstrap_api_key=SecretStr(KEY),
        intelligence_url=intelligence.url,
        memory_url=memory.url,
        service_jwt_secret=SecretStr(SECRET),
        jwt_secret=SecretStr(JWT_SECRET),
        page_dir=tmp_path / "page",
    )


@pytest.fixture
async def gateway(settings: Settings, clock: FakeClock) -> AsyncIterator[Gateway]:
    async with running(settings, clock) as started:
        yield started
