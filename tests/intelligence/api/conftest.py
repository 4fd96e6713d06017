"""The intelligence service on a real socket, with fake providers on real sockets behind it."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack

import pytest
import uvloop

from tests.support import log_lines
from tests.support.databases import MadeDatabase

from .world import World


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> Mapping[str, type[uvloop.Loop]]:
    """The loop that ``novacore serve`` runs services on."""
    return {"uvloop": uvloop.Loop}


@pytest.fixture(autouse=True)
def _own_logging() -> Iterator[None]:
    """An app sets up the logging of its process; each test gives it back as it was."""
    with log_lines.given_back():
        yield


@pytest.fixture
async def world(database: MadeDatabase) -> AsyncIterator[World]:
    """Three fake providers that answer, and a way to start the service on them."""
    async with AsyncExitStack() as stack:
        yield await stack.enter_async_context(World(database))
