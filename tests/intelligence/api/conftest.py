"""The intelligence service on a real socket, with fake providers on real sockets behind it."""

import logging
import shutil
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import structlog
import uvloop
from novakit import database

from services.intelligence.app.main import MIGRATIONS
from services.intelligence.app.store.tables import HEAD

from .world import World


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> Mapping[str, type[uvloop.Loop]]:
    """The loop that ``novacore serve`` runs services on."""
    return {"uvloop": uvloop.Loop}


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database, made once: each test gets a copy."""
    path = tmp_path_factory.mktemp("template") / "intelligence.db"
    database.upgrade(path, MIGRATIONS, HEAD)
    return path


@pytest.fixture(autouse=True)
def _own_logging() -> Iterator[None]:
    """An app sets up the logging of its process; each test gives it back as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
async def world(migrated: Path, tmp_path: Path) -> AsyncIterator[World]:
    """Three fake providers that answer, and a way to start the service on them."""
    shutil.copy(migrated, tmp_path / "intelligence.db")
    async with AsyncExitStack() as stack:
        yield await stack.enter_async_context(World(tmp_path))
