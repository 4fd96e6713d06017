"""Who has used up the budget of the day is left out, and the others go on."""

from services.intelligence.app.routing.policy import RouteDecision, Skipped, plan

from .test_plan import DEFAULT, GEMINI, NOW, asked, cooling, names, reasons

TOMORROW = NOW + 3600
SPENT = {"gemini": TOMORROW, "openai": TOMORROW}


def test_who_is_over_budget_is_left_out_until_the_next_one_begins() -> None:
    decision = plan(asked(), DEFAULT, {}, NOW, over_budget={"gemini": TOMORROW})
    assert names(decision) == ["ollama", "openai"]
    assert decision.skipped == (Skipped(GEMINI, "over_budget", TOMORROW, 1),)


def test_a_lock_is_the_reason_before_a_budget() -> None:
    decision = plan(asked("user"), DEFAULT, {}, NOW, over_budget=SPENT)
    assert reasons(decision) == {"gemini": "preference", "openai": "preference"}


def test_a_budget_is_the_reason_before_a_cooldown() -> None:
    decision: RouteDecision = plan(asked(), DEFAULT, cooling(GEMINI), NOW, over_budget=SPENT)
    assert reasons(decision) == {"gemini": "over_budget", "openai": "over_budget"}
