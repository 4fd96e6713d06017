"""The memory service in this process, on a database that is already up to date."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from novakit.clock import FakeClock
from pydantic import SecretStr

from services.memory.app.config import Settings
from services.memory.app.main import MIGRATIONS, create_app
from services.memory.app.store.tables import HEAD
from tests.support.databases import Databases, Kind, MadeDatabase

SECRET = "s" * 32


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(scope="session")
def databases(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Databases:
    folder = tmp_path_factory.mktemp("memory")
    return Databases("memory", MIGRATIONS, HEAD, folder, lambda: request.getfixturevalue("postgres"))


@pytest.fixture
def database(databases: Databases, kind: Kind, tmp_path: Path) -> Iterator[MadeDatabase]:
    with databases.make(kind, tmp_path) as made:
        yield made


@pytest.fixture
def settings(database: MadeDatabase) -> Settings:
    return Settings(
        novacore_data_dir=database.folder, database_url=database.url, service_jwt_secret=SecretStr(SECRET)
    )


@pytest.fixture
async def memory(settings: Settings, clock: FakeClock) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(settings, clock=clock)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://memory") as client:
            yield client
