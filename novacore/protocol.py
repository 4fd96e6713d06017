"""uvicorn's HTTP protocol, with one write to the socket for all that is sent in one turn of the event loop.

uvicorn writes an answer's head, each piece of its body and its end apart. Each write is a system call here and a
wake-up at the other side, and in a stream of tokens over two services these cost more than all else.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


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
    """HttpToolsProtocol over a CoalescingTransport."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take over a new connection."""
        super().connection_made(CoalescingTransport(transport, self.loop.call_soon))
