"""A drill: a fault in the real service, and the real rules told what Prometheus would have scraped meanwhile.

The service's clock is set forth by half a minute at each look, so that a quarter of an hour takes a second; what it
tells at each look is what it measured. promtool evaluates the rules over it.
"""

import asyncio
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp
import yaml

from services.intelligence.app.config import Settings
from services.intelligence.app.main import create_app
from tests.intelligence.api.world import PATIENCE, Client, World
from tests.support.services import serving

from . import rules
from .exposition import Target, Timeline

STEP = 30.0
"""Seconds between two looks."""
TARGET = Target("intelligence:8081", "intelligence")
READ = frozenset(
    name for rule in rules.rules() for name in rules.names_in(rule["expr"]) if not name.startswith("novacore:")
)
ALERTS = sorted({alert.name for alert in rules.alerts()})


class LateClock:
    """The machine's clock, whose monotonic time the test sets forth. Tokens and days go by the wall clock's."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def now(self) -> float:
        """Monotonic seconds."""
        return time.monotonic() + self.ahead

    def wall(self) -> float:
        """The machine's own."""
        return time.time()


@dataclass
class Drill:
    """One drill. ``world`` holds the providers; the service is started, and started anew, with ``start``."""

    world: World
    folder: Path
    promtool: Path
    clock: LateClock = field(default_factory=LateClock)
    step: float = STEP
    """Seconds between two evaluations, and between two looks that are not told otherwise."""
    _looked_at: float | None = None
    _timeline: Timeline = field(default_factory=Timeline)
    _expected: list[tuple[float, str, bool]] = field(default_factory=list)
    _service: AsyncExitStack = field(default_factory=AsyncExitStack)
    _client: Client | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.end()
        if error is None:
            self._check()

    @property
    def client(self) -> Client:
        """A user of the running service."""
        assert self._client is not None
        return self._client

    async def start(self, **settings: str) -> None:
        """Start the service with these settings beside the world's; one that runs ends first."""
        await self.end()
        loaded = Settings.load(self.world.environ(**{"LOG_LEVEL": "error", **settings}))
        app = create_app(loaded, clock=self.clock, jitter=lambda: 0.0)
        url = await self._service.enter_async_context(serving(app))
        self._client = Client(await self._service.enter_async_context(aiohttp.ClientSession()), url)

    async def end(self) -> None:
        """Stop the service."""
        self._client = None
        await self._service.aclose()
        self._service = AsyncExitStack()

    async def go_on(
        self, minutes: float, doing: Callable[[], Awaitable[object]] | None = None, *, step: float | None = None
    ) -> None:
        """Let so many minutes pass, doing this once before each look."""
        step = step or self.step
        for _ in range(round(minutes * 60 / step)):
            if doing is not None:
                await doing()
            await self._look(step)

    async def chat(self) -> None:
        """One chat that somebody answers."""
        answered = await self.client.message()
        assert answered.body["tokens_used"] > 0, answered.body

    async def chat_in_vain(self) -> None:
        """One chat that nobody answers."""
        answered = await self.client.message()
        assert answered.body["tokens_used"] == 0, answered.body

    def fires(self, *names: str) -> None:
        """These alerts fire now, and no others do."""
        unknown = set(names) - set(ALERTS)
        assert not unknown, unknown
        assert self._looked_at is not None
        self._expected += [(self._looked_at, name, name in names) for name in ALERTS]

    async def until(self, series: str, value: float) -> None:
        """Return once the service itself says so."""
        async with asyncio.timeout(PATIENCE):
            while f"{series} {float(value)}" not in await self._told():
                pass

    async def _told(self) -> str:
        return (await self.client.call("GET", "/metrics", headers={})).raw.decode()

    async def _look(self, step: float) -> None:
        text = None if self._client is None else await self._told()
        self._looked_at = 0.0 if self._looked_at is None else self._looked_at + step
        self._timeline.add(self._looked_at, TARGET.stored(text))
        self.clock.ahead += step

    def _check(self) -> None:
        told = [
            {
                "expr": f'sum(ALERTS{{alertname="{name}", alertstate="firing"}}) > bool 0 or vector(0)',
                "eval_time": f"{round(at)}s",
                "exp_samples": [{"labels": "{}", "value": float(fires)}],
            }
            for at, name, fires in self._expected
        ]
        test = {
            "interval": f"{self.step:.0f}s",
            "input_series": self._timeline.input_series(self.step, READ),
            "promql_expr_test": told,
        }
        with written(self.folder, {"evaluation_interval": f"{self.step:.0f}s", "tests": [test]}) as path:
            done = subprocess.run([self.promtool, "test", "rules", path], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def written(folder: Path, test: dict[str, object]) -> Iterator[Path]:
    """A rule test as a file, for as long as the block lasts."""
    path = folder / "test.yml"
    files = [str(file) for file in rules.RULE_FILES]
    path.write_text(yaml.safe_dump({"rule_files": files, **test}), encoding="utf-8")
    yield path
