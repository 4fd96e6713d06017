"""The story of one answer, told three ways: as stored with the message, to observers, and for a log line."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import msgspec

from ..domain.chat import ChatTurn, Locality, Target
from ..domain.errors import Reason, SkipReason
from ..domain.events import ReasoningDelta, TextDelta, Usage
from ..routing.policy import Candidate, RouteDecision, Skipped
from ..routing.trail import (
    Answering,
    Cancelled,
    Connecting,
    Failed,
    Handoff,
    Replaced,
    Reset,
    RouteEvent,
    Succeeded,
)
from .metering import Price, Spent, metered, total

Outcome = Literal["succeeded", "failed", "cancelled"]


class CallRecord(msgspec.Struct):
    """One upstream call; times in milliseconds since the turn began. ``attempt`` counts from 1, retries too.

    The tokens are those that the provider reported, or ``estimated``; ``cost_usd`` is None where no price is known.
    ``prompt_cut``: the provider seems to have left out part of the conversation without saying so.
    """

    attempt: int
    provider: str
    model: str
    locality: Locality
    sent: bool
    started_ms: int
    outcome: Outcome | None = None
    reason: Reason | None = None
    first_token_ms: int | None = None
    ended_ms: int | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    estimated: bool = False
    cost_usd: float | None = 0.0
    prompt_cut: bool = False


class SkipRecord(msgspec.Struct):
    """One provider that was not asked, and why."""

    provider: str
    model: str
    locality: Locality
    reason: SkipReason


class HandoffRecord(msgspec.Struct, rename={"source": "from", "target": "to"}):
    """From here, ``at`` characters into the answer, ``to`` speaks; ``reason`` is why ``from`` did not go on."""

    source: str
    target: str
    at: int
    reason: Reason


class StoredRoute(msgspec.Struct):
    """What ``GET /api/chat/messages/{id}/route`` tells. ``cost_usd`` is None where no price is known.

    ``rule`` is the one of ``LLM_ROUTE_RULES`` that had a say in the order.
    """

    attempts: list[CallRecord]
    skipped: list[SkipRecord]
    handoffs: list[HandoffRecord] = msgspec.field(default_factory=list)
    cost_usd: float | None = None
    rule: str | None = None


@dataclass(frozen=True, slots=True)
class CallEnded:
    """For observers: one upstream call is over. Seconds; ``ttft`` None where nothing was said.

    ``by_name``: the caller chose the model, so that there may be any number of them. ``hold`` is the id of what was
    reserved for the call.
    """

    provider: str
    model: str
    locality: Locality
    outcome: Outcome
    reason: Reason | None
    detail: str | None
    by_name: bool
    seconds: float
    ttft: float | None
    spent: Spent
    request_id: str
    hold: str | None = None


@dataclass(frozen=True, slots=True)
class TurnEnded:
    """For observers: one chat turn is over, as its user saw it. ``end_user`` is whom an API caller asked for.

    ``route`` tells its story to who wants it; ``message_id`` None: it is stored nowhere.
    """

    endpoint: Literal["message", "stream", "completions"]
    status: str
    seconds: float
    provider: str | None
    model: str | None
    locality: Locality | None
    fallback_from: str | None
    fallback_reason: Reason | SkipReason | None
    spent: Spent
    request_id: str
    user_id: str
    route: Callable[[], StoredRoute]
    message_id: str | None = None
    end_user: str = ""


Observation: TypeAlias = CallEnded | TurnEnded
Observer: TypeAlias = Callable[[Observation], None]


class RouteRecord:
    """Takes the orchestrator's events as they come. ``now`` is the clock's seconds."""

    def __init__(
        self,
        now: Callable[[], float],
        request_id: str,
        observe: Observer,
        price: Price,
        earlier: StoredRoute | None = None,
        earlier_ms: int = 0,
    ) -> None:
        """``earlier`` is the story up to where an answer broke off that now goes on, after so many milliseconds."""
        self._now = now
        self._started = now() - earlier_ms / 1000
        self._request_id = request_id
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
        """Milliseconds from the start of the turn to the first words, where there were any."""
        return next((call.first_token_ms for call in reversed(self._calls) if call.first_token_ms is not None), None)

    @property
    def sent(self) -> bool:
        """Whether bytes of the prompt left this machine."""
        return any(call.sent for call in self._calls)

    def take(self, event: RouteEvent) -> None:
        """Book one event."""
        match event:
            case TextDelta() | ReasoningDelta():
                self._said.append(event.text)
            case Replaced():
                # The handoff to whoever replaced it all stays, where it was one.
                self._handoffs[:] = [handoff for handoff in self._handoffs[-1:] if handoff.at == 0]
                self._said.append(event.text)
            case Reset():
                self._handoffs.clear()
            case Handoff():
                self._handoffs.append(HandoffRecord(event.source, event.target, event.at, event.reason))
            case RouteDecision():
                self._places = {attempt.candidate.target: attempt.place for attempt in event.attempts}
                self._places |= {skip.candidate.target: skip.place for skip in event.skipped}
                self._skipped.extend(event.skipped)
                self._rule = event.rule
            case Skipped():
                self._skipped.append(event)
            case Connecting():
                self._connect(event)
            case Answering():
                self._answer(event)
            case Failed():
                call = self._calls[event.call - 1]
                call.sent = event.sent
                self._end(call, "failed", event.error.reason, event.error.detail, event.error.usage)
            case Cancelled():
                call = self._calls[event.call - 1]
                call.sent = call.sent and event.prompted
                self._end(call, "cancelled", "cancelled")
            case Succeeded():
                self._succeed(event)

    def cancel(self) -> list[CallRecord]:
        """Book that all calls under way were cut off, and say which they were."""
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
        self._holds.extend(None for _ in earlier.attempts)
        self._skipped_earlier = earlier.skipped
        self._handoffs.extend(earlier.handoffs)

    def _was_passed_over(self, skip: Skipped, before: int) -> bool:
        return skip.reason in {"cooling_down", "over_budget"} and self._places[skip.candidate.target] < before

    def _connect(self, event: Connecting) -> None:
        candidate = event.candidate
        if self._speaker is None or self._calls[self._speaker].outcome is not None:
            self._candidate, self._speaker = candidate, None
        self._targets.append(candidate.target)
        self._asked.append(event.asked)
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
        call = self._calls[self._speaker]
        call.model = event.candidate.model
        call.first_token_ms = self._ms()

    def _succeed(self, event: Succeeded) -> None:
        self._speaker = event.call - 1
        self._candidate = event.candidate
        call = self._calls[self._speaker]
        if event.finished is not None and event.finished.model:
            call.model = event.finished.model
        call.prompt_cut = event.finished is not None and event.finished.prompt_cut
        refusal = event.refusal
        reported = event.finished.usage if event.finished else refusal.usage if refusal else None
        reason, detail = (refusal.reason, refusal.detail) if refusal else (None, None)
        self._end(call, "succeeded", reason, detail, reported)

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
        self._observe(
            CallEnded(
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
                request_id=self._request_id,
                hold=self._holds[call.attempt - 1],
            )
        )

    def _bill(self, call: CallRecord, reported: Usage | None) -> Spent:
        said = "".join(self._said) if call.first_token_ms is not None else ""
        usage, call.estimated = metered(reported, self._asked[call.attempt - 1], said)
        call.input_tokens, call.output_tokens = usage.input_tokens or 0, usage.output_tokens or 0
        if call.locality == "cloud" and (call.input_tokens or call.output_tokens):
            call.cost_usd = self._price(call.provider, call.model, usage)
        return Spent(call.input_tokens, call.output_tokens, call.estimated, call.cost_usd)

    def _ms(self) -> int:
        return round(self.elapsed * 1000)
