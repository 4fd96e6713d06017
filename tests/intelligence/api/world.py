"""What the tests of the HTTP face share: a user's client, and a world of fake providers to start the service in."""

import asyncio
import json
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from types import TracebackType
from typing import Any, Self

import aiohttp
from fastapi import FastAPI
from novakit import sse
from novakit.identity import sign

from services.intelligence.app.config import Settings
from services.intelligence.app.main import create_app
from tests.support.databases import MadeDatabase, Portable
from tests.support.fakes import FakeGemini, FakeOllama, FakeOpenAI, answer
from tests.support.services import serving

SECRET = "test-secret-" + "s" * 32
GEMINI_KEY = "AIza" + "G" * 35
OPENAI_KEY = "an-unusual-key-" + "o" * 30
USER = "01890000-0000-7000-8000-000000000001"
OTHER_USER = "01890000-0000-7000-8000-000000000002"
PATIENCE = 10.0
"""Seconds after which a test gives up waiting. Nothing takes that long unless it is broken."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One whole HTTP answer."""

    status: int
    headers: Mapping[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        """The JSON in it; objects keep the order of their fields."""
        return json.loads(self.raw)


@dataclass(slots=True)
class Stream:
    """A chat stream that is being read."""

    response: aiohttp.ClientResponse
    raw: bytearray = field(default_factory=bytearray)
    events: list[sse.Event] = field(default_factory=list)
    _decoder: sse.Decoder = field(default_factory=sse.Decoder)
    _taken: int = 0

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.response.status

    async def next(self) -> sse.Event:
        """The next event; raises AssertionError at the end of the stream."""
        async with asyncio.timeout(PATIENCE):
            while self._taken == len(self.events):
                if not await self._read():
                    raise AssertionError("the stream ended")
        self._taken += 1
        return self.events[self._taken - 1]

    async def until(self, name: str, **fields: Any) -> dict[str, Any]:
        """The data of the next event of this name that has these fields."""
        while True:
            event = await self.next()
            data: dict[str, Any] = json.loads(event.data)
            if event.name == name and fields.items() <= data.items():
                return data

    async def text(self, wanted: str) -> None:
        """Read on until this much of the answer is there."""
        said = ""
        while wanted not in said:
            said += (await self.until("message", done=False))["content"]

    async def rest(self) -> list[sse.Event]:
        """All events from the first to the end of the stream."""
        async with asyncio.timeout(PATIENCE):
            while await self._read():
                pass
        return self.events

    async def first_bytes(self) -> bytes:
        """What has arrived, at least one byte."""
        async with asyncio.timeout(PATIENCE):
            while not self.raw:
                if not await self._read():
                    break
        return bytes(self.raw)

    async def comments(self, count: int) -> None:
        """Return when so many heartbeats have come in all."""
        async with asyncio.timeout(PATIENCE):
            while self.raw.count(sse.HEARTBEAT) < count:
                if not await self._read():
                    raise AssertionError("the stream ended")

    def leave(self) -> None:
        """Go away, as a closed browser tab does."""
        self.response.close()

    async def _read(self) -> bool:
        chunk = await self.response.content.readany()
        self.raw += chunk
        self.events += self._decoder.feed(chunk)
        return bool(chunk)


class Client:
    """Calls the service on behalf of one user, as the gateway does."""

    def __init__(self, session: aiohttp.ClientSession, url: str, user_id: str = USER) -> None:
        self._session = session
        self.url = url
        self.user_id = user_id
        token = sign(SECRET, issuer="gateway", audience="intelligence", wall=time.time())
        self.headers = {"X-Service-Token": token, "X-User-Id": user_id, "X-Request-Id": "request-1"}
        self.headers["Content-Type"] = "application/json"

    def as_user(self, user_id: str) -> "Client":
        """Another user's client."""
        return Client(self._session, self.url, user_id)

    def having(self, headers: Mapping[str, str]) -> "Client":
        """The same user's client, with these headers in every call."""
        other = self.as_user(self.user_id)
        other.headers |= headers
        return other

    async def call(
        self, method: str, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """One call; ``body`` is bytes, a file of bytes, or a value that is sent as JSON."""
        data = body if isinstance(body, bytes | BytesIO | None) else json.dumps(body).encode()
        async with (
            asyncio.timeout(PATIENCE),
            self._session.request(
                method, f"{self.url}{path}", data=data, headers=self.headers if headers is None else headers
            ) as response,
        ):
            return Answer(response.status, response.headers, await response.read())

    @asynccontextmanager
    async def asking(self, path: str, body: Any) -> "AsyncIterator[asyncio.Future[Answer]]":
        """A call that is under way."""
        call = asyncio.ensure_future(self.call("POST", path, body))
        try:
            yield call
        finally:
            call.cancel()

    async def message(self, text: str = "Hello?", **fields: Any) -> Answer:
        """A plain chat call."""
        return await self.call("POST", "/api/chat/message", {"message": text, **fields})

    @asynccontextmanager
    async def stream(self, text: str = "Hello?", **fields: Any) -> AsyncIterator[Stream]:
        """A streamed chat call."""
        body = json.dumps({"message": text, **fields}).encode()
        async with asyncio.timeout(PATIENCE):
            response = await self._session.post(f"{self.url}/api/chat/stream", data=body, headers=self.headers)
        try:
            yield Stream(response)
        finally:
            response.close()

    @asynccontextmanager
    async def following(self, path: str, method: str = "GET", after: int | None = None) -> AsyncIterator[Stream]:
        """A stream that goes on, from the event with this id."""
        headers = self.headers if after is None else {**self.headers, "Last-Event-ID": str(after)}
        async with asyncio.timeout(PATIENCE):
            response = await self._session.request(method, f"{self.url}{path}", headers=headers)
        try:
            yield Stream(response)
        finally:
            response.close()

    async def events(self, text: str = "Hello?", **fields: Any) -> list[sse.Event]:
        """A streamed chat call to its end."""
        async with self.stream(text, **fields) as stream:
            return await stream.rest()

    async def session(self, **fields: Any) -> str:
        """The id of a new session."""
        made = await self.call("POST", "/api/chat/sessions", fields)
        return str(made.body["id"])

    async def prompts(self, session_id: str) -> list[dict[str, Any]]:
        """The messages of a session."""
        history = await self.call("GET", f"/api/chat/history/{session_id}")
        prompts: list[dict[str, Any]] = history.body["prompts"]
        return prompts

    async def route(self, message_id: str) -> dict[str, Any]:
        """Where an answer came from."""
        body: dict[str, Any] = (await self.call("GET", f"/api/chat/messages/{message_id}/route")).body
        return body


class World:
    """Fake providers, all of which answer unless told otherwise, and the service in front of them."""

    def __init__(self, made: MadeDatabase) -> None:
        self.made = made
        self.ollama = FakeOllama(default=answer("Ollama speaking."))
        self.gemini = FakeGemini(default=answer("Gemini speaking."), key=GEMINI_KEY)
        self.openai = FakeOpenAI(default=answer("OpenAI speaking."), key=OPENAI_KEY)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        for fake in (self.ollama, self.gemini, self.openai):
            await self._stack.enter_async_context(fake)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    def environ(self, **settings: str) -> dict[str, str]:
        """The service's environment in this world."""
        return {
            "SERVICE_JWT_SECRET": SECRET,
            **self.made.settings(),
            "OLLAMA_URL": self.ollama.url,
            "GEMINI_API_KEY": GEMINI_KEY,
            "GEMINI_API_URL": self.gemini.url,
            "GEMINI_MODEL": "gemini-2.5-flash",
            "OPENAI_API_KEY": OPENAI_KEY,
            "OPENAI_BASE_URL": self.openai.url,
            **settings,
        }

    @contextmanager
    def database(self) -> Iterator[sqlite3.Connection]:
        """The service's database where it is SQLite, beside the service; what is done is committed at the end."""
        with closing(sqlite3.connect(self.made.folder / "intelligence.db")) as connection:
            yield connection
            connection.commit()

    def beside(self) -> AbstractContextManager[Portable]:
        """The service's database, whichever it is; each statement is a transaction."""
        return self.made.beside()

    async def serve(self, **settings: str) -> Client:
        """Start the service; it ends with the test. Retries wait for nothing."""
        return await self.serve_app(create_app(Settings.load(self.environ(**settings)), jitter=lambda: 0.0))

    async def serve_app(self, app: FastAPI) -> Client:
        """The same with an app that the test keeps in its hand."""
        url = await self._stack.enter_async_context(serving(app))
        return Client(await self._stack.enter_async_context(aiohttp.ClientSession()), url)


def data_of(event: sse.Event) -> Any:
    """The JSON of an event."""
    return json.loads(event.data)


def text_of(events: list[sse.Event]) -> str:
    """The answer that a stream's default events make."""
    return "".join(data_of(event).get("content", "") for event in events if event.name == "message")


def states_of(events: list[sse.Event]) -> list[tuple[str, str, str | None]]:
    """(provider, state, reason) of each route event."""
    told = [data_of(event) for event in events if event.name == "route"]
    return [(event["provider"], event["state"], event.get("reason")) for event in told]
