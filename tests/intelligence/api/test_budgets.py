"""Budgets of providers: one that has used its own up is left out, and the others go on."""

import asyncio
from typing import Any

from services.intelligence.app.store.quotas import LEASE_MICROS
from tests.support.databases import BOTH
from tests.support.fakes import Gate, answer, status

from .world import World, states_of, text_of

TOKENS = {"QUOTA_PROVIDER_TOKENS_PER_DAY": "gemini:300", "LLM_PROVIDER_PRIORITY": "gemini,ollama"}


def used(world: World) -> list[tuple[Any, ...]]:
    with world.database() as connection:
        settled = connection.execute("SELECT subject, unit, used FROM quota_usage ORDER BY subject").fetchall()
        assert connection.execute("SELECT count(*) FROM quota_holds").fetchone() == (0,)
    return settled


@BOTH
async def test_past_its_budget_a_provider_is_skipped_with_that_reason_and_local_goes_on(world: World) -> None:
    client = await world.serve(**TOKENS)
    assert text_of(await client.events("x " * 40)) == "Gemini speaking."
    # What is reserved for one more answer does not fit any more.
    events = await client.events("x " * 40)
    assert text_of(events) == "Ollama speaking."
    assert states_of(events)[0] == ("gemini", "skipped", "over_budget")
    # Once that is known, nobody has to be asked for it.
    explained = await client.call("POST", "/api/chat/route/explain", {"message": "Hello?"})
    assert [(skip["provider"], skip["reason"]) for skip in explained.body["skipped"]] == [("gemini", "over_budget")]
    assert len(world.gemini.chats) == 1
    route = await client.route(str(events[0].data).split('"')[3])
    assert route["skipped"][0]["reason"] == "over_budget"


async def test_what_a_call_took_is_settled_failed_ones_too(world: World) -> None:
    world.gemini.add(status(400))
    client = await world.serve(**{**TOKENS, "QUOTA_PROVIDER_TOKENS_PER_DAY": "gemini:100000"})
    await client.message()
    answered = await client.message(prefer="cloud")
    await client.call("GET", "/api/usage")
    assert used(world) == [("provider:gemini", "tokens", answered.body["tokens_used"])]


@BOTH
async def test_at_most_as_many_calls_run_as_the_budget_has_room_for(world: World) -> None:
    gate = Gate()
    world.gemini.default = answer("One.", gate=gate)
    client = await world.serve(**{**TOKENS, "QUOTA_PROVIDER_TOKENS_PER_DAY": "gemini:900"})
    asked = [asyncio.ensure_future(client.message()) for _ in range(12)]
    await world.gemini.received(3)
    # What the three leave of what was held for them is another's: nobody may still be on the way when they end.
    await world.ollama.received(9)
    gate.open()
    answers = [(await one).body["response"] for one in asked]
    assert answers.count("One.") == len(world.gemini.chats) == 3
    assert answers.count("Ollama speaking.") == 9


async def test_a_budget_that_is_used_up_is_known_after_a_restart(world: World) -> None:
    client = await world.serve(**TOKENS)
    await client.message("x " * 40)
    with world.database() as connection:
        connection.execute("UPDATE quota_usage SET used = 300")
    again = await world.serve(**TOKENS)
    explained = await again.call("POST", "/api/chat/route/explain", {"message": "Hello?"})
    assert explained.body["skipped"][0]["reason"] == "over_budget"
    assert (await again.message()).body["response"] == "Ollama speaking."


async def test_the_budget_of_another_day_and_a_reservation_of_a_dead_process_bar_nobody(world: World) -> None:
    client = await world.serve(**TOKENS)
    await client.message("x " * 40)
    with world.database() as connection:
        connection.execute("UPDATE quota_usage SET used = 300, day = '2020-01-01'")
        connection.execute(
            "INSERT INTO quota_holds (id, day, subject, unit, amount, until)"
            " SELECT 'dead', day, 'provider:gemini', 'tokens', 300, at - ? FROM ledger",
            (LEASE_MICROS,),
        )
    again = await world.serve(**TOKENS)
    assert (await again.message()).body["response"] == "Gemini speaking."


async def test_money_bars_nobody_whose_price_is_not_known_and_local_has_none(world: World) -> None:
    client = await world.serve(QUOTA_PROVIDER_USD_PER_DAY="gemini:0.000001,ollama:0.000001")
    for _ in range(2):
        assert (await client.message()).body["response"] == "Ollama speaking."
        assert (await client.message(prefer="cloud")).body["response"] == "Gemini speaking."
