"""The end of this process, in order: no new work, a while for what runs, then an honest end for the rest."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

STORING_SEC = 1.0
"""The part of the grace that is kept for storing what was cut, and for telling its readers."""


class DrainingError(Exception):
    """The process is about to end: it takes no new work."""


class CutShortError(Exception):
    """The grace is over, and this work was not done."""


class Drain:
    """Ends work from outside. ``draining``: the process is about to end."""

    def __init__(self) -> None:
        self.draining = False
        self._cuts: list[Callable[[], None]] = []
        self._scopes: dict[asyncio.Timeout, object] = {}

    def begin(self, grace: float) -> None:
        """The process ends in ``grace`` seconds."""
        self.draining = True
        asyncio.get_running_loop().call_later(max(0.0, grace - STORING_SEC), self._cut)

    def on_cut(self, cut: Callable[[], None]) -> None:
        """Call this when what still runs has to end."""
        self._cuts.append(cut)

    def take_work(self) -> None:
        """Begin something new; raises DrainingError."""
        if self.draining:
            raise DrainingError

    @asynccontextmanager
    async def until_cut(self, work: object = None) -> AsyncIterator[None]:
        """Work that is cut off in time; raises DrainingError before it, CutShortError in it."""
        self.take_work()
        try:
            async with asyncio.timeout(None) as scope:
                self._scopes[scope] = work
                try:
                    yield
                finally:
                    del self._scopes[scope]
        except TimeoutError:
            if scope.expired():
                raise CutShortError from None
            raise

    def _cut(self) -> None:
        for cut in self._cuts:
            cut()
        self.cut_off(lambda _work: True)

    def works(self) -> list[object]:
        """What is under way and would be cut."""
        return [work for work in self._scopes.values() if work is not None]

    def cut_off(self, chosen: Callable[[object], bool]) -> None:
        """End the work that is chosen, now."""
        now = asyncio.get_running_loop().time()
        for scope, work in list(self._scopes.items()):
            if chosen(work):
                scope.reschedule(now)
