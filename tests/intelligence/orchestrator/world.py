"""One orchestrator among scripted providers, in virtual time, and what it told."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

from services.intelligence.app.domain.chat import ChatTurn, Locality, Lock, ProviderRequest
from services.intelligence.app.domain.errors import ProviderError
from services.intelligence.app.domain.events import Finished, ReasoningDelta, TextDelta
from services.intelligence.app.routing.breaker import BreakerPolicy, BreakerState, Closed
from services.intelligence.app.routing.policy import Candidate, RouteDecision, Skipped
from services.intelligence.app.routing.trail import (
    AllProvidersFailed,
    Answering,
    Cancelled,
    Connecting,
    Failed,
    Handoff,
    InterruptedAnswer,
    Loading,
    Queued,
    Replaced,
    Reset,
    RouteEvent,
    RoutingError,
    Succeeded,
)
from services.intelligence.app.services.llm_router import Pace, ProviderOrchestrator
from services.intelligence.app.services.orchestrator.deadlines import Clocks
from services.intelligence.app.services.orchestrator.entrance import CurrentRequest
from services.intelligence.app.services.orchestrator.health_board import BreakerChanged, HealthBoard, Snapshot
from services.intelligence.app.services.orchestrator.slots import Slots
from services.intelligence.app.services.orchestrator.walk import Midstream
from services.intelligence.app.services.quotas.budgets import Budgets
from tests.support.scripted import ScriptedProvider
from tests.support.virtual_time import VirtualClock

_STEPS = {
    Connecting: "connecting",
    Loading: "loading",
    Answering: "answering",
    Cancelled: "cancelled",
    Succeeded: "succeeded",
}
HALF = 0.5
"""What the dice give in these tests: a retry pauses 0.2 s, a cooldown of 60 s lasts 66 s."""


class World:
    """``clocks`` and the rest as in Pace; left out, they are the product's defaults."""

    def __init__(
        self,
        *providers: ScriptedProvider,
        missing: Sequence[Candidate] = (),
        policy: BreakerPolicy | None = None,
        clocks: Mapping[str, Clocks] | None = None,
        request: float = 120.0,
        cold_start: float = 120.0,
        retry_wait_max: float = 2.5,
        failover: bool = True,
        midstream: Midstream = "continue",
        limits: Mapping[str, int] | None = None,
        hedge_delay: float | None = None,
        hedge_share: float = 0.1,
        jitter: Callable[[], float] = lambda: HALF,
        clock: VirtualClock | None = None,
        board: type[HealthBoard] = HealthBoard,
        budgets: Budgets | None = None,
    ) -> None:
        self.clock = clock or VirtualClock()
        self.board = board(policy or BreakerPolicy(), self.clock, jitter)
        self.changes: list[BreakerChanged] = []
        self.board.subscribe(self.changes.append)
        given = clocks or {}
        pace = Pace(
            {provider.name: given.get(provider.name, usual(provider)) for provider in providers},
            request=request,
            cold_start=cold_start,
            retry_wait_max=retry_wait_max,
            failover=failover,
            midstream=midstream,
            hedged=hedge_delay is not None,
            hedge_delay=hedge_delay or 2.0,
            hedge_share=hedge_share,
        )
        self.slots = Slots(limits or {})
        self.orchestrator = ProviderOrchestrator(
            providers, missing, self.board, pace, self.clock, jitter, self.slots, budgets
        )
        self.providers = providers

    def stream(
        self, request: ProviderRequest | None = None, current: CurrentRequest | None = None, *, shown: bool = True
    ) -> AsyncGenerator[RouteEvent]:
        """The orchestrator's stream."""
        return self.orchestrator.generate_streaming_response(request or asks(), current, shown=shown)

    async def ask(
        self, request: ProviderRequest | None = None, current: CurrentRequest | None = None, *, shown: bool = True
    ) -> "Told":
        """The whole story of one request, however it ended."""
        told = Told()
        events = self.stream(request, current, shown=shown)
        try:
            async with aclosing(events):
                async for event in events:
                    told.take(event)
        except (ProviderError, RoutingError) as error:
            told.error = error
        return told

    def state(self, name: str, model: str = "model-1") -> BreakerState:
        """The record of a provider's model, or with the model empty of the provider itself."""
        return self.board.states.get((name, model), Closed())

    def snapshot(self, name: str) -> Snapshot:
        """What the board knows of this provider."""
        return self.board.snapshot(next(one for one in self.orchestrator.candidates() if one.name == name))

    def nothing_left(self) -> bool:
        """Whether no upstream call is open and none is counted."""
        return all(
            provider.open_calls == 0 and self.snapshot(provider.name).in_flight == 0 for provider in self.providers
        )


@dataclass(slots=True)
class Told:
    """Everything that the orchestrator yielded, and the error that ended it."""

    events: list[RouteEvent] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    """The steps as short texts, without the decision and the deltas."""
    error: Exception | None = None

    def take(self, event: RouteEvent) -> None:
        """Book one event."""
        self.events.append(event)
        if line := _line(event):
            self.lines.append(line)

    @property
    def text(self) -> str:
        """What a reader saw."""
        text = ""
        for event in self.events:
            match event:
                case TextDelta():
                    text += event.text
                case Replaced():
                    text = event.text
                case Reset():
                    text = ""
        return text

    @property
    def answered_by(self) -> str | None:
        """Who brought the whole answer."""
        names = [event.candidate.name for event in self.events if isinstance(event, Succeeded)]
        return names[0] if names else None

    @property
    def failures(self) -> list[tuple[str, str]]:
        """(provider, reason) of each failed call."""
        return [(event.candidate.name, event.error.reason) for event in self.events if isinstance(event, Failed)]

    @property
    def all_failed(self) -> AllProvidersFailed:
        """The error, where nobody answered."""
        assert isinstance(self.error, AllProvidersFailed), self.error
        return self.error

    @property
    def interrupted(self) -> InterruptedAnswer:
        """The error, where an answer broke off."""
        assert isinstance(self.error, InterruptedAnswer), self.error
        return self.error


def usual(provider: ScriptedProvider) -> Clocks:
    """The product's default clocks."""
    local = provider.locality == "local"
    return Clocks(first_token=20.0 if local else 15.0, stall=10.0, total=None if local else 300.0)


def asks(
    text: str = "What is a circuit breaker?",
    *,
    locks: frozenset[Lock] = frozenset(),
    prefer: Locality | None = None,
    order: tuple[str, ...] = (),
) -> ProviderRequest:
    """A request."""
    return ProviderRequest((ChatTurn("user", text),), locks=locks, prefer=prefer, order=order)


def _line(event: RouteEvent) -> str | None:
    match event:
        case Failed():
            return f"{event.call} failed {event.candidate.name}: {event.error.reason}"
        case Connecting() | Loading() | Answering() | Cancelled() | Succeeded():
            return f"{event.call} {_STEPS[type(event)]} {event.candidate.name}"
        case Skipped():
            return f"skipped {event.candidate.name}: {event.reason}"
        case Queued():
            return f"queued {event.candidate.name} at {event.place}"
        case Handoff():
            return f"handoff {event.source} > {event.target} at {event.at}: {event.reason}"
        case Replaced() | Reset():
            return type(event).__name__.lower()
        case RouteDecision() | TextDelta() | ReasoningDelta() | Finished():
            return None
