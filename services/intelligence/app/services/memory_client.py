"""What the memory service knows of a user, asked for beside a chat and never needed for it."""

import asyncio
from dataclasses import dataclass

import aiohttp
import msgspec
from novakit import logs
from novakit.clock import Clock
from novakit.identity import TOKEN_HEADER, USER_HEADER, TokenSigner

DEADLINE_SEC = 0.15
KEPT_SEC = 30.0
"""How long an answer is believed. A failure is believed for as long: memory that is down costs one deadline then."""
MOST_USERS = 10_000

log = logs.get("memory_client")


class _Preferences(msgspec.Struct):
    provider_order: list[str] | None = None


@dataclass(frozen=True, slots=True)
class _Kept:
    order: tuple[str, ...]
    until: float


class MemoryClient:
    """Asks over HTTP, with a deadline, and remembers the answers."""

    def __init__(self, session: aiohttp.ClientSession, base_url: str, signer: TokenSigner, clock: Clock) -> None:
        self._session = session
        self._url = f"{base_url}/api/memory/preferences"
        self._signer = signer
        self._clock = clock
        self._kept: dict[str, _Kept] = {}

    async def provider_order(self, user_id: str) -> tuple[str, ...]:
        """Whom the user wants asked first; empty where there is no wish, or memory does not answer in time."""
        now = self._clock.now()
        kept = self._kept.get(user_id)
        if kept is not None and now < kept.until:
            return kept.order
        order = await self._ask(user_id)
        if len(self._kept) >= MOST_USERS:
            self._kept.pop(next(iter(self._kept)))
        self._kept[user_id] = _Kept(order, self._clock.now() + KEPT_SEC)
        return order

    async def _ask(self, user_id: str) -> tuple[str, ...]:
        headers = {TOKEN_HEADER: self._signer.token(), USER_HEADER: user_id}
        try:
            async with asyncio.timeout(DEADLINE_SEC):
                async with self._session.get(self._url, headers=headers) as response:
                    response.raise_for_status()
                    return tuple(msgspec.json.decode(await response.read(), type=_Preferences).provider_order or ())
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            log.warning("memory_unavailable", error=type(error).__name__)
            return ()
