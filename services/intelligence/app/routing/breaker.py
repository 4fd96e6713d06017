"""The circuit breaker: a state machine of values, without a clock and without dice.

        admit                 fail (to threshold), open_at_once, or cool_down
    ┌─► Closed ──────────────────────────────────────────────► Open ◄──────────┐
    │     ▲                                                     │ admit, once   │ fail (longer each time)
    │     │ answered (on parole), succeed                       ▼ it is due     │ release (due at once)
    │     └──────────────────────────────────────────────── Probing ────────────┘
    └── succeed: failures and trips are forgotten

Each admitted call holds a ``Ticket`` stamped with the epoch in which it began. A reply whose epoch has passed
changes nothing, so a slow failure from before a recovery cannot open the circuit again. *Parole*: a probe that
starts to speak lets others back in at once, for an answer may take minutes, but one more failure opens the circuit.
"""

from dataclasses import dataclass, replace
from typing import TypeAlias

RETRY_AFTER_MAX_SEC = 3600.0
"""A provider that asks for more than an hour is asked again after an hour."""


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """``threshold`` consecutive failures open for ``cooldown`` seconds, doubled per trip up to ``cooldown_max``.

    A probe that neither answers nor fails within ``probe_lease`` seconds loses its place.
    """

    threshold: int = 3
    cooldown: float = 60.0
    cooldown_max: float = 600.0
    probe_lease: float = 60.0


@dataclass(frozen=True, slots=True)
class Closed:
    """Calls pass. ``failures`` in a row so far; ``trips`` since the last success, for the doubling."""

    epoch: int = 0
    failures: int = 0
    trips: int = 0


@dataclass(frozen=True, slots=True)
class Open:
    """Calls are turned away until ``until``. ``setup``: somebody has to mend a key, a bill or a name first."""

    epoch: int
    until: float
    trips: int
    setup: bool = False


@dataclass(frozen=True, slots=True)
class Probing:
    """One call is let through to see; all others are turned away until it speaks or ``lease_until`` passes."""

    epoch: int
    lease_until: float
    trips: int


BreakerState: TypeAlias = Closed | Open | Probing


@dataclass(frozen=True, slots=True)
class Ticket:
    """Leave to call, stamped with its epoch."""

    epoch: int
    probe: bool


def current(state: BreakerState, ticket: Ticket) -> bool:
    """Whether a reply to this ticket still counts: its epoch has not passed."""
    return state.epoch == ticket.epoch and not isinstance(state, Open)


def blocked_until(state: BreakerState, now: float) -> float | None:
    """When a call may pass again, or None where it may pass now."""
    match state:
        case Open(until=until) if now < until:
            return until
        case Probing(lease_until=until) if now < until:
            return until
    return None


def admit(
    state: BreakerState, now: float, policy: BreakerPolicy, *, force: bool = False
) -> tuple[Ticket | None, BreakerState]:
    """Leave to call now, or None.

    ``force`` lets one probe through an open circuit before it is due, unless somebody has to set it up first.
    """
    if isinstance(state, Closed):
        return Ticket(state.epoch, probe=False), state
    waiting = blocked_until(state, now) is not None
    if waiting and not (force and isinstance(state, Open) and not state.setup):
        return None, state
    epoch = state.epoch + 1
    return Ticket(epoch, probe=True), Probing(epoch, now + policy.probe_lease, state.trips)


def answered(state: BreakerState, ticket: Ticket, policy: BreakerPolicy) -> BreakerState:
    """The first words came: a probe readmits everyone, on parole."""
    if isinstance(state, Probing) and state.epoch == ticket.epoch:
        return Closed(state.epoch, failures=policy.threshold - 1, trips=state.trips)
    return state


def succeed(state: BreakerState, ticket: Ticket) -> BreakerState:
    """A whole answer came: the record is clean."""
    return Closed(state.epoch) if current(state, ticket) else state


def fail(
    state: BreakerState, ticket: Ticket, now: float, policy: BreakerPolicy, *, jitter: float, hold: float = 0.0
) -> BreakerState:
    """The provider failed. ``jitter`` is a share (0 to 0.2) of the cooldown; ``hold`` is a floor in seconds."""
    if not current(state, ticket):
        return state
    if isinstance(state, Closed) and state.failures + 1 < policy.threshold:
        failing = replace(state, failures=state.failures + 1)
        return failing if hold <= 0 else cool_down(failing, ticket, now, hold=hold)
    # Past any cap long before; without an end, a provider that is down for days would overflow the float.
    doublings = min(state.trips, 64)
    pause = min(policy.cooldown * 2**doublings, policy.cooldown_max) * (1 + jitter)
    return Open(state.epoch + 1, now + max(pause, min(hold, RETRY_AFTER_MAX_SEC)), state.trips + 1)


def open_at_once(state: BreakerState, ticket: Ticket, now: float, policy: BreakerPolicy) -> BreakerState:
    """A fault of set-up: open for the longest time."""
    if not current(state, ticket):
        return state
    return Open(state.epoch + 1, now + policy.cooldown_max, state.trips, setup=True)


def cool_down(state: BreakerState, ticket: Ticket, now: float, *, hold: float) -> BreakerState:
    """The provider named a time before which it will not answer: no failure, but no calls until then."""
    if not current(state, ticket):
        return state
    return Open(state.epoch + 1, now + min(hold, RETRY_AFTER_MAX_SEC), state.trips)


def mended(state: BreakerState, now: float) -> BreakerState:
    """Somebody changed the set-up: a circuit that is not closed is due at once, and no earlier call counts."""
    if isinstance(state, Closed):
        return replace(state, epoch=state.epoch + 1)
    return Open(state.epoch + 1, now, state.trips)


def release(state: BreakerState, ticket: Ticket, now: float) -> BreakerState:
    """The caller left, or the fault was its own: a probe gives its place back, due at once."""
    if isinstance(state, Probing) and state.epoch == ticket.epoch:
        return Open(state.epoch + 1, now, state.trips)
    return state
