"""Bulkheads: how many calls each provider is given at a time, and who waits for a place, first come, first served.

They live in this process's memory. Slots that several replicas share would stand behind the same methods.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field

DEFAULT_LIMIT = 32
QUEUE_LENGTH = 64
"""How many may wait for one provider; whoever comes later is turned away at once."""
NEWEST_SHARE = 0.3
"""The share of the newest service time in the running mean."""


@dataclass(slots=True, eq=False)
class _Waiting:
    """One in a queue. ``change`` is set when its place changes; ``granted`` says that it holds a slot."""

    change: asyncio.Event = field(default_factory=asyncio.Event)
    granted: bool = False


@dataclass(slots=True)
class _Bulkhead:
    limit: int
    taken: int = 0
    queue: deque[_Waiting] = field(default_factory=deque)
    service_seconds: float | None = None


class Slots:
    """The bulkheads of all providers. ``limits`` are calls at a time by provider name; others have DEFAULT_LIMIT."""

    def __init__(self, limits: Mapping[str, int]) -> None:
        self._limits = dict(limits)
        self._bulkheads: dict[str, _Bulkhead] = {}

    def limit(self, provider: str) -> int:
        """Calls at a time."""
        return self._of(provider).limit

    def waiting(self, provider: str) -> int:
        """How many wait for a slot now."""
        return len(self._of(provider).queue)

    def crowd(self, provider: str) -> float:
        """How many would wait for each of its slots if one more came; 0 where one is free."""
        bulkhead = self._of(provider)
        return 0.0 if bulkhead.taken < bulkhead.limit else (len(bulkhead.queue) + 1) / bulkhead.limit

    def expected_wait(self, provider: str, place: int | None = None) -> float | None:
        """Seconds until the one at this place (None: a newcomer's) gets a slot, by measured times; None: unknown."""
        bulkhead = self._of(provider)
        if bulkhead.service_seconds is None:
            return None
        ahead = len(bulkhead.queue) + 1 if place is None else place
        return ahead * bulkhead.service_seconds / bulkhead.limit

    def measured(self, provider: str, seconds: float) -> None:
        """A whole answer took so long."""
        bulkhead = self._of(provider)
        mean = bulkhead.service_seconds
        bulkhead.service_seconds = seconds if mean is None else mean + NEWEST_SHARE * (seconds - mean)

    def free(self, provider: str) -> bool:
        """Whether a newcomer has a slot at once: one is free, and nobody waits for it."""
        bulkhead = self._of(provider)
        return bulkhead.taken < bulkhead.limit and not bulkhead.queue

    def take(self, provider: str) -> bool:
        """Take a slot where a newcomer has one at once."""
        if not self.free(provider):
            return False
        self._of(provider).taken += 1
        return True

    def give_back(self, provider: str) -> None:
        """A slot is free again: the first in the queue has it."""
        bulkhead = self._of(provider)
        bulkhead.taken -= 1
        if bulkhead.queue:
            bulkhead.taken += 1
            first = bulkhead.queue.popleft()
            first.granted = True
            first.change.set()
            _moved(bulkhead)

    async def queue_up(self, provider: str, seconds: float) -> AsyncGenerator[int]:
        """One's place, from 1, whenever it changes; ends once a slot is held. Closing it gives up the place.

        Raises TimeoutError after so many seconds, and at once where the queue is full.
        """
        bulkhead = self._of(provider)
        if len(bulkhead.queue) >= QUEUE_LENGTH or seconds <= 0:
            raise TimeoutError
        mine = _Waiting()
        bulkhead.queue.append(mine)
        ends = asyncio.get_running_loop().time() + seconds
        held = False
        try:
            while not mine.granted:
                mine.change.clear()
                yield bulkhead.queue.index(mine) + 1
                if not mine.change.is_set():
                    async with asyncio.timeout_at(ends):
                        await mine.change.wait()
            held = True
        finally:
            if not held:
                self._give_up(provider, mine)

    def _give_up(self, provider: str, mine: _Waiting) -> None:
        if mine.granted:
            self.give_back(provider)
            return
        bulkhead = self._of(provider)
        bulkhead.queue.remove(mine)
        _moved(bulkhead)

    def _of(self, provider: str) -> _Bulkhead:
        bulkhead = self._bulkheads.get(provider)
        if bulkhead is None:
            bulkhead = self._bulkheads[provider] = _Bulkhead(self._limits.get(provider, DEFAULT_LIMIT))
        return bulkhead


def _moved(bulkhead: _Bulkhead) -> None:
    for waiting in bulkhead.queue:
        waiting.change.set()
