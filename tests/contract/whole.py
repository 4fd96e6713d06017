"""Gateway, intelligence and memory on sockets of their own in this process, before fake providers."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from novakit.identity import ADMIN, ROLE_HEADER, TOKEN_HEADER, USER_HEADER, sign
from pydantic import SecretStr

from services.gateway.app.config import Settings as GatewaySettings
from services.gateway.app.main import create_app as gateway_app
from services.memory.app.config import Settings as MemorySettings
from services.memory.app.main import create_app as memory_app
from tests.intelligence.api.world import SECRET, USER, Client, World
from tests.support.databases import in_folder
from tests.support.services import serving

KEY = "nc_" + "x" * 40
"""The admin's."""
_TOKEN_SECONDS = 3600


@dataclass(frozen=True)
class Whole:
    """The addresses, the fake providers, and a client of intelligence itself."""

    gateway: str
    memory: str
    intelligence: Client
    world: World

    @property
    def bearer(self) -> dict[str, str]:
        """What a caller of the gateway sends."""
        return {"Authorization": f"Bearer {KEY}"}

    @property
    def inner(self) -> dict[str, str]:
        """What a caller of intelligence sends, for longer than the test takes."""
        token = sign(SECRET, issuer="gateway", audience="intelligence", wall=time.time(), seconds=_TOKEN_SECONDS)
        return {TOKEN_HEADER: token, USER_HEADER: USER, ROLE_HEADER: ADMIN}


@asynccontextmanager
async def whole(folder: Path) -> AsyncIterator[Whole]:
    """Start everything, with databases that lie in the folder already."""
    memory_settings = MemorySettings(
        novacore_data_dir=folder, service_jwt_secret=SecretStr(SECRET), log_level="error"
    )
    async with World(in_folder(folder)) as world, serving(memory_app(memory_settings)) as memory:
        client = await world.serve(MEMORY_URL=memory, LOG_LEVEL="error")
        gateway_settings = GatewaySettings(
            novacore_data_dir=folder,
            novacore_bootstrap_api_key=SecretStr(KEY),
            intelligence_url=client.url,
            memory_url=memory,
            service_jwt_secret=SecretStr(SECRET),
            jwt_secret=SecretStr(SECRET),
            rate_limit_per_minute=1_000_000,
            page_dir=folder / "page",
            log_level="error",
        )
        async with serving(gateway_app(gateway_settings)) as gateway:
            yield Whole(gateway, memory, client, world)
