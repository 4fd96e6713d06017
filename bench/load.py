"""The load: closed loops on N connections, and a fixed rate whose times count from the scheduled start."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from .mock import LAST_WORDS

_CONTENT = b'"content":"'
_TOKEN = b'"done":false'


@dataclass(frozen=True, slots=True)
class Target:
    """Where to send what. ``request`` is the whole HTTP request as bytes."""

    host: str
    port: int
    request: bytes


@dataclass(slots=True)
class Reply:
    """One answer; times in seconds from the start that was asked for."""

    ok: bool = False
    tokens: int = 0
    first: float | None = None
    total: float = 0.0
    gaps: list[float] = field(default_factory=list)


class Connection(asyncio.Protocol):
    """One keep-alive connection that sends a request and sees its answer to the end."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._transport: asyncio.Transport | None = None
        self._waiting: asyncio.Future[Reply] | None = None
        self._buffer = bytearray()
        self._started = 0.0
        self._newest = 0.0
        self._reply = Reply()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asyncio's callback."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def ask(self, request: bytes, started: float) -> "asyncio.Future[Reply]":
        """Send; the reply comes when it is whole, or when the connection is lost."""
        assert self._transport is not None
        self._buffer.clear()
        self._reply = Reply()
        self._started = started
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._waiting

    def data_received(self, data: bytes) -> None:
        """Asyncio's callback."""
        now = self._clock()
        self._buffer += data
        tokens = data.count(_TOKEN)
        if self._reply.first is None and _CONTENT in self._buffer:
            self._reply.first = now - self._started
        elif tokens:
            self._reply.gaps.append(now - self._newest)
        if tokens:
            self._newest = now
            self._reply.tokens += tokens
        if _whole(self._buffer):
            self._end(ok=self._buffer.startswith(b"HTTP/1.1 200") and LAST_WORDS in self._buffer, now=now)

    def connection_lost(self, _exc: Exception | None) -> None:
        """Asyncio's callback."""
        self._end(ok=False, now=self._clock())

    def close(self) -> None:
        """Close it."""
        if self._transport is not None:
            self._transport.close()

    def _end(self, *, ok: bool, now: float) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._reply.ok = ok
            self._reply.total = now - self._started
            self._waiting.set_result(self._reply)


def _whole(buffer: bytearray) -> bool:
    head, mark, body = buffer.partition(b"\r\n\r\n")
    if not mark:
        return False
    lower = bytes(head).lower()
    if b"transfer-encoding: chunked" in lower:
        return body.endswith(b"0\r\n\r\n")
    at = lower.find(b"content-length:")
    return at >= 0 and len(body) >= int(lower[at + 15 :].split(b"\r\n", 1)[0])


async def closed_loop(target: Target, connections: int, seconds: float) -> list[Reply]:
    """Each connection asks again as soon as it is answered, until the time is up."""
    ends = time.perf_counter() + seconds
    replies: list[Reply] = []

    async def worker() -> None:
        connection = await _connect(target)
        while time.perf_counter() < ends:
            reply = await connection.ask(target.request, time.perf_counter())
            replies.append(reply)
            if not reply.ok:
                connection.close()
                connection = await _connect(target)
        connection.close()

    await asyncio.gather(*(worker() for _ in range(connections)))
    return replies


async def fixed_rate(target: Target, connections: int, rate: float, seconds: float) -> list[Reply]:
    """``rate`` requests a second over a pool; each is timed from when it should have been sent."""
    free: asyncio.Queue[Connection] = asyncio.Queue()
    for _ in range(connections):
        free.put_nowait(await _connect(target))
    begin = time.perf_counter()
    replies: list[Reply] = []

    async def one(scheduled: float) -> None:
        connection = await free.get()
        replies.append(await connection.ask(target.request, scheduled))
        free.put_nowait(connection)

    tasks = []
    for number in range(int(rate * seconds)):
        scheduled = begin + number / rate
        await asyncio.sleep(max(0.0, scheduled - time.perf_counter()))
        tasks.append(asyncio.ensure_future(one(scheduled)))
    await asyncio.gather(*tasks)
    while not free.empty():
        free.get_nowait().close()
    return replies


async def _connect(target: Target) -> Connection:
    _, connection = await asyncio.get_running_loop().create_connection(Connection, target.host, target.port)
    return connection
