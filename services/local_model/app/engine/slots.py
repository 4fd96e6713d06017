"""A bounded queue for a few slots: first come, first served, and who leaves gives up the place."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager


class QueueFullError(Exception):
    """All slots are taken, and as many wait as may wait."""


class Slot:
    """The right to work. ``free`` gives it back before its block ends; a second time does nothing."""

    def __init__(self, give_back: Callable[[], None]) -> None:
        self._give_back: Callable[[], None] | None = give_back

    def free(self) -> None:
        """Let the next one work."""
        give_back, self._give_back = self._give_back, None
        if give_back is not None:
            give_back()


class SlotQueue:
    """``slots`` work at once, ``limit`` wait. For one event loop."""

    def __init__(self, slots: int, limit: int) -> None:
        self._free = slots
        self._slots = slots
        self._limit = limit
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def busy(self) -> int:
        """How many slots are taken."""
        return self._slots - self._free

    @property
    def waiting(self) -> int:
        """How many wait for one."""
        return len(self._waiting)

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[Slot]:
        """Hold a slot for as long as the block lasts; raises QueueFullError at once where no place is left."""
        await self._take()
        slot = Slot(self._give_back)
        try:
            yield slot
        finally:
            slot.free()

    async def _take(self) -> None:
        if self._free:
            self._free -= 1
            return
        if len(self._waiting) >= self._limit:
            raise QueueFullError
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._waiting = deque(waiter for waiter in self._waiting if waiter is not turn)
            else:
                # The slot was handed over in the same moment: it goes to the next in line.
                self._give_back()
            raise

    def _give_back(self) -> None:
        # A slot goes straight to who waits longest, so that nobody who comes later can step in between.
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
