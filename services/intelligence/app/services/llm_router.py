"""``ProviderOrchestrator``: walks the decision of ``plan()`` from one provider to the next. It owns no rule."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from novakit.clock import Clock

from ..domain.chat import ProviderRequest, Target
from ..domain.errors import ContextTooLong, ProviderError, RejectedRequest, TimedOut
from ..domain.events import Completion, Delta, Finished, ReasoningDelta, TextDelta
from ..routing.history import fit
from ..routing.policy import Attempt, Candidate, RouteDecision, Skipped, barred, cooling_until, plan
from ..routing.trail import (
    AllProvidersFailed,
    Answering,
    Connecting,
    Failed,
    InterruptedAnswer,
    RouteEvent,
    Succeeded,
)
from ..routing.verdicts import VERDICTS, retry_delay
from .deadlines import Clocks, timed
from .health_board import Admission, HealthBoard
from .providers.base import Provider

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
    """How long things may take, in seconds, and whether a second provider is asked at all.

    ``clocks`` are per provider name. ``request`` spans all waiting for a first token; while an answer comes, it
    stands still.
    """

    clocks: Mapping[str, Clocks]
    request: float
    retry_wait_max: float
    failover: bool = True


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
                    case Failed():
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

        Raises Refused where a safety filter answered, InterruptedAnswer where an answer broke after text was shown,
        AllProvidersFailed where nobody answered. Closing it closes the upstream call. Where deltas are not ``shown``
        as they come, an answer that breaks is forgotten and the next provider is asked: drop the text so far at a
        ``Failed`` that spoke.
        """
        decision = self.decide(request)
        yield decision
        walk = _Walk(deadline=self._clock.now() + self._pace.request, skipped=list(decision.skipped), shown=shown)
        for attempt in decision.attempts:
            walk.last = attempt is decision.attempts[-1]
            calls = self._ask(attempt, request, current, walk)
            async with aclosing(calls):
                async for event in calls:
                    yield event
            if walk.over:
                return
        raise AllProvidersFailed(walk.failures, walk.skipped)

    async def _ask(
        self, attempt: Attempt, request: ProviderRequest, current: CurrentRequest | None, walk: "_Walk"
    ) -> AsyncGenerator[RouteEvent]:
        """One candidate, and once more where its failure invites that."""
        candidate = attempt.candidate
        tried = 0
        while self._clock.now() < walk.deadline:
            allowed = request if current is None else current(request)
            if (reason := barred(allowed, candidate)) is not None:
                yield walk.skip(Skipped(candidate, reason))
                return
            if candidate.context_tokens <= walk.too_small:
                yield walk.skip(Skipped(candidate, "prompt_too_long"))
                return
            admission = self._health.admit(candidate, force=attempt.last_resort)
            if admission is None:
                until = cooling_until(candidate, self._health.states, self._clock.now())
                yield walk.skip(Skipped(candidate, "cooling_down", until))
                return
            tried += 1
            call = self._call(admission, allowed, walk)
            async with aclosing(call):
                async for event in call:
                    yield event
            if walk.over:
                return
            error = walk.failures[-1].error
            pause = retry_delay(
                error, tried=tried, longest=self._pace.retry_wait_max, jitter=self._jitter() * RETRY_JITTER_SEC
            )
            if pause is None or self._clock.now() + pause >= walk.deadline:
                if not VERDICTS[error.reason].failover:
                    raise AllProvidersFailed(walk.failures, walk.skipped)
                return
            await asyncio.sleep(pause + TIMER_GRAIN_SEC)

    async def _call(
        self, admission: Admission, request: ProviderRequest, walk: "_Walk"
    ) -> AsyncGenerator[RouteEvent]:
        """One upstream call, from its admission to what it means for the provider's health."""
        candidate = admission.candidate
        provider = self._providers[candidate.name]
        started = self._clock.now()
        walk.calls += 1
        number = walk.calls
        heard_at: float | None = None
        spoke = False
        booked = False
        try:
            turns = fit(request.turns, context_tokens=candidate.context_tokens, locality=candidate.locality)
            yield Connecting(number, candidate, turns)
            asked = replace(request, turns=turns, model=candidate.asked_model)
            deltas = await self._open(provider, admission, asked, walk)
            async with aclosing(deltas):
                async for delta in deltas:
                    if isinstance(delta, Finished):
                        self._health.succeeded(admission)
                        booked = walk.over = True
                        yield Succeeded(number, candidate, finished=delta)
                    elif heard_at is None:
                        heard_at = self._clock.now()
                        # A model that was not named is known only now.
                        candidate = provider.candidate(candidate.asked_model)
                        self._health.answered(admission, heard_at - started)
                        yield Answering(number, candidate, heard_at - started)
                    spoke = spoke or isinstance(delta, TextDelta)
                    yield delta
        except ProviderError as error:
            self._health.failed(admission, error)
            booked = True
            if VERDICTS[error.reason].effect == "success":
                yield Succeeded(number, candidate, refusal=error)
                raise
            failed = Failed(number, candidate, error, spoke=spoke)
            walk.fail(failed, self._clock.now() - heard_at if heard_at is not None else 0.0)
            if isinstance(error, ContextTooLong):
                walk.too_small = candidate.context_tokens
            yield failed
            if spoke and walk.shown:
                raise InterruptedAnswer(error) from error
        finally:
            if not booked:
                self._health.released(admission)

    async def _open(
        self, provider: Provider, admission: Admission, request: ProviderRequest, walk: "_Walk"
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
class _Walk:
    """Where one request stands on its way. ``too_small`` is the largest context that its prompt did not fit."""

    deadline: float
    skipped: list[Skipped]
    shown: bool
    failures: list[Failed] = field(default_factory=list)
    calls: int = 0
    too_small: int = 0
    last: bool = False
    over: bool = False

    def fail(self, failed: Failed, spent_answering: float) -> None:
        self.failures.append(failed)
        self.deadline += spent_answering

    def skip(self, skipped: Skipped) -> Skipped:
        self.skipped.append(skipped)
        return skipped


async def _free_check(provider: Provider, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await provider.ensure_ready()
    except RejectedRequest:
        # It is there, and does not know this question: the real one will tell.
        return
    except TimeoutError:
        raise TimedOut("the free check brought no answer", reason="first_token_timeout") from None
