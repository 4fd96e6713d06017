"""``ProviderOrchestrator``: walks the decision of ``plan()`` from one provider to the next. It owns no rule."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from novakit.clock import Clock

from ..domain.chat import ProviderRequest, Target
from ..domain.errors import ProviderError
from ..domain.events import Completion, Finished, ReasoningDelta, TextDelta
from ..routing.policy import Attempt, Candidate, RouteDecision, Skipped, cooling_until, last_resort, plan
from ..routing.rules import Rule
from ..routing.trail import (
    AllProvidersFailed,
    Answering,
    Cancelled,
    Connecting,
    Failed,
    Replaced,
    Reset,
    RouteEvent,
    Succeeded,
)
from ..routing.verdicts import VERDICTS, retry_delay
from .orchestrator.deadlines import Clocks
from .orchestrator.entrance import Asking, CurrentRequest, Entrance, Outlook, Place
from .orchestrator.health_board import Admission, HealthBoard
from .orchestrator.hedging import HedgeBudget, Race, Step
from .orchestrator.slots import Slots
from .orchestrator.upstream_call import Terms, UpstreamCall, free_check
from .orchestrator.walk import Continuing, Midstream, Unfinished, Walk
from .providers.base import Provider
from .quotas.budgets import Budgets, OverBudgetError

RETRY_JITTER_SEC = 0.4
"""The longest pause before a provider that names no delay is asked once more."""
TIMER_GRAIN_SEC = 0.002
"""Added to a pause: the loop's timers may fire a millisecond early, and find a cooldown not quite over."""
LOOK_AROUND_SEC = 2.0


@dataclass(frozen=True, slots=True)
class Pace:
    """How long things may take, in seconds, and who goes on when somebody fails.

    ``clocks`` are per provider name. ``request`` spans all waiting for a first token; while an answer comes, it
    stands still. ``cold_start`` is what loading a local model may take on top. ``queue_wait`` is how long a busy
    provider is waited for where another can answer. ``hedged``: a second provider is asked beside one that has not
    spoken after ``hedge_delay``; a user's own wish comes before it.
    """

    clocks: Mapping[str, Clocks]
    request: float
    retry_wait_max: float
    failover: bool = True
    midstream: Midstream = "continue"
    cold_start: float = 120.0
    queue_wait: float = 2.0
    hedged: bool = False
    hedge_delay: float = 2.0
    hedge_share: float = 0.1


class ProviderOrchestrator:
    """Answers from the first provider of the plan that can. ``jitter`` gives 0 to 1."""

    def __init__(
        self,
        providers: Sequence[Provider],
        missing: Sequence[Candidate],
        health: HealthBoard,
        pace: Pace,
        clock: Clock,
        jitter: Callable[[], float],
        slots: Slots | None = None,
        budgets: Budgets | None = None,
        rules: Sequence[Rule] = (),
    ) -> None:
        """``providers`` in their priority; ``missing`` are named in it, but have no key."""
        self._providers = {provider.name: provider for provider in providers}
        self._missing = tuple(missing)
        self._health = health
        self._pace = pace
        self._clock = clock
        self._jitter = jitter
        self._rules = rules
        self._slots = slots or Slots({})
        self._budgets = budgets
        self._entrance = Entrance(self._providers, self._slots, clock, pace.cold_start, pace.queue_wait)
        self._hedges = HedgeBudget(pace.hedge_share, clock.now)

    def candidates(self, chain: Sequence[Target] = ()) -> tuple[Candidate, ...]:
        """Everyone in the priority list, the configured ones with the model that they would use now.

        Other models that a ``chain`` names come on top.
        """
        own = [provider.candidate() for provider in self._providers.values()]
        others = [
            self._providers[target.provider].candidate(target.model)
            for target in chain
            if target.model and target.provider in self._providers
        ]
        return (*own, *self._missing, *others)

    async def look_around(self) -> None:
        """Let each provider on this machine find its model. Free, and without effect on anyone's health."""
        for provider in self._providers.values():
            if provider.on_this_machine:
                with contextlib.suppress(ProviderError):
                    await free_check(provider, LOOK_AROUND_SEC)

    def key_replaced(self, name: str, key: str) -> None:
        """Use another key of this provider from the next call on; a circuit that is open is due at once."""
        for provider in self._providers.values():
            provider.key_replaced(name, key)
        self._health.mended(name)

    async def close(self) -> None:
        """End what runs beside the requests."""
        await self._entrance.close()

    def limit(self, provider: str) -> int:
        """How many calls this provider is given at a time."""
        return self._slots.limit(provider)

    def warm_up(self, name: str) -> bool:
        """Let this provider's model be loaded, where that is one of ours to load; whether there is such a one."""
        provider = self._providers.get(name)
        if provider is None or provider.locality != "local":
            return False
        self._entrance.warm_up(provider.candidate())
        return True

    def waiting(self, provider: str) -> int:
        """How many requests wait for a slot of this provider."""
        return self._slots.waiting(provider)

    def decide(self, request: ProviderRequest) -> RouteDecision:
        """The decision that this request would get now. Nobody is called."""
        candidates = self.candidates(request.chain)
        now = self._clock.now()
        return plan(
            request,
            candidates,
            self._health.states,
            now,
            failover=self._pace.failover,
            rules=self._rules,
            over_budget=None if self._budgets is None else self._budgets.over,
        )

    def outlook(self, candidate: Candidate) -> Outlook:
        """How a call would find this candidate now. Nobody is called."""
        return self._entrance.outlook(candidate)

    async def generate_response(self, request: ProviderRequest, current: CurrentRequest | None = None) -> Completion:
        """The whole answer; raises Refused or AllProvidersFailed."""
        text: list[str] = []
        reasoning: list[str] = []
        finished: Finished | None = None
        events = self.generate_streaming_response(request, current, shown=False)
        async with aclosing(events):
            async for event in events:
                match event:
                    case TextDelta():
                        text.append(event.text)
                    case ReasoningDelta():
                        reasoning.append(event.text)
                    case Replaced():
                        text[:] = [event.text]
                    case Reset():
                        text.clear()
                        reasoning.clear()
                    case Finished():
                        finished = event
        if finished is None:
            raise AssertionError("the orchestrator's stream ends with Finished or raises")
        return Completion("".join(text), "".join(reasoning), finished)

    async def generate_streaming_response(
        self,
        request: ProviderRequest,
        current: CurrentRequest | None = None,
        *,
        shown: bool = True,
        unfinished: Unfinished | None = None,
    ) -> AsyncGenerator[RouteEvent]:
        """The decision, then each step and each delta as it comes, ending with ``Finished``.

        An answer that breaks is handed on: the next provider goes on with it (``Handoff``), where it begins again and
        says something else its text takes the place of the old (``Replaced``), or all begins anew (``Reset``).

        Raises Refused where a safety filter answered, InterruptedAnswer where an answer broke after text was shown
        and nobody went on with it, AllProvidersFailed where nobody answered. ``shown``: the reader gets the deltas as
        they come. ``unfinished`` is an answer that broke off earlier: it is gone on with in the same way, and nothing
        of it is given up where nobody can. Closing it closes the upstream calls.
        """
        decision = self.decide(request)
        yield decision
        self._hedges.request()
        walk = Walk(
            self._clock.now() + self._pace.request,
            decision.skipped,
            self._pace.midstream,
            shown=shown,
            unfinished=unfinished,
        )
        clouds = tuple(one for one in self.candidates(request.chain) if one.locality == "cloud")
        asking = Asking(request, current or _as_it_was, walk, clouds=clouds)
        asking.resorted = any(attempt.last_resort for attempt in decision.attempts)
        attempts = deque(decision.attempts)
        hedged = self._pace.failover and (self._pace.hedged if request.hedging is None else request.hedging)
        while attempts and not (walk.over or walk.stuck):
            steps = self._hedged(attempts, asking) if hedged else self._next(attempts, asking)
            async with aclosing(steps):
                async for event in steps:
                    yield event
            if not attempts:
                attempts.extend(self._left(asking))
        if walk.over:
            return
        outcome = walk.outcome()
        if walk.lost and isinstance(outcome, AllProvidersFailed):
            yield Reset()
        raise outcome

    def _next(self, attempts: deque[Attempt], asking: Asking) -> AsyncGenerator[RouteEvent]:
        attempt = attempts.popleft()
        asking.walk.last = not (attempts or asking.put_off or self._resort(asking))
        return self._ask(attempt, asking)

    def _resort(self, asking: Asking) -> Attempt | None:
        return None if asking.resorted else last_resort(asking.walk.skipped, self._health.states, asking.walk.asked)

    def _left(self, asking: Asking) -> list[Attempt]:
        """Who is asked after all now that nobody else is left: one that cools down, then the busy and the cold.

        Of several that are busy the one with the shortest queue comes first.
        """
        resort = self._resort(asking)
        if resort is not None:
            asking.resorted = True
            return [resort]
        asking.patient = True
        left, asking.put_off = asking.put_off, []
        return sorted(left, key=lambda attempt: self._slots.crowd(attempt.candidate.name))

    async def _hedged(self, attempts: deque[Attempt], asking: Asking) -> AsyncGenerator[RouteEvent]:
        """The next one, and another beside it where the first is slow to speak. Both are asked as if last in line."""
        race = Race()
        runners = [attempts[0]]
        race.start(0, self._next(attempts, asking))
        calls: dict[int, Connecting] = {}
        alone = not attempts or bool(asking.walk.said)
        try:
            while race.running:
                try:
                    step = await race.next(None if alone else self._pace.hedge_delay)
                except TimeoutError:
                    alone = True
                    if self._hedges.spend():
                        runners.append(attempts[0])
                        race.start(1, self._next(attempts, asking))
                    continue
                if step.error is not None:
                    raise step.error
                if isinstance(step.event, Answering | Succeeded):
                    alone = True
                    for last in await race.stop(but=step.runner):
                        if last.event is not None:
                            _follow(calls, last)
                            yield last.event
                            continue
                        attempts.appendleft(runners[last.runner])
                        if (call := calls.get(last.runner)) is not None:
                            yield Cancelled(call.call, call.candidate)
                _follow(calls, step)
                if step.event is not None:
                    yield step.event
        finally:
            await race.stop()

    async def _ask(self, attempt: Attempt, asking: Asking) -> AsyncGenerator[RouteEvent]:
        """One candidate, and once more where its failure invites that."""
        walk, candidate = asking.walk, attempt.candidate
        continuing: Continuing = "prefill" if self._providers[candidate.name].prefills else "instructed"
        tried = 0
        while self._clock.now() < walk.deadline:
            place = Place()
            try:
                async with aclosing(self._entrance.enter(place, attempt, asking)) as steps:
                    async for event in steps:
                        yield event
                if not place.held or self._clock.now() >= walk.deadline:
                    return
                leave = await self._admit(attempt, asking)
                if isinstance(leave, Skipped):
                    yield walk.skip(leave)
                    return
                admission, hold = leave
                if asking.cloudless:
                    walk.loads(place.loading)
                tried += 1
                terms = Terms(self._pace.clocks[candidate.name], self._pace.request, place.loading, continuing, hold)
                call = UpstreamCall(
                    self._providers[candidate.name], admission, terms, asking, self._health, self._clock
                )
                async with aclosing(call.run()) as events:
                    async for event in events:
                        yield event
                if call.seconds is not None:
                    self._entrance.answered(candidate, call.seconds)
                elif call.failed is not None:
                    self._entrance.failed(candidate)
            finally:
                self._entrance.leave(place, candidate)
            if call.failed is None or walk.stuck or (call.failed.spoke and not walk.last):
                return
            error = call.failed.error
            if walk.said and error.reason == "invalid_request" and continuing == "prefill":
                continuing, tried = "instructed", 0
                continue
            pause = retry_delay(
                error,
                tried=tried,
                longest=self._pace.retry_wait_max,
                jitter=self._jitter() * RETRY_JITTER_SEC,
                alone=walk.last,
            )
            if pause is None or self._clock.now() + pause >= walk.deadline:
                walk.stuck = not (VERDICTS[error.reason].failover or walk.said)
                return
            await asyncio.sleep(pause + TIMER_GRAIN_SEC)

    async def _admit(self, attempt: Attempt, asking: Asking) -> tuple[Admission, str | None] | Skipped:
        """Leave to call this candidate, with what is reserved of its budget; or why not."""
        candidate, hold = attempt.candidate, None
        if self._budgets is not None and self._budgets.limited(candidate.name):
            try:
                hold = await self._budgets.reserve(candidate, asking.allowed)
            except OverBudgetError as over:
                return Skipped(candidate, "over_budget", over.until)
            if (reason := asking.barred(candidate)) is not None:
                # A lock came while the budget was read.
                self._budgets.release(hold)
                return Skipped(candidate, reason)
        admission = self._health.admit(candidate, force=attempt.last_resort)
        if admission is not None:
            return admission, hold
        if self._budgets is not None and hold is not None:
            self._budgets.release(hold)
        return Skipped(candidate, "cooling_down", cooling_until(candidate, self._health.states, self._clock.now()))


def _follow(calls: dict[int, Connecting], step: Step) -> None:
    """Keep the call that each runner of a race has under way."""
    if isinstance(step.event, Connecting):
        calls[step.runner] = step.event
    elif isinstance(step.event, Failed):
        calls.pop(step.runner, None)


def _as_it_was(request: ProviderRequest) -> ProviderRequest:
    return request
