"""The app on a real socket in the test's own event loop, and a client for it."""

import asyncio
import io
import json
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import uvicorn
from fastapi import FastAPI
from novakit.clock import FakeClock
from starlette.types import ASGIApp

from services.local_model.app.config import Settings
from services.local_model.app.main import Running, create_app

from .fake_engine import FakeEngine

MODEL = "smollm2:135m"
TIMEOUT = aiohttp.ClientTimeout(total=20)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def served(app: ASGIApp) -> AsyncIterator[str]:
    """The address of ``app`` for as long as the block lasts."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(app, lifespan="on", loop="none", http="httptools", ws="none", log_config=None)
        server = _Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        await server.ready.wait()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await serving


@dataclass
class World:
    """A running app with a fake engine and a clock that stands still, and a client."""

    url: str
    app: FastAPI
    http: aiohttp.ClientSession
    engine: FakeEngine
    clock: FakeClock
    running: Running
    exit_codes: list[int] = field(default_factory=list)

    async def get(self, path: str, **kwargs: Any) -> tuple[int, Any]:
        async with self.http.get(self.url + path, **kwargs) as answer:
            return answer.status, _value(await answer.read())

    async def post(self, path: str, body: Any, **kwargs: Any) -> tuple[int, Any]:
        """The status and the document; a stream's is a list of its lines."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        async with self.http.post(self.url + path, data=io.BytesIO(data), **kwargs) as answer:
            content = await answer.read()
            if answer.headers["content-type"] == "application/x-ndjson":
                return answer.status, [json.loads(line) for line in content.splitlines()]
            return answer.status, _value(content)

    async def chat(self, text: str = "Hi", **more: Any) -> tuple[int, Any]:
        return await self.post("/api/chat", chat_body(text, **more))

    @asynccontextmanager
    async def asking(self, text: str = "Hi", **more: Any) -> AsyncIterator["asyncio.Task[tuple[int, Any]]"]:
        """A chat in the background. Cancelling it closes its connection."""
        task = asyncio.create_task(self.chat(text, **more))
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.wait((task,))

    async def metric(self, line: str) -> float:
        """The value of a metric, by its name and labels as they are written; 0 where it was never counted."""
        _status, text = await self.get("/metrics")
        rows = text.splitlines()
        return next((float(row.rpartition(" ")[2]) for row in rows if row.startswith(f"{line} ")), 0.0)

    async def until_metric(self, line: str, value: float) -> None:
        """Wait until the app itself says so."""
        async with asyncio.timeout(10):
            while await self.metric(line) != value:
                pass


def chat_body(text: str = "Hi", **more: Any) -> dict[str, Any]:
    return {"model": MODEL, "messages": [{"role": "user", "content": text}], **more}


@asynccontextmanager
async def world(engine: FakeEngine | None = None, **settings: Any) -> AsyncIterator[World]:
    """Run the app with these settings."""
    engine = engine or FakeEngine()
    clock = FakeClock()
    exit_codes: list[int] = []
    values = {"local_model_context": 256, "local_model_slots": 1, "local_model_queue": 1, "log_level": "error"}
    app = create_app(Settings(**{**values, **settings}), engine=engine, clock=clock, end=exit_codes.append)
    async with served(app) as url, aiohttp.ClientSession(timeout=TIMEOUT) as http:
        yield World(url, app, http, engine, clock, app.state.running, exit_codes)


def _value(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return content.decode()
