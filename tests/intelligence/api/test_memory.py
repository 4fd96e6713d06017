"""What the memory service knows changes the order; what it does not do costs a moment once."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from fastapi import FastAPI, Request, Response
from novakit.identity import verify

from services.intelligence.app.services import memory_client
from tests.support.fakes import answer
from tests.support.services import listening_socket, serving

from .world import OTHER_USER, PATIENCE, SECRET, USER, World


@pytest.fixture
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the deadline is not the question, a busy machine must not miss it."""
    monkeypatch.setattr(memory_client, "DEADLINE_SEC", PATIENCE)


patiently = pytest.mark.usefixtures("_patient")


@dataclass(slots=True)
class Memory:
    """A memory service that does as it is told."""

    answer: Callable[[], Awaitable[Response]]
    url: str = ""
    users: list[str] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    puts: list[bytes] = field(default_factory=list)
    recalls: list[str] = field(default_factory=list)
    requests: list[str | None] = field(default_factory=list)
    released: asyncio.Event = field(default_factory=asyncio.Event)

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.get("/api/memory/preferences")
        async def preferences(request: Request) -> Response:
            self.users.append(request.headers["x-user-id"])
            self.tokens.append(request.headers["x-service-token"])
            self.requests.append(request.headers.get("x-request-id"))
            return await self.answer()

        @app.put("/api/memory/preferences")
        async def replace(request: Request) -> Response:
            self.puts.append(await request.body())
            self.requests.append(request.headers.get("x-request-id"))
            return await self.answer()

        @app.post("/internal/facts/recall")
        async def recall(request: Request) -> Response:
            self.recalls.append(request.headers["x-user-id"])
            self.requests.append(request.headers.get("x-request-id"))
            return await self.answer()

        return app

    async def hang(self) -> Response:
        """No answer until the test is over."""
        await self.released.wait()
        return Response()


def says(body: bytes | dict[str, object], status: int = 200) -> Callable[[], Awaitable[Response]]:
    async def reply() -> Response:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return Response(data, status_code=status, media_type="application/json")

    return reply


@asynccontextmanager
async def remembering(reply: Callable[[], Awaitable[Response]] | None = None) -> AsyncIterator[Memory]:
    memory = Memory(reply or says({}))
    if reply is None:
        memory.answer = memory.hang
    async with serving(memory.app()) as url:
        memory.url = url
        try:
            yield memory
        finally:
            memory.released.set()


@patiently
async def test_the_order_that_a_user_wishes_for_is_followed(world: World) -> None:
    async with remembering(says({"provider_order": ["openai", "gemini"], "cloud_allowed": True})) as memory:
        client = await world.serve(MEMORY_URL=memory.url)
        assert (await client.message()).body["response"] == "OpenAI speaking."
        await world.openai.refuse()
        assert (await client.message()).body["response"] == "Gemini speaking."


@patiently
async def test_memory_is_told_for_which_request_it_is_asked(world: World) -> None:
    """So that one id finds the lines of all services."""
    async with remembering(says({"facts": []})) as memory:
        client = await world.serve(MEMORY_URL=memory.url)
        await client.message("Where does my sister live?")
        await client.call("PUT", "/api/memory/preferences", {"hedging": True})
        assert memory.requests == ["request-1"] * 3


@patiently
async def test_names_that_nobody_has_configured_are_passed_over(world: World) -> None:
    async with remembering(says({"provider_order": ["nobody", "gemini"]})) as memory:
        client = await world.serve(MEMORY_URL=memory.url)
        assert (await client.message()).body["response"] == "Gemini speaking."


@patiently
async def test_a_wish_opens_no_lock(world: World) -> None:
    async with remembering(says({"provider_order": ["openai"]})) as memory:
        client = await world.serve(MEMORY_URL=memory.url)
        assert (await client.message(local_only=True)).body["response"] == "Ollama speaking."
        assert world.openai.connections == 0


@patiently
async def test_memory_is_asked_as_a_service_on_behalf_of_the_user_and_once_for_a_while(world: World) -> None:
    async with remembering(says({"provider_order": ["gemini"]})) as memory:
        client = await world.serve(MEMORY_URL=memory.url)
        for _ in range(3):
            assert (await client.message()).body["response"] == "Gemini speaking."
        await client.as_user(OTHER_USER).message()
        assert memory.users == [USER, OTHER_USER]
        verify(memory.tokens[0], SECRET, audience="memory", wall=time.time())


async def test_memory_that_hangs_costs_its_deadline_once(world: World) -> None:
    async with remembering() as memory:
        client = await world.serve(MEMORY_URL=memory.url)
        await client.call("GET", "/healthz")
        loop = asyncio.get_running_loop()
        started = loop.time()
        assert (await client.message()).body["response"] == "Ollama speaking."
        assert 0.15 <= loop.time() - started < 0.65
        await client.message()
        assert memory.users == [USER]


BROKEN = {
    "500": says({"detail": "broken"}, 500),
    "401": says({"detail": "no"}, 401),
    "no JSON": says(b"<html>"),
    "no UTF-8": says(b'{"provider_order": ["\xff"]}'),
    "another shape": says({"provider_order": "gemini"}),
    "no wish": says({"provider_order": None}),
}


@patiently
@pytest.mark.parametrize("reply", BROKEN.values(), ids=BROKEN)
async def test_memory_that_is_broken_costs_no_answer(world: World, reply: Callable[[], Awaitable[Response]]) -> None:
    async with remembering(reply) as memory:
        client = await world.serve(MEMORY_URL=memory.url)
        for _ in range(2):
            assert (await client.message()).body["response"] == "Ollama speaking."
        assert memory.users == [USER]


async def test_memory_that_is_down_costs_no_answer(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.ollama.default = answer("Still here.")
    with listening_socket() as taken:
        port = taken.getsockname()[1]
    client = await world.serve(MEMORY_URL=f"http://127.0.0.1:{port}")
    for _ in range(2):
        assert (await client.message()).body["response"] == "Still here."
    logged = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["event"] for line in logged].count("memory_unavailable") == 1
