"""What this process has done in the last day, minute by minute, for the operator's page: an observer.

It lives in memory and begins anew with the process. What must last is in the ledger and with each message.
"""

import math
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from ..domain.chat import Locality
from ..domain.errors import Reason, SkipReason
from .observations import CallEnded, Observation, TurnEnded
from .stored_route import StoredRoute

MINUTE = 60
KEPT_MINUTES = 24 * 60
KEPT_FALLBACKS = 50
RATIO = 1.1
"""How much longer each class of times is than the one before: a percentile is right to 5 %."""
_FAILED = frozenset({"fallback", "failed", "interrupted"})


class Times:
    """How long things took, in classes of RATIO: any number of them in little room, and sums of several."""

    def __init__(self, parts: "Iterable[Times]" = ()) -> None:
        self._classes: Counter[int] = Counter()
        for part in parts:
            self._classes.update(part._classes)

    def add(self, seconds: float) -> None:
        """One more."""
        self._classes[round(math.log(max(seconds, 0.001), RATIO))] += 1

    def percentile(self, share: float) -> float | None:
        """The seconds that this share of them (0 to 1) took at most; None where there are none."""
        wanted = share * self._classes.total()
        for number in sorted(self._classes):
            wanted -= self._classes[number]
            if wanted <= 0:
                return float(RATIO**number)
        return None


@dataclass(slots=True)
class Calls:
    """The upstream calls of one provider that ended within a span."""

    succeeded: int = 0
    failed: int = 0
    cancelled: int = 0
    ttft: Times = field(default_factory=Times)
    whole: Times = field(default_factory=Times)

    @property
    def success(self) -> float | None:
        """The share of those that were not cancelled; None where there were none."""
        ended = self.succeeded + self.failed
        return self.succeeded / ended if ended else None


@dataclass(slots=True)
class Span:
    """What ended from ``at`` on (seconds since 1970), for a minute or more; ``cost_usd`` without unknown prices."""

    at: int
    local: int = 0
    cloud: int = 0
    failed: int = 0
    fallbacks: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float = 0.0
    calls: dict[str, Calls] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fallback:
    """A turn that its first choice did not answer; ``provider`` None: nobody did.

    It holds nothing of what was said. ``trace_id`` is None where the turn is in no trace that is recorded.
    """

    at: float
    request_id: str
    trace_id: str | None
    message_id: str | None
    user_id: str
    status: str
    first_choice: str | None
    reason: Reason | SkipReason | None
    provider: str | None
    locality: Locality | None
    seconds: float
    route: StoredRoute


class Activity:
    """The record. ``wall`` gives seconds since 1970."""

    def __init__(self, wall: Callable[[], float]) -> None:
        self._wall = wall
        self.since = wall()
        self._minutes: deque[Span] = deque(maxlen=KEPT_MINUTES)
        self._fallbacks: deque[Fallback] = deque(maxlen=KEPT_FALLBACKS)

    def observe(self, observation: Observation) -> None:
        """Book a call or a turn."""
        match observation:
            case CallEnded():
                self._call(observation)
            case TurnEnded():
                self._turn(observation)

    def fallbacks(self) -> list[Fallback]:
        """The last ones, the newest first."""
        return list(reversed(self._fallbacks))

    def spans(self, minutes: int, step: int) -> list[Span]:
        """The last ``minutes``, put together ``step`` by step, the oldest first; also those in which nothing was."""
        step_seconds = step * MINUTE
        end = (int(self._wall()) // step_seconds + 1) * step_seconds
        begin = end - math.ceil(minutes / step) * step_seconds
        found: dict[int, list[Span]] = {at: [] for at in range(begin, end, step_seconds)}
        for minute in self._since(begin):
            found.get(minute.at // step_seconds * step_seconds, []).append(minute)
        return [_together(at, parts) for at, parts in found.items()]

    def calls(self, minutes: int) -> dict[str, Calls]:
        """The calls of the last ``minutes``, by provider."""
        return _together(0, self._since(int(self._wall()) - minutes * MINUTE)).calls

    def _call(self, call: CallEnded) -> None:
        span = self._minute()
        calls = span.calls.setdefault(call.provider, Calls())
        match call.outcome:
            case "succeeded":
                calls.succeeded += 1
                calls.whole.add(call.seconds)
            case "failed":
                calls.failed += 1
            case "cancelled":
                calls.cancelled += 1
        if call.ttft is not None:
            calls.ttft.add(call.ttft)
        span.input_tokens += call.spent.input_tokens
        span.output_tokens += call.spent.output_tokens
        span.cost_usd += call.spent.cost_usd or 0.0

    def _turn(self, turn: TurnEnded) -> None:
        span = self._minute()
        if turn.status in _FAILED:
            span.failed += 1
        elif turn.locality == "local":
            span.local += 1
        elif turn.locality == "cloud":
            span.cloud += 1
        handed_on = turn.fallback_from is not None and turn.provider not in {None, turn.fallback_from}
        if turn.route is None or not (handed_on or turn.status == "fallback"):
            return
        span.fallbacks += handed_on
        self._fallbacks.append(
            Fallback(
                at=self._wall(),
                request_id=turn.origin.request_id,
                trace_id=turn.origin.traced,
                message_id=turn.message_id,
                user_id=turn.origin.user_id,
                status=turn.status,
                first_choice=turn.fallback_from,
                reason=turn.fallback_reason,
                provider=turn.provider,
                locality=turn.locality,
                seconds=turn.seconds,
                route=turn.route(),
            )
        )

    def _minute(self) -> Span:
        at = int(self._wall()) // MINUTE * MINUTE
        if not self._minutes or self._minutes[-1].at < at:
            self._minutes.append(Span(at))
        # A clock that was set back goes on in the newest minute.
        return self._minutes[-1]

    def _since(self, begin: int) -> Iterator[Span]:
        return (minute for minute in self._minutes if minute.at >= begin)


def _together(at: int, parts: Iterable[Span]) -> Span:
    parts = list(parts)
    whole = Span(at)
    for name in ("local", "cloud", "failed", "fallbacks", "input_tokens", "output_tokens", "cost_usd"):
        setattr(whole, name, sum(getattr(part, name) for part in parts))
    for provider in sorted({provider for part in parts for provider in part.calls}):
        calls = [part.calls[provider] for part in parts if provider in part.calls]
        whole.calls[provider] = Calls(
            succeeded=sum(each.succeeded for each in calls),
            failed=sum(each.failed for each in calls),
            cancelled=sum(each.cancelled for each in calls),
            ttft=Times(each.ttft for each in calls),
            whole=Times(each.whole for each in calls),
        )
    return whole
