"""Time as a value that is passed in, so that tests own it."""

import time
from typing import Protocol


class Clock(Protocol):
    """What a NovaCore process needs to know about time."""

    def now(self) -> float:
        """Monotonic seconds: for durations and deadlines, never shown to anyone."""
        ...

    def wall(self) -> float:
        """Seconds since 1970 UTC: for what is stored, signed or shown."""
        ...


class SystemClock:
    """The machine's own clock: Python's functions themselves, for they are asked many times for each request."""

    now = staticmethod(time.monotonic)
    wall = staticmethod(time.time)


class FakeClock:
    """A clock that stands still until it is told otherwise."""

    def __init__(self, now: float = 1000.0, wall: float = 1_700_000_000.0) -> None:
        self._now = now
        self._wall = wall

    def now(self) -> float:
        """The monotonic seconds it was set to."""
        return self._now

    def wall(self) -> float:
        """The wall-clock seconds it was set to."""
        return self._wall

    def advance(self, seconds: float) -> None:
        """Let both clocks move on together."""
        self._now += seconds
        self._wall += seconds
