"""What the memory service knows of a user, asked for beside a chat and never needed for it."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass
from typing import Literal

import aiohttp
import msgspec
from novakit import logs
from novakit.clock import Clock
from novakit.identity import REQUEST_ID_HEADER, TOKEN_HEADER, USER_HEADER, TokenSigner

from ..routing.facts import Fact

PREFERENCES = "/api/memory/preferences"
RECALL = "/internal/facts/recall"
DEADLINE_SEC = 0.15
PATIENCE_SEC = 5.0
"""For a user who asks for the preferences themselves."""
KEPT_SEC = 30.0
"""How long an answer is believed. A failure is believed for as long: memory that is down costs one deadline then."""
RECALL_CHARS = 4000
"""How much of a message is looked at for what it reminds of."""
MOST_RECALLED = 20
MOST_USERS = 10_000

log = logs.get("memory_client")


class _Preferences(msgspec.Struct):
    provider_order: list[str] | None = None
    hedging: bool | None = None


class _Fact(msgspec.Struct):
    text: str
    local_only: bool
    session_id: str | None = None


class _Recollection(msgspec.Struct):
    facts: list[_Fact]


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


Call = Literal["preferences", "recall", "passed_on"]
"""What is asked: a user's wishes, what a message reminds of, or what a user asks memory themselves."""

MemoryOutcome = Literal["answered", "timed_out", "failed"]


@dataclass(frozen=True, slots=True)
class MemoryCalled:
    """For observers: a call is over, after so many seconds. Those whose asker has left are told to nobody."""

    call: Call
    outcome: MemoryOutcome
    seconds: float


class MemoryDownError(Exception):
    """The memory service cannot be reached."""


@dataclass(frozen=True, slots=True)
class _Kept:
    wishes: Wishes
    until: float


class MemoryClient:
    """Asks over HTTP, with a deadline, and remembers the answers."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        base_url: str,
        signer: TokenSigner,
        clock: Clock,
        observe: Callable[[MemoryCalled], None] = lambda _called: None,
    ) -> None:
        self._session = session
        self._url = base_url
        self._signer = signer
        self._clock = clock
        self._observe = observe
        self._kept: dict[str, _Kept] = {}
        self._recall_failed: dict[str, float] = {}

    async def wishes(self, user_id: str, request_id: str) -> Wishes:
        """What the user prefers; no wishes where there are none, or memory does not answer in time.

        ``request_id`` is of the request that needs it, for memory's log.
        """
        now = self._clock.now()
        kept = self._kept.get(user_id)
        if kept is not None and now < kept.until:
            return kept.wishes
        wishes = await self._ask(user_id, request_id)
        if len(self._kept) >= MOST_USERS:
            self._kept.pop(next(iter(self._kept)))
        self._kept[user_id] = _Kept(wishes, self._clock.now() + KEPT_SEC)
        return wishes

    async def preferences(self, user_id: str, request_id: str, replacing: bytes | None = None) -> Reply:
        """The preferences as memory keeps them, replaced by this JSON where it is given; raises MemoryDownError."""
        reply = await self.call("GET" if replacing is None else "PUT", PREFERENCES, user_id, replacing, request_id)
        if replacing is not None:
            self._kept.pop(user_id, None)
        return reply

    async def recall(self, user_id: str, message: str, request_id: str) -> tuple[Fact, ...]:
        """What the user asked to be remembered and this message reminds of, the best first.

        Nothing where memory has nothing, or does not answer in time.
        """
        if self._clock.now() < self._recall_failed.get(user_id, 0.0):
            return ()
        question = msgspec.json.encode({"text": message[:RECALL_CHARS], "limit": MOST_RECALLED})
        try:
            with self._timed("recall"):
                async with asyncio.timeout(DEADLINE_SEC):
                    async with self._request("POST", RECALL, user_id, question, request_id) as response:
                        response.raise_for_status()
                        found = msgspec.json.decode(await response.read(), type=_Recollection)
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            log.warning("facts_unavailable", error=type(error).__name__)
            if len(self._recall_failed) >= MOST_USERS:
                self._recall_failed.pop(next(iter(self._recall_failed)))
            self._recall_failed[user_id] = self._clock.now() + KEPT_SEC
            return ()
        return tuple(Fact(fact.text, fact.local_only, fact.session_id) for fact in found.facts)

    async def call(
        self, method: str, path: str, user_id: str, body: bytes | None = None, request_id: str = ""
    ) -> Reply:
        """One call with patience, on behalf of a user; ``body`` is JSON. Raises MemoryDownError.

        ``request_id`` is empty for what no request waits for.
        """
        try:
            with self._timed("passed_on"):
                async with (
                    asyncio.timeout(PATIENCE_SEC),
                    self._request(method, path, user_id, body, request_id) as response,
                ):
                    return Reply(response.status, response.content_type, await response.read())
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            log.warning("memory_unavailable", error=type(error).__name__)
            raise MemoryDownError from None

    def _request(
        self, method: str, path: str, user_id: str, body: bytes | None = None, request_id: str = ""
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        headers = {
            TOKEN_HEADER: self._signer.token(),
            USER_HEADER: user_id,
            "Content-Type": "application/json",
        }
        if request_id:
            headers[REQUEST_ID_HEADER] = request_id
        return self._session.request(method, self._url + path, headers=headers, data=body)

    @contextmanager
    def _timed(self, call: Call) -> Iterator[None]:
        began = self._clock.now()
        try:
            yield
        except TimeoutError:
            self._observe(MemoryCalled(call, "timed_out", self._clock.now() - began))
            raise
        except Exception:
            self._observe(MemoryCalled(call, "failed", self._clock.now() - began))
            raise
        self._observe(MemoryCalled(call, "answered", self._clock.now() - began))

    async def _ask(self, user_id: str, request_id: str) -> Wishes:
        try:
            with self._timed("preferences"):
                async with asyncio.timeout(DEADLINE_SEC):
                    async with self._request("GET", PREFERENCES, user_id, request_id=request_id) as response:
                        response.raise_for_status()
                        found = msgspec.json.decode(await response.read(), type=_Preferences)
                        return Wishes(tuple(found.provider_order or ()), found.hedging)
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            log.warning("memory_unavailable", error=type(error).__name__)
            return NO_WISHES
