"""What the tests of observability share: the real programs, and a world of fake providers to drill in."""

from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

import pytest
import uvloop

from tests.intelligence.api.world import World
from tests.support import log_lines
from tests.support.databases import in_folder
from tests.support.laid_out import laid_out

from . import programs
from .drill import Drill


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> Mapping[str, type[uvloop.Loop]]:
    """The loop that ``novacore serve`` runs services on."""
    return {"uvloop": uvloop.Loop}


@pytest.fixture(scope="session")
def installed() -> dict[str, Path]:
    """Prometheus and Alertmanager: where each program is. Where they cannot be had, tests are skipped, not in CI."""
    reason = programs.fetch()
    found = {program: path for program in programs.PROGRAMS if (path := programs.found(program)) is not None}
    if reason is not None:
        if programs.must_be_there():
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@pytest.fixture(autouse=True)
def _own_logging() -> Iterator[None]:
    """An app sets up the logging of its process; each test gives it back as it was."""
    with log_lines.given_back():
        yield


@pytest.fixture
async def drill(installed: dict[str, Path], tmp_path: Path) -> AsyncIterator[Drill]:
    """Fake providers that answer, the service to start on them, and the rules that watch."""
    async with World(in_folder(laid_out(tmp_path))) as world, Drill(world, tmp_path, installed["promtool"]) as drill:
        yield drill
