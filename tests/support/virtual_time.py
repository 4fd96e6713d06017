"""An event loop whose time is virtual: when nothing can run, it jumps to the next timer.

    @in_virtual_time
    async def test_an_hour_passes() -> None:
        await asyncio.sleep(3600)  # returns at once, an hour later

Waiting for something that no timer will bring is an AssertionError, so that a hang fails instead of hanging. It is
for code without threads and sockets: time does not stand still for what happens outside the loop.
"""

import asyncio
import functools
import selectors
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

START = 1000.0
"""The loop's time when it begins; not zero, so that nobody mistakes it for a duration."""
EPOCH = 1_700_000_000.0
"""The wall clock's time at the loop's time zero."""


class NothingScheduledError(AssertionError):
    """Every task waits, and no timer will ever wake one."""


class _JumpingSelector(selectors.DefaultSelector):
    """Instead of sleeping, moves time on."""

    def __init__(self, early: float) -> None:
        super().__init__()
        self.now = START
        self.turns = 0
        self._early = early

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.turns += 1
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            raise NothingScheduledError("everybody waits for something that will never come")
        # Rounded: sums of floats drift, and a test wants to say exactly when.
        self.now = round(self.now + max(timeout - self._early, 0.0), 9)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """``early``: by how many seconds timers may fire before their time, as those of uvloop do (up to 0.001)."""

    def __init__(self, early: float = 0.0) -> None:
        self._jumping = _JumpingSelector(early)
        super().__init__(self._jumping)
        if early:
            # The base loop runs timers that are due within this time.
            self._clock_resolution = early * 1.001

    def time(self) -> float:
        """Virtual seconds."""
        return self._jumping.now

    @property
    def turns(self) -> int:
        """How often the loop has gone round: what happens within one turn waits for nothing and nobody."""
        return self._jumping.turns


class VirtualClock:
    """The running loop's time as novakit's Clock.

    ``steps``: from that many seconds after START on, the wall clock is off by so many more; the other one never is.
    """

    def __init__(self, steps: Sequence[tuple[float, float]] = ()) -> None:
        self._steps = steps

    def now(self) -> float:
        """Virtual monotonic seconds."""
        return asyncio.get_running_loop().time()

    def wall(self) -> float:
        """Virtual seconds since 1970."""
        now = self.now()
        return EPOCH + now + sum(by for at, by in self._steps if now >= START + at)


def run(main: Coroutine[Any, Any, T], *, early: float = 0.0) -> T:
    """Run it in virtual time from START on; raises NothingScheduledError where it would wait forever."""
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(early)) as runner:
        return runner.run(main)


def in_virtual_time(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Make an ordinary test of a coroutine function, each run in a loop of its own."""

    @functools.wraps(test)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> None:
        run(test(*args, **kwargs))

    return wrapper


async def settle() -> None:
    """Let everybody run until all wait for time or for each other. No time passes."""
    loop = asyncio.get_running_loop()
    for _ in range(50):
        turn = loop.create_future()
        loop.call_soon(turn.set_result, None)
        await turn
