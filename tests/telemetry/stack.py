"""Gateway and intelligence on sockets of their own before fake providers, with all telemetry on."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from pydantic import SecretStr

from services.gateway.app.config import Settings as GatewaySettings
from services.gateway.app.main import create_app as gateway_app
from services.memory.app.config import Settings as MemorySettings
from services.memory.app.main import create_app as memory_app
from tests.intelligence.api.world import SECRET, World
from tests.support.databases import in_folder
from tests.support.laid_out import laid_out
from tests.support.services import serving

KEY = "nc_" + "x" * 40
OPEN_METRICS = "application/openmetrics-text"


@dataclass(frozen=True)
class Stack:
    """The gateway's address, the providers behind it, and a client with the admin's key."""

    url: str
    memory: str
    intelligence: str
    world: World
    client: aiohttp.ClientSession

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, str]:
        """One call to the gateway: status and text."""
        sent = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json", **headers}
        data = None if body is None else json.dumps(body).encode()
        async with self.client.request(method, self.url + path, data=data, headers=sent) as answer:
            return answer.status, await answer.text()

    async def metrics(self, accept: str = "") -> str:
        """What a scraper gets."""
        status, text = await self.ask("GET", "/metrics", Accept=accept or "text/plain")
        assert status == 200
        return text


@asynccontextmanager
async def stack(folder: Path, **settings: str) -> AsyncIterator[Stack]:
    """Start everything in this folder; ``settings`` are for both services, as in the environment."""
    remembered = MemorySettings(novacore_data_dir=folder, service_jwt_secret=SecretStr(SECRET))
    async with (
        World(in_folder(laid_out(folder))) as world,
        serving(memory_app(remembered)) as memory,
        aiohttp.ClientSession() as client,
    ):
        inner = await world.serve(MEMORY_URL=memory, **settings)
        environ = {
            "NOVACORE_DATA_DIR": str(folder),
            "NOVACORE_BOOTSTRAP_API_KEY": KEY,
            "INTELLIGENCE_URL": inner.url,
            "MEMORY_URL": memory,
            "SERVICE_JWT_SECRET": SECRET,
            "JWT_SECRET": SECRET,
            "PAGE_DIR": str(folder / "page"),
            **settings,
        }
        async with serving(gateway_app(GatewaySettings.load(environ))) as gateway:
            yield Stack(gateway, memory, inner.url, world, client)
