"""A turnstile between a test and a fake: the fake waits before each token until the test lets it through."""

import asyncio
import threading


class Gate:
    """Closed at first. ``release`` lets so many tokens pass, ``open`` lets all pass. Usable from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._permits = 0
        self._is_open = False
        self._waiters: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    def release(self, count: int = 1) -> None:
        """Let ``count`` more tokens pass."""
        with self._lock:
            self._permits += count
        self._wake()

    def open(self) -> None:
        """Let everything pass from now on."""
        with self._lock:
            self._is_open = True
        self._wake()

    async def passed(self) -> None:
        """Wait for a permit and use it up."""
        while not self._take():
            changed = asyncio.Event()
            entry = (asyncio.get_running_loop(), changed)
            with self._lock:
                self._waiters.append(entry)
                missed = self._permits > 0 or self._is_open
            try:
                if not missed:
                    await changed.wait()
            finally:
                with self._lock:
                    self._waiters.remove(entry)

    def _take(self) -> bool:
        with self._lock:
            if self._is_open:
                return True
            if self._permits > 0:
                self._permits -= 1
                return True
            return False

    def _wake(self) -> None:
        with self._lock:
            waiters = list(self._waiters)
        for loop, changed in waiters:
            loop.call_soon_threadsafe(changed.set)
