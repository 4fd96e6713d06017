"""Notices an engine that has stopped to make progress. Time is passed in."""

from collections.abc import Callable

STALL_SECONDS = 120.0
"""A working engine reports progress at every batch of 64 tokens, so silence of this length means that it hangs."""


class Progress:
    """When each running answer last made progress. Called from the engine's threads and from the event loop."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._last: dict[object, float] = {}

    def mark(self, answer: object) -> None:
        """This answer has begun or got on."""
        self._last[answer] = self._now()

    def end(self, answer: object) -> None:
        """This answer is over."""
        self._last.pop(answer, None)

    def stalled(self) -> bool:
        """Whether a running answer has not got on for STALL_SECONDS."""
        oldest = min(list(self._last.values()), default=None)
        return oldest is not None and self._now() - oldest >= STALL_SECONDS
