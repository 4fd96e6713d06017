"""The story of one answer, told three ways: as stored with the message, to observers, and for a log line."""

from bisect import bisect_left
from collections.abc import Callable

from ..domain.chat import ChatTurn, Target
from ..domain.errors import Reason, SkipReason
from ..domain.events import Finished, ReasoningDelta, TextDelta, Usage
from ..routing.policy import Candidate, RouteDecision, Skipped
from ..routing.trail import (
    Answering,
    Cancelled,
    Connecting,
    Failed,
    Handoff,
    Queued,
    Replaced,
    Reset,
    RouteEvent,
    Succeeded,
)
from .metering import Price, Spent, metered, total
from .observations import (
    GAP_BOUNDS,
    CallEnded,
    Gaps,
    Mark,
    Observer,
    Origin,
    PassedOver,
    QueueLeft,
    Story,
    Wait,
)
from .stored_route import CallRecord, HandoffRecord, Outcome, SkipRecord, StoredRoute

NOT_WORTH_TELLING: frozenset[SkipReason] = frozenset({"not_configured", "not_requested"})
"""Reasons that are true of each request alike, and say nothing of it."""

CUT_WHILE_READING: frozenset[Reason] = frozenset({"cancelled", "first_token_timeout", "stalled", "total_timeout"})
"""How a call ends that we cut, where it may be at its prompt still."""


class RouteRecord:
    """Takes the orchestrator's events as they come. ``now`` is the clock's seconds."""

    def __init__(
        self,
        now: Callable[[], float],
        origin: Origin,
        observe: Observer,
        price: Price,
        earlier: StoredRoute | None = None,
        earlier_ms: int = 0,
    ) -> None:
        """``earlier`` is the story up to where an answer broke off that now goes on, after so many milliseconds."""
        self._now = now
        self._started = now() - earlier_ms / 1000
        self.origin = origin
        self._earlier_ms = earlier_ms
        self._observe = observe
        self._price = price
        self._calls: list[CallRecord] = []
        self._targets: list[Target] = []
        self._skipped: list[Skipped] = []
        self._handoffs: list[HandoffRecord] = []
        self._candidate: Candidate | None = None
        self._places: dict[Target, int] = {}
        self._asked: list[tuple[ChatTurn, ...]] = []
        self._holds: list[str | None] = []
        self._said: list[str] = []
        self._speaker: int | None = None
        self._skipped_earlier: list[SkipRecord] = []
        self._calls_earlier = 0
        self._rule: str | None = None
        self._queued: dict[Target, float] = {}
        self._hedges: set[int] = set()
        self._handed_over_by: dict[int, str] = {}
        self._finished: dict[int, Finished] = {}
        self._asked_models: list[str] = []
        self._marks: list[Mark] = []
        self._gaps = Gaps()
        self._heard: float | None = None
        if earlier is not None:
            self._take_up(earlier)

    @property
    def elapsed(self) -> float:
        """Seconds since the turn began."""
        return self._now() - self._started

    @property
    def candidate(self) -> Candidate | None:
        """Whoever is being asked now, or has answered."""
        return self._candidate

    @property
    def ttft_ms(self) -> int | None:
        """Milliseconds from the start of the turn to the first words, whoever said them, where there were any."""
        return min((call.first_token_ms for call in self._calls if call.first_token_ms is not None), default=None)

    def take(self, event: RouteEvent) -> None:
        """Book one event."""
        match event:
            case TextDelta() | ReasoningDelta():
                self._said.append(event.text)
                self._hear()
            case Replaced() | Reset() | Handoff():
                self._begin_again(event)
            case RouteDecision():
                self._places = {attempt.candidate.target: attempt.place for attempt in event.attempts}
                self._places |= {skip.candidate.target: skip.place for skip in event.skipped}
                self._rule = event.rule
                for skip in event.skipped:
                    self._skip(skip)
            case Skipped():
                self._skip(event)
            case Queued():
                self._queued.setdefault(event.candidate.target, self._now())
            case Connecting():
                self._connect(event)
            case Answering():
                self._answer(event)
            case Failed() | Cancelled() | Succeeded():
                self._call_over(event)

    def cancel(self) -> list[CallRecord]:
        """Book that all calls under way were cut off, and say which they were."""
        for target in list(self._queued):
            self._leave_queue(target, "left")
        calls = self.open_calls()
        for call in calls:
            self._end(call, "cancelled", "cancelled")
        return calls

    def fallback(self) -> tuple[str | None, Reason | SkipReason | None]:
        """(provider, reason) of the first that could have answered and did not; None twice where there is none.

        A provider whose second try brought the answer is none, nor is one that would have been asked later anyway.
        """
        speaker = self.speaker()
        answered = None
        if speaker is not None and speaker.outcome == "succeeded":
            answered = self._targets[speaker.attempt - 1]
        for call, target in zip(self._calls, self._targets, strict=True):
            if call.outcome == "failed" and target != answered:
                return call.provider, call.reason
        before = len(self._places) if answered is None else self._places[answered]
        skipped = next((skip for skip in self._skipped if self._was_passed_over(skip, before)), None)
        return (skipped.candidate.name, skipped.reason) if skipped is not None else (None, None)

    def stored(self) -> StoredRoute:
        """The whole story."""
        skipped = [
            SkipRecord(skip.candidate.name, skip.candidate.model, skip.candidate.locality, skip.reason)
            for skip in self._skipped
        ]
        return StoredRoute(
            self._calls, [*self._skipped_earlier, *skipped], self._handoffs, self.spent().cost_usd, self._rule
        )

    def spent(self) -> Spent:
        """What all calls used together."""
        return total(
            Spent(call.input_tokens, call.output_tokens, call.estimated, call.cost_usd) for call in self._calls
        )

    def speaker(self) -> CallRecord | None:
        """The call that answers or has answered; while nobody speaks, the newest one."""
        if self._speaker is not None:
            return self._calls[self._speaker]
        return self._calls[-1] if self._calls else None

    def sent_by(self, attempt: int) -> bool:
        """Whether bytes of the prompt left this machine with this call (from 1)."""
        return self._calls[attempt - 1].sent

    def own_calls(self) -> list[CallRecord]:
        """Those of this turn, without what an earlier one has left."""
        return self._calls[self._calls_earlier :]

    def open_calls(self) -> list[CallRecord]:
        """Those that are under way."""
        return [call for call in self._calls if call.outcome is None]

    def _take_up(self, earlier: StoredRoute) -> None:
        self._calls.extend(earlier.attempts)
        self._calls_earlier = len(earlier.attempts)
        self._targets.extend(Target(call.provider) for call in earlier.attempts)
        self._asked.extend(() for _ in earlier.attempts)
        self._asked_models.extend(call.model for call in earlier.attempts)
        self._holds.extend(None for _ in earlier.attempts)
        self._skipped_earlier = earlier.skipped
        self._handoffs.extend(earlier.handoffs)

    def _was_passed_over(self, skip: Skipped, before: int) -> bool:
        return skip.reason in {"cooling_down", "over_budget"} and self._places[skip.candidate.target] < before

    def first_words_after(self) -> float | None:
        """Seconds from the start of the turn to its own first words, where there were any."""
        times = [call.first_token_ms for call in self.own_calls() if call.first_token_ms is not None]
        return min(times) / 1000 if times else None

    def story(self) -> Story | None:
        """For traces; None where the request has none."""
        if self.origin.trace is None:
            return None
        return Story(self._now() - self._started, self._earlier_ms / 1000, tuple(self._marks))

    def _begin_again(self, event: Replaced | Reset | Handoff) -> None:
        match event:
            case Replaced():
                # The handoff to whoever replaced it all stays, where it was one.
                self._handoffs[:] = [handoff for handoff in self._handoffs[-1:] if handoff.at == 0]
                self._said.append(event.text)
            case Reset():
                self._handoffs.clear()
            case Handoff():
                self._handoffs.append(HandoffRecord(event.source, event.target, event.at, event.reason))
                if self._speaker is not None:
                    self._handed_over_by[self._speaker + 1] = event.source
                self._mark("handoff", source=event.source, target=event.target, at=event.at, reason=event.reason)

    def _call_over(self, event: Failed | Cancelled | Succeeded) -> None:
        call = self._calls[event.call - 1]
        match event:
            case Failed(error=error):
                call.sent = event.sent
                self._end(call, "failed", error.reason, error.detail, error.usage)
                if event.opened:
                    self._mark("breaker", provider=call.provider, state="open", reason=error.reason)
            case Cancelled():
                call.sent = call.sent and event.prompted
                self._end(call, "cancelled", "cancelled")
            case Succeeded():
                self._succeed(event)

    def _hear(self) -> None:
        """A piece of the answer came: on the path of every token, so without a call more than it needs."""
        now = self._now()
        if self._heard is not None:
            gap = now - self._heard
            gaps = self._gaps
            gaps.counts[bisect_left(GAP_BOUNDS, gap)] += 1
            gaps.seconds += gap
        self._heard = now

    def _skip(self, skip: Skipped) -> None:
        self._skipped.append(skip)
        name, reason = skip.candidate.name, skip.reason
        busy = reason == "busy"
        self._leave_queue(skip.candidate.target, "turned_away" if busy else "left", at_once=busy)
        if reason in NOT_WORTH_TELLING:
            return
        self._observe(PassedOver(name, reason))
        self._mark("skip", provider=name, reason=reason)

    def _leave_queue(self, target: Target, outcome: Wait, *, at_once: bool = False) -> None:
        """``at_once``: it counts also where it was left as soon as it was met."""
        since = self._queued.pop(target, None)
        if since is not None or at_once:
            self._observe(QueueLeft(target.provider, outcome, 0.0 if since is None else self._now() - since))

    def _mark(self, name: str, **attributes: str | int) -> None:
        if self.origin.traced is not None:
            self._marks.append(Mark(name, self.elapsed, attributes))

    def _connect(self, event: Connecting) -> None:
        candidate = event.candidate
        self._leave_queue(candidate.target, "admitted", at_once=True)
        if self.open_calls():
            self._hedges.add(event.call)
            self._mark("hedge", provider=candidate.name)
        elif self.own_calls() and (last := self._calls[-1]).outcome == "failed" and last.provider != candidate.name:
            self._mark("failover", source=last.provider, target=candidate.name, reason=last.reason or "")
        if event.probe:
            self._mark("breaker", provider=candidate.name, state="half_open")
        if self._speaker is None or self._calls[self._speaker].outcome is not None:
            self._candidate, self._speaker = candidate, None
        self._targets.append(candidate.target)
        self._asked.append(event.asked)
        self._asked_models.append(candidate.model)
        self._holds.append(event.hold)
        self._calls.append(
            CallRecord(
                attempt=event.call,
                provider=candidate.name,
                model=candidate.model,
                locality=candidate.locality,
                sent=not candidate.on_this_machine,
                started_ms=self._ms(),
            )
        )

    def _answer(self, event: Answering) -> None:
        self._speaker = event.call - 1
        self._candidate = event.candidate
        self._said.clear()
        self._gaps, self._heard = Gaps(), None
        call = self._calls[self._speaker]
        call.model = event.candidate.model
        call.first_token_ms = self._ms()
        self._closed(event)

    def _succeed(self, event: Succeeded) -> None:
        self._speaker = event.call - 1
        self._candidate = event.candidate
        call = self._calls[self._speaker]
        if event.finished is not None and event.finished.model:
            call.model = event.finished.model
        if event.finished is not None:
            self._finished[call.attempt] = event.finished
            call.prompt_cut = event.finished.prompt_cut
        self._closed(event)
        refusal = event.refusal
        reported = event.finished.usage if event.finished else refusal.usage if refusal else None
        reason, detail = (refusal.reason, refusal.detail) if refusal else (None, None)
        self._end(call, "succeeded", reason, detail, reported)

    def _closed(self, event: Answering | Succeeded) -> None:
        if event.closed:
            self._mark("breaker", provider=event.candidate.name, state="closed")

    def _end(
        self,
        call: CallRecord,
        outcome: Outcome,
        reason: Reason | None,
        detail: str | None = None,
        reported: Usage | None = None,
    ) -> None:
        call.outcome, call.reason, call.ended_ms = outcome, reason, self._ms()
        spent = self._bill(call, reported)
        first = call.first_token_ms
        finished = self._finished.get(call.attempt)
        usage = None if finished is None else finished.usage
        self._observe(
            CallEnded(
                attempt=call.attempt,
                provider=call.provider,
                model=call.model,
                locality=call.locality,
                outcome=outcome,
                reason=reason,
                detail=detail,
                by_name=bool(self._targets[call.attempt - 1].model),
                seconds=(call.ended_ms - call.started_ms) / 1000,
                ttft=None if first is None else (first - call.started_ms) / 1000,
                spent=spent,
                origin=self.origin,
                gaps=self._gaps,
                hold=self._holds[call.attempt - 1],
                asked_model=self._asked_models[call.attempt - 1],
                finish=None if finished is None else finished.reason,
                reasoning_tokens=None if usage is None else usage.reasoning_tokens,
                hedge=call.attempt in self._hedges,
                handed_over_by=self._handed_over_by.get(call.attempt),
                skipped_frames=0 if finished is None else finished.skipped_frames,
            )
        )

    def _bill(self, call: CallRecord, reported: Usage | None) -> Spent:
        said = "".join(self._said) if call.first_token_ms is not None else ""
        # Its provider goes on reading, and counts it.
        read = call.locality == "cloud" and call.sent and call.reason in CUT_WHILE_READING
        usage, call.estimated = metered(reported, self._asked[call.attempt - 1], said, read=read)
        call.input_tokens, call.output_tokens = usage.input_tokens or 0, usage.output_tokens or 0
        if call.locality == "cloud" and (call.input_tokens or call.output_tokens):
            call.cost_usd = self._price(call.provider, call.model, usage)
        return Spent(call.input_tokens, call.output_tokens, call.estimated, call.cost_usd)

    def _ms(self) -> int:
        return round(self.elapsed * 1000)
