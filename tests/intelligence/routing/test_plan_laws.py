"""What holds of every decision, whatever the request, the candidates and their health."""

from collections.abc import Mapping

from hypothesis import given, settings
from hypothesis import strategies as st

from services.intelligence.app.domain.chat import ChatTurn, Lock, ProviderRequest
from services.intelligence.app.routing.breaker import BreakerState, Closed, Open, Probing
from services.intelligence.app.routing.policy import Candidate, HealthKey, barred, plan

LAWS = settings(derandomize=True, deadline=None, database=None, max_examples=100)
NOW = 1000.0
TIMES = st.sampled_from([NOW - 1, NOW, NOW + 1, NOW + 600])
NAMES = ["ollama", "near", "gemini", "openai", "x"]
MODELS = ["", "one", "two"]
CANDIDATES = st.lists(
    st.builds(
        Candidate,
        name=st.sampled_from(NAMES),
        model=st.sampled_from(MODELS),
        locality=st.sampled_from(["local", "cloud"]),
        on_this_machine=st.booleans(),
        configured=st.booleans(),
    ),
    unique_by=lambda candidate: candidate.name,
    max_size=5,
)
LOCKS: st.SearchStrategy[frozenset[Lock]] = st.frozensets(
    st.sampled_from(["deployment", "user", "session", "message"])
)
REQUESTS = st.builds(
    ProviderRequest,
    turns=st.just((ChatTurn("user", "Hello"),)),
    locks=LOCKS,
    prefer=st.sampled_from([None, "local", "cloud"]),
    order=st.lists(st.sampled_from([*NAMES, "stranger"])).map(tuple),
)
STATES: st.SearchStrategy[BreakerState] = st.one_of(
    st.builds(Closed, failures=st.integers(0, 2)),
    st.builds(Open, epoch=st.just(1), until=TIMES, trips=st.just(1), setup=st.booleans()),
    st.builds(Probing, epoch=st.just(1), lease_until=TIMES, trips=st.just(1)),
)
HEALTH: st.SearchStrategy[Mapping[HealthKey, BreakerState]] = st.dictionaries(
    st.tuples(st.sampled_from(NAMES), st.sampled_from(MODELS)), STATES, max_size=6
)


@LAWS
@given(REQUESTS, CANDIDATES, HEALTH, st.booleans())
def test_every_candidate_is_asked_or_left_out_exactly_once(
    request: ProviderRequest, candidates: list[Candidate], health: Mapping[HealthKey, BreakerState], failover: bool
) -> None:
    decision = plan(request, candidates, health, NOW, failover=failover)
    decided = [attempt.candidate for attempt in decision.attempts] + [skip.candidate for skip in decision.skipped]
    assert sorted(decided, key=lambda one: one.name) == sorted(candidates, key=lambda one: one.name)


@LAWS
@given(REQUESTS, CANDIDATES, HEALTH, st.booleans())
def test_with_any_lock_nobody_in_the_cloud_is_asked(
    request: ProviderRequest, candidates: list[Candidate], health: Mapping[HealthKey, BreakerState], failover: bool
) -> None:
    decision = plan(request, candidates, health, NOW, failover=failover)
    for attempt in decision.attempts:
        assert attempt.candidate.configured
        assert barred(request, attempt.candidate) is None
        assert attempt.candidate.locality == "local" or not request.locks


@LAWS
@given(REQUESTS, CANDIDATES, HEALTH, st.booleans())
def test_a_last_resort_is_local_alone_and_needs_no_setting_up(
    request: ProviderRequest, candidates: list[Candidate], health: Mapping[HealthKey, BreakerState], failover: bool
) -> None:
    decision = plan(request, candidates, health, NOW, failover=failover)
    for attempt in decision.attempts:
        if attempt.last_resort:
            assert len(decision.attempts) == 1
            assert attempt.candidate.locality == "local"
            states = [health.get(key) for key in attempt.candidate.health_keys()]
            assert not any(isinstance(state, Open) and state.setup for state in states)


@LAWS
@given(REQUESTS, CANDIDATES, HEALTH, st.booleans())
def test_whoever_cools_down_is_told_until_when_and_nobody_else_is(
    request: ProviderRequest, candidates: list[Candidate], health: Mapping[HealthKey, BreakerState], failover: bool
) -> None:
    for skip in plan(request, candidates, health, NOW, failover=failover).skipped:
        assert (skip.until is not None) == (skip.reason == "cooling_down")
        assert skip.until is None or skip.until > NOW


@LAWS
@given(REQUESTS, CANDIDATES, HEALTH)
def test_without_failover_at_most_one_is_asked_and_it_is_one_that_failover_would_ask_first_or_force(
    request: ProviderRequest, candidates: list[Candidate], health: Mapping[HealthKey, BreakerState]
) -> None:
    alone = plan(request, candidates, health, NOW, failover=False)
    assert len(alone.attempts) <= 1
    if alone.attempts and not alone.attempts[0].last_resort:
        assert alone.attempts == plan(request, candidates, health, NOW).attempts[:1]
