"""A scripted inner service: a real HTTP/1.1 server on loopback whose every byte the test decides."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-store\r\n"
    b"x-accel-buffering: no\r\ntransfer-encoding: chunked\r\n\r\n"
)


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body; an empty one ends it."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def plain(body: bytes, *, status: bytes = b"200 OK", headers: bytes = b"content-type: application/json\r\n") -> bytes:
    """A whole answer."""
    return b"HTTP/1.1 %b\r\n%bcontent-length: %d\r\n\r\n%b" % (status, headers, len(body), body)


@dataclass
class Call:
    """One request as it arrived, and the way to answer it."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def header(self, name: str) -> str | None:
        """The only value of a header; None where it did not come."""
        values = [value for key, value in self.headers if key == name]
        assert len(values) < 2, f"{name} came {len(values)} times"
        return values[0] if values else None

    async def write(self, data: bytes) -> None:
        """Send bytes as one write."""
        self.writer.write(data)
        await self.writer.drain()

    async def until_closed(self) -> None:
        """Return when the other side has closed the connection."""
        while await self.reader.read(1024):
            pass

    def abort(self) -> None:
        """Drop the connection."""
        transport = self.writer.transport
        transport.abort()


Script = Callable[[Call], Awaitable[None]]


async def answer_ok(call: Call) -> None:
    """The script that an upstream starts with."""
    await call.write(plain(b"{}"))


@dataclass
class Upstream:
    """The server's address, what it was asked, and the script that answers."""

    url: str = ""
    script: Script = answer_ok
    calls: list[Call] = field(default_factory=list)
    connections: int = 0

    @property
    def call(self) -> Call:
        """The only call."""
        assert len(self.calls) == 1, f"{len(self.calls)} calls"
        return self.calls[0]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection's requests."""
        self.connections += 1
        try:
            while True:
                call = await _read_call(reader, writer)
                self.calls.append(call)
                await self.script(call)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


async def _read_call(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Call:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    method, target, _ = head[0].split(" ")
    pairs = [line.partition(":") for line in head[1:] if line]
    headers = [(name.lower(), value.strip()) for name, _, value in pairs]
    length = int(dict(headers).get("content-length", "0"))
    return Call(method, target, headers, await reader.readexactly(length), reader, writer)


@asynccontextmanager
async def upstream() -> AsyncIterator[Upstream]:
    """An upstream on a free port, with every connection closed at the end."""
    scripted = Upstream()
    tasks: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(scripted.serve(reader, writer))
        tasks.add(task)

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    scripted.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield scripted
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()
    for result in results:
        if isinstance(result, Exception):
            raise result
