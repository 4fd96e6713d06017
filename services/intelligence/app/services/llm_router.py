"""``ProviderOrchestrator``: walks the decision of ``plan()`` from one provider to the next. It owns no rule."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from novakit.clock import Clock

from ..domain.chat import ProviderRequest, Target
from ..domain.errors import ContextTooLong, ProviderError, RejectedRequest, TimedOut
from ..domain.events import Completion, Delta, Finished, ReasoningDelta, TextDelta
from ..routing.history import fit
from ..routing.policy import Attempt, Candidate, RouteDecision, Skipped, barred, cooling_until, plan
from ..routing.trail import AllProvidersFailed, Answering, Connecting, Failed, Replaced, Reset, RouteEvent, Succeeded
from ..routing.verdicts import VERDICTS, retry_delay
from .deadlines import Clocks, timed
from .health_board import Admission, HealthBoard
from .providers.base import Provider
from .walk import Continuing, Midstream, Walk

RETRY_JITTER_SEC = 0.4
"""The longest pause before a provider that names no delay is asked once more."""
PROBE_SHARE = 0.5
"""A probe gets half the usual first-token deadline: somebody waits behind it."""
LATER_SHARE = 0.25
"""How much of the time that is left an attempt leaves to those after it."""
TIMER_GRAIN_SEC = 0.002
"""Added to a pause: the loop's timers may fire a millisecond early, and find a cooldown not quite over."""
LOOK_AROUND_SEC = 2.0

CurrentRequest = Callable[[ProviderRequest], ProviderRequest]
"""Gives the request with its locks as they are at this moment; asked before every upstream call."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How long things may take, in seconds, and who goes on when somebody fails.

    ``clocks`` are per provider name. ``request`` spans all waiting for a first token; while an answer comes, it
    stands still.
    """

    clocks: Mapping[str, Clocks]
    request: float
    retry_wait_max: float
    failover: bool = True
    midstream: Midstream = "continue"


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
    ) -> None:
        """``providers`` in their priority; ``missing`` are named in it, but have no key."""
        self._providers = {provider.name: provider for provider in providers}
        self._missing = tuple(missing)
        self._health = health
        self._pace = pace
        self._clock = clock
        self._jitter = jitter

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
                    await _free_check(provider, LOOK_AROUND_SEC)

    def decide(self, request: ProviderRequest) -> RouteDecision:
        """The decision that this request would get now. Nobody is called."""
        candidates = self.candidates(request.chain)
        return plan(request, candidates, self._health.states, self._clock.now(), failover=self._pace.failover)

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
        self, request: ProviderRequest, current: CurrentRequest | None = None, *, shown: bool = True
    ) -> AsyncGenerator[RouteEvent]:
        """The decision, then each step and each delta as it comes, ending with ``Finished``.

        An answer that breaks is handed on: the next provider goes on with it (``Handoff``), where it begins again and
        says something else its text takes the place of the old (``Replaced``), or all begins anew (``Reset``).

        Raises Refused where a safety filter answered, InterruptedAnswer where an answer broke after text was shown
        and nobody went on with it, AllProvidersFailed where nobody answered. ``shown``: the reader gets the deltas as
        they come. Closing it closes the upstream call.
        """
        decision = self.decide(request)
        yield decision
        walk = Walk(self._clock.now() + self._pace.request, decision.skipped, self._pace.midstream, shown=shown)
        for attempt in decision.attempts:
            walk.last = attempt is decision.attempts[-1]
            calls = self._ask(attempt, request, current, walk)
            async with aclosing(calls):
                async for event in calls:
                    yield event
            if walk.over:
                return
            if walk.stuck:
                break
        outcome = walk.outcome()
        if walk.said and isinstance(outcome, AllProvidersFailed):
            yield Reset()
        raise outcome

    async def _ask(
        self, attempt: Attempt, request: ProviderRequest, current: CurrentRequest | None, walk: Walk
    ) -> AsyncGenerator[RouteEvent]:
        """One candidate, and once more where its failure invites that."""
        candidate = attempt.candidate
        continuing: Continuing = "prefill" if self._providers[candidate.name].prefills else "instructed"
        tried = 0
        while self._clock.now() < walk.deadline:
            allowed = request if current is None else current(request)
            reason = barred(allowed, candidate) or walk.barred(candidate)
            if reason is not None:
                yield walk.skip(Skipped(candidate, reason))
                return
            admission = self._health.admit(candidate, force=attempt.last_resort)
            if admission is None:
                until = cooling_until(candidate, self._health.states, self._clock.now())
                yield walk.skip(Skipped(candidate, "cooling_down", until))
                return
            tried += 1
            call = self._call(admission, allowed, walk, continuing)
            async with aclosing(call):
                async for event in call:
                    yield event
            if walk.over or walk.stuck or walk.goes_on_elsewhere:
                return
            error = walk.failures[-1].error
            if walk.said and error.reason == "invalid_request" and continuing == "prefill":
                continuing, tried = "instructed", 0
                continue
            pause = retry_delay(
                error, tried=tried, longest=self._pace.retry_wait_max, jitter=self._jitter() * RETRY_JITTER_SEC
            )
            if pause is None or self._clock.now() + pause >= walk.deadline:
                walk.stuck = not (VERDICTS[error.reason].failover or walk.said)
                return
            await asyncio.sleep(pause + TIMER_GRAIN_SEC)

    async def _call(
        self, admission: Admission, request: ProviderRequest, walk: Walk, continuing: Continuing
    ) -> AsyncGenerator[RouteEvent]:
        """One upstream call, from its admission to what it means for the provider's health."""
        candidate = admission.candidate
        number = walk.begins()
        turns = fit(
            walk.request(request, continuing).turns,
            context_tokens=candidate.context_tokens,
            locality=candidate.locality,
            keep=walk.kept(continuing),
        )
        asked = replace(request, turns=turns, model=candidate.asked_model)
        heard = _Heard()
        booked = False
        try:
            yield Connecting(number, candidate, turns)
            deltas = self._deltas(admission, number, asked, walk, heard)
            async with aclosing(deltas):
                async for event in deltas:
                    if isinstance(event, Finished):
                        self._health.succeeded(admission)
                        booked = True
                        for last in walk.ends(candidate, turns):
                            yield last
                        yield Succeeded(number, heard.candidate or candidate, finished=event)
                    yield event
        except ProviderError as error:
            candidate = heard.candidate or candidate
            self._health.failed(admission, error)
            booked = True
            if VERDICTS[error.reason].effect == "success":
                yield Succeeded(number, candidate, refusal=error)
                raise
            if isinstance(error, ContextTooLong):
                walk.too_small = candidate.context_tokens
            failed = Failed(number, candidate, error, spoke=heard.spoke)
            yield failed
            for event in walk.fails(failed, self._clock.now() - heard.at if heard.at is not None else 0.0):
                yield event
        finally:
            if not booked:
                self._health.released(admission)

    async def _deltas(
        self, admission: Admission, number: int, asked: ProviderRequest, walk: Walk, heard: "_Heard"
    ) -> AsyncGenerator[RouteEvent]:
        """What the reader gets of one call, as it comes; raises ProviderError."""
        provider = self._providers[admission.candidate.name]
        started = self._clock.now()
        deltas = await self._open(provider, admission, asked, walk)
        async with aclosing(deltas):
            async for delta in deltas:
                if heard.candidate is None and not isinstance(delta, Finished):
                    heard.at = self._clock.now()
                    # A model that was not named is known only now.
                    heard.candidate = provider.candidate(asked.model)
                    self._health.answered(admission, heard.at - started)
                    yield Answering(number, heard.candidate, heard.at - started)
                if isinstance(delta, TextDelta):
                    for event in walk.text(delta.text, heard.candidate or admission.candidate, asked.turns):
                        heard.spoke = True
                        yield event
                else:
                    yield delta

    async def _open(
        self, provider: Provider, admission: Admission, request: ProviderRequest, walk: Walk
    ) -> AsyncGenerator[Delta]:
        """The provider's deltas, timed; a probe passes the free check first. Raises ProviderError."""
        clocks = self._pace.clocks[provider.name]
        left = walk.deadline - self._clock.now()
        first_token = min(clocks.first_token, left if walk.last else left * (1 - LATER_SHARE))
        if admission.probe:
            first_token *= PROBE_SHARE
            await _free_check(provider, first_token)
        return timed(provider.stream(request), replace(clocks, first_token=first_token))


@dataclass(slots=True)
class _Heard:
    """What one call has brought: who speaks, since when (the clock's seconds), and whether the reader got any."""

    candidate: Candidate | None = None
    at: float | None = None
    spoke: bool = False


async def _free_check(provider: Provider, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await provider.ensure_ready()
    except RejectedRequest:
        # It is there, and does not know this question: the real one will tell.
        return
    except TimeoutError:
        raise TimedOut("the free check brought no answer", reason="first_token_timeout") from None
