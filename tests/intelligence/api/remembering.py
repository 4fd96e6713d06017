"""The real memory service beside the one under test, which can be told to be down."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from novakit.asgi import respond
from novakit.identity import sign
from pydantic import SecretStr
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.memory.app.config import Settings
from services.memory.app.main import create_app
from tests.support.services import serving

from .world import PATIENCE, SECRET, USER

FACTS = "/api/memory/facts"


@dataclass(slots=True)
class RealMemory:
    """What the service under test asked of it, in order; ``down``: it answers 503."""

    url: str = ""
    down: bool = False
    paths: list[str] = field(default_factory=list)
    learnt: "asyncio.Queue[int]" = field(default_factory=asyncio.Queue)

    def around(self, app: ASGIApp) -> ASGIApp:
        async def watched(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            self.paths.append(scope["path"])

            async def told(message: Message) -> None:
                await send(message)
                if message["type"] == "http.response.start" and scope["path"] == "/internal/facts":
                    self.learnt.put_nowait(message["status"])

            if self.down:
                await respond(told, b"", status=503)
            else:
                await app(scope, receive, told)

        return watched

    async def next_learnt(self) -> int:
        """The status of the next attempt to have it learn something."""
        async with asyncio.timeout(PATIENCE):
            return await self.learnt.get()

    async def call(self, method: str, path: str = FACTS, body: Any = None, user: str = USER) -> Any:
        """A user's own call, as the gateway forwards it."""
        token = sign(SECRET, issuer="gateway", audience="memory", wall=time.time())
        headers = {"X-Service-Token": token, "X-User-Id": user}
        async with aiohttp.request(method, self.url + path, headers=headers, json=body) as response:
            response.raise_for_status()
            return await response.json()

    async def tell(self, text: str, **fields: Any) -> None:
        """Have something remembered."""
        await self.call("POST", body={"text": text, **fields})

    async def facts(self) -> list[dict[str, Any]]:
        """What the user sees."""
        listed = await self.call("GET")
        facts: list[dict[str, Any]] = listed["facts"]
        return facts


@asynccontextmanager
async def real_memory(folder: Path) -> AsyncIterator[RealMemory]:
    """Start it, with a database in this folder."""
    memory = RealMemory()
    app = create_app(Settings(novacore_data_dir=folder, service_jwt_secret=SecretStr(SECRET), log_level="error"))
    assert app.middleware_stack is not None
    app.middleware_stack = memory.around(app.middleware_stack)
    async with serving(app) as memory.url:
        yield memory
