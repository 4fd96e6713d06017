"""A gateway before two scripted upstreams, on a database that is already up to date."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from novakit.clock import FakeClock
from pydantic import SecretStr

from services.gateway.app.auth.passwords import Work
from services.gateway.app.config import Settings
from services.gateway.app.main import MIGRATIONS
from services.gateway.app.store.tables import HEAD
from tests.support.databases import Databases, Kind, MadeDatabase

from .running import JWT_SECRET, KEY, LIGHT, SECRET, Gateway, running
from .upstream import Upstream, upstream


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(scope="session")
def databases(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Databases:
    folder = tmp_path_factory.mktemp("gateway")
    return Databases("gateway", MIGRATIONS, HEAD, folder, lambda: request.getfixturevalue("postgres"))


@pytest.fixture
def database(databases: Databases, kind: Kind, tmp_path: Path) -> Iterator[MadeDatabase]:
    data = tmp_path / "data"
    data.mkdir()
    with databases.make(kind, data) as made:
        yield made


@pytest.fixture
async def intelligence() -> AsyncIterator[Upstream]:
    async with upstream() as scripted:
        yield scripted


@pytest.fixture
async def memory() -> AsyncIterator[Upstream]:
    async with upstream() as scripted:
        yield scripted


@pytest.fixture
def settings(tmp_path: Path, database: MadeDatabase, intelligence: Upstream, memory: Upstream) -> Settings:
    return Settings(
        novacore_data_dir=database.folder,
        database_url=database.url,
        novacore_bootstrap_api_key=SecretStr(KEY),
        intelligence_url=intelligence.url,
        memory_url=memory.url,
        service_jwt_secret=SecretStr(SECRET),
        jwt_secret=SecretStr(JWT_SECRET),
        page_dir=tmp_path / "page",
    )


@pytest.fixture
def work() -> Work:
    """What a hash of a password costs; as served where a test is marked so."""
    return LIGHT


@pytest.fixture
async def gateway(settings: Settings, clock: FakeClock, work: Work) -> AsyncIterator[Gateway]:
    async with running(settings, clock, work=work) as started:
        yield started
