"""What observers are told: metrics, logs, traces, budgets. They see and never decide. Values without behaviour."""

from collections.abc import Callable
from typing import Literal, TypeAlias

import msgspec
from novakit.tracing import Trace

from ..domain.chat import Locality
from ..domain.errors import Reason, SkipReason
from ..domain.events import FinishReason
from .metering import Spent
from .stored_route import Outcome, StoredRoute

Endpoint = Literal["message", "stream", "completions"]
Wait = Literal["admitted", "turned_away", "left"]

GAP_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
"""Seconds between two pieces of an answer; a stall ends it after ten, unless it is set otherwise."""


class Origin(msgspec.Struct, frozen=True, gc=False):
    """Whose request it is: its id in logs, its user, and its span's place in a trace where there is one."""

    request_id: str
    user_id: str = ""
    trace: Trace | None = None

    @property
    def trace_id(self) -> str | None:
        """For log lines."""
        return None if self.trace is None else self.trace.trace_id

    @property
    def traceparent(self) -> str:
        """What ``child_header`` makes the headers of its calls of; empty where there is no trace."""
        return "" if self.trace is None else self.trace.traceparent

    @property
    def recorded(self) -> Trace | None:
        """Its place in a trace that is recorded; None where it has none."""
        return self.trace if self.trace is not None and self.trace.sampled else None

    @property
    def traced(self) -> str | None:
        """The trace's id where it is recorded, for whoever wants to look at it."""
        recorded = self.recorded
        return None if recorded is None else recorded.trace_id


def _no_gaps() -> list[int]:
    return [0] * (len(GAP_BOUNDS) + 1)


class Gaps(msgspec.Struct):
    """The times between the pieces of one answer: how many fell below each of GAP_BOUNDS or above, and their sum."""

    counts: list[int] = msgspec.field(default_factory=_no_gaps)
    seconds: float = 0.0


class CallEnded(msgspec.Struct, frozen=True, gc=False):
    """For observers: one upstream call is over. Seconds; ``ttft`` None where nothing was said.

    ``by_name``: the caller chose the model, so that there may be any number of them. ``hold`` is the id of what was
    reserved for the call. ``asked_model``, ``finish`` and ``reasoning_tokens`` are for
    traces. ``hedge``: it was made beside another one. ``handed_over_by`` broke off where this one went on.
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
    origin: Origin
    hold: str | None = None
    attempt: int = 1
    gaps: Gaps = msgspec.field(default_factory=Gaps)
    asked_model: str = ""
    finish: FinishReason | None = None
    reasoning_tokens: int | None = None
    hedge: bool = False
    handed_over_by: str | None = None
    skipped_frames: int = 0


class QueueLeft(msgspec.Struct, frozen=True, gc=False):
    """For observers: a request has waited for a slot of this provider for so many seconds, and what came of it."""

    provider: str
    outcome: Wait
    seconds: float


class PassedOver(msgspec.Struct, frozen=True, gc=False):
    """For observers: a provider was not asked, for a reason that this request had."""

    provider: str
    reason: SkipReason


class Mark(msgspec.Struct, frozen=True, gc=False):
    """Something that happened on the way, ``at`` seconds from the beginning: names and values as traces tell them."""

    name: str
    at: float
    attributes: dict[str, str | int]


class Story(msgspec.Struct, frozen=True, gc=False):
    """The way of a request, for traces: when it began, and what happened between its calls.

    ``began`` is seconds before its end. ``earlier`` is seconds since then, where it takes up what had broken off: its
    own part begins there.
    """

    began: float
    earlier: float
    marks: tuple[Mark, ...]


class TurnEnded(msgspec.Struct, frozen=True, gc=False):
    """For observers: one chat turn is over, as its user saw it. ``end_user`` is whom an API caller asked for.

    ``ttft`` is seconds from its beginning to its first words. ``route`` tells its way, where the first choice did not
    answer: of others nobody asks, and whoever keeps this for a while would keep all of the turn. ``message_id`` None:
    it is stored nowhere. ``story`` is there where the request is traced.
    """

    endpoint: Endpoint
    status: str
    seconds: float
    ttft: float | None
    provider: str | None
    model: str | None
    locality: Locality | None
    fallback_from: str | None
    fallback_reason: Reason | SkipReason | None
    spent: Spent
    origin: Origin
    route: Callable[[], StoredRoute] | None
    message_id: str | None = None
    end_user: str = ""
    story: Story | None = None


Observation: TypeAlias = CallEnded | QueueLeft | PassedOver | TurnEnded
Observer: TypeAlias = Callable[[Observation], None]
