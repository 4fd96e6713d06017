"""The end of the process: running answers are ended at once, and nothing new begins."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class StoppingError(Exception):
    """The service is going away."""


class Stopping:
    """Knows the work that is running, and ends it."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[object]] = set()
        self.stopped = False

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Run the block as work of the current task; raises StoppingError once the service is to end."""
        if self.stopped:
            raise StoppingError
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 (a coroutine always runs in one)
        self._running.add(task)
        try:
            yield
        except asyncio.CancelledError:
            if self.stopped:
                raise StoppingError from None
            raise
        finally:
            self._running.discard(task)

    def stop(self) -> None:
        """End all work, now and from now on."""
        self.stopped = True
        for task in tuple(self._running):
            task.cancel()

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        """Stop at SIGTERM and SIGINT, before the server's own handlers, which wait for running answers."""
        loop = asyncio.get_running_loop()
        before = {number: signal.getsignal(number) for number in _SIGNALS}

        def handle(number: int, frame: FrameType | None) -> None:
            loop.call_soon_threadsafe(self.stop)
            handler = before[signal.Signals(number)]
            if callable(handler):
                handler(number, frame)

        for number in _SIGNALS:
            signal.signal(number, handle)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
