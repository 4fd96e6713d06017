"""One HTTP/1.1 connection on plain asyncio streams, every byte under control."""

import asyncio
import contextlib
import json
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 429: "Too Many Requests"}


@dataclass(slots=True)
class Request:
    """One request as it came. ``body`` is the decoded JSON, or None.

    ``gone`` is set when the client leaves before the answer has ended, ``gone_at`` is when that was; ``answered``
    says that all of the behaviour was played; ``done`` is set after either. Times are the event loop's.
    """

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    raw_body: bytes
    received_at: float
    answered: bool = False
    gone_at: float | None = None
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    done: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def body(self) -> Any:
        """The body as JSON values, or None."""
        try:
            return json.loads(self.raw_body)
        except ValueError:
            return None


class Connection:
    """Reads requests and notices at once when the client leaves, also while an answer is being written."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._buffer = b""
        self._more = asyncio.Event()
        self.begun = False
        self.chop: int | None = None
        self.closed = asyncio.Event()
        self._pump = asyncio.create_task(self._read_on())

    async def next_request(self) -> Request | None:
        """The next request, or None when the client has left."""
        while b"\r\n\r\n" not in self._buffer:
            if not await self._wait_for_more():
                return None
        head, self._buffer = self._buffer.split(b"\r\n\r\n", 1)
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _version = first.split(" ", 2)
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", "0"))
        while len(self._buffer) < length:
            if not await self._wait_for_more():
                return None
        body, self._buffer = self._buffer[:length], self._buffer[length:]
        url = urlsplit(target)
        self.begun, self.chop = False, None
        now = asyncio.get_running_loop().time()
        return Request(method, url.path, dict(parse_qsl(url.query, keep_blank_values=True)), headers, body, now)

    async def begin(self, content_type: str) -> None:
        """Send the head of a streamed 200, once."""
        if not self.begun:
            self.begun = True
            await self._send(_head(200, {"Content-Type": content_type, "Transfer-Encoding": "chunked"}))

    async def write(self, data: bytes) -> None:
        """One frame as one HTTP chunk, or as many of ``chop`` bytes."""
        size = self.chop or len(data)
        for start in range(0, len(data), size or 1):
            piece = data[start : start + size]
            await self._send(b"%x\r\n%b\r\n" % (len(piece), piece))
            if self.chop:
                await asyncio.sleep(0)

    async def end(self) -> None:
        """The proper end of a streamed body."""
        await self._send(b"0\r\n\r\n")

    async def reply(self, status: int, headers: Mapping[str, str], body: bytes, *, head_only: bool = False) -> None:
        """One whole answer."""
        sent = _head(status, {**headers, "Content-Length": str(len(body))})
        await self._send(sent if head_only else sent + body)

    def reset(self) -> None:
        """Drop the connection hard: the client sees a reset."""
        sock = self._writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    async def close(self) -> None:
        """Say goodbye and let go of the socket."""
        self._pump.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._pump
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    async def _send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def _wait_for_more(self) -> bool:
        if self.closed.is_set():
            return False
        self._more.clear()
        await self._more.wait()
        return not self.closed.is_set()

    async def _read_on(self) -> None:
        try:
            while data := await self._reader.read(65536):
                self._buffer += data
                self._more.set()
        except OSError:
            pass
        finally:
            self.closed.set()
            self._more.set()


def _head(status: int, headers: Mapping[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Status')}", *(f"{k}: {v}" for k, v in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")
