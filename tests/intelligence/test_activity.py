"""What happened lately, minute by minute."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from novakit.tracing import Trace

from services.intelligence.app.services.activity import KEPT_FALLBACKS, KEPT_MINUTES, Activity, Times
from services.intelligence.app.services.metering import Spent
from services.intelligence.app.services.observations import CallEnded, Origin, TurnEnded
from services.intelligence.app.services.stored_route import CallRecord, StoredRoute

NOON = 1_795_348_800.0
ROUTE = StoredRoute([CallRecord(1, "ollama", "m", "local", False, 0, "failed", "stalled")], [])


class World:
    """An activity record, and a wall clock that the test moves."""

    def __init__(self) -> None:
        self.now = NOON
        self.activity = Activity(lambda: self.now)

    def call(self, provider: str = "ollama", ttft: float | None = 0.5, **fields: object) -> None:
        call = {
            "provider": provider,
            "model": "m",
            "locality": "local",
            "outcome": "succeeded",
            "reason": None,
            "detail": None,
            "by_name": False,
            "seconds": 2.0,
            "ttft": ttft,
            "spent": Spent(10, 5, cost_usd=0.25),
            "origin": Origin("r", "u"),
            **fields,
        }
        self.activity.observe(CallEnded(**call))  # type: ignore[arg-type]

    def turn(self, status: str = "complete", locality: str | None = "local", **fields: object) -> None:
        turn = {
            "endpoint": "stream",
            "status": status,
            "seconds": 3.0,
            "provider": "ollama" if locality == "local" else "gemini" if locality else None,
            "model": "m",
            "locality": locality,
            "fallback_from": None,
            "fallback_reason": None,
            "ttft": 0.5,
            "spent": Spent(),
            "origin": Origin("r", "u"),
            "route": lambda: ROUTE,
            "message_id": "id",
            **fields,
        }
        self.activity.observe(TurnEnded(**turn))  # type: ignore[arg-type]


@pytest.fixture
def world() -> World:
    return World()


@given(st.lists(st.floats(min_value=0.001, max_value=600), min_size=1, max_size=60), st.floats(0.01, 1))
def test_a_percentile_is_right_to_five_percent_and_the_same_from_parts(values: list[float], share: float) -> None:
    whole, parts = Times(), (Times(), Times())
    for number, value in enumerate(values):
        whole.add(value)
        parts[number % 2].add(value)
    exact = sorted(values)[max(0, -int(-share * len(values) // 1) - 1)]
    found = whole.percentile(share)

    assert found == pytest.approx(exact, rel=0.0501)
    assert Times(parts).percentile(share) == found


def test_no_times_have_no_percentile() -> None:
    assert Times().percentile(0.5) is None


def test_every_step_is_there_also_those_in_which_nothing_was(world: World) -> None:
    world.turn()
    world.now += 120
    world.turn(locality="cloud")
    world.turn("interrupted")
    spans = world.activity.spans(5, 1)

    assert [span.at - NOON for span in spans] == [-120, -60, 0, 60, 120]
    assert [(span.local, span.cloud, span.failed) for span in spans] == [
        (0, 0, 0), (0, 0, 0), (1, 0, 0), (0, 0, 0), (0, 1, 1),
    ]  # fmt: skip


def test_longer_steps_hold_the_sums_of_their_minutes(world: World) -> None:
    for _ in range(10):
        world.call()
        world.now += 60
    sums = [(span.input_tokens, span.output_tokens, span.cost_usd) for span in world.activity.spans(10, 5)]

    assert sums == [(50, 25, 1.25), (0, 0, 0)]
    assert [(s.at - NOON, s.calls["ollama"].succeeded) for s in world.activity.spans(11, 5)[:2]] == [(0, 5), (300, 5)]


def test_calls_are_counted_by_provider_and_outcome_and_only_those_of_late(world: World) -> None:
    world.call(outcome="failed", ttft=None)
    world.now += 3600
    world.call(ttft=1.0)
    world.call(ttft=4.0)
    world.call("gemini", outcome="cancelled", ttft=None)
    calls = world.activity.calls(30)

    assert (calls["ollama"].succeeded, calls["ollama"].failed, calls["ollama"].success) == (2, 0, 1.0)
    assert calls["ollama"].ttft.percentile(0.5) == pytest.approx(1.0, rel=0.05)
    assert calls["ollama"].ttft.percentile(0.95) == pytest.approx(4.0, rel=0.05)
    assert (calls["gemini"].cancelled, calls["gemini"].success) == (1, None)
    assert world.activity.calls(120)["ollama"].success == pytest.approx(2 / 3)


def test_a_day_is_kept_and_no_more(world: World) -> None:
    for _ in range(KEPT_MINUTES + 30):
        world.turn()
        world.now += 60

    assert sum(span.local for span in world.activity.spans(KEPT_MINUTES + 60, 60)) == KEPT_MINUTES


def test_fallbacks_are_kept_with_their_route_the_newest_first(world: World) -> None:
    world.turn()
    world.turn(locality="cloud", fallback_from="ollama", fallback_reason="stalled")
    world.turn("fallback", None, fallback_from="ollama", fallback_reason="connect_refused")
    exhausted, handed_on = world.activity.fallbacks()

    assert (handed_on.first_choice, handed_on.provider, handed_on.route) == ("ollama", "gemini", ROUTE)
    assert (exhausted.provider, exhausted.status) == (None, "fallback")
    assert [span.fallbacks for span in world.activity.spans(1, 1)] == [1]
    for _ in range(KEPT_FALLBACKS):
        world.turn(locality="cloud", fallback_from="ollama", fallback_reason="stalled")
    assert len(world.activity.fallbacks()) == KEPT_FALLBACKS


def test_a_fallback_tells_its_trace_where_that_is_recorded(world: World) -> None:
    for sampled in (True, False):
        origin = Origin("r", "u", Trace(f"00-{'ab' * 16}-{'cd' * 8}-0{sampled:d}"))
        world.turn(locality="cloud", fallback_from="ollama", fallback_reason="stalled", origin=origin)
    unrecorded, recorded = world.activity.fallbacks()

    assert (recorded.request_id, recorded.trace_id, unrecorded.trace_id) == ("r", "ab" * 16, None)


def test_a_clock_that_is_set_back_loses_nothing(world: World) -> None:
    world.turn()
    world.now -= 600
    world.turn()
    world.now += 600

    assert sum(span.local for span in world.activity.spans(5, 1)) == 2
