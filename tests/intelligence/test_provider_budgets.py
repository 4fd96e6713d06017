"""A provider's budget in money and tokens, with prices and a clock that the test holds by the hand."""

from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from novakit.clock import FakeClock

from services.intelligence.app.domain.chat import ChatTurn, ProviderRequest, Sampling
from services.intelligence.app.routing.policy import Candidate, plan
from services.intelligence.app.services.metering import Spent
from services.intelligence.app.services.observations import CallEnded, Origin
from services.intelligence.app.services.quotas.budgets import OverBudgetError, ProviderBudgets
from services.intelligence.app.services.quotas.days import Days
from services.intelligence.app.store.quotas import Unit
from services.intelligence.app.store.sql import Sql
from tests.support.databases import Portable

GEMINI = Candidate("gemini", "m", "cloud")
OLLAMA = Candidate("ollama", "m", "local")
ASKED = ProviderRequest((ChatTurn("user", "x" * 400),), Sampling(max_tokens=100))
"""100 tokens in, 100 out."""


class Desk:
    """Budgets on a database in a file, in which each job is a transaction."""

    def __init__(self, connection: Portable, limits: dict[Unit, int]) -> None:
        self.clock = FakeClock()
        self.connection = connection
        self.budgets = ProviderBudgets(
            {"gemini": limits},
            Days(ZoneInfo("UTC")),
            self.clock,
            iter(map(str, range(100))).__next__,
            self.run,
            lambda _provider, _model, usage: ((usage.input_tokens or 0) + 2 * (usage.output_tokens or 0)) / 1000,
        )

    async def run(self, job: Callable[[Sql], Any]) -> Any:
        self.connection.execute("BEGIN")
        try:
            done = job(self.connection)
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")
        return done

    async def ended(self, hold: str, spent: Spent) -> None:
        self.budgets.observe(
            CallEnded("gemini", "m", "cloud", "succeeded", None, None, False, 1.0, 0.1, spent, Origin("r"), hold)
        )
        await self.budgets.close()


async def test_money_is_reserved_by_its_price_and_settled_by_what_it_was(connection: Portable) -> None:
    # An answer is expected to cost 0.3 dollars: there is room for one at a time, and for five that cost 0.1.
    desk = Desk(connection, {"nano_usd": 500_000_000})
    for _ in range(3):
        hold = await desk.budgets.reserve(GEMINI, ASKED)
        with pytest.raises(OverBudgetError):
            await desk.budgets.reserve(GEMINI, ASKED)
        await desk.ended(hold, Spent(10, 10, cost_usd=0.1))
    with pytest.raises(OverBudgetError) as over:
        await desk.budgets.reserve(GEMINI, ASKED)
    assert over.value.until is not None
    assert over.value.until - desk.clock.now() == pytest.approx(86_400 - desk.clock.wall() % 86_400)


def asking(tokens: int, *, of_answer: int) -> ProviderRequest:
    return ProviderRequest((ChatTurn("user", "x" * 4 * tokens),), Sampling(max_tokens=of_answer))


GREEDY = [asking(100, of_answer=2_000_000), asking(2_000_000, of_answer=100)]


@pytest.mark.parametrize("unit", ["tokens", "nano_usd"])
@pytest.mark.parametrize("greedy", GREEDY, ids=["answer", "question"])
async def test_a_call_that_asks_for_more_than_there_is_bars_nobody_else(
    connection: Portable, unit: Unit, greedy: ProviderRequest
) -> None:
    desk = Desk(connection, {unit: {"tokens": 1_000_000, "nano_usd": 1000 * 10**9}[unit]})
    await desk.ended(await desk.budgets.reserve(GEMINI, ASKED), Spent(10, 10, cost_usd=0.1))
    with pytest.raises(OverBudgetError) as over:
        await desk.budgets.reserve(GEMINI, greedy)
    assert over.value.until is None
    assert not desk.budgets.over
    assert desk.budgets.remaining()[0][1] > 0.99
    await desk.budgets.reserve(GEMINI, ASKED)


async def test_what_a_model_is_not_given_is_not_reserved(connection: Portable) -> None:
    desk = Desk(connection, {"tokens": 1000})
    told = [
        ChatTurn("user", "x" * 400, local_only=True),
        *(ChatTurn("user", "x" * 400) for _ in range(50)),
        *ASKED.turns,
    ]
    reads = Candidate("gemini", "m", "cloud", context_tokens=600)
    await desk.budgets.reserve(reads, ProviderRequest(tuple(told), ASKED.sampling))


async def test_what_is_only_reserved_bars_nobody_once_it_is_given_back(connection: Portable) -> None:
    desk = Desk(connection, {"tokens": 1000})
    used = await desk.budgets.reserve(GEMINI, ASKED)
    all_the_rest = await desk.budgets.reserve(GEMINI, asking(100, of_answer=700))
    with pytest.raises(OverBudgetError) as over:
        await desk.budgets.reserve(GEMINI, ASKED)
    assert over.value.until is None
    await desk.ended(used, Spent(10, 10))
    assert not desk.budgets.over
    await desk.ended(all_the_rest, Spent(10, 10))
    assert desk.budgets.remaining() == [(("gemini", "tokens"), 0.96)]
    await desk.budgets.reserve(GEMINI, ASKED)


async def test_a_call_that_was_not_made_gives_everything_back(connection: Portable) -> None:
    desk = Desk(connection, {"tokens": 250})
    for _ in range(5):
        desk.budgets.release(await desk.budgets.reserve(GEMINI, ASKED))
        await desk.budgets.close()
    assert not desk.budgets.over


async def test_the_plan_leaves_out_who_is_over_budget_until_the_next_day(connection: Portable) -> None:
    desk = Desk(connection, {"tokens": 250})
    await desk.ended(await desk.budgets.reserve(GEMINI, ASKED), Spent(200, 50))

    def decide() -> list[str]:
        decision = plan(ASKED, [GEMINI, OLLAMA], {}, desk.clock.now(), failover=False, over_budget=desk.budgets.over)
        return [attempt.candidate.name for attempt in decision.attempts]

    assert decide() == ["ollama"]
    desk.clock.advance(86_400)
    assert decide() == ["gemini"]
    await desk.budgets.reserve(GEMINI, ASKED)
