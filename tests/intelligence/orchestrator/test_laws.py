"""What holds for any schedule of faults, arrivals, departures and locks; a failure prints its schedule.

``NOVACORE_SCHEDULES=5000`` generates that many schedules instead of the usual number.
"""

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.intelligence.app.domain.chat import Lock, ProviderRequest
from services.intelligence.app.domain.errors import ProviderError, Reason
from services.intelligence.app.domain.events import Finished, ReasoningDelta, TextDelta
from services.intelligence.app.routing.trail import (
    AllProvidersFailed,
    Answering,
    Cancelled,
    Connecting,
    Failed,
    InterruptedAnswer,
    Succeeded,
)
from services.intelligence.app.services.deadlines import Clocks
from tests.intelligence.orchestrator.world import Told, World, asks
from tests.support.scripted import EndsBare, Hangs, Pause, Script, ScriptedProvider, fails, says
from tests.support.virtual_time import run

SCHEDULES = int(os.environ.get("NOVACORE_SCHEDULES", "1500"))
REQUEST_SEC = 30.0
GRACE_SEC = 0.1
FIRST_TOKEN = {"ollama": 8.0, "gemini": 5.0, "openai": 5.0}
LIMITS = {"ollama": 1, "gemini": 2, "openai": 2}
FREE: frozenset[Lock] = frozenset()
LOCKED: frozenset[Lock] = frozenset({"session"})

seconds = st.sampled_from([0.0, 0.01, 0.5, 1.0, 2.0, 4.9, 5.1, 7.9, 8.1, 20.0])
words = st.sampled_from(["One ", "two ", "three ", "One two three four five six "])
REASONS: list[Reason] = (
    ["connect_refused", "reset", "truncated", "empty", "auth", "rate_limited", "server_error", "overloaded",
     "model_missing", "context_too_long", "invalid_request", "refused", "malformed", "billing"]
)  # fmt: skip
faults = st.sampled_from(REASONS)


@st.composite
def scripts(draw: st.DrawFn) -> Script:
    steps: list[object] = []
    for _ in range(draw(st.integers(0, 3))):
        steps.append(Pause(draw(seconds)))
        if draw(st.booleans()):
            steps.append(ReasoningDelta("Hm. "))
        steps.append(TextDelta(draw(words)))
    match draw(st.integers(0, 5)):
        case 0 | 1 | 2:
            steps += [Pause(draw(seconds)), *says("end.")]
        case 3:
            steps += fails(draw(faults), retry_after=draw(st.sampled_from([None, 0.5, 2.0, 40.0])))
        case 4:
            steps.append(Hangs())
        case _:
            steps.append(EndsBare())
    return tuple(steps)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Visit:
    """One request: when it comes, when its client leaves, and when its session is locked (None: never)."""

    comes: float
    leaves: float | None
    locked_at: float | None
    locked_from_start: bool


visits = st.builds(
    Visit,
    comes=st.sampled_from([0.0, 0.0, 0.5, 3.0, 61.0, 130.0]),
    leaves=st.one_of(st.none(), seconds),
    locked_at=st.one_of(st.none(), seconds),
    locked_from_start=st.booleans(),
)


@dataclass(frozen=True)
class Schedule:
    """A world and who comes to it."""

    ollama: list[Script]
    gemini: list[Script]
    openai: list[Script]
    checks: list[bool]
    visits: list[Visit]
    midstream: Literal["continue", "restart", "fail"]
    hedge_delay: float | None
    cold: bool
    shown: bool


schedules = st.builds(
    Schedule,
    ollama=st.lists(scripts(), max_size=4),
    gemini=st.lists(scripts(), max_size=4),
    openai=st.lists(scripts(), max_size=4),
    checks=st.lists(st.booleans(), max_size=3),
    visits=st.lists(visits, min_size=1, max_size=6),
    midstream=st.sampled_from(["continue", "restart", "fail"]),
    hedge_delay=st.sampled_from([None, 0.5, 2.0]),
    cold=st.booleans(),
    shown=st.booleans(),
)


class Watched(ScriptedProvider):
    """Notes how many calls it ever had at once, and whether a prompt came that the locks forbade."""

    most = 0
    trespassed = False

    def __init__(self, name: str, scripts: list[Script], may_ask: Callable[[ProviderRequest], bool], **more: object):
        super().__init__(name, scripts, always=says("Whole."), **more)  # type: ignore[arg-type]
        self._may_ask = may_ask

    def _next(self) -> Script:
        self.most = max(self.most, self.open_calls)
        self.trespassed = self.trespassed or not self._may_ask(self.last.request)
        return super()._next()


async def visit(world: World, plan: Visit, number: int, locks: dict[int, frozenset[Lock]], told: Told) -> None:
    await asyncio.sleep(plan.comes)
    loop = asyncio.get_running_loop()
    locks[number] = LOCKED if plan.locked_from_start else FREE
    if plan.locked_at is not None:
        loop.call_later(plan.locked_at, locks.__setitem__, number, LOCKED)
    request = asks(f"Question {number}?", locks=locks[number])
    began = loop.time()

    def current(_request: ProviderRequest) -> ProviderRequest:
        return asks(f"Question {number}?", locks=locks[number])

    first: float | None = None
    finished = False
    try:
        async with asyncio.timeout(plan.leaves):
            events = world.stream(request, current, shown=world_shown(world))
            try:
                async for event in events:
                    told.take(event)
                    if first is None and isinstance(event, Answering):
                        first = loop.time()
                    finished = finished or isinstance(event, Finished)
            finally:
                await events.aclose()
    except TimeoutError:
        return
    except (ProviderError, AllProvidersFailed, InterruptedAnswer) as error:
        told.error = error
    waited = (first or loop.time()) - began
    assert waited <= REQUEST_SEC + GRACE_SEC, f"request {number} waited {waited:.2f} s"
    assert finished or told.error is not None


def world_shown(world: World) -> bool:
    return bool(getattr(world, "shown", True))


async def scene(schedule: Schedule) -> None:
    locks: dict[int, frozenset[Lock]] = {}

    def open_to_the_cloud(request: ProviderRequest) -> bool:
        said = next(turn.text for turn in request.turns if turn.text.startswith("Question"))
        return not locks[int(said.removeprefix("Question ").removesuffix("?"))]

    checks = [() if fine else fails("connect_refused") for fine in schedule.checks]
    ollama = Watched("ollama", schedule.ollama, lambda _request: True, cold=schedule.cold, load_seconds=3.0)
    ollama._checks = list(checks)  # type: ignore[arg-type]
    gemini = Watched("gemini", schedule.gemini, open_to_the_cloud)
    openai = Watched("openai", schedule.openai, open_to_the_cloud)
    world = World(
        ollama,
        gemini,
        openai,
        clocks={name: Clocks(first_token=first, stall=4.0, total=60.0) for name, first in FIRST_TOKEN.items()},
        request=REQUEST_SEC,
        midstream=schedule.midstream,
        hedge_delay=schedule.hedge_delay,
        limits=LIMITS,
    )
    world.shown = schedule.shown  # type: ignore[attr-defined]
    stories = [Told() for _ in schedule.visits]
    await asyncio.gather(
        *(visit(world, plan, number, locks, stories[number]) for number, plan in enumerate(schedule.visits))
    )
    await world.orchestrator.close()
    for provider in (ollama, gemini, openai):
        assert not provider.trespassed, f"{provider.name} was asked under a lock"
        assert provider.most <= LIMITS[provider.name], f"{provider.most} calls at once in {provider.name}"
        assert world.slots.waiting(provider.name) == 0
        assert all(world.slots.take(provider.name) for _ in range(LIMITS[provider.name])), "a slot is left behind"
    assert world.nothing_left()
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    assert not others, f"left behind: {others}"
    for story in stories:
        numbers = [event.call for event in story.events if isinstance(event, Connecting)]
        assert numbers == list(range(1, len(numbers) + 1))
        assert one_voice_at_a_time(story)


def one_voice_at_a_time(story: Told) -> bool:
    speaking: int | None = None
    for event in story.events:
        match event:
            case Answering():
                if speaking is not None:
                    return False
                speaking = event.call
            case Failed() | Succeeded() | Cancelled() if event.call == speaking:
                speaking = None
    return True


@settings(
    max_examples=SCHEDULES, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
@given(schedule=schedules)
def test_the_laws_hold_for_any_schedule(schedule: Schedule) -> None:
    run(scene(schedule))
