"""Looks after the model once a second: unloads it when its time is over, and ends a process whose engine hangs."""

from collections.abc import Awaitable, Callable

from novakit import logs

from ..engine.residency import Residency
from ..engine.stalls import STALL_SECONDS, Progress

TICK_SECONDS = 1.0
EXIT_CODE = 70


class Janitor:
    """``end`` ends the process with an exit code; a stuck engine thread cannot be ended otherwise."""

    def __init__(self, residency: Residency, progress: Progress, end: Callable[[int], None]) -> None:
        self._residency = residency
        self._progress = progress
        self._end = end
        self._log = logs.get("janitor")

    async def run(self, sleep: Callable[[float], Awaitable[None]]) -> None:
        """Tick for ever."""
        while True:
            await sleep(TICK_SECONDS)
            await self.tick()

    async def tick(self) -> None:
        """Look once."""
        if self._progress.stalled():
            self._log.error("engine_stalled", seconds=STALL_SECONDS)
            self._end(EXIT_CODE)
        await self._residency.expire()
