"""What holds of the circuit breaker whatever happens to it, in whatever order."""

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from services.intelligence.app.routing.breaker import (
    BreakerPolicy,
    BreakerState,
    Closed,
    Open,
    Probing,
    Ticket,
    admit,
    answered,
    blocked_until,
    cool_down,
    fail,
    mended,
    open_at_once,
    release,
    succeed,
)

LAWS = settings(derandomize=True, deadline=None, database=None, max_examples=100)
POLICY = BreakerPolicy(threshold=3, cooldown=60.0, cooldown_max=600.0, probe_lease=30.0)
JITTER = st.floats(0, 0.2)
HOLD = st.floats(0, 100_000)
EPOCH = st.integers(0, 50)
TRIPS = st.one_of(st.integers(0, 12), st.integers(0, 10**9))
STATES: st.SearchStrategy[BreakerState] = st.one_of(
    st.builds(Closed, epoch=EPOCH, failures=st.integers(0, 2), trips=TRIPS),
    st.builds(Open, epoch=EPOCH, until=st.floats(0, 10_000), trips=TRIPS, setup=st.booleans()),
    st.builds(Probing, epoch=EPOCH, lease_until=st.floats(0, 10_000), trips=TRIPS),
)


def all_replies(state: BreakerState, ticket: Ticket, now: float, jitter: float, hold: float) -> list[BreakerState]:
    return [
        answered(state, ticket, POLICY),
        succeed(state, ticket),
        fail(state, ticket, now, POLICY, jitter=jitter, hold=hold),
        open_at_once(state, ticket, now, POLICY),
        cool_down(state, ticket, now, hold=hold),
        release(state, ticket, now),
    ]


@LAWS
@given(STATES, EPOCH, st.booleans(), st.floats(0, 10_000), JITTER, HOLD)
def test_a_ticket_of_another_epoch_changes_nothing(
    state: BreakerState, epoch: int, probe: bool, now: float, jitter: float, hold: float
) -> None:
    if epoch == state.epoch:
        epoch += 1
    assert all_replies(state, Ticket(epoch, probe), now, jitter, hold) == [state] * 6


@LAWS
@given(STATES, st.booleans(), st.floats(0, 10_000), JITTER, HOLD)
def test_an_epoch_never_decreases_and_a_cooldown_has_an_end(
    state: BreakerState, probe: bool, now: float, jitter: float, hold: float
) -> None:
    longest = now + max(POLICY.cooldown_max * 1.2, min(hold, 3600.0))
    for after in all_replies(state, Ticket(state.epoch, probe), now, jitter, hold):
        assert after.epoch >= state.epoch
        if after != state and isinstance(after, Open):
            assert after.epoch > state.epoch
            assert now <= after.until <= longest


@LAWS
@given(STATES, st.floats(0, 10_000), st.booleans())
def test_an_admission_begins_an_epoch_exactly_where_it_is_a_probe(
    state: BreakerState, now: float, force: bool
) -> None:
    ticket, after = admit(state, now, POLICY, force=force)
    if ticket is None:
        assert after == state
    else:
        assert ticket.epoch == after.epoch
        assert ticket.probe == (after.epoch > state.epoch) == isinstance(after, Probing)


@LAWS
@given(STATES, st.booleans(), st.floats(0, 10_000), JITTER, HOLD)
def test_what_was_asked_before_somebody_changed_the_setup_changes_nothing_any_more(
    state: BreakerState, probe: bool, now: float, jitter: float, hold: float
) -> None:
    after = mended(state, now)
    assert after.epoch > state.epoch
    assert blocked_until(after, now) is None
    assert all_replies(after, Ticket(state.epoch, probe), now, jitter, hold) == [after] * 6


@dataclass(slots=True)
class Flight:
    """One admitted call. ``given_up``: the set-up that it was made with is gone."""

    ticket: Ticket
    lease_until: float
    spoke: bool = False
    given_up: bool = field(default=False)


class ManyCallers(RuleBasedStateMachine):
    """Callers come, speak, fail and leave in any order while time goes on."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.state: BreakerState = Closed()
        self.highest = 0
        self.flights: list[Flight] = []

    @rule(seconds=st.floats(0, 200))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(force=st.booleans())
    def someone_asks(self, force: bool) -> None:
        ticket, self.state = admit(self.state, self.now, POLICY, force=force)
        if ticket is not None:
            self.flights.append(Flight(ticket, self.now + POLICY.probe_lease))

    @rule()
    def somebody_mends(self) -> None:
        self.state = mended(self.state, self.now)
        for flight in self.flights:
            flight.given_up = True

    @precondition(lambda self: self.flights)
    @rule(data=st.data())
    def someone_speaks(self, data: st.DataObject) -> None:
        flight = data.draw(st.sampled_from(self.flights))
        flight.spoke = True
        self.state = answered(self.state, flight.ticket, POLICY)

    @precondition(lambda self: self.flights)
    @rule(data=st.data(), how=st.sampled_from(range(5)), jitter=JITTER, hold=HOLD)
    def someone_ends(self, data: st.DataObject, how: int, jitter: float, hold: float) -> None:
        ticket = self.flights.pop(data.draw(st.integers(0, len(self.flights) - 1))).ticket
        self.state = all_replies(self.state, ticket, self.now, jitter, hold)[1 + how]

    @invariant()
    def the_epoch_never_decreases(self) -> None:
        assert self.state.epoch >= self.highest
        self.highest = self.state.epoch

    @invariant()
    def at_most_one_silent_probe_holds_a_lease(self) -> None:
        probes = [
            flight
            for flight in self.flights
            if flight.ticket.probe and not (flight.spoke or flight.given_up) and self.now < flight.lease_until
        ]
        assert sum(flight.ticket.epoch == self.state.epoch for flight in probes) <= 1
        assert len(probes) <= 1 or not isinstance(self.state, Probing)

    @invariant()
    def a_closed_circuit_is_below_its_threshold(self) -> None:
        if isinstance(self.state, Closed):
            assert self.state.failures < POLICY.threshold


TestManyCallers = ManyCallers.TestCase
TestManyCallers.settings = settings(LAWS, max_examples=60, stateful_step_count=40)
