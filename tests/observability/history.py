"""A half-hour of mixed traffic on the real services, and an hour of the day before, as Prometheus would store it.

Gateway, intelligence and memory are scraped through the gateway; the built-in model's service, with an engine of the
test's, by itself. The traffic takes seconds: intelligence's clock is set forth by half a minute at each look, and
what is scraped then gets the time that it stands for.
"""

import asyncio
import re
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from services.intelligence.app import main as intelligence
from services.intelligence.app.config import Settings
from tests.access.whole import BOOTSTRAP, gateway_app, memory_app
from tests.intelligence.api.world import PATIENCE, World
from tests.local_model.serving import World as LocalModel
from tests.local_model.serving import world as local_model
from tests.support.databases import in_folder
from tests.support.fakes import Behaviour, FakeServer, Gate, answer, cut, late, status
from tests.support.fakes.behaviours import End, Raw, Say
from tests.support.laid_out import laid_out
from tests.support.services import serving

from .drill import LateClock
from .exposition import Target, Timeline, families

STEP = 30.0
DAY = 86_400.0
HALF_HOUR = 1_800.0
GATEWAY = Target("127.0.0.1:8080")
LOCAL_MODEL = Target("127.0.0.1:11435", "local_model")
BEARER = {"Authorization": f"Bearer {BOOTSTRAP}"}
PASSWORD = "a long enough password"
TWO_WAIT = re.compile(r'^llm_queue_depth\{.*provider="ollama".*\} 2\.0$', re.MULTILINE)
LONG = answer(" ".join(["word"] * 700))
SETTINGS = {
    "LLM_PROVIDER_CONCURRENCY": "ollama:2",
    "LLM_FALLBACK_MODE": "hedged",
    "LLM_HEDGE_DELAY_SEC": "0.2",
    "LLM_REQUEST_DEADLINE_SEC": "3600",
    "QUOTA_PROVIDER_TOKENS_PER_DAY": "gemini:5000",
    "QUOTA_PROVIDER_USD_PER_DAY": "openai:5",
    "LOG_LEVEL": "error",
}


@dataclass
class Traffic:
    """People who chat with the whole of NovaCore, and a clock that their story sets forth until ``ends``."""

    http: aiohttp.ClientSession
    gateway: str
    world: World
    memory: AsyncExitStack
    local: LocalModel
    clock: LateClock
    ends: float
    timeline: Timeline = field(default_factory=Timeline)
    _at: float = 0.0

    async def story(self) -> Timeline:
        """All of it."""
        await self._register()
        self._at = self.ends - DAY - HALF_HOUR * 2
        for _ in range(12):
            await self._step(self._chat(), ahead=300)
        self._at = self.ends - HALF_HOUR
        for chapter in (
            self._all_is_well,
            self._many_wait,
            self._the_local_model_is_gone,
            self._nobody_answers,
            self._answers_break,
            self._the_clouds_budget_ends,
            self._the_key_is_wrong,
            self._memory_is_down,
        ):
            await chapter()
        assert abs(self._at - self.ends) <= STEP, self._at - self.ends
        return self.timeline

    async def _all_is_well(self) -> None:
        await self._step(self._chat())
        await self._step(self._log_in())
        for number in range(6):
            self.world.ollama.add(late(0.5) if number % 2 else answer())
            await self._step(
                self._chat(), self._stream(), self._completion(), self._ask("GET", "/api/memory/facts"),
                self._stay_signed_in(), self.local.chat(keep_alive=0),
            )  # fmt: skip

    async def _many_wait(self) -> None:
        gate = Gate()
        self.world.ollama.default = answer(gate=gate)
        waiting = [asyncio.ensure_future(self._chat(local_only=True)) for _ in range(4)]
        async with asyncio.timeout(PATIENCE):
            while not TWO_WAIT.search(await self._read(self.gateway)):
                pass
        for _ in range(14):
            await self._step()
        gate.open()
        await asyncio.gather(*waiting)
        self.world.ollama.default = answer("Ollama speaking.")

    async def _the_local_model_is_gone(self) -> None:
        await self.world.ollama.refuse()
        for _ in range(8):
            await self._step(self._chat(), self._stream())

    async def _nobody_answers(self) -> None:
        providers: tuple[FakeServer, ...] = (self.world.gemini, self.world.openai, self.world.ollama)
        for fake in providers[:2]:
            await fake.refuse()
        for _ in range(9):
            await self._step(self._chat())
        for fake in providers:
            await fake.accept()
        self.clock.ahead += 3600

    async def _answers_break(self) -> None:
        bad_frame: Behaviour = (Say("Words"), Raw(b"{broken\n"), Say(" and words."), End())
        for number in range(6):
            self.world.ollama.add(cut(2) if number % 2 else bad_frame)
            await self._step(self._chat(), self._stream())

    async def _the_clouds_budget_ends(self) -> None:
        self.world.ollama.default = status(500)
        self.world.gemini.default = LONG
        for _ in range(7):
            await self._step(self._chat())
        self.world.ollama.default = answer("Ollama speaking.")
        self.clock.ahead += 3600

    async def _the_key_is_wrong(self) -> None:
        self.world.openai.key = "another"
        for _ in range(3):
            await self._step(self._completion(model="openai"))
        self.world.openai.key = None

    async def _memory_is_down(self) -> None:
        await self.memory.aclose()
        for _ in range(5):
            await self._step(self._chat(), self._ask("GET", "/api/memory/facts"))

    async def _step(self, *doing: Any, ahead: float = STEP) -> None:
        await asyncio.gather(*doing)
        told = [await self._read(self.gateway), await self._read(self.local.url)]
        self.timeline.add(self._at, GATEWAY.stored(told[0]), LOCAL_MODEL.stored(told[1]))
        self._at += ahead
        self.clock.ahead += ahead

    async def _read(self, url: str) -> str:
        async with self.http.get(f"{url}/metrics", headers={"Authorization": f"Bearer {'m' * 32}"}) as answered:
            assert answered.status == 200
            text = await answered.text()
            self.timeline.told |= families(text)
            return text

    async def _chat(self, **fields: Any) -> None:
        await self._ask("POST", "/api/chat/message", {"message": "Hello?", **fields})

    async def _stream(self) -> None:
        await self._ask("POST", "/api/chat/stream", {"message": "Hello?"})

    async def _completion(self, model: str = "auto") -> None:
        messages = [{"role": "user", "content": "Hello?"}]
        await self._ask("POST", "/v1/chat/completions", {"model": model, "messages": messages})

    async def _register(self) -> None:
        ticket = await self._ask("POST", "/api/admin/invitations", {"role": "user"})
        registration = {"name": "somebody", "password": PASSWORD, "invitation": ticket["token"]}
        self._tokens = await self._ask("POST", "/api/auth/register", registration)

    async def _log_in(self) -> None:
        await self._ask("POST", "/api/auth/login", {"name": "somebody", "password": PASSWORD})

    async def _stay_signed_in(self) -> None:
        self._tokens = await self._ask("POST", "/api/auth/refresh", {"refresh_token": self._tokens["refresh_token"]})

    async def _ask(self, method: str, path: str, body: Any = None) -> Any:
        async with self.http.request(method, self.gateway + path, json=body, headers=BEARER) as answered:
            return await answered.json() if answered.content_type == "application/json" else await answered.read()


async def half_hour(folder: Path, ends: float) -> Timeline:
    """The history, which ends then (seconds since 1970)."""
    (folder / "page").mkdir()
    (folder / "page" / "index.html").write_text("<!doctype html>", encoding="utf-8")
    clock = LateClock()
    async with AsyncExitStack() as stack, AsyncExitStack() as memory:
        world = await stack.enter_async_context(World(in_folder(laid_out(folder))))
        http = await stack.enter_async_context(aiohttp.ClientSession())
        local = await stack.enter_async_context(local_model())
        remembering = await memory.enter_async_context(serving(memory_app(folder)))
        settings = Settings.load(world.environ(MEMORY_URL=remembering, **SETTINGS))
        app = intelligence.create_app(settings, clock=clock, jitter=lambda: 0.0)
        inner = await stack.enter_async_context(serving(app))
        door = serving(gateway_app(folder, intelligence_url=inner, memory_url=remembering))
        gateway = await stack.enter_async_context(door)
        return await Traffic(http, gateway, world, memory, local, clock, ends).story()
