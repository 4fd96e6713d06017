"""What holds for any schedule of faults, arrivals, departures, locks and clock steps. See ``schedules``."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from services.intelligence.app.domain.chat import ChatTurn, Locality, Lock, ProviderRequest
from services.intelligence.app.domain.errors import ProviderError
from services.intelligence.app.domain.events import Finished
from services.intelligence.app.routing.breaker import BreakerPolicy, BreakerState, Open, blocked_until
from services.intelligence.app.routing.policy import Candidate, HealthKey
from services.intelligence.app.routing.trail import (
    AllProvidersFailed,
    Answering,
    Cancelled,
    Connecting,
    Failed,
    InterruptedAnswer,
    Loading,
    RouteEvent,
    Succeeded,
)
from services.intelligence.app.services.orchestrator.health_board import Admission, HealthBoard
from tests.intelligence.orchestrator.schedules import (
    CLOCKS,
    COLD_START_SEC,
    FLEET,
    LIMITS,
    LOCKS,
    VISIT,
    Fleet,
    Trace,
    Watched,
    any_schedule,
    fleet,
    moment,
    watched,
)
from tests.intelligence.orchestrator.world import Told, World
from tests.support.dice import Dice
from tests.support.virtual_time import VirtualClock, run

SCHEDULES = 5000
GRACE_SEC = 0.1
FREE: frozenset[Lock] = frozenset()
SECRET = ChatTurn("user", "A secret.", local_only=True)


@dataclass(frozen=True)
class Visit:
    """One request: when it comes, when its client leaves, and who forbids the cloud from when on (None: never)."""

    comes: float
    leaves: float | None
    prefer: Locality | None
    locked: frozenset[Lock]
    locked_at: float | None
    secret: bool
    shown: bool


Schedule = tuple[Fleet, list[Visit]]


def schedule_of(dice: Dice) -> Schedule:
    return fleet(dice), dice.some(a_visit, 1, 6, 8)


def a_visit(dice: Dice) -> Visit:
    return Visit(
        comes=dice.one_of([0.0, 0.0, 0.0, 0.5, 3.0, 13.0, 61.0]),
        leaves=moment(dice),
        prefer=dice.one_of([None, "local", "cloud", "cloud"]),
        locked=frozenset({dice.one_of(LOCKS)}),
        locked_at=dice.one_of([None, 0.0, 0.005, 0.4, 0.9, 1.5, 3.0, 6.0]),
        secret=dice.either(),
        shown=dice.either(),
    )


class OneProbe(HealthBoard):
    """Fails where a second call is let through to see whether a provider is back, while a first is still silent."""

    def __init__(self, *parts: object) -> None:
        super().__init__(*parts)  # type: ignore[arg-type]
        self._probing: defaultdict[HealthKey, set[int]] = defaultdict(set)

    def admit(self, candidate: Candidate, *, force: bool = False) -> Admission | None:
        assert candidate.locality == "local" or not force, "nobody in the cloud is a last resort"
        before = dict(self.states)
        admission = super().admit(candidate, force=force)
        for key, ticket in admission.tickets if admission is not None else ():
            if ticket.probe:
                self._probing[key].add(id(admission))
                assert len(self._probing[key]) == 1, f"two probes of {key} at a time"
                assert due(before[key], self._clock.now(), forced=force), f"{key} was called before its time"
        return admission

    def answered(self, admission: Admission, seconds: float) -> bool:
        self._seen(admission)
        return super().answered(admission, seconds)

    def _end(self, admission: Admission) -> None:
        self._seen(admission)
        super()._end(admission)

    def _seen(self, admission: Admission) -> None:
        for probing in self._probing.values():
            probing.discard(id(admission))


def due(state: BreakerState, now: float, *, forced: bool) -> bool:
    """Whether a call may be let through this circuit to see."""
    return blocked_until(state, now) is None or (forced and isinstance(state, Open) and not state.setup)


class Story(Told):
    """What one visitor was told, and when. ``longest`` it may wait, and for a model to be loaded ``loading`` more.

    ``over`` is None where it left before the end.
    """

    def __init__(self, longest: float, loading: float) -> None:
        super().__init__()
        self.longest = longest
        self.loading = loading
        self.began = 0.0
        self.over: float | None = None
        self.times: list[tuple[float, RouteEvent]] = []

    def take(self, event: RouteEvent) -> None:
        super().take(event)
        self.times.append((asyncio.get_running_loop().time(), event))

    def waited(self) -> float:
        """Seconds in which nobody spoke."""
        assert self.over is not None
        speaking: float | None = None
        spoken = 0.0
        for at, event in self.times:
            if isinstance(event, Answering):
                speaking = at
            elif isinstance(event, Failed | Succeeded) and speaking is not None:
                spoken, speaking = spoken + at - speaking, None
        loading = self.loading if any(isinstance(event, Loading) for event in self.events) else 0.0
        return self.over - self.began - spoken - loading


async def visit(world: World, plan: Visit, number: int, locked: dict[int, frozenset[Lock]], story: Story) -> None:
    VISIT.set(number)
    loop = asyncio.get_running_loop()
    await asyncio.sleep(plan.comes)
    locked[number] = plan.locked if plan.locked_at == 0.0 else FREE
    if plan.locked_at:
        loop.call_later(plan.locked_at, locked.__setitem__, number, plan.locked)

    def current(_request: ProviderRequest | None = None) -> ProviderRequest:
        turns = (*((SECRET,) if plan.secret else ()), ChatTurn("user", f"Question {number}?"))
        return ProviderRequest(turns, locks=locked[number], prefer=plan.prefer)

    story.began = loop.time()
    try:
        async with asyncio.timeout(plan.leaves):
            events = world.stream(current(), current, shown=plan.shown)
            try:
                async for event in events:
                    story.take(event)
            finally:
                await events.aclose()
    except TimeoutError:
        return
    except (ProviderError, AllProvidersFailed, InterruptedAnswer) as error:
        story.error = error
    story.over = loop.time()


async def scene(schedule: Schedule) -> None:
    drawn, plans = schedule
    locked: dict[int, frozenset[Lock]] = {}
    providers = watched(drawn, lambda number: bool(locked[number]))
    world = World(
        *providers,
        clocks=CLOCKS,
        request=drawn.request,
        cold_start=COLD_START_SEC,
        midstream=drawn.midstream,
        hedge_delay=drawn.hedge_delay,
        limits=LIMITS,
        policy=BreakerPolicy(
            drawn.threshold, cooldown=10.0, cooldown_max=40.0, probe_lease=drawn.request + COLD_START_SEC + 1
        ),
        clock=VirtualClock(drawn.steps),
        board=OneProbe,
    )
    world.board._states.update(drawn.circuits)
    # A model's loading comes on top where no cloud is allowed.
    stories = [Story(drawn.request, COLD_START_SEC if plan.locked else 0.0) for plan in plans]
    await asyncio.gather(*(visit(world, plan, n, locked, stories[n]) for n, plan in enumerate(plans)))
    await world.orchestrator.close()
    for provider in providers:
        assert not provider.trespassed, f"{provider.name} was called under a lock, or with what was marked local"
        assert provider.most <= LIMITS[provider.name], f"{provider.most} calls at once in {provider.name}"
        late = provider.late(loading=COLD_START_SEC if provider.name == "ollama" else 0.0)
        assert late is None, late
        assert world.slots.waiting(provider.name) == 0
        assert all(world.slots.take(provider.name) for _ in range(LIMITS[provider.name])), "a slot is left behind"
    assert world.nothing_left()
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    assert not others, f"left behind: {others}"
    for number, story in enumerate(stories):
        check(
            story, [trace for provider in providers for trace in provider.traces if trace.visit == number], providers
        )


def check(story: Story, traces: Sequence[Trace], providers: Sequence[Watched]) -> None:
    numbers = [event.call for event in story.events if isinstance(event, Connecting)]
    assert numbers == list(range(1, len(numbers) + 1)), "each call has its number"
    assert one_voice_at_a_time(story)
    marks = [event for event in story.events if isinstance(event, Finished)]
    answers = [event for event in story.events if isinstance(event, Succeeded)]
    assert len(marks) <= 1
    assert len(answers) <= 1
    if marks:
        assert story.events[-2:] == [answers[0], marks[0]], "the terminal mark is the last word"
        [whole] = [trace for trace in traces if trace.deltas and trace.deltas[-1] == marks[0]]
        if not any(isinstance(event, Failed) and event.spoke for event in story.events):
            assert story.text == whole.text
    if story.over is None:
        return
    assert bool(marks) != (story.error is not None), "it ends with an answer or with an error"
    assert story.waited() <= story.longest + GRACE_SEC, f"waited {story.waited():.2f} s"


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


def test_the_laws_hold_for_any_schedule() -> None:
    any_schedule(SCHEDULES, schedule_of, FLEET + 1 + 6 * 8, lambda schedule: run(scene(schedule)))
