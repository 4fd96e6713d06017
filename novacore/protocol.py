"""uvicorn's HTTP protocol, with one write to the socket for all that is sent in one turn of the event loop.

uvicorn writes an answer's head, each piece of its body and its end apart. Each write is a system call here and a
wake-up at the other side, and in a stream of tokens over two services these cost more than all else.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from novakit.problem import MEDIA_TYPE, Problem
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_HEAD_BYTES = 64 * 1024
HEAD_SECONDS = 20


class CoalescingTransport(asyncio.Transport):
    """Collects what is written and hands it on in the loop's next turn, before anything that closes."""

    def __init__(self, transport: asyncio.Transport, call_soon: Callable[..., object]) -> None:
        super().__init__()
        self._transport = transport
        self._call_soon = call_soon
        self._pending: list[bytes | bytearray | memoryview] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send with whatever else is written in this turn."""
        if not self._pending:
            self._call_soon(self._flush)
        self._pending.append(data)

    def close(self) -> None:
        """Close once all that was written is sent."""
        self._flush()
        self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        self._pending.clear()
        self._transport.abort()

    def is_closing(self) -> bool:
        """Whether it is closed or about to be."""
        return self._transport.is_closing()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """What the socket knows."""
        return self._transport.get_extra_info(name, default)

    def pause_reading(self) -> None:
        """Stop to take what comes."""
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Take again what comes."""
        self._transport.resume_reading()

    def is_reading(self) -> bool:
        """Whether what comes is taken."""
        return self._transport.is_reading()

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Who is told what comes."""
        return self._transport.get_protocol()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Tell somebody else what comes."""
        self._transport.set_protocol(protocol)

    def get_write_buffer_size(self) -> int:
        """Bytes that wait to be sent."""
        return self._transport.get_write_buffer_size() + sum(len(data) for data in self._pending)

    def _flush(self) -> None:
        if self._pending and not self._transport.is_closing():
            self._transport.write(self._pending[0] if len(self._pending) == 1 else b"".join(self._pending))
        self._pending.clear()


class CoalescingProtocol(HttpToolsProtocol):
    """HttpToolsProtocol over a CoalescingTransport, with bounds for whoever has not shown yet that they may come in.

    A request's head may have so many bytes and take so long. The app bounds its body.
    """

    _unread = 0
    _looks = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take over a new connection."""
        super().connection_made(CoalescingTransport(transport, self.loop.call_soon))

    def data_received(self, data: bytes) -> None:
        """Read on; end a connection that sends on and on what is neither a whole head nor a body."""
        self._unread += len(data)
        super().data_received(data)
        if self._unread > MOST_HEAD_BYTES and not self.transport.is_closing():
            self._refuse()

    def on_headers_complete(self) -> None:
        """A head is whole."""
        self._unread = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A piece of a body is there."""
        self._unread = 0
        super().on_body(body)

    def look(self) -> None:
        """To be called once a second: ends a connection that has been waited for too long.

        No timer is set for a request, and nothing is noted of it: the one that runs while a connection rests between
        requests tells such a connection from one that owes a head.
        """
        owes = self.timeout_keep_alive_task is None and (self.cycle is None or self.cycle.response_complete)
        self._looks = self._looks + 1 if owes else 0
        if self._looks > HEAD_SECONDS:
            self.transport.close()

    def _refuse(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            problem = Problem(431, f"The head of a request may have {MOST_HEAD_BYTES} bytes.")
            head = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: %s\r\ncontent-length: %d\r\n"
            body = problem.body()
            self.transport.write(head % (MEDIA_TYPE.encode(), len(body)) + b"connection: close\r\n\r\n" + body)
        self.transport.close()

    def _unsupported_upgrade_warning(self) -> None:
        # Anybody may ask for another protocol, and is answered in this one. What they sent after the request may be
        # in the other, and is gone.
        self.cycle.keep_alive = False
