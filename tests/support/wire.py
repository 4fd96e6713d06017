"""A wire between a browser and a server that the test can cut: bytes go through untouched until it does."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

T = TypeVar("T")


class Wire:
    """Forwards to ``port`` on this machine. Controls may be used from any thread."""

    def __init__(self, port: int, loop: asyncio.AbstractEventLoop) -> None:
        self.accepted = 0
        """How many connections there have been."""
        self._to = port
        self._loop = loop
        self._server: asyncio.Server | None = None
        self._port = 0
        self._open: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        """Where its near end is."""
        return f"http://127.0.0.1:{self._port}"

    def cut(self) -> None:
        """End every connection at once, wherever it is; new ones go through."""
        self.run(self._cut())

    def down(self) -> None:
        """Cut it, and let nobody connect."""
        self.run(self._down())

    def up(self) -> None:
        """Let connections through, at the same address as before."""
        self.run(self._up())

    def run(self, work: Coroutine[Any, Any, T], *, within: float = 10.0) -> T:
        """The result of a coroutine that runs on the wire's loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(within)

    async def _up(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self._connected, "127.0.0.1", self._port)
            self._port = self._server.sockets[0].getsockname()[1]

    async def _down(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        await self._cut()

    async def _cut(self) -> None:
        for writer in tuple(self._open):
            writer.transport.abort()

    async def _connected(self, near: asyncio.StreamReader, to_near: asyncio.StreamWriter) -> None:
        self.accepted += 1
        far, to_far = await asyncio.open_connection("127.0.0.1", self._to)
        ends = {to_near, to_far}
        self._open |= ends
        try:
            await asyncio.gather(_copy(near, to_far), _copy(far, to_near))
        finally:
            self._open -= ends
            for writer in ends:
                writer.transport.abort()


@contextmanager
def wired(port: int) -> Iterator[Wire]:
    """A wire to this port, on a loop in a thread of its own for as long as the block lasts."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="wire", daemon=True)
    thread.start()
    wire = Wire(port, loop)
    try:
        wire.up()
        yield wire
        wire.down()
    finally:
        wire.run(_others())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    with suppress(ConnectionError, OSError):
        writer.close()


async def _others() -> None:
    """Let what still runs on this loop end."""
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
