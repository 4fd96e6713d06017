"""Schedules of faults, arrivals, departures, locks and clock steps, and providers that keep watch.

Two variables choose them: ``NOVACORE_SCHEDULES`` is how many, ``NOVACORE_SEED`` which ones. The same seed gives the
same schedules, so that a failure, which prints both, can be had again.
"""

import asyncio
import os
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, Literal, TypeVar

from hypothesis import HealthCheck, Phase, given, note, seed, settings

from services.intelligence.app.domain.chat import Lock, ProviderRequest
from services.intelligence.app.domain.errors import Reason
from services.intelligence.app.domain.events import Delta, Finished, ReasoningDelta, TextDelta
from services.intelligence.app.routing.breaker import BreakerState, Open
from services.intelligence.app.services.orchestrator.deadlines import Clocks
from services.intelligence.app.services.orchestrator.walk import Midstream
from tests.support.dice import Dice, thrown
from tests.support.scripted import EndsBare, Hangs, Pause, Script, ScriptedProvider, Step, fails, says
from tests.support.virtual_time import START

T = TypeVar("T")
SEED = int(os.environ.get("NOVACORE_SEED", "1"))
COLD_START_SEC = 10.0
CLOCKS = {
    "ollama": Clocks(first_token=8.0, stall=4.0, total=9.0),
    "gemini": Clocks(first_token=5.0, stall=4.0, total=9.0),
    "openai": Clocks(first_token=5.0, stall=4.0, total=9.0),
}
LIMITS = {"ollama": 1, "gemini": 2, "openai": 2}


def any_schedule(count: int, make: Callable[[Dice], T], size: int, law: Callable[[T], None]) -> None:
    """Try the law on ``count`` schedules that ``make`` makes of ``size`` bytes.

    A failure prints the smallest that breaks it and its replay.
    """
    number = int(os.environ.get("NOVACORE_SCHEDULES", str(count)))

    @seed(SEED)
    @settings(
        max_examples=number,
        deadline=None,
        database=None,
        print_blob=False,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(schedule=thrown(make, size))
    def tried(schedule: T) -> None:
        try:
            law(schedule)
        except BaseException:
            # Hypothesis prints nothing of values that others were made of.
            note(f"the schedule: {schedule}")
            note(f"its replay: NOVACORE_SEED={SEED} NOVACORE_SCHEDULES={number}, with this same test")
            raise

    tried()


SECONDS = [0.0, 0.01, 0.5, 1.0, 2.0, 3.9, 4.1, 4.9, 5.1, 7.9, 8.1, 20.0]
WORDS = ["One ", "two ", "three ", "One two three four five six "]
LOCKS: tuple[Lock, ...] = ("deployment", "user", "session", "message")
REASONS: list[Reason] = (
    ["connect_refused", "reset", "truncated", "empty", "auth", "rate_limited", "quota_exhausted", "server_error",
     "overloaded", "model_missing", "context_too_long", "invalid_request", "refused", "malformed", "billing"]
)  # fmt: skip
DELAYS = [None, 0.5, 2.0, 40.0]
BRIEF = [0.01, 0.5, 1.0, 2.0]


def moment(dice: Dice) -> float | None:
    """Never, or so many seconds after something; of at most two bytes."""
    return dice.one_of(SECONDS) if dice.either() else None


def script(dice: Dice) -> Script:
    """What one call does."""
    steps: list[Step] = []
    for _ in range(dice.below(4)):
        steps.append(Pause(dice.one_of(SECONDS)))
        if dice.either():
            steps.append(ReasoningDelta("Hm. "))
        steps.append(TextDelta(dice.one_of(WORDS)))
    match dice.below(7):
        case 0 | 1 | 2:
            steps += [Pause(dice.one_of(SECONDS)), *says("end.")]
        case 3:
            steps += [Pause(dice.one_of(SECONDS)), *says()]
        case 4:
            steps += [Pause(dice.one_of(SECONDS)), *fails(dice.one_of(REASONS), retry_after=dice.one_of(DELAYS))]
        case 5:
            steps.append(Hangs())
        case _:
            steps.append(EndsBare())
    return tuple(steps)


def check(dice: Dice) -> tuple[Any, ...]:
    """What one free check does."""
    match dice.below(5):
        case 0:
            return ()
        case 1:
            return (Pause(dice.one_of(BRIEF)),)
        case 2:
            return (Pause(dice.one_of(BRIEF)), *fails("invalid_request"))
        case 3:
            return (Pause(dice.one_of(SECONDS)), *fails(dice.one_of(REASONS[:8])))
        case _:
            return (Hangs(),)


@dataclass(frozen=True)
class Fleet:
    """What the providers do, and how they are asked. ``circuits`` are open from the start.

    ``checks`` are what each provider's free checks do, from the first one on.
    """

    ollama: list[Script]
    gemini: list[Script]
    openai: list[Script]
    checks: dict[str, list[tuple[Any, ...]]]
    midstream: Midstream
    hedge_delay: float | None
    threshold: int
    circuits: dict[tuple[str, str], BreakerState]
    request: float
    cold: bool
    load_seconds: float
    loaded_seconds: float
    steps: list[tuple[float, float]]


FLEET = 7 + (1 + 4 * 4) + (1 + 3 * 2) + 2 * (1 + 5 * 16) + (1 + 3 * 16) + 3 * (1 + 3 * 3)
MIDSTREAM: list[Midstream] = ["continue", "continue", "restart", "fail"]


def fleet(dice: Dice) -> Fleet:
    """Any, of FLEET bytes."""
    return Fleet(
        midstream=dice.one_of(MIDSTREAM),
        hedge_delay=dice.one_of([None, 0.5, 2.0]),
        threshold=dice.one_of([1, 3]),
        request=dice.one_of([6.0, 12.0, 30.0]),
        cold=dice.either(),
        load_seconds=dice.one_of([3.0, 15.0]),
        loaded_seconds=dice.one_of([0.0, 0.0, 0.4, 5.0]),
        circuits=dict(dice.some(circuit, 0, 4, 4)),
        steps=dice.some(clock_step, 0, 3, 2),
        ollama=dice.some(script, 0, 5, 16),
        gemini=dice.some(script, 0, 5, 16),
        openai=dice.some(script, 0, 3, 16),
        checks={name: dice.some(check, 1, 3, 3) for name in CLOCKS},
    )


def clock_step(dice: Dice) -> tuple[float, float]:
    """When the wall clock is set, and by how many seconds."""
    return dice.one_of(SECONDS), dice.one_of([-7200.0, -0.5, 3.0, 86400.0])


def circuit(dice: Dice) -> tuple[tuple[str, str], BreakerState]:
    """Of a provider, or of one model of it, and until when it is open."""
    key = dice.one_of(["ollama", "gemini", "openai"]), dice.one_of(["", "model-1"])
    until = START + dice.one_of([0.0, 0.0, 0.5, 20.0])
    return key, Open(epoch=1, until=until, trips=1, setup=dice.one_of([False, False, True]))


VISIT: ContextVar[int] = ContextVar("VISIT")
"""Whose request is being served. Tasks that are started for it inherit it."""


@dataclass(slots=True)
class Trace:
    """What one call brought, and when."""

    visit: int
    began: float
    deltas: list[Delta] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    ended: float | None = None
    refused: bool = False

    @property
    def whole(self) -> bool:
        """Whether it came to its provider's own end: the terminal mark, or a refusal."""
        return self.refused or (bool(self.deltas) and isinstance(self.deltas[-1], Finished))

    @property
    def text(self) -> str:
        """All its words."""
        return "".join(delta.text for delta in self.deltas if isinstance(delta, TextDelta))


class Watched(ScriptedProvider):
    """Notes what each call brought, how many there were at once, and whether it was called where it was forbidden.

    The terminal mark of each call says which call it ends: ``raw_reason`` is the provider's name and its number.
    """

    def __init__(self, name: str, fleet: Fleet, forbidden: Callable[[int], bool]) -> None:
        more: dict[str, Any] = (
            {"cold": fleet.cold, "loaded_seconds": fleet.loaded_seconds} if name == "ollama" else {}
        )
        super().__init__(
            name,
            getattr(fleet, name),
            always=says("Whole."),
            checks=fleet.checks.get(name, ()),
            load_seconds=fleet.load_seconds,
            **more,
        )
        self.most = 0
        self.trespassed = False
        self.traces: list[Trace] = []
        self._forbidden = forbidden

    async def ensure_ready(self) -> None:
        """See Provider."""
        self._look()
        await super().ensure_ready()

    async def stream(self, request: ProviderRequest) -> AsyncGenerator[Delta]:
        """See Provider."""
        self._look()
        if self.locality == "cloud":
            self.trespassed = self.trespassed or any(turn.local_only for turn in request.turns)
        trace = Trace(VISIT.get(), _now())
        self.traces.append(trace)
        mark = f"{self.name} {len(self.traces)}"
        try:
            async with aclosing(super().stream(request)) as deltas:
                async for delta in deltas:
                    told = replace(delta, raw_reason=mark) if isinstance(delta, Finished) else delta
                    trace.times.append(_now())
                    trace.deltas.append(told)
                    yield told
        except Exception as error:
            trace.refused = getattr(error, "reason", None) == "refused"
            raise
        finally:
            trace.ended = _now()

    def _next(self) -> Script:
        self.most = max(self.most, self.open_calls)
        return super()._next()

    def _look(self) -> None:
        self.trespassed = self.trespassed or (self.locality == "cloud" and self._forbidden(VISIT.get()))

    def late(self, *, loading: float) -> str | None:
        """What of it was waited for beyond its deadlines, or None. ``loading``: seconds more for the first words."""
        clocks = CLOCKS[self.name]
        for trace in self.traces:
            ended = trace.ended or _now()
            first = (trace.times or [ended])[0]
            gaps = [after - before for before, after in pairwise([*trace.times, ended])]
            waits: list[tuple[Literal["first token", "stall", "total"], float, float]] = [
                ("first token", first - trace.began, clocks.first_token + loading),
                ("stall", max(gaps, default=0.0), clocks.stall),
                ("total", ended - trace.began, clocks.total or 1e9),
            ]
            for what, waited, most in waits:
                if waited > most + 0.001:
                    return f"{self.name} was waited for {waited:.3f} s, {what}"
        return None


def _now() -> float:
    return asyncio.get_running_loop().time()


def watched(fleet: Fleet, forbidden: Callable[[int], bool]) -> tuple[Watched, Watched, Watched]:
    """The fleet's providers."""
    ollama, gemini, openai = (Watched(name, fleet, forbidden) for name in ("ollama", "gemini", "openai"))
    return ollama, gemini, openai
