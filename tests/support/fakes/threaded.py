"""A fake on an event loop of its own, in a thread: for tests that drive a browser or another process."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from .behaviours import Behaviour
from .server import FakeServer, Request

T = TypeVar("T")
F = TypeVar("F", bound=FakeServer)


class ThreadedFake(Generic[F]):
    """Controls of a fake that runs in another thread. Gates can be released from any thread as they are."""

    def __init__(self, fake: F, loop: asyncio.AbstractEventLoop) -> None:
        self.fake = fake
        self._loop = loop

    @property
    def url(self) -> str:
        """What a client is configured with."""
        return self.fake.url

    @property
    def chats(self) -> list[Request]:
        """The chat requests so far."""
        return list(self.fake.chats)

    def add(self, *behaviours: Behaviour) -> None:
        """Put more behaviours at the end of the script."""
        self._loop.call_soon_threadsafe(self.fake.add, *behaviours)

    def received(self, count: int = 1, *, within: float = 10.0) -> Request:
        """The ``count``-th chat request; raises TimeoutError where it does not come ``within`` seconds."""
        return self.run(self.fake.received(count), within=within)

    def gone(self, request: Request, *, within: float = 10.0) -> None:
        """Wait until this request's client has left early."""
        self.run(_waited(request.gone), within=within)

    def refuse(self) -> None:
        """Close the port."""
        self.run(self.fake.refuse())

    def accept(self) -> None:
        """Listen again on the same port."""
        self.run(self.fake.accept())

    def run(self, work: Coroutine[Any, Any, T], *, within: float = 10.0) -> T:
        """The result of a coroutine that runs on the fake's loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(within)


@contextmanager
def serve_in_thread(fake: F) -> Iterator[ThreadedFake[F]]:
    """Run ``fake`` on an event loop in a thread of its own for as long as the block lasts."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name=f"{type(fake).__name__}", daemon=True)
    thread.start()
    controls = ThreadedFake(fake, loop)
    try:
        controls.run(fake.__aenter__())
        try:
            yield controls
        finally:
            controls.run(fake.__aexit__(None, None, None))
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _waited(event: asyncio.Event) -> None:
    await event.wait()
