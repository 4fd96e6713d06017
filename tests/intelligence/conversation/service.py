"""The intelligence service in virtual time: its own wiring, routes and adapters, over wires that note every byte.

What differs from the service that runs: a database writer without a thread (see ``world``), a memory that is in this
process, and no network. A session's lock, which the product sets through a pool of threads, is set as its route does.
"""

import asyncio
import json
import random
import re
import sqlite3
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from contextvars import ContextVar
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal
from urllib.parse import urlsplit

from fastapi import FastAPI
from novakit.identity import TokenVerifier, sign
from novakit.ids import id_source
from sqlalchemy.ext.asyncio import create_async_engine

from services.intelligence.app import main
from services.intelligence.app.config import Settings
from services.intelligence.app.domain.errors import Garbled, ProviderError, Unreachable
from services.intelligence.app.routing.facts import Fact
from services.intelligence.app.services.answers.drain import Drain
from services.intelligence.app.services.memory_client import NO_WISHES, MemoryClient, Wishes
from services.intelligence.app.services.providers.transport import Method, Response
from services.intelligence.app.store import privacy
from services.intelligence.app.store.opening import Store
from tests.intelligence.providers import frames
from tests.support.virtual_time import VirtualClock

from .world import USER, VirtualWriter

SECRET = "test-secret-" + "s" * 32
HOSTS = ("ollama", "gemini", "openai")
CLOUDS = ("gemini", "openai")
WORD = re.compile(rb"secret\d+x")
"""What a message holds that must not be found in the wrong place. Whoever reads it says it again."""
SESSIONS = ("01890000-0000-7000-8000-0000000000a0", "01890000-0000-7000-8000-0000000000b0")
_ENGINE = create_async_engine("sqlite+aiosqlite://")

Fault = Literal["answers", "slow", "breaks", "refuses", "resets", "fails", "busy", "turns down", "hangs", "garbles"]


@dataclass(frozen=True)
class Act:
    """What a call is made for: a message of this talk, or of none; ``local_only``: it is marked."""

    talk: int | None
    local_only: bool


ACT: ContextVar[Act] = ContextVar("ACT")
"""Tasks that are begun for an act inherit it."""


class Wires:
    """Where all calls to providers go out. ``faults``: what the next calls of each host do; then they are answered.

    ``sees`` is told the host and all bytes of a call before anything is answered. ``open`` are the calls under way.
    """

    def __init__(self, faults: Mapping[str, Sequence[Fault]], sees: Callable[[str, bytes], None]) -> None:
        self._faults = {host: deque(faults.get(host, ())) for host in HOSTS}
        self._sees = sees
        self.open: list[tuple[str, Act]] = []

    def request(
        self,
        method: Method,
        url: str,
        *,
        headers: Mapping[str, str],
        connect_timeout: float,
        body: bytes | None = None,
    ) -> AbstractAsyncContextManager[Response]:
        """See Transport."""
        return _Call(self, method, url, json.dumps(dict(headers)).encode() + (body or b""))

    def take(self, host: str, raw: bytes) -> Fault:
        """A chat has come: what becomes of it."""
        self._sees(host, raw)
        return self._faults[host].popleft() if self._faults[host] else "answers"

    def look(self, host: str, raw: bytes) -> None:
        """A free check has come."""
        self._sees(host, raw)


class _Call(AbstractAsyncContextManager[Response]):
    def __init__(self, wires: Wires, method: str, url: str, sent: bytes) -> None:
        self._wires = wires
        parts = urlsplit(url)
        self._host = (parts.hostname or "").partition(".")[0]
        self._path = parts.path
        self._chat = method == "POST" and self._path.endswith(
            ("/api/chat", ":streamGenerateContent", "/chat/completions")
        )
        self._raw = url.encode() + sent
        self._mine: tuple[str, Act] = (self._host, ACT.get())

    async def __aenter__(self) -> Response:
        if not self._chat:
            self._wires.look(self._host, self._raw)
            return _Answer(200, [_about(self._path)])
        fault = self._wires.take(self._host, self._raw)
        if fault == "refuses":
            raise Unreachable("nobody is there", reason="connect_refused")
        self._wires.open.append(self._mine)
        return _answer(self._host, fault, self._raw)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._chat:
            self._wires.open.remove(self._mine)


class _Answer:
    """Its pieces; a number among them is a pause in seconds, an error ends it, and so does the end of time."""

    def __init__(self, status: int, pieces: Sequence[bytes | float | ProviderError], **headers: str) -> None:
        self.status = status
        self.headers: Mapping[str, str] = headers
        self._pieces: Iterator[bytes | float | ProviderError] = iter(pieces)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        for piece in self._pieces:
            if isinstance(piece, ProviderError):
                raise piece
            if isinstance(piece, bytes):
                return piece
            await asyncio.sleep(piece)
        raise StopAsyncIteration

    async def read(self, limit: int) -> bytes:
        return b"".join([piece async for piece in self])[:limit]

    def end_within(self, seconds: float | None) -> None:
        """It ends by itself."""

    def release(self) -> None:
        """See Response."""


def _answer(host: str, fault: Fault, asked: bytes) -> _Answer:
    heard = " ".join(sorted({word.decode() for word in WORD.findall(asked)}))
    first, second = _says(host, f"Heard {heard} and"), _says(host, f" {heard} again.")
    truncated = Garbled("the body was cut", reason="truncated")
    match fault:
        case "answers":
            return _Answer(200, [first, 0.05, second, _ends(host)])
        case "slow":
            return _Answer(200, [1.5, first, 3.0, second, _ends(host)])
        case "breaks":
            return _Answer(200, [0.1, first, 0.4, truncated])
        case "resets":
            return _Answer(200, [Unreachable("lost", reason="reset")])
        case "fails":
            return _Answer(500, [0.1, b"{}"])
        case "busy":
            return _Answer(429, [b"{}"], **{"retry-after": "1"})
        case "turns down":
            return _Answer(400, [b'{"error": {"message": "no", "code": 400, "status": "INVALID_ARGUMENT"}}'])
        case "garbles":
            return _Answer(200, [b"\x00 no frame\n\n", 0.1, truncated])
        case _:
            return _Answer(200, [10_000.0])


def _says(host: str, text: str) -> bytes:
    match host:
        case "ollama":
            return frames.ollama(text)
        case "gemini":
            return frames.gemini({"text": text})
    return frames.openai({"content": text})


def _ends(host: str) -> bytes:
    match host:
        case "ollama":
            last = {"role": "assistant", "content": ""}
            return frames.line(
                model="m", message=last, done=True, done_reason="stop", prompt_eval_count=9, eval_count=9
            )
        case "gemini":
            return frames.gemini({"text": ""}, finish="STOP", usageMetadata={"promptTokenCount": 9})
    return frames.openai(finish="stop") + b"data: [DONE]\n\n"


def _about(path: str) -> bytes:
    """What free checks are told."""
    if path.endswith(("/api/tags", "/api/ps")):
        return b'{"models": [{"name": "m:latest", "model": "m:latest"}]}'
    return b'{"version": "0.14.0", "data": [{"id": "gpt-4.1"}]}'


class Memory(MemoryClient):
    """A memory service that knows this; ``down``: it does not answer in time."""

    def __init__(self, wishes: Wishes, facts: Sequence[Fact], *, down: bool) -> None:
        self._wishes, self._facts, self._down = wishes, tuple(facts), down

    async def wishes(self, user_id: str, request_id: str) -> Wishes:
        """See MemoryClient."""
        await asyncio.sleep(0.15 if self._down else 0.01)
        return NO_WISHES if self._down else self._wishes

    async def recall(self, user_id: str, message: str, request_id: str) -> tuple[Fact, ...]:
        """See MemoryClient."""
        await asyncio.sleep(0.15 if self._down else 0.01)
        return () if self._down else self._facts


class Service:
    """The service, with two sessions that are there from the start; called as the gateway calls it."""

    def __init__(
        self, app: FastAPI, settings: Settings, wires: Wires, memory: Memory, template: sqlite3.Connection
    ) -> None:
        """``app`` is any that ``create_app`` has made: what its start would put into it is put there now."""
        self.clock = VirtualClock()
        self.writer = VirtualWriter(template)
        new_id = id_source(self.clock, random.Random(0).getrandbits)
        store = Store(self.writer, _ENGINE, "this one", shared=False)
        transport: Any = wires
        observers = main._observers(settings, self.clock)
        self.parts = main._wire(
            settings, self.clock, new_id, lambda: 0.5, observers, transport, store, Drain(), memory
        )
        self.parts.completions._user_locks._cloud_allowed = self._cloud_allowed
        verifier = TokenVerifier(SECRET, audience="intelligence", wall=self.clock.wall)
        app.state.parts, app.state.memory, app.state.verifier = self.parts, memory, verifier
        main._open(app, self.parts, settings, verifier, memory)
        self._app = app
        token = sign(SECRET, issuer="gateway", audience="intelligence", wall=self.clock.wall(), seconds=86_400)
        self._headers = {"x-service-token": token, "x-user-id": USER, "content-type": "application/json"}

    async def begin(self, *, locked: Sequence[bool], user_locked: bool) -> None:
        """Make the sessions, and set the locks that there are from the start."""
        for session_id, local_only in zip(SESSIONS, locked, strict=True):
            self.writer.connection.execute(
                "INSERT INTO sessions (id, user_id, title, folded_title, status, local_only, created_at, updated_at)"
                " VALUES (?, ?, '', '', 'active', ?, 0, 0)",
                (session_id, USER, local_only),
            )
        # As if it was said before the service has started.
        await self.writer.run(lambda connection: privacy.allow_cloud(connection, USER, 0, allowed=not user_locked))

    async def lock(self, talk: int, *, locked: bool) -> None:
        """What the sessions' route does."""
        session_id = SESSIONS[talk]
        await self.writer.run(
            lambda connection: connection.execute(
                "UPDATE sessions SET local_only = ? WHERE id = ?", (locked, session_id)
            )
        )
        if locked:
            await self.parts.conversations.lock(session_id)

    async def allow_cloud(self, *, allowed: bool) -> None:
        """What the route of preferences does."""
        await self.parts.conversations.allow_cloud(USER, allowed=allowed)

    def last(self, talk: int) -> tuple[str, str | None, bool, str] | None:
        """(message, its parent, whether it stays, its text) of the newest message of a session.

        Of one that is being answered its mark says only that it may have to stay: that is known at its end.
        """
        found: tuple[str, str | None, bool, str] | None = self.writer.connection.execute(
            "SELECT id, parent_id, local_only AND status <> 'running', input_text FROM prompts"
            " WHERE session_id = ? ORDER BY created_at DESC, id DESC",
            (SESSIONS[talk],),
        ).fetchone()
        return found

    async def call(
        self, method: str, path: str, body: Any = None, *, leaves: float | None = None, **headers: str
    ) -> tuple[int, bytes]:
        """One call to its end, or until its client leaves after so many seconds: status and body."""
        sent = {**self._headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http", "method": method,
            "path": path, "raw_path": path.encode(), "root_path": "", "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
        }  # fmt: skip
        asked = [{"type": "http.request", "body": b"" if body is None else json.dumps(body).encode()}]
        gone = asyncio.Event()
        if leaves is not None:
            asyncio.get_running_loop().call_later(leaves, gone.set)
        told: list[Any] = []

        async def receive() -> Any:
            if asked:
                return asked.pop()
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            told.append(message)

        await self._app(scope, receive, send)
        status = told[0]["status"] if told else 0
        return status, b"".join(message.get("body", b"") for message in told)

    async def end(self) -> None:
        """Stop it, as its lifespan does."""
        await self.parts.conversations.close()
        await self.parts.orchestrator.close()
        await self.parts.budgets.close()
        await self.writer.aclose()

    async def _cloud_allowed(self, user_id: str) -> bool:
        return await self.writer.run(lambda connection: privacy.cloud_allowed(connection, user_id))
