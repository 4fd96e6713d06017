"""The part of a fake that all providers share: sockets, the script, the record of what was asked."""

import asyncio
import json
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable
from email.utils import formatdate
from types import TracebackType
from typing import Any, Self

from tests.support import secrecy

from .behaviours import (
    Behaviour,
    Block,
    Chop,
    Cut,
    Decline,
    End,
    Fail,
    Open,
    Pass,
    Pause,
    Ping,
    Raw,
    Reply,
    Say,
    Silence,
    Step,
    Think,
    answer,
)
from .connection import Connection, Request

__all__ = ["FakeServer", "Request"]


class Frames(ABC):
    """One provider's wire format for one streamed answer."""

    content_type: str

    def opening(self) -> bytes:
        """What the provider sends before the first token, if anything."""
        return b""

    @abstractmethod
    def say(self, text: str) -> bytes:
        """A token of the answer."""

    @abstractmethod
    def think(self, text: str) -> bytes:
        """A token of reasoning."""

    def decline(self, text: str) -> bytes:
        """A token of a refusal."""
        return self.say(text)

    @abstractmethod
    def ping(self) -> bytes:
        """A frame without content."""

    @abstractmethod
    def fail(self, message: str, status: int) -> bytes:
        """An error inside the stream."""

    @abstractmethod
    def end(self, finish: str, *, usage: bool) -> bytes:
        """All that follows the last token."""


class FakeServer(ABC):
    """A provider that does as it is told. An async context manager; ``host`` is the loopback and ``port`` a free one.

    Each chat request takes the next behaviour of ``script``; when that is used up, ``default`` answers. Free checks
    (version, model lists) answer truthfully unless ``checks`` holds behaviours for them. ``connections`` counts those
    that were ever opened, ``in_flight`` the requests that are being answered now. ``time``, in seconds since 1970
    UTC, is what whole answers tell; None: they tell no time.
    """

    def __init__(
        self,
        script: Iterable[Behaviour] = (),
        *,
        default: Behaviour | None = None,
        checks: Iterable[Behaviour] = (),
    ) -> None:
        self.script = deque(script)
        self.default = default or answer()
        self.checks = deque(checks)
        self.requests: list[Request] = []
        self.chats: list[Request] = []
        self.in_flight = 0
        self.connections = 0
        self.time: float | None = None
        self._server: asyncio.Server | None = None
        self.host = "127.0.0.1"
        self.port = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._arrived = asyncio.Condition()

    @property
    def origin(self) -> str:
        """``http://127.0.0.1:PORT``."""
        return f"http://{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """What a client is configured with."""
        return self.origin

    def add(self, *behaviours: Behaviour) -> None:
        """Put more behaviours at the end of the script."""
        self.script.extend(behaviours)

    async def received(self, count: int = 1) -> Request:
        """The ``count``-th chat request, as soon as it has come."""
        async with self._arrived:
            await self._arrived.wait_for(lambda: len(self.chats) >= count)
        return self.chats[count - 1]

    async def refuse(self) -> None:
        """Close the port: new connections are refused, and those that are open end."""
        if self._server is not None:
            self._server.close()
            self._server = None
        await self._end_connections()

    async def accept(self) -> None:
        """Listen, on the same port as before."""
        self._server = await asyncio.start_server(self._connected, self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def __aenter__(self) -> Self:
        await self.accept()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.refuse()

    @abstractmethod
    def is_chat(self, request: Request) -> bool:
        """Whether this request asks for an answer."""

    @abstractmethod
    def frames(self, request: Request) -> Frames:
        """The wire format for the answer to this request."""

    @abstractmethod
    def check(self, request: Request) -> Reply:
        """The truthful answer to anything that is no chat."""

    @abstractmethod
    def error_body(self, status: int) -> Any:
        """The provider's own error shape."""

    @abstractmethod
    def block(self, request: Request) -> Behaviour:
        """How this provider turns a prompt down."""

    def turn_down(self, request: Request) -> Reply | None:
        """The answer to a chat request that the real provider would not take, such as one for an unknown model."""
        return None

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            raise AssertionError("a connection is served by a task")
        self._tasks.add(task)
        self.connections += 1
        connection = Connection(reader, writer)
        try:
            while (request := await connection.next_request()) is not None:
                if not await self._serve(connection, request):
                    break
        except (ConnectionError, asyncio.CancelledError):
            # Either end may leave in the middle; a cancelled connection is one that ``refuse`` ends.
            pass
        finally:
            self._tasks.discard(task)
            await connection.close()

    async def _serve(self, connection: Connection, request: Request) -> bool:
        """Play the behaviour for one request; true where the connection can serve another."""
        behaviour = self._behaviour(request)
        self.requests.append(request)
        if self.is_chat(request):
            secrecy.told(request.raw_body, behaviour)
            self.chats.append(request)
            async with self._arrived:
                self._arrived.notify_all()
        self.in_flight += 1
        play = asyncio.create_task(_Play(self, connection, request).run(behaviour))
        left = asyncio.create_task(connection.closed.wait())
        try:
            await asyncio.wait({play, left}, return_when=asyncio.FIRST_COMPLETED)
            if play.done() and not isinstance(play.exception(), ConnectionError):
                request.answered = True
                return play.result()
            request.gone_at = asyncio.get_running_loop().time()
            request.gone.set()
            return False
        finally:
            self.in_flight -= 1
            request.done.set()
            for task in (play, left):
                task.cancel()
            await asyncio.gather(play, left, return_exceptions=True)

    def _behaviour(self, request: Request) -> Behaviour:
        if not self.is_chat(request):
            return self.checks.popleft() if self.checks else (self.check(request),)
        turned_down = self.turn_down(request)
        if turned_down is not None:
            return (turned_down,)
        return self.script.popleft() if self.script else self.default

    async def _end_connections(self) -> None:
        tasks = [task for task in self._tasks if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Play:
    """Plays the steps of one behaviour onto one connection."""

    def __init__(self, server: FakeServer, connection: Connection, request: Request) -> None:
        self._server = server
        self._connection = connection
        self._request = request
        self._frames = server.frames(request)

    async def run(self, behaviour: Behaviour) -> bool:
        """True where the connection can serve another request."""
        for step in behaviour:
            match step:
                case Reply():
                    await self._reply(step)
                    return True
                case Block():
                    return await self.run(self._server.block(self._request))
                case Cut(kind="reset"):
                    self._connection.reset()
                    return False
                case Cut(kind="fin"):
                    return False
                case Cut():
                    await self._open()
                    await self._connection.end()
                    return True
                case _:
                    await self._wait_or_write(step)
        await self._connection.end()
        return True

    async def _wait_or_write(self, step: Step) -> None:
        match step:
            case Pause(seconds):
                await asyncio.sleep(seconds)
            case Pass(gate):
                await gate.passed()
            case Silence():
                await asyncio.Event().wait()
            case Chop(size):
                self._connection.chop = size
            case Open(greet):
                await self._open(greet=greet)
            case _:
                await self._open()
                data = self._frame(step)
                if data:
                    await self._connection.write(data)

    def _frame(self, step: Step) -> bytes:
        frames = self._frames
        match step:
            case Say(text):
                return frames.say(text)
            case Think(text):
                return frames.think(text)
            case Decline(text):
                return frames.decline(text)
            case Ping():
                return frames.ping()
            case Raw(data):
                return data
            case Fail(message, status):
                return frames.fail(message, status)
            case End(finish, usage):
                return frames.end(finish, usage=usage)
        return b""

    async def _open(self, *, greet: bool = True) -> None:
        if not self._connection.begun:
            await self._connection.begin(self._frames.content_type)
            opening = self._frames.opening()
            if opening and greet:
                await self._connection.write(opening)

    async def _reply(self, reply: Reply) -> None:
        body = self._server.error_body(reply.status) if reply.body is None else reply.body
        headers = {"Content-Type": "application/json; charset=utf-8"}
        if self._server.time is not None:
            headers["Date"] = formatdate(self._server.time, usegmt=True)
        if isinstance(body, str | bytes):
            headers["Content-Type"] = "text/plain; charset=utf-8"
            data = body.encode() if isinstance(body, str) else body
        else:
            data = json.dumps(body).encode()
        head_only = self._request.method == "HEAD"
        await self._connection.reply(reply.status, {**headers, **reply.headers}, data, head_only=head_only)
