"""One upstream call, from its admission to what it means for the provider's health."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace

from novakit.clock import Clock
from novakit.tracing import child_header

from ...domain.chat import ChatTurn, ProviderRequest
from ...domain.errors import ContextTooLong, ProviderError, RejectedRequest, TimedOut
from ...domain.events import Finished, TextDelta
from ...routing.history import fit
from ...routing.policy import Candidate, Skipped
from ...routing.trail import Answering, Cancelled, Connecting, Failed, Loading, RouteEvent, Succeeded
from ...routing.verdicts import VERDICTS
from ..providers.base import Provider
from .deadlines import Clocks, timed
from .entrance import Asking
from .health_board import Admission, HealthBoard
from .walk import LATER_SHARE, Continuing

PROBE_SHARE = 0.5
"""A probe gets half the usual first-token deadline: somebody waits behind it."""
FAIR_SHARE = 0.5
"""One that got less than this of its usual time, since the request came to it late, did not fail by its own fault."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How one call is made. ``loading``: seconds more for a model that has to be loaded first, else 0.

    ``request``: seconds that a request may wait in all. ``hold`` is the id of what is reserved for it of its
    provider's budget.
    """

    clocks: Clocks
    request: float
    loading: float = 0.0
    continuing: Continuing = "instructed"
    hold: str | None = None


class UpstreamCall:
    """``run`` it once; afterwards ``failed`` is its failure, or ``seconds`` how long its whole answer took.

    That is by the model's own times where it tells them, which leave the loading out; else by our clock.
    """

    def __init__(
        self,
        provider: Provider,
        admission: Admission,
        terms: Terms,
        asking: Asking,
        health: HealthBoard,
        clock: Clock,
    ) -> None:
        self.failed: Failed | None = None
        self.seconds: float | None = None
        self.number = 0
        self._provider = provider
        self._admission = admission
        self._terms = terms
        self._asking = asking
        self._walk = asking.walk
        self._health = health
        self._clock = clock
        self._candidate: Candidate = admission.candidate
        self._heard_at: float | None = None
        self._prompted = False
        self._spoke = False
        self._hurried = False

    async def run(self) -> AsyncGenerator[RouteEvent]:
        """Its story; a refusal is raised as the ProviderError that it is. Closing it closes the upstream call."""
        started = self._clock.now()
        allowed = self._asking.allowed
        turns = self._turns(allowed)
        booked = changed = False
        try:
            self.number = self._walk.begins()
            asked = replace(
                allowed,
                turns=turns,
                model=self._candidate.asked_model,
                traceparent=child_header(allowed.traceparent, self.number),
            )
            probe = self._admission.probe
            yield Connecting(self.number, self._candidate, asked.turns, self._terms.hold, probe)
            if self._terms.loading:
                yield Loading(self.number, self._candidate)
            if probe:
                # What is free does not wait for the model.
                await free_check(self._provider, self._first_token(0.0))
                if (reason := self._asking.barred(self._candidate)) is not None:
                    # A lock came meanwhile.
                    yield Cancelled(self.number, self._candidate, prompted=False)
                    yield self._walk.skip(Skipped(self._candidate, reason))
                    return
            self._prompted = True
            deltas = self._deltas(asked, started, self._first_token(self._terms.loading))
            async with aclosing(deltas):
                async for event in deltas:
                    if isinstance(event, Finished):
                        closed = self._health.succeeded(self._admission)
                        booked = True
                        took = self._clock.now() - started
                        self.seconds = took if event.busy_seconds is None else event.busy_seconds
                        for last in self._walk.ends(self._candidate, asked.turns):
                            yield last
                        yield Succeeded(self.number, self._candidate, finished=event, closed=closed)
                    yield event
        except ProviderError as error:
            if not (self._hurried and error.reason == "first_token_timeout"):
                changed = self._health.failed(self._admission, error)
                booked = True
            if VERDICTS[error.reason].effect == "success":
                await self._wait_for_the_word()
                yield Succeeded(self.number, self._candidate, refusal=error, closed=changed)
                raise
            for event in self._fail(error, opened=changed):
                yield event
        finally:
            if not booked:
                self._health.released(self._admission)

    def _turns(self, request: ProviderRequest) -> tuple[ChatTurn, ...]:
        """What this candidate may and can be asked."""
        candidate, continuing = self._candidate, self._terms.continuing
        return fit(
            self._walk.request(request, continuing).turns,
            context_tokens=candidate.context_tokens,
            locality=candidate.locality,
            keep=self._walk.kept(continuing),
        )

    async def _deltas(self, asked: ProviderRequest, started: float, first_token: float) -> AsyncGenerator[RouteEvent]:
        """What the reader gets, as it comes; raises ProviderError."""
        deltas = timed(self._provider.stream(asked), replace(self._terms.clocks, first_token=first_token))
        async with aclosing(deltas):
            async for delta in deltas:
                if self._heard_at is None:
                    await self._wait_for_the_word()
                if self._heard_at is None and not isinstance(delta, Finished):
                    self._heard_at = self._clock.now()
                    # A model that was not named is known only now.
                    self._candidate = self._provider.candidate(asked.model)
                    closed = self._health.answered(self._admission, self._heard_at - started)
                    yield Answering(self.number, self._candidate, self._heard_at - started, closed)
                if isinstance(delta, TextDelta):
                    for event in self._walk.text(delta.text, self._candidate, asked.turns):
                        self._spoke = True
                        yield event
                else:
                    yield delta

    async def _wait_for_the_word(self) -> None:
        """Returns at once, unless another call of the same race has the word: whoever runs the race ends this one."""
        if not self._walk.gives_the_word_to(self.number):
            await asyncio.get_running_loop().create_future()

    def _first_token(self, loading: float) -> float:
        """Seconds until the first token is due, where ``loading`` its model takes so many; also for a free check."""
        share = PROBE_SHARE if self._admission.probe else 1.0
        patience = self._terms.clocks.first_token * share + loading
        first_token = min(patience, self._walk.time_left(self._clock.now()))
        self._hurried = first_token < FAIR_SHARE * min(patience, self._terms.request * (1 - LATER_SHARE))
        return first_token

    def _fail(self, error: ProviderError, *, opened: bool) -> list[RouteEvent]:
        if isinstance(error, ContextTooLong):
            # What was believed before may just have been proven wrong, and would bar others for it.
            known = self._provider.candidate(self._candidate.asked_model)
            self._walk.too_small = max(self._walk.too_small, known.context_tokens)
        # Its traceback holds the frames that hold it: only the collector would free them, and all stand still for it.
        error.__traceback__ = error.__context__ = None
        self.failed = Failed(
            self.number, self._candidate, error, spoke=self._spoke, opened=opened, prompted=self._prompted
        )
        answering = self._clock.now() - self._heard_at if self._heard_at is not None else 0.0
        return [self.failed, *self._walk.fails(self.failed, answering)]


async def free_check(provider: Provider, seconds: float) -> None:
    """Ask what costs nothing; raises ProviderError where the provider could not answer."""
    try:
        async with asyncio.timeout(seconds):
            await provider.ensure_ready()
    except RejectedRequest:
        # It is there, and does not know this question: the real one will tell.
        return
    except TimeoutError:
        raise TimedOut("the free check brought no answer", reason="first_token_timeout") from None
