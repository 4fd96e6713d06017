"""What holds of every decision, whatever the request, the candidates and their health."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from services.intelligence.app.domain.chat import ChatTurn, Lock, ProviderRequest, Target
from services.intelligence.app.routing.breaker import BreakerState, Closed, Open, Probing
from services.intelligence.app.routing.policy import Candidate, HealthKey, RouteDecision, barred, plan
from services.intelligence.app.routing.rules import KINDS, Rule, applying

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
    turns=st.sampled_from(["Hello", "```\nx\n```", "привет", "word " * 100, "word " * 3000]).map(
        lambda text: (ChatTurn("user", text),)
    ),
    locks=LOCKS,
    prefer=st.sampled_from([None, "local", "cloud"]),
    order=st.lists(st.sampled_from([*NAMES, "stranger"])).map(tuple),
)
RULES = st.lists(
    st.builds(
        Rule,
        st.sampled_from(KINDS),
        st.lists(st.sampled_from([*NAMES, "stranger"]), min_size=1, unique=True).map(tuple),
    ),
    unique_by=lambda rule: rule.kind,
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
@given(REQUESTS, CANDIDATES, HEALTH, st.booleans(), RULES)
def test_every_candidate_is_asked_or_left_out_exactly_once(
    request: ProviderRequest,
    candidates: list[Candidate],
    health: Mapping[HealthKey, BreakerState],
    failover: bool,
    rules: list[Rule],
) -> None:
    decision = plan(request, candidates, health, NOW, failover=failover, rules=rules)
    decided = [attempt.candidate for attempt in decision.attempts] + [skip.candidate for skip in decision.skipped]
    assert sorted(decided, key=lambda one: one.name) == sorted(candidates, key=lambda one: one.name)


@LAWS
@given(REQUESTS, CANDIDATES, HEALTH, st.booleans(), RULES)
def test_with_any_lock_nobody_in_the_cloud_is_asked(
    request: ProviderRequest,
    candidates: list[Candidate],
    health: Mapping[HealthKey, BreakerState],
    failover: bool,
    rules: list[Rule],
) -> None:
    decision = plan(request, candidates, health, NOW, failover=failover, rules=rules)
    for attempt in decision.attempts:
        assert attempt.candidate.configured
        assert barred(request, attempt.candidate) is None
        assert attempt.candidate.locality == "local" or not request.locks


@LAWS
@given(REQUESTS, CANDIDATES, HEALTH, st.booleans(), RULES)
def test_a_last_resort_is_local_alone_and_needs_no_setting_up(
    request: ProviderRequest,
    candidates: list[Candidate],
    health: Mapping[HealthKey, BreakerState],
    failover: bool,
    rules: list[Rule],
) -> None:
    decision = plan(request, candidates, health, NOW, failover=failover, rules=rules)
    for attempt in decision.attempts:
        if attempt.last_resort:
            assert len(decision.attempts) == 1
            assert attempt.candidate.locality == "local"
            states = [health.get(key) for key in attempt.candidate.health_keys()]
            assert not any(isinstance(state, Open) and state.setup for state in states)


@LAWS
@given(REQUESTS, CANDIDATES, HEALTH, st.booleans(), RULES)
def test_whoever_cools_down_is_told_until_when_and_nobody_else_is(
    request: ProviderRequest,
    candidates: list[Candidate],
    health: Mapping[HealthKey, BreakerState],
    failover: bool,
    rules: list[Rule],
) -> None:
    for skip in plan(request, candidates, health, NOW, failover=failover, rules=rules).skipped:
        assert (skip.until is not None) == (skip.reason == "cooling_down")
        assert skip.until is None or skip.until > NOW


@LAWS
@given(REQUESTS, CANDIDATES, HEALTH, RULES)
def test_without_failover_at_most_one_is_asked_and_it_is_one_that_failover_would_ask_first_or_force(
    request: ProviderRequest,
    candidates: list[Candidate],
    health: Mapping[HealthKey, BreakerState],
    rules: list[Rule],
) -> None:
    alone = plan(request, candidates, health, NOW, failover=False, rules=rules)
    assert len(alone.attempts) <= 1
    if alone.attempts and not alone.attempts[0].last_resort:
        assert alone.attempts == plan(request, candidates, health, NOW, rules=rules).attempts[:1]


@LAWS
@given(REQUESTS, CANDIDATES, RULES)
def test_a_wish_counts_before_a_rule_and_a_rule_before_the_priority(
    request: ProviderRequest, candidates: list[Candidate], rules: list[Rule]
) -> None:
    rule = applying(rules, request.turns)
    ruled = rule.providers if rule is not None else ()

    def rank(candidate: Candidate) -> tuple[bool, int, int, int]:
        return (
            request.prefer not in {None, candidate.locality},
            place_in(request.order, candidate.name),
            place_in(ruled, candidate.name),
            candidates.index(candidate),
        )

    decision = plan(request, candidates, {}, NOW, rules=rules)
    assert by_place(decision) == sorted(candidates, key=rank)


@LAWS
@given(REQUESTS, CANDIDATES, RULES)
def test_the_rule_that_is_told_is_the_one_that_applies_to_somebody_whom_no_order_names(
    request: ProviderRequest, candidates: list[Candidate], rules: list[Rule]
) -> None:
    rule = applying(rules, request.turns)
    left = {candidate.name for candidate in candidates} - set(request.order)
    has_a_say = rule is not None and bool(left & set(rule.providers))
    assert plan(request, candidates, {}, NOW, rules=rules).rule == (str(rule) if has_a_say else None)


@LAWS
@given(REQUESTS, CANDIDATES, HEALTH, st.booleans(), RULES)
def test_a_rule_that_is_not_told_changes_nothing(
    request: ProviderRequest,
    candidates: list[Candidate],
    health: Mapping[HealthKey, BreakerState],
    failover: bool,
    rules: list[Rule],
) -> None:
    decision = plan(request, candidates, health, NOW, failover=failover, rules=rules)
    without = plan(request, candidates, health, NOW, failover=failover)
    if decision.rule is None:
        assert decision == without
        assert by_place(decision) == by_place(without)


@LAWS
@given(REQUESTS, CANDIDATES, HEALTH, RULES)
def test_a_rule_takes_nobody_out_and_lets_nobody_in(
    request: ProviderRequest,
    candidates: list[Candidate],
    health: Mapping[HealthKey, BreakerState],
    rules: list[Rule],
) -> None:
    decision = plan(request, candidates, health, NOW, rules=rules)
    without = plan(request, candidates, health, NOW)
    if not any(attempt.last_resort for attempt in without.attempts):
        assert set(decision.attempts) == set(without.attempts)
        assert set(decision.skipped) == set(without.skipped)


@LAWS
@given(REQUESTS, CANDIDATES, HEALTH, st.booleans(), RULES, st.lists(st.sampled_from(NAMES), min_size=1, unique=True))
def test_rules_say_nothing_to_a_list_of_the_callers_own(
    request: ProviderRequest,
    candidates: list[Candidate],
    health: Mapping[HealthKey, BreakerState],
    failover: bool,
    rules: list[Rule],
    chain: list[str],
) -> None:
    named = replace(request, chain=tuple(Target(name) for name in chain))
    decision = plan(named, candidates, health, NOW, failover=failover, rules=rules)
    assert decision == plan(named, candidates, health, NOW, failover=failover)
    assert decision.rule is None


def by_place(decision: RouteDecision) -> list[Candidate]:
    """All candidates in the order that this decision goes by."""
    places = {attempt.place: attempt.candidate for attempt in decision.attempts}
    places |= {skip.place: skip.candidate for skip in decision.skipped}
    return [candidate for _, candidate in sorted(places.items())]


def place_in(names: Sequence[str], name: str) -> int:
    """Where a name stands in a list, or past its end."""
    return names.index(name) if name in names else len(names)
