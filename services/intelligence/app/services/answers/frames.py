"""The events of a chat stream as bytes. Default events keep the schema that clients have always had."""

from collections.abc import Callable
from typing import Literal, TypeAlias

import msgspec
from novakit import sse

from ...routing.policy import Candidate, RouteDecision, Skipped
from ...routing.trail import Answering, Cancelled, Connecting, Failed, Loading, Queued, RouteEvent, Succeeded

_encode = msgspec.json.Encoder().encode

State = Literal["queued", "connecting", "loading", "streaming", "failed", "skipped", "succeeded", "cancelled"]


class ContentEvent(msgspec.Struct):
    """A piece of the answer."""

    content: str
    done: Literal[False] = False


class DoneEvent(msgspec.Struct, kw_only=True):
    """The answer is whole and stored."""

    content: Literal[""] = ""
    done: Literal[True] = True
    session_id: str
    message_id: str
    tokens_used: int
    latency_ms: int


class ErrorEvent(msgspec.Struct):
    """The answer broke off; what was said is kept."""

    error: str
    done: Literal[True] = True


class StartEvent(msgspec.Struct):
    """Always first, before anyone is asked."""

    message_id: str
    session_id: str


class RouteStateEvent(msgspec.Struct, omit_defaults=True):
    """Where the answer is coming from. ``attempt`` is 0 for a provider that is not asked."""

    message_id: str
    attempt: int
    provider: str
    model: str
    locality: str
    state: State
    sent: bool
    reason: str | None = None


class QueueEvent(msgspec.Struct):
    """Waiting for a busy model: how many come before, counted from 1, and for how long perhaps."""

    place: int
    expected_wait_ms: int | None


class HandoffEvent(msgspec.Struct, rename={"source": "from", "target": "to"}):
    """From here on, ``at`` characters into the answer, another provider speaks."""

    source: str
    target: str
    at: int
    reason: str


class ReplaceEvent(msgspec.Struct):
    """The whole answer so far, anew."""

    content: str


class ResetEvent(msgspec.Struct):
    """Forget the answer so far."""


class UsageEvent(msgspec.Struct):
    """What the answer took. ``estimated``: the provider reported no tokens. ``cost_usd`` None: no price is known."""

    input_tokens: int
    output_tokens: int
    cost_usd: float | None
    estimated: bool
    ttft_ms: int | None
    total_ms: int


def content(event_id: int, text: str) -> bytes:
    """One piece of the answer; the hot path, so built from bytes, to the same schema as ContentEvent."""
    return b'id: %d\ndata: {"content":%b,"done":false}\n\n' % (event_id, _encode(text))


def default(event_id: int, event: DoneEvent | ErrorEvent) -> bytes:
    """A default event that ends the stream."""
    return sse.encode(_encode(event), event_id=event_id)


NamedEvent: TypeAlias = (
    StartEvent | RouteStateEvent | QueueEvent | HandoffEvent | ReplaceEvent | ResetEvent | UsageEvent
)


def named(event_id: int, name: str, event: NamedEvent) -> bytes:
    """A named event, which old clients ignore."""
    return sse.encode(_encode(event), event_id=event_id, name=name)


def route_states(message_id: str, event: RouteEvent, sent: Callable[[int], bool]) -> list[RouteStateEvent]:
    """What a step of the orchestrator says to the client; ``sent`` tells of a call whether its prompt has left."""

    def told(candidate: Candidate, state: State, attempt: int, reason: str | None = None) -> RouteStateEvent:
        left = attempt > 0 and sent(attempt)
        return RouteStateEvent(
            message_id, attempt, candidate.name, candidate.model, candidate.locality, state, left, reason
        )

    states: list[RouteStateEvent] = []
    match event:
        case RouteDecision():
            # A provider without a key is no news to anyone; the stored route has it.
            news = [skip for skip in event.skipped if skip.reason != "not_configured"]
            states = [told(skip.candidate, "skipped", 0, skip.reason) for skip in news]
        case Skipped():
            states = [told(event.candidate, "skipped", 0, event.reason)]
        case Queued():
            states = [told(event.candidate, "queued", 0)]
        case Loading():
            states = [told(event.candidate, "loading", event.call)]
        case Cancelled():
            states = [told(event.candidate, "cancelled", event.call, "cancelled")]
        case Connecting():
            states = [told(event.candidate, "connecting", event.call)]
        case Answering():
            states = [told(event.candidate, "streaming", event.call)]
        case Failed():
            states = [told(event.candidate, "failed", event.call, event.error.reason)]
        case Succeeded():
            reason = None if event.refusal is None else event.refusal.reason
            states = [told(event.candidate, "succeeded", event.call, reason)]
    return states
