"""What the health board keeps, shows and tells."""

import pytest
from novakit.clock import FakeClock

from services.intelligence.app.domain.errors import Reason
from services.intelligence.app.routing.breaker import BreakerPolicy, BreakerState, Closed, Open, Probing
from services.intelligence.app.routing.policy import Candidate
from services.intelligence.app.services.orchestrator.health_board import (
    MOST_NAMED,
    Admission,
    BreakerChanged,
    Fault,
    HealthBoard,
    Snapshot,
)
from tests.support.scripted import error

FLASH = Candidate("gemini", "flash", "cloud")
PRO = Candidate("gemini", "pro", "cloud")
UNNAMED = Candidate("ollama", "", "local", on_this_machine=True)
NEVER_HEARD_OF = Snapshot(healthy=True, cooling_for=None, fault=None, in_flight=0, ttft=None)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(now=1000.0)


@pytest.fixture
def board(clock: FakeClock) -> HealthBoard:
    return HealthBoard(BreakerPolicy(threshold=2), clock, lambda: 0.5)


@pytest.fixture
def told(board: HealthBoard) -> list[BreakerChanged]:
    heard: list[BreakerChanged] = []
    board.subscribe(heard.append)
    return heard


def admitted(board: HealthBoard, candidate: Candidate = FLASH, *, force: bool = False) -> Admission:
    admission = board.admit(candidate, force=force)
    assert admission is not None
    return admission


def fail(board: HealthBoard, reason: Reason, *, times: int = 1, candidate: Candidate = FLASH) -> None:
    for _ in range(times):
        board.failed(admitted(board, candidate), error(reason))


class TestSnapshot:
    def test_of_a_stranger_is_healthy_and_empty(self, board: HealthBoard) -> None:
        assert board.snapshot(FLASH) == NEVER_HEARD_OF

    def test_counts_the_calls_under_way_of_all_models_of_a_provider(self, board: HealthBoard) -> None:
        first, second, third = admitted(board), admitted(board, PRO), admitted(board)
        assert board.snapshot(FLASH).in_flight == 3
        board.succeeded(first)
        board.failed(second, error("malformed"))
        board.released(third)
        assert board.snapshot(PRO).in_flight == 0

    def test_shows_the_time_to_the_first_words_of_the_newest_answer(self, board: HealthBoard) -> None:
        for seconds in (0.7, 0.4):
            board.answered(admitted(board), seconds)
        assert board.snapshot(FLASH).ttft == 0.4
        assert board.snapshot(PRO).ttft is None

    def test_shows_the_last_fault_while_the_provider_is_still_healthy(self, board: HealthBoard) -> None:
        fail(board, "malformed")
        snapshot = board.snapshot(FLASH)
        assert snapshot.healthy
        assert snapshot.fault == Fault("malformed", "scripted: malformed", 1000.0)

    def test_shows_the_newer_of_two_faults(self, board: HealthBoard, clock: FakeClock) -> None:
        fail(board, "malformed")
        clock.advance(1)
        fail(board, "reset")
        fault = board.snapshot(FLASH).fault
        assert fault is not None
        assert fault.reason == "reset"

    def test_shows_how_long_an_open_circuit_will_stay_so(self, board: HealthBoard, clock: FakeClock) -> None:
        fail(board, "malformed", times=2)
        clock.advance(16)
        snapshot = board.snapshot(FLASH)
        assert not snapshot.healthy
        assert snapshot.cooling_for == 50.0
        clock.advance(50)
        assert board.snapshot(FLASH).cooling_for is None
        assert not board.snapshot(FLASH).healthy

    def test_of_two_cooldowns_shows_the_longer(self, board: HealthBoard) -> None:
        board.failed(admitted(board), error("rate_limited", retry_after=30.0))
        fail(board, "reset", times=2, candidate=PRO)
        assert board.snapshot(FLASH).cooling_for == 66.0

    def test_a_success_clears_the_fault(self, board: HealthBoard) -> None:
        fail(board, "malformed")
        fail(board, "reset")
        board.succeeded(admitted(board))
        assert board.snapshot(FLASH) == NEVER_HEARD_OF

    @pytest.mark.parametrize("reason", ["invalid_request", "context_too_long"])
    def test_a_fault_of_the_request_is_nobodys(self, board: HealthBoard, reason: Reason) -> None:
        fail(board, reason, times=5)
        assert board.snapshot(FLASH) == NEVER_HEARD_OF


class TestScope:
    @pytest.mark.parametrize("reason", ["reset", "connect_refused", "dns", "tls", "connect_timeout"])
    def test_a_fault_of_the_connection_closes_the_door_of_all_models(
        self, board: HealthBoard, reason: Reason
    ) -> None:
        fail(board, reason, times=2)
        assert board.admit(PRO) is None
        assert board.snapshot(PRO).cooling_for == 66.0

    @pytest.mark.parametrize("reason", ["auth", "billing"])
    def test_so_does_one_of_the_key_or_the_bill_at_once(self, board: HealthBoard, reason: Reason) -> None:
        fail(board, reason)
        assert board.admit(PRO) is None
        assert board.snapshot(PRO).cooling_for == 600.0

    @pytest.mark.parametrize("reason", ["model_missing", "rate_limited", "quota_exhausted"])
    def test_a_fault_of_a_model_leaves_the_others_alone(self, board: HealthBoard, reason: Reason) -> None:
        fail(board, reason)
        assert board.admit(FLASH) is None
        assert board.admit(PRO) is not None

    def test_a_fault_of_a_model_does_not_touch_another_provider(self, board: HealthBoard) -> None:
        fail(board, "reset", times=2)
        assert board.admit(UNNAMED) is not None

    def test_a_call_that_is_turned_away_by_one_record_takes_no_probe_of_the_other(
        self, board: HealthBoard, clock: FakeClock
    ) -> None:
        fail(board, "reset", times=2)
        clock.advance(66)
        fail(board, "model_missing", candidate=FLASH)
        before = dict(board.states)
        assert board.admit(FLASH) is None
        assert dict(board.states) == before
        assert board.snapshot(FLASH).in_flight == 0

    def test_while_a_model_has_no_name_each_failure_counts_once(self, board: HealthBoard) -> None:
        own = ("ollama", "")
        expected: list[BreakerState] = [Closed(failures=1), Open(1, 1066.0, trips=1)]
        for state in expected:
            fail(board, "connect_refused", candidate=UNNAMED)
            assert board.states == {own: state}


class TestLateReplies:
    def test_a_late_failure_changes_nothing_not_even_the_fault_shown(
        self, board: HealthBoard, clock: FakeClock, told: list[BreakerChanged]
    ) -> None:
        late = admitted(board)
        fail(board, "malformed", times=2)
        clock.advance(66)
        board.succeeded(admitted(board))
        told.clear()
        board.failed(late, error("malformed"))
        assert board.snapshot(FLASH) == NEVER_HEARD_OF
        assert told == []

    def test_a_late_success_leaves_the_fault_of_an_open_circuit_in_view(self, board: HealthBoard) -> None:
        late = admitted(board)
        fail(board, "malformed", times=2)
        board.succeeded(late)
        fault = board.snapshot(FLASH).fault
        assert fault is not None
        assert fault.reason == "malformed"
        assert board.snapshot(FLASH).cooling_for == 66.0


class TestListeners:
    def test_hear_of_each_change_exactly_once(
        self, board: HealthBoard, clock: FakeClock, told: list[BreakerChanged]
    ) -> None:
        fail(board, "malformed", times=2)
        clock.advance(66)
        probe = admitted(board)
        board.answered(probe, 0.3)
        board.succeeded(probe)
        assert told == [
            BreakerChanged("gemini", "flash", Open(1, 1066.0, trips=1), "malformed"),
            BreakerChanged("gemini", "flash", Probing(2, 1126.0, trips=1), None),
            BreakerChanged("gemini", "flash", Closed(2, failures=1, trips=1), None),
        ]

    def test_hear_nothing_of_calls_that_change_no_circuit(
        self, board: HealthBoard, told: list[BreakerChanged]
    ) -> None:
        board.succeeded(admitted(board))
        fail(board, "malformed")
        board.released(admitted(board))
        assert told == []

    def test_hear_that_a_probe_was_given_back(
        self, board: HealthBoard, clock: FakeClock, told: list[BreakerChanged]
    ) -> None:
        fail(board, "malformed", times=2)
        clock.advance(66)
        board.released(admitted(board))
        assert told[-1] == BreakerChanged("gemini", "flash", Open(3, 1066.0, trips=1), None)

    def test_hear_it_of_the_record_that_is_concerned(self, board: HealthBoard, told: list[BreakerChanged]) -> None:
        fail(board, "auth")
        assert [(change.provider, change.model, change.reason) for change in told] == [("gemini", "", "auth")]

    def test_are_all_told(self, board: HealthBoard, told: list[BreakerChanged]) -> None:
        also: list[BreakerChanged] = []
        board.subscribe(also.append)
        fail(board, "auth")
        assert also == told != []


class TestForcing:
    def test_lets_one_call_through_an_open_circuit(self, board: HealthBoard) -> None:
        fail(board, "malformed", times=2)
        assert board.admit(FLASH) is None
        assert admitted(board, force=True).probe
        assert board.admit(FLASH, force=True) is None

    def test_an_ordinary_call_is_no_probe(self, board: HealthBoard) -> None:
        assert not admitted(board).probe


def test_the_states_can_be_read_and_not_written(board: HealthBoard) -> None:
    states = board.states
    fail(board, "malformed")
    assert states[("gemini", "flash")] == Closed(failures=1)
    with pytest.raises(TypeError):
        states[("gemini", "flash")] = Closed()  # type: ignore[index]


class TestModelsThatCallersName:
    """Anyone with an API key may name any model: what is remembered of them is bounded."""

    def test_the_oldest_is_forgotten_and_the_configured_ones_never_are(self, board: HealthBoard) -> None:
        board.failed(admitted(board, FLASH), error("model_missing"))
        named = [
            Candidate("gemini", f"m{place}", "cloud", asked_model=f"m{place}") for place in range(MOST_NAMED + 1)
        ]
        for candidate in named:
            board.failed(admitted(board, candidate), error("model_missing"))
        assert len(board.states) <= MOST_NAMED + 3
        assert board.snapshot(named[0]) == NEVER_HEARD_OF
        assert board.snapshot(named[-1]).cooling_for is not None
        assert board.snapshot(FLASH).cooling_for is not None

    def test_one_that_is_missing_is_not_asked_for_again_for_a_while(self, board: HealthBoard) -> None:
        named = Candidate("gemini", "nope", "cloud", asked_model="nope")
        board.failed(admitted(board, named), error("model_missing"))
        assert board.admit(named) is None
        assert board.admit(FLASH) is not None


class TestWhomAFaultConcerns:
    @pytest.mark.parametrize("reason", ["auth", "billing"])
    def test_a_key_is_a_matter_of_all_models(self, board: HealthBoard, reason: Reason) -> None:
        fail(board, reason)
        assert not board.snapshot(PRO).healthy

    @pytest.mark.parametrize("reason", ["auth", "billing"])
    def test_but_not_where_the_provider_turned_down_one_model(self, board: HealthBoard, reason: Reason) -> None:
        fault = error(reason)
        fault.of_model = True
        board.failed(admitted(board), fault)
        assert not board.snapshot(FLASH).healthy
        assert board.snapshot(PRO) == NEVER_HEARD_OF

    @pytest.mark.parametrize(("reason", "status"), [("auth", 403), ("billing", 402)])
    def test_nor_where_a_caller_named_a_model_that_is_closed_to_our_key_or_too_dear(
        self, board: HealthBoard, reason: Reason, status: int
    ) -> None:
        fault = error(reason)
        fault.status = status
        named = Candidate("gemini", "dear", "cloud", asked_model="dear")
        board.failed(admitted(board, named), fault)
        assert board.admit(named) is None
        assert board.snapshot(FLASH) == NEVER_HEARD_OF
        board.failed(admitted(board), fault)
        assert not board.snapshot(PRO).healthy

    def test_a_wrong_key_is_one_whatever_model_a_caller_named(self, board: HealthBoard) -> None:
        fault = error("auth")
        fault.status = 401
        board.failed(admitted(board, Candidate("gemini", "dear", "cloud", asked_model="dear")), fault)
        assert board.admit(FLASH) is None

    def test_what_the_request_left_no_room_for_is_nobodys_fault(self, board: HealthBoard) -> None:
        for _ in range(5):
            fault = error("empty")
            fault.of_request = True
            board.failed(admitted(board), fault)
        assert board.snapshot(FLASH) == NEVER_HEARD_OF


class TestAnotherKey:
    def test_is_tried_at_once(self, board: HealthBoard) -> None:
        fail(board, "auth")
        assert board.admit(FLASH) is None
        board.mended("gemini")
        assert board.snapshot(FLASH).cooling_for is None
        assert admitted(board).probe

    def test_is_not_blamed_for_what_the_one_before_it_did(self, board: HealthBoard) -> None:
        late = admitted(board)
        board.mended("gemini")
        board.failed(late, error("auth"))
        assert board.snapshot(FLASH) == NEVER_HEARD_OF

    def test_concerns_its_provider_alone(self, board: HealthBoard) -> None:
        fail(board, "connect_refused", times=2, candidate=UNNAMED)
        board.mended("gemini")
        assert board.admit(UNNAMED) is None
