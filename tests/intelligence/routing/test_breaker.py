"""The circuit breaker, arrow by arrow of its drawing."""

import pytest

from services.intelligence.app.routing.breaker import (
    RETRY_AFTER_MAX_SEC,
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

POLICY = BreakerPolicy(threshold=3, cooldown=60.0, cooldown_max=600.0, probe_lease=30.0)
NOW = 1000.0


def failing(state: BreakerState, ticket: Ticket, *, jitter: float = 0.0, hold: float = 0.0) -> BreakerState:
    return fail(state, ticket, NOW, POLICY, jitter=jitter, hold=hold)


class TestClosed:
    def test_lets_everybody_in_without_a_change(self) -> None:
        state = Closed(epoch=4, failures=2, trips=1)
        assert admit(state, NOW, POLICY) == (Ticket(4, probe=False), state)

    def test_a_failure_below_the_threshold_is_counted(self) -> None:
        assert failing(Closed(epoch=4, failures=1, trips=2), Ticket(4, probe=False)) == Closed(4, 2, 2)

    def test_a_failure_that_names_no_delay_has_none(self) -> None:
        assert fail(Closed(), Ticket(0, probe=False), NOW, POLICY, jitter=0.2) == Closed(failures=1)

    def test_the_failure_that_reaches_the_threshold_opens_for_the_cooldown(self) -> None:
        assert failing(Closed(epoch=4, failures=2), Ticket(4, probe=False)) == Open(5, NOW + 60, trips=1)

    def test_a_threshold_of_one_opens_at_the_first_failure(self) -> None:
        policy = BreakerPolicy(threshold=1, cooldown=60.0)
        assert fail(Closed(), Ticket(0, probe=False), NOW, policy, jitter=0.0) == Open(1, NOW + 60, trips=1)

    def test_a_success_forgets_failures_and_trips(self) -> None:
        assert succeed(Closed(epoch=4, failures=2, trips=5), Ticket(4, probe=False)) == Closed(4)

    def test_first_words_are_no_success_yet(self) -> None:
        state = Closed(epoch=4, failures=2, trips=1)
        assert answered(state, Ticket(4, probe=False), POLICY) == state

    def test_a_caller_that_leaves_changes_nothing(self) -> None:
        state = Closed(epoch=4, failures=2, trips=1)
        assert release(state, Ticket(4, probe=False), NOW) == state

    def test_a_fault_of_set_up_opens_at_once_for_the_longest_time(self) -> None:
        assert open_at_once(Closed(epoch=4, trips=1), Ticket(4, probe=False), NOW, POLICY) == Open(
            5, NOW + 600, trips=1, setup=True
        )

    def test_a_named_delay_closes_the_door_until_then_without_counting_a_trip(self) -> None:
        assert cool_down(Closed(epoch=4, failures=1), Ticket(4, probe=False), NOW, hold=42.0) == Open(
            5, NOW + 42, trips=0
        )


class TestOpen:
    state = Open(epoch=5, until=NOW + 60, trips=2)

    def test_turns_everybody_away_before_it_is_due(self) -> None:
        assert admit(self.state, NOW + 59.9, POLICY) == (None, self.state)

    def test_lets_one_probe_in_once_it_is_due(self) -> None:
        assert admit(self.state, NOW + 60, POLICY) == (Ticket(6, probe=True), Probing(6, NOW + 90, trips=2))

    def test_a_forced_call_is_let_in_before_it_is_due_and_is_a_probe(self) -> None:
        assert admit(self.state, NOW, POLICY, force=True) == (Ticket(6, probe=True), Probing(6, NOW + 30, trips=2))

    def test_no_call_is_forced_upon_one_that_somebody_has_to_set_up(self) -> None:
        state = Open(epoch=5, until=NOW + 60, trips=2, setup=True)
        assert admit(state, NOW, POLICY, force=True) == (None, state)
        assert admit(state, NOW + 60, POLICY) == (Ticket(6, probe=True), Probing(6, NOW + 90, trips=2))

    @pytest.mark.parametrize("ticket", [Ticket(4, probe=False), Ticket(5, probe=False), Ticket(5, probe=True)])
    def test_nothing_but_an_admission_changes_it(self, ticket: Ticket) -> None:
        assert answered(self.state, ticket, POLICY) == self.state
        assert succeed(self.state, ticket) == self.state
        assert failing(self.state, ticket, hold=10.0) == self.state
        assert open_at_once(self.state, ticket, NOW, POLICY) == self.state
        assert cool_down(self.state, ticket, NOW, hold=10.0) == self.state
        assert release(self.state, ticket, NOW) == self.state


class TestProbing:
    state = Probing(epoch=6, lease_until=NOW + 30, trips=2)
    probe = Ticket(6, probe=True)

    def test_turns_everybody_else_away(self) -> None:
        assert admit(self.state, NOW + 29.9, POLICY) == (None, self.state)

    def test_force_does_not_make_a_second_probe(self) -> None:
        assert admit(self.state, NOW, POLICY, force=True) == (None, self.state)

    def test_a_probe_that_outlives_its_lease_loses_its_place(self) -> None:
        ticket, state = admit(self.state, NOW + 30, POLICY)
        assert (ticket, state) == (Ticket(7, probe=True), Probing(7, NOW + 60, trips=2))
        assert succeed(state, self.probe) == state

    def test_its_first_words_let_everybody_back_in_on_parole(self) -> None:
        on_parole = answered(self.state, self.probe, POLICY)
        assert on_parole == Closed(6, failures=2, trips=2)
        assert admit(on_parole, NOW, POLICY) == (Ticket(6, probe=False), on_parole)

    def test_one_failure_on_parole_opens_for_longer(self) -> None:
        on_parole = answered(self.state, self.probe, POLICY)
        assert failing(on_parole, Ticket(6, probe=False)) == Open(7, NOW + 240, trips=3)

    def test_the_probe_itself_may_fail_on_parole(self) -> None:
        assert failing(answered(self.state, self.probe, POLICY), self.probe) == Open(7, NOW + 240, trips=3)

    def test_its_success_closes_with_a_clean_record(self) -> None:
        assert succeed(self.state, self.probe) == Closed(6)
        assert succeed(answered(self.state, self.probe, POLICY), self.probe) == Closed(6)

    def test_its_failure_opens_for_longer(self) -> None:
        assert failing(self.state, self.probe) == Open(7, NOW + 240, trips=3)

    def test_a_caller_that_leaves_gives_the_probe_back_due_at_once(self) -> None:
        given_back = release(self.state, self.probe, NOW)
        assert given_back == Open(7, NOW, trips=2)
        assert admit(given_back, NOW, POLICY)[0] == Ticket(8, probe=True)

    def test_a_fault_of_set_up_opens_for_the_longest_time_again(self) -> None:
        assert open_at_once(self.state, self.probe, NOW, POLICY) == Open(7, NOW + 600, trips=2, setup=True)

    def test_a_named_delay_closes_the_door_until_then(self) -> None:
        assert cool_down(self.state, self.probe, NOW, hold=5.0) == Open(7, NOW + 5, trips=2)

    def test_a_late_reply_from_before_changes_nothing(self) -> None:
        late = Ticket(4, probe=False)
        assert failing(self.state, late) == self.state
        assert succeed(self.state, late) == self.state
        assert answered(self.state, late, POLICY) == self.state
        assert release(self.state, late, NOW) == self.state


@pytest.mark.parametrize(
    ("state", "after"),
    [
        (Closed(3, failures=2, trips=1), Closed(4, failures=2, trips=1)),
        (Open(3, NOW + 600, trips=1, setup=True), Open(4, NOW, trips=1)),
        (Probing(3, NOW + 30, trips=1), Open(4, NOW, trips=1)),
    ],
)
def test_whoever_changes_the_setup_makes_an_open_circuit_due_and_keeps_what_is_known(
    state: BreakerState, after: BreakerState
) -> None:
    assert mended(state, NOW) == after


class TestHowLong:
    @pytest.mark.parametrize(
        ("trips", "seconds"), [(0, 60), (1, 120), (2, 240), (3, 480), (4, 600), (5, 600), (2000, 600)]
    )
    def test_each_trip_doubles_the_cooldown_up_to_the_cap(self, trips: int, seconds: float) -> None:
        state = Closed(epoch=1, failures=2, trips=trips)
        assert failing(state, Ticket(1, probe=False)) == Open(2, NOW + seconds, trips + 1)

    def test_one_success_resets_the_doubling(self) -> None:
        opened = Open(epoch=1, until=NOW, trips=7)
        ticket, probing = admit(opened, NOW, POLICY)
        assert ticket is not None
        well = succeed(probing, ticket)
        for _ in range(3):
            well = failing(well, ticket)
        assert well == Open(3, NOW + 60, trips=1)

    def test_jitter_lengthens_a_cooldown_by_its_share(self) -> None:
        opened = failing(Closed(failures=2, trips=9), Ticket(0, probe=False), jitter=0.2)
        assert blocked_until(opened, NOW) == NOW + 720

    @pytest.mark.parametrize(
        ("hold", "seconds"), [(10.0, 60.0), (90.0, 90.0), (7200.0, RETRY_AFTER_MAX_SEC), (0.0, 60.0)]
    )
    def test_a_named_delay_is_a_floor_and_believed_for_an_hour_at_most(self, hold: float, seconds: float) -> None:
        opened = failing(Closed(failures=2), Ticket(0, probe=False), hold=hold)
        assert blocked_until(opened, NOW) == NOW + seconds

    def test_a_named_delay_has_no_jitter(self) -> None:
        opened = failing(Closed(failures=2), Ticket(0, probe=False), jitter=0.2, hold=90.0)
        assert blocked_until(opened, NOW) == NOW + 90

    @pytest.mark.parametrize("hold", [0.5, 8.0])
    def test_a_failure_below_the_threshold_that_names_a_delay_is_waited_out(self, hold: float) -> None:
        assert failing(Closed(), Ticket(0, probe=False), hold=hold) == Open(1, NOW + hold, trips=0)

    @pytest.mark.parametrize("hold", [5.0, 86400.0])
    def test_a_cooldown_without_a_failure_is_believed_for_an_hour_at_most(self, hold: float) -> None:
        cooling = cool_down(Closed(), Ticket(0, probe=False), NOW, hold=hold)
        assert blocked_until(cooling, NOW) == NOW + min(hold, 3600.0)


class TestBlockedUntil:
    @pytest.mark.parametrize(
        ("state", "until"),
        [
            (Closed(failures=2), None),
            (Open(1, NOW + 1, trips=0), NOW + 1),
            (Open(1, NOW, trips=0), None),
            (Probing(1, NOW + 1, trips=0), NOW + 1),
            (Probing(1, NOW, trips=0), None),
        ],
    )
    def test_it_says_when_a_call_may_pass_again(self, state: BreakerState, until: float | None) -> None:
        assert blocked_until(state, NOW) == until
