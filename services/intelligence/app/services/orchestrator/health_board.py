"""The one mutable record of every provider's health: breaker states, last faults, calls under way.

It lives in this process's memory. A record that several replicas share would stand behind the same methods.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType

from novakit.clock import Clock

from ...domain.errors import ProviderError, Reason
from ...routing import breaker
from ...routing.breaker import BreakerPolicy, BreakerState, Closed, Ticket
from ...routing.policy import Candidate, Health, HealthKey
from ...routing.verdicts import VERDICTS

MOST_NAMED = 512
"""How many models that callers named themselves are remembered; they may name any."""
FORBIDDEN = 403
NO_DELAY_COOLDOWN_SEC = 15.0
"""For a rate limit without a time: not our quota but the provider's load, so we come back gently."""


@dataclass(frozen=True, slots=True)
class Admission:
    """Leave to call one candidate: a ticket of each record that it touches."""

    candidate: Candidate
    tickets: tuple[tuple[HealthKey, Ticket], ...]

    @property
    def probe(self) -> bool:
        """Whether this call is to show that the provider is back."""
        return any(ticket.probe for _, ticket in self.tickets)


@dataclass(frozen=True, slots=True)
class BreakerChanged:
    """A circuit opened, half-opened or closed."""

    provider: str
    model: str
    state: BreakerState
    reason: Reason | None


@dataclass(frozen=True, slots=True)
class Fault:
    """The last thing that went wrong with a candidate, and when (the clock's seconds)."""

    reason: Reason
    detail: str
    at: float


Listener = Callable[[BreakerChanged], None]


class HealthBoard:
    """Health of all candidates. ``jitter`` gives a number from 0 to 1 at each call."""

    def __init__(self, policy: BreakerPolicy, clock: Clock, jitter: Callable[[], float]) -> None:
        self._policy = policy
        self._clock = clock
        self._jitter = jitter
        self._states: dict[HealthKey, BreakerState] = {}
        self._faults: dict[HealthKey, Fault] = {}
        self._ttft: dict[HealthKey, float] = {}
        self._named: dict[HealthKey, None] = {}
        self._in_flight: Counter[str] = Counter()
        self._listeners: list[Listener] = []

    @property
    def states(self) -> Health:
        """A live, read-only view for ``plan()``."""
        return MappingProxyType(self._states)

    def subscribe(self, listener: Listener) -> None:
        """Tell this listener of every change from now on. Listeners see and never decide."""
        self._listeners.append(listener)

    def admit(self, candidate: Candidate, *, force: bool = False) -> Admission | None:
        """Leave to call this candidate now; None where its circuit is open or a probe is under way."""
        now = self._clock.now()
        tickets: list[tuple[HealthKey, Ticket]] = []
        after: list[tuple[HealthKey, BreakerState]] = []
        # A model without a name shares its provider's record, and has one ticket for it.
        for key in dict.fromkeys(candidate.health_keys()):
            ticket, state = breaker.admit(self._states.get(key, Closed()), now, self._policy, force=force)
            if ticket is None:
                return None
            tickets.append((key, ticket))
            after.append((key, state))
        for key, state in after:
            self._set(key, state, None)
        if candidate.asked_model:
            self._remember_name(candidate.health_keys()[1])
        self._in_flight[candidate.name] += 1
        return Admission(candidate, tuple(tickets))

    def in_flight(self, provider: str) -> int:
        """How many calls of this provider are under way."""
        return self._in_flight[provider]

    def answered(self, admission: Admission, seconds: float) -> bool:
        """The first words came, ``seconds`` after the call began; says whether that closed a circuit."""
        self._ttft[admission.candidate.health_keys()[1]] = seconds
        closed = False
        for key, ticket in admission.tickets:
            closed |= self._set(key, breaker.answered(self._state(key), ticket, self._policy), None)
        return closed

    def succeeded(self, admission: Admission) -> bool:
        """A whole answer came, or a refusal: the provider is well. Says whether that closed a circuit."""
        self._end(admission)
        closed = False
        for key, ticket in admission.tickets:
            if breaker.current(self._state(key), ticket):
                self._faults.pop(key, None)
                closed |= self._set(key, breaker.succeed(self._state(key), ticket), None)
        return closed

    def failed(self, admission: Admission, error: ProviderError) -> bool:
        """Book a failure on the record that it concerns, as the verdict table says; whether it changed a circuit."""
        verdict = VERDICTS[error.reason]
        if verdict.effect == "success":
            return self.succeeded(admission)
        self._end(admission)
        now = self._clock.now()
        provider_key, model_key = admission.candidate.health_keys()
        of_model = error.of_model or _concerns_the_choice(admission.candidate, error)
        concerned = provider_key if verdict.scope == "provider" and not of_model else model_key
        opened = False
        for key, ticket in admission.tickets:
            if key != concerned or verdict.effect == "none" or error.of_request:
                self._set(key, breaker.release(self._state(key), ticket, now), None)
                continue
            if breaker.current(self._state(key), ticket):
                self._faults[key] = Fault(error.reason, error.detail, now)
                opened |= self._set(key, self._after_fault(self._state(key), ticket, error, now), error.reason)
        return opened

    def released(self, admission: Admission) -> None:
        """The caller left: nothing was learnt, and a probe gives its place back."""
        self._end(admission)
        now = self._clock.now()
        for key, ticket in admission.tickets:
            self._set(key, breaker.release(self._state(key), ticket, now), None)

    def mended(self, provider: str) -> None:
        """Somebody changed this provider's set-up: it is worth a look at once, and no earlier call counts."""
        now = self._clock.now()
        for key in [key for key in self._states if key[0] == provider]:
            self._set(key, breaker.mended(self._states[key], now), None)

    def snapshot(self, candidate: Candidate) -> "Snapshot":
        """What is known of one candidate now."""
        now = self._clock.now()
        waits = [breaker.blocked_until(self._state(key), now) for key in candidate.health_keys()]
        until = max((wait for wait in waits if wait is not None), default=None)
        faults = [self._faults[key] for key in candidate.health_keys() if key in self._faults]
        return Snapshot(
            healthy=all(isinstance(self._state(key), Closed) for key in candidate.health_keys()),
            cooling_for=None if until is None else until - now,
            fault=max(faults, key=lambda fault: fault.at, default=None),
            in_flight=self._in_flight[candidate.name],
            ttft=self._ttft.get(candidate.health_keys()[1]),
        )

    def _after_fault(self, state: BreakerState, ticket: Ticket, error: ProviderError, now: float) -> BreakerState:
        effect = VERDICTS[error.reason].effect
        if effect == "open":
            return breaker.open_at_once(state, ticket, now, self._policy)
        if effect == "cool":
            return breaker.cool_down(state, ticket, now, hold=self._pause(error))
        jitter = 0.2 * self._jitter()
        return breaker.fail(state, ticket, now, self._policy, jitter=jitter, hold=error.retry_after or 0.0)

    def _pause(self, error: ProviderError) -> float:
        if error.reason == "quota_exhausted":
            # Providers send short delays beside a daily quota: believing them would only ask in vain.
            return max(error.retry_after or 0.0, self._policy.cooldown_max)
        return error.retry_after if error.retry_after is not None else NO_DELAY_COOLDOWN_SEC * (1 + self._jitter())

    def _state(self, key: HealthKey) -> BreakerState:
        return self._states.get(key, Closed())

    def _set(self, key: HealthKey, state: BreakerState, reason: Reason | None) -> bool:
        """Says whether the circuit has changed."""
        before = self._state(key)
        self._states[key] = state
        if type(before) is type(state):
            return False
        for listener in self._listeners:
            listener(BreakerChanged(key[0], key[1], state, reason))
        return True

    def _remember_name(self, key: HealthKey) -> None:
        """Forget the oldest of too many models that callers named."""
        self._named[key] = None
        if len(self._named) > MOST_NAMED:
            oldest = next(iter(self._named))
            del self._named[oldest]
            for records in (self._states, self._faults, self._ttft):
                records.pop(oldest, None)

    def _end(self, admission: Admission) -> None:
        self._in_flight[admission.candidate.name] -= 1


def _concerns_the_choice(candidate: Candidate, error: ProviderError) -> bool:
    """Whether a caller may have caused this by naming a model that our key may not use, or that costs too much.

    Nobody else is to go without the provider for it; where the key or the bill is at fault all the same, the next
    call of the configured model tells.
    """
    barred = error.reason == "billing" or (error.reason == "auth" and error.status == FORBIDDEN)
    return bool(candidate.asked_model) and barred


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One candidate's health: ``cooling_for`` and ``ttft`` in seconds, None where there is nothing to say."""

    healthy: bool
    cooling_for: float | None
    fault: Fault | None
    in_flight: int
    ttft: float | None
