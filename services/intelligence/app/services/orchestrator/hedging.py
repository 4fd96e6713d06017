"""A second provider beside a first that is slow to speak: how often that may be, and who of the two is heard."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass

from ...routing.trail import Answering, RouteEvent, Succeeded

WINDOW_SEC = 60.0
ALWAYS_PER_WINDOW = 10
"""So many hedges a minute are fine whatever their share: a quiet server could never hedge else."""


class HedgeBudget:
    """Lets at most ``share`` of the requests of the last minute be hedged. ``now`` is the clock's seconds."""

    def __init__(self, share: float, now: Callable[[], float]) -> None:
        self._share = share
        self._now = now
        self._requests: deque[float] = deque()
        self._hedges: deque[float] = deque()

    def request(self) -> None:
        """Count a request."""
        self._requests.append(self._now())
        self._forget()

    def spend(self) -> bool:
        """Leave to hedge one request now; false where the budget is used up."""
        self._forget()
        if len(self._hedges) >= max(ALWAYS_PER_WINDOW, self._share * len(self._requests)):
            return False
        self._hedges.append(self._now())
        return True

    def _forget(self) -> None:
        oldest = self._now() - WINDOW_SEC
        for times in (self._requests, self._hedges):
            while times and times[0] <= oldest:
                times.popleft()


@dataclass(frozen=True, slots=True)
class Step:
    """What one of the runners did: an event, or its end with the error that it raised, if any."""

    runner: int
    event: RouteEvent | None
    error: BaseException | None = None


class Race:
    """Runs generators of route events side by side and tells their steps as they come. The first to answer stays.

    Whoever begins to answer goes on only when ``stop`` has ended the others: they must not act on what it says.
    """

    def __init__(self) -> None:
        self._steps: asyncio.Queue[Step] = asyncio.Queue()
        self._decided = asyncio.Event()
        self._tasks: dict[int, asyncio.Task[None]] = {}

    @property
    def running(self) -> int:
        """How many have not come to their end."""
        return len(self._tasks)

    def start(self, runner: int, events: AsyncGenerator[RouteEvent]) -> None:
        """Let one more run."""
        self._tasks[runner] = asyncio.ensure_future(self._run(runner, events))

    async def next(self, seconds: float | None = None) -> Step:
        """The next step; raises TimeoutError after so many seconds."""
        async with asyncio.timeout(seconds):
            step = await self._steps.get()
        if step.event is None:
            del self._tasks[step.runner]
        return step

    async def stop(self, *, but: int | None = None) -> list[Step]:
        """End all runners, or all others; gives what those had done by then and not told yet, their ends last."""
        losers = {runner: task for runner, task in self._tasks.items() if runner != but}
        for runner, task in losers.items():
            task.cancel()
            del self._tasks[runner]
        if losers:
            await asyncio.wait(losers.values())
        steps = [self._steps.get_nowait() for _ in range(self._steps.qsize())]
        for step in steps:
            if step.runner not in losers:
                self._steps.put_nowait(step)
        self._decided.set()
        untold = [step for step in steps if step.runner in losers and step.event is not None]
        return [*untold, *(Step(runner, None) for runner in losers)]

    async def _run(self, runner: int, events: AsyncGenerator[RouteEvent]) -> None:
        error: BaseException | None = None
        try:
            async with aclosing(events):
                async for event in events:
                    self._steps.put_nowait(Step(runner, event))
                    if isinstance(event, Answering | Succeeded):
                        await self._decided.wait()
        except Exception as raised:  # noqa: BLE001 (handed on to whoever watches the race)
            error = raised
        self._steps.put_nowait(Step(runner, None, error))
