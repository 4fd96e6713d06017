"""What the memory service knows of a user, asked for beside a chat and never needed for it."""

import asyncio
from dataclasses import dataclass

import aiohttp
import msgspec
from novakit import logs
from novakit.clock import Clock
from novakit.identity import TOKEN_HEADER, USER_HEADER, TokenSigner

DEADLINE_SEC = 0.15
PATIENCE_SEC = 5.0
"""For a user who asks for the preferences themselves."""
KEPT_SEC = 30.0
"""How long an answer is believed. A failure is believed for as long: memory that is down costs one deadline then."""
MOST_USERS = 10_000

log = logs.get("memory_client")


class _Preferences(msgspec.Struct):
    provider_order: list[str] | None = None
    hedging: bool | None = None


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a user prefers: whom to ask first, and whether a second provider is asked beside a slow first one.

    Empty and None: no wish.
    """

    order: tuple[str, ...] = ()
    hedging: bool | None = None


NO_WISHES = Wishes()


@dataclass(frozen=True, slots=True)
class Reply:
    """What the memory service answered: status, media type and body."""

    status: int
    media_type: str
    body: bytes


class MemoryDownError(Exception):
    """The memory service cannot be reached."""


@dataclass(frozen=True, slots=True)
class _Kept:
    wishes: Wishes
    until: float


class MemoryClient:
    """Asks over HTTP, with a deadline, and remembers the answers."""

    def __init__(self, session: aiohttp.ClientSession, base_url: str, signer: TokenSigner, clock: Clock) -> None:
        self._session = session
        self._url = f"{base_url}/api/memory/preferences"
        self._signer = signer
        self._clock = clock
        self._kept: dict[str, _Kept] = {}

    async def wishes(self, user_id: str) -> Wishes:
        """What the user prefers; no wishes where there are none, or memory does not answer in time."""
        now = self._clock.now()
        kept = self._kept.get(user_id)
        if kept is not None and now < kept.until:
            return kept.wishes
        wishes = await self._ask(user_id)
        if len(self._kept) >= MOST_USERS:
            self._kept.pop(next(iter(self._kept)))
        self._kept[user_id] = _Kept(wishes, self._clock.now() + KEPT_SEC)
        return wishes

    async def preferences(self, user_id: str, replacing: bytes | None = None) -> Reply:
        """The preferences as memory keeps them, replaced by this JSON where it is given; raises MemoryDownError."""
        method = "GET" if replacing is None else "PUT"
        headers = {**self._headers(user_id), "Content-Type": "application/json"}
        try:
            async with (
                asyncio.timeout(PATIENCE_SEC),
                self._session.request(method, self._url, headers=headers, data=replacing) as response,
            ):
                body = await response.read()
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            log.warning("memory_unavailable", error=type(error).__name__)
            raise MemoryDownError from None
        if replacing is not None:
            self._kept.pop(user_id, None)
        return Reply(response.status, response.content_type, body)

    def _headers(self, user_id: str) -> dict[str, str]:
        return {TOKEN_HEADER: self._signer.token(), USER_HEADER: user_id}

    async def _ask(self, user_id: str) -> Wishes:
        try:
            async with asyncio.timeout(DEADLINE_SEC):
                async with self._session.get(self._url, headers=self._headers(user_id)) as response:
                    response.raise_for_status()
                    found = msgspec.json.decode(await response.read(), type=_Preferences)
                    return Wishes(tuple(found.provider_order or ()), found.hedging)
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            log.warning("memory_unavailable", error=type(error).__name__)
            return NO_WISHES
