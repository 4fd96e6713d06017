"""Whom to ask, in which order, and who is left out with which reason."""

from typing import ClassVar

import pytest

from services.intelligence.app.domain.chat import ChatTurn, Locality, Lock, ProviderRequest, Target
from services.intelligence.app.domain.errors import SkipReason
from services.intelligence.app.routing.breaker import BreakerState, Closed, Open, Probing
from services.intelligence.app.routing.policy import (
    Attempt,
    Candidate,
    HealthKey,
    RouteDecision,
    Skipped,
    last_resort,
    locks_on,
    plan,
)
from services.intelligence.app.routing.rules import parse_rules

NOW = 1000.0
OLLAMA = Candidate("ollama", "llama3.2", "local", on_this_machine=True)
NEAR = Candidate("near", "qwen3", "local")
GEMINI = Candidate("gemini", "gemini-2.5-flash", "cloud")
OPENAI = Candidate("openai", "gpt-4.1", "cloud")
KEYLESS = Candidate("anthropic", "", "cloud", configured=False)
DEFAULT = (OLLAMA, GEMINI, OPENAI)


def asked(
    *locks: Lock,
    prefer: Locality | None = None,
    order: tuple[str, ...] = (),
    chain: tuple[Target, ...] = (),
    text: str = "Hello",
) -> ProviderRequest:
    return ProviderRequest((ChatTurn("user", text),), locks=frozenset(locks), prefer=prefer, order=order, chain=chain)


def decide(
    request: ProviderRequest | None = None,
    candidates: tuple[Candidate, ...] = DEFAULT,
    health: dict[HealthKey, BreakerState] | None = None,
    *,
    failover: bool = True,
    rules: str = "",
) -> RouteDecision:
    return plan(request or asked(), candidates, health or {}, NOW, failover=failover, rules=parse_rules(rules))


def names(decision: RouteDecision) -> list[str]:
    return [attempt.candidate.name for attempt in decision.attempts]


def reasons(decision: RouteDecision) -> dict[str, SkipReason]:
    return {skip.candidate.name: skip.reason for skip in decision.skipped}


def cooling(candidate: Candidate, seconds: float = 30.0, *, setup: bool = False) -> dict[HealthKey, BreakerState]:
    return {(candidate.name, candidate.model): Open(1, NOW + seconds, trips=1, setup=setup)}


class TestOrder:
    def test_the_configured_priority_is_the_order(self) -> None:
        assert decide() == RouteDecision((Attempt(OLLAMA), Attempt(GEMINI), Attempt(OPENAI)), ())

    def test_a_user_order_comes_first_and_the_rest_follows_in_the_priority(self) -> None:
        assert names(decide(asked(order=("openai",)))) == ["openai", "ollama", "gemini"]
        assert names(decide(asked(order=("gemini", "openai")))) == ["gemini", "openai", "ollama"]

    def test_a_user_order_cannot_bring_in_a_stranger(self) -> None:
        assert names(decide(asked(order=("mistral",)))) == ["ollama", "gemini", "openai"]

    def test_a_wish_for_the_cloud_puts_it_first_and_keeps_the_order_within(self) -> None:
        assert names(decide(asked(prefer="cloud"))) == ["gemini", "openai", "ollama"]
        assert names(decide(asked(prefer="cloud", order=("openai",)))) == ["openai", "gemini", "ollama"]

    def test_a_wish_for_local_outranks_the_user_order(self) -> None:
        assert names(decide(asked(prefer="local", order=("gemini",)))) == ["ollama", "gemini", "openai"]

    def test_a_provider_without_a_key_is_left_out_and_named(self) -> None:
        decision = decide(candidates=(KEYLESS, OLLAMA))
        assert names(decision) == ["ollama"]
        assert reasons(decision) == {"anthropic": "not_configured"}


class TestRules:
    rules = "code:openai>gemini, short:gemini"
    code = "```\nx = 1\n```"

    def test_a_rule_puts_its_providers_first_and_the_rest_follows_in_the_priority(self) -> None:
        decision = decide(asked(text=self.code), rules=self.rules)
        assert names(decision) == ["openai", "gemini", "ollama"]
        assert decision.rule == "code:openai>gemini"

    def test_the_first_rule_of_whose_kind_the_prompt_is_counts_alone(self) -> None:
        decision = decide(asked(), rules="long:ollama, short:gemini, code:openai")
        assert names(decision) == ["gemini", "ollama", "openai"]
        assert decision.rule == "short:gemini"

    def test_without_a_rule_for_it_the_priority_stands(self) -> None:
        decision = decide(asked(text="word " * 100), rules=self.rules)
        assert (names(decision), decision.rule) == (["ollama", "gemini", "openai"], None)

    def test_a_rule_that_says_what_the_priority_says_is_told_all_the_same(self) -> None:
        decision = decide(rules="short:ollama")
        assert (names(decision), decision.rule) == (["ollama", "gemini", "openai"], "short:ollama")

    def test_a_user_order_goes_before_a_rule_which_orders_the_rest(self) -> None:
        decision = decide(asked(order=("openai",)), rules="short:gemini>openai")
        assert names(decision) == ["openai", "gemini", "ollama"]
        assert decision.rule == "short:gemini>openai"

    def test_a_rule_that_a_user_order_leaves_no_say_is_not_told(self) -> None:
        decision = decide(asked(order=("openai", "gemini")), rules="short:gemini>openai>stranger")
        assert (names(decision), decision.rule) == (["openai", "gemini", "ollama"], None)

    def test_a_rule_for_strangers_is_not_told(self) -> None:
        decision = decide(rules="short:mistral")
        assert (names(decision), decision.rule) == (["ollama", "gemini", "openai"], None)

    def test_a_wish_for_local_goes_before_a_rule_which_orders_within(self) -> None:
        decision = decide(asked(prefer="local"), rules="short:openai")
        assert names(decision) == ["ollama", "openai", "gemini"]
        assert decision.rule == "short:openai"

    @pytest.mark.parametrize("lock", ["deployment", "user", "session", "message"])
    def test_no_rule_opens_a_lock(self, lock: Lock) -> None:
        decision = decide(asked(lock), rules="short:openai>gemini")
        assert names(decision) == ["ollama"]
        assert set(reasons(decision)) == {"openai", "gemini"}

    def test_a_rule_is_no_wall(self) -> None:
        decision = decide(health=cooling(GEMINI), rules="short:gemini")
        assert names(decision) == ["ollama", "openai"]
        assert reasons(decision) == {"gemini": "cooling_down"}
        assert decision.rule == "short:gemini"

    def test_a_rule_says_nothing_to_a_caller_with_a_list_of_its_own(self) -> None:
        decision = decide(asked(chain=(Target("ollama"), Target("gemini"))), rules="short:gemini>openai")
        assert names(decision) == ["ollama", "gemini"]
        assert reasons(decision) == {"openai": "not_requested"}
        assert decision.rule is None

    def test_a_provider_without_a_key_that_a_rule_names_is_passed_over(self) -> None:
        decision = decide(candidates=(OLLAMA, KEYLESS, GEMINI), rules="short:anthropic>gemini")
        assert names(decision) == ["gemini", "ollama"]
        assert reasons(decision) == {"anthropic": "not_configured"}

    def test_without_failover_the_first_of_the_ruled_order_is_asked_alone(self) -> None:
        decision = decide(asked(text=self.code), rules=self.rules, failover=False)
        assert names(decision) == ["openai"]
        assert reasons(decision) == {"gemini": "disabled", "ollama": "disabled"}

    def test_without_failover_a_lock_still_decides_who_is_the_first_allowed(self) -> None:
        decision = decide(asked("message", text=self.code), rules=self.rules, failover=False)
        assert names(decision) == ["ollama"]

    def test_the_last_resort_is_the_first_local_one_of_the_ruled_order(self) -> None:
        health = {**cooling(OLLAMA), **cooling(NEAR)}
        decision = decide(candidates=(OLLAMA, NEAR), health=health, rules="short:near")
        assert decision.attempts == (Attempt(NEAR, last_resort=True),)
        assert decision.rule == "short:near"


class TestAChainOfTheCallersOwn:
    chain: ClassVar = (Target("openai"), Target("ollama", "qwen3"), Target("ollama"))
    other: ClassVar = Candidate("ollama", "qwen3", "local", asked_model="qwen3")

    def test_its_order_is_the_order_and_nobody_else_is_asked(self) -> None:
        decision = decide(ProviderRequest(asked().turns, chain=self.chain), (*DEFAULT, self.other))
        assert [attempt.candidate for attempt in decision.attempts] == [OPENAI, self.other, OLLAMA]
        assert reasons(decision) == {"gemini": "not_requested"}

    def test_no_wish_and_no_order_of_the_user_changes_it(self) -> None:
        request = ProviderRequest(asked().turns, chain=self.chain, prefer="local", order=("ollama",))
        assert names(decide(request, (*DEFAULT, self.other))) == ["openai", "ollama", "ollama"]

    def test_a_lock_holds_for_it_too(self) -> None:
        request = ProviderRequest(asked().turns, chain=self.chain, locks=frozenset({"message"}))
        decision = decide(request, (*DEFAULT, self.other))
        assert names(decision) == ["ollama", "ollama"]
        assert reasons(decision) == {"openai": "local_only", "gemini": "not_requested"}

    def test_nobody_outside_of_it_is_a_last_resort(self) -> None:
        decision = decide(ProviderRequest(asked().turns, chain=(Target("gemini"),)), health=cooling(GEMINI))
        assert names(decision) == []


class TestLocksOn:
    @pytest.mark.parametrize("session", [True, False])
    @pytest.mark.parametrize("message", [True, False])
    @pytest.mark.parametrize("enabled", [True, False])
    @pytest.mark.parametrize("user", [True, False])
    def test_each_one_that_forbids_the_cloud_is_named(
        self, session: bool, message: bool, enabled: bool, user: bool
    ) -> None:
        forbidding = {"session": session, "message": message, "deployment": not enabled, "user": user}
        found = locks_on(cloud_enabled=enabled, session=session, message=message, user=user)
        assert found == {lock for lock, closed in forbidding.items() if closed}

    def test_neither_user_nor_session_nor_message_does_unless_it_says_so(self) -> None:
        assert locks_on(cloud_enabled=True) == frozenset()


class TestLocks:
    @pytest.mark.parametrize(
        ("lock", "reason"),
        [
            ("deployment", "cloud_disabled"),
            ("user", "preference"),
            ("session", "local_only"),
            ("message", "local_only"),
        ],
    )
    def test_each_lock_alone_removes_every_cloud_provider_and_says_why(self, lock: Lock, reason: SkipReason) -> None:
        decision = decide(asked(lock))
        assert names(decision) == ["ollama"]
        assert reasons(decision) == {"gemini": reason, "openai": reason}

    @pytest.mark.parametrize(
        ("locks", "reason"),
        [
            (("deployment", "user", "session", "message"), "cloud_disabled"),
            (("user", "session"), "local_only"),
            (("user", "message"), "local_only"),
        ],
    )
    def test_of_several_locks_the_one_that_is_hardest_to_lift_is_named(
        self, locks: tuple[Lock, ...], reason: SkipReason
    ) -> None:
        assert set(reasons(decide(asked(*locks))).values()) == {reason}

    def test_a_lock_leaves_all_local_providers_also_those_across_the_network(self) -> None:
        assert names(decide(asked("session"), (NEAR, GEMINI, OLLAMA))) == ["near", "ollama"]

    @pytest.mark.parametrize("lock", ["deployment", "user", "session", "message"])
    def test_no_wish_opens_a_lock(self, lock: Lock) -> None:
        assert names(decide(asked(lock, prefer="cloud", order=("gemini", "openai")))) == ["ollama"]

    def test_with_nobody_local_a_lock_leaves_nobody(self) -> None:
        decision = decide(asked("session"), (GEMINI, OPENAI))
        assert names(decision) == []

    def test_a_cloud_provider_without_a_key_is_not_said_to_be_locked_out(self) -> None:
        decision = decide(asked("session"), (OLLAMA, KEYLESS))
        assert reasons(decision) == {"anthropic": "not_configured"}


class TestCoolingDown:
    def test_a_provider_that_cools_down_is_left_out_until_its_time(self) -> None:
        decision = decide(health=cooling(OLLAMA, 30))
        assert names(decision) == ["gemini", "openai"]
        assert [(skip.reason, skip.until) for skip in decision.skipped] == [("cooling_down", NOW + 30)]

    def test_one_that_is_due_is_asked(self) -> None:
        assert names(decide(health=cooling(OLLAMA, 0))) == ["ollama", "gemini", "openai"]

    def test_one_whose_probe_is_under_way_is_left_out(self) -> None:
        decision = decide(health={("ollama", "llama3.2"): Probing(1, NOW + 5, trips=1)})
        assert reasons(decision) == {"ollama": "cooling_down"}

    def test_a_fault_of_the_provider_itself_stands_for_all_its_models(self) -> None:
        decision = decide(health={("gemini", ""): Open(1, NOW + 9, trips=1)})
        assert reasons(decision) == {"gemini": "cooling_down"}

    def test_the_later_of_two_cooldowns_counts(self) -> None:
        health: dict[HealthKey, BreakerState] = {
            ("gemini", ""): Open(1, NOW + 9, trips=1),
            ("gemini", "gemini-2.5-flash"): Open(1, NOW + 40, trips=1),
        }
        assert [skip.until for skip in decide(health=health).skipped] == [NOW + 40]

    def test_the_health_of_another_model_is_of_no_concern(self) -> None:
        assert reasons(decide(health={("gemini", "gemini-pro"): Open(1, NOW + 9, trips=1)})) == {}

    def test_failures_below_the_threshold_leave_nobody_out(self) -> None:
        assert reasons(decide(health={("ollama", "llama3.2"): Closed(failures=2)})) == {}

    def test_a_lock_is_named_before_a_cooldown(self) -> None:
        assert reasons(decide(asked("session"), health=cooling(GEMINI)))["gemini"] == "local_only"


class TestLastResort:
    everybody_cools: ClassVar = {**cooling(OLLAMA), **cooling(GEMINI), **cooling(OPENAI)}

    def test_when_all_cool_down_a_local_one_is_asked_all_the_same(self) -> None:
        decision = decide(health=self.everybody_cools)
        assert decision.attempts == (Attempt(OLLAMA, last_resort=True),)
        assert reasons(decision) == {"gemini": "cooling_down", "openai": "cooling_down"}

    def test_a_lock_makes_a_cooling_local_one_the_last_resort_too(self) -> None:
        decision = decide(asked("message"), health=cooling(OLLAMA))
        assert decision.attempts == (Attempt(OLLAMA, last_resort=True),)

    def test_a_cloud_one_is_never_a_last_resort(self) -> None:
        assert decide(candidates=(GEMINI, OPENAI), health=self.everybody_cools).attempts == ()

    @pytest.mark.parametrize("model", ["", "llama3.2"])
    def test_one_that_somebody_has_to_set_up_is_not(self, model: str) -> None:
        health: dict[HealthKey, BreakerState] = {("ollama", model): Open(1, NOW + 600, trips=0, setup=True)}
        decision = decide(candidates=(OLLAMA,), health=health)
        assert decision.attempts == ()
        assert reasons(decision) == {"ollama": "cooling_down"}

    def test_the_next_local_one_is_where_the_first_needs_setting_up(self) -> None:
        health = {**cooling(OLLAMA, setup=True), **cooling(NEAR)}
        assert decide(candidates=(OLLAMA, NEAR), health=health).attempts == (Attempt(NEAR, last_resort=True),)

    def test_only_one_is_tried(self) -> None:
        decision = decide(candidates=(OLLAMA, NEAR), health={**cooling(OLLAMA), **cooling(NEAR)})
        assert names(decision) == ["ollama"]
        assert reasons(decision) == {"near": "cooling_down"}

    def test_nobody_is_forced_while_somebody_is_well(self) -> None:
        assert decide(health=cooling(OLLAMA)).attempts == (Attempt(GEMINI), Attempt(OPENAI))


class TestWhenNobodyElseIsLeft:
    cools: ClassVar = [Skipped(GEMINI, "cooling_down", NOW + 5), Skipped(NEAR, "cooling_down", NOW + 5, place=3)]

    def test_a_local_one_that_was_left_out_for_its_cooldown_is_the_last_resort(self) -> None:
        resort = last_resort(self.cools, cooling(NEAR))
        assert (resort, resort.place if resort else None) == (Attempt(NEAR, last_resort=True), 3)

    def test_one_that_has_come_back_meanwhile_is_too(self) -> None:
        assert last_resort(self.cools, {}) == Attempt(NEAR, last_resort=True)

    def test_one_that_was_asked_already_is_not_and_the_next_one_is(self) -> None:
        skipped = [Skipped(OLLAMA, "cooling_down", NOW + 5), *self.cools]
        assert last_resort(skipped, {}, [OLLAMA.target]) == Attempt(NEAR, last_resort=True)
        assert last_resort(skipped, {}, [OLLAMA.target, NEAR.target]) is None

    def test_one_that_has_to_be_set_up_by_now_is_not(self) -> None:
        assert last_resort(self.cools, cooling(NEAR, setup=True)) is None

    @pytest.mark.parametrize("reason", ["busy", "cold", "not_configured", "disabled", "prompt_too_long"])
    def test_one_that_was_left_out_for_another_reason_is_not(self, reason: SkipReason) -> None:
        assert last_resort([Skipped(NEAR, reason)], {}) is None


class TestWithoutFailover:
    def test_the_first_allowed_candidate_is_asked_alone(self) -> None:
        decision = decide(candidates=(KEYLESS, OLLAMA, GEMINI), failover=False)
        assert names(decision) == ["ollama"]
        assert reasons(decision) == {"anthropic": "not_configured", "gemini": "disabled"}

    def test_a_lock_decides_who_is_the_first_allowed(self) -> None:
        decision = decide(asked("user"), (GEMINI, OLLAMA, NEAR), failover=False)
        assert names(decision) == ["ollama"]
        assert reasons(decision) == {"gemini": "preference", "near": "disabled"}

    def test_nobody_stands_in_for_it_while_it_cools_down(self) -> None:
        decision = decide(candidates=(GEMINI, OPENAI), health=cooling(GEMINI), failover=False)
        assert names(decision) == []
        assert reasons(decision) == {"gemini": "cooling_down", "openai": "disabled"}

    def test_a_local_one_is_its_own_last_resort(self) -> None:
        decision = decide(health=cooling(OLLAMA), failover=False)
        assert decision.attempts == (Attempt(OLLAMA, last_resort=True),)
        assert reasons(decision) == {"gemini": "disabled", "openai": "disabled"}


def test_everyone_has_a_place_in_the_order_that_this_request_goes_by() -> None:
    decision = decide(asked("message", order=("openai",)), (*DEFAULT, KEYLESS))
    places = {one.candidate.name: one.place for one in decision.attempts}
    places |= {one.candidate.name: one.place for one in decision.skipped}

    assert places == {"openai": 0, "ollama": 1, "gemini": 2, "anthropic": 3}


def test_whoever_cools_down_and_whoever_is_asked_all_the_same_keep_their_place() -> None:
    decision = decide(
        candidates=(GEMINI, OLLAMA, NEAR), health={**cooling(GEMINI), **cooling(OLLAMA), **cooling(NEAR)}
    )
    assert [(skip.candidate.name, skip.place) for skip in decision.skipped] == [("gemini", 0), ("near", 2)]
    assert [attempt.place for attempt in decision.attempts] == [1]


def test_somebody_else_is_asked_after_the_first_unless_it_is_said_otherwise() -> None:
    assert plan(asked(), DEFAULT, {}, NOW).attempts == (Attempt(OLLAMA), Attempt(GEMINI), Attempt(OPENAI))
