"""Quotas of users, the ledger, and what ``/api/usage`` tells, over the service's public face."""

import asyncio
import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.intelligence.app.store.quotas import LEASE_MICROS
from tests.support.databases import BOTH
from tests.support.fakes import Gate, answer, cut, status

from .world import OTHER_USER, USER, Client, World, data_of

CHAT = {"model": "auto", "messages": [{"role": "user", "content": "Hello?"}]}
ADMIN = {"X-User-Role": "admin"}


async def used(client: Client, unit: str = "messages") -> int:
    quotas = (await client.call("GET", "/api/usage")).body["quotas"]
    return int(next(quota["used"] for quota in quotas if quota["unit"] == unit))


def ledger(world: World) -> list[tuple[Any, ...]]:
    with world.database() as connection:
        return connection.execute(
            "SELECT provider, attempt, outcome, reason, input_tokens, output_tokens, nano_usd FROM ledger ORDER BY id"
        ).fetchall()


@BOTH
async def test_of_fifty_messages_at_once_exactly_three_are_admitted(world: World) -> None:
    client = await world.serve(QUOTA_USER_MESSAGES_PER_DAY="3")
    answers = await asyncio.gather(*(client.message() for _ in range(50)))
    assert sorted(one.status for one in answers) == [200] * 3 + [429] * 47
    assert len(world.ollama.chats) + len(world.gemini.chats) == 3
    assert await used(client) == 3
    told = next(one for one in answers if one.status == 429)
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date()
    assert told.body["detail"] == (
        f"You have used 3 of the 3 messages that you have a day; the count begins anew at {tomorrow}T00:00:00+00:00."
    )
    assert 0 < int(told.headers["Retry-After"]) <= 86_400
    assert (await client.as_user(OTHER_USER).message()).status == 200


@pytest.mark.parametrize("path", ["/api/chat/message", "/api/chat/stream", "/v1/chat/completions"])
async def test_every_way_to_ask_counts_and_is_refused_past_the_quota(world: World, path: str) -> None:
    client = await world.serve(QUOTA_USER_MESSAGES_PER_DAY="1")
    body = CHAT if path.startswith("/v1") else {"message": "Hello?"}
    assert (await client.call("POST", path, body)).status == 200
    refused = await client.call("POST", path, body)
    assert (refused.status, "Retry-After" in refused.headers) == (429, True)
    if path.startswith("/v1"):
        assert (refused.body["error"]["code"], refused.body["error"]["type"]) == (
            "quota_exceeded",
            "rate_limit_error",
        )


async def test_a_refused_message_leaves_nothing_behind(world: World) -> None:
    client = await world.serve(QUOTA_USER_MESSAGES_PER_DAY="1")
    await client.message()
    before = (await client.call("GET", "/api/chat/sessions")).body["total"]
    assert (await client.having({"Idempotency-Key": "k"}).message()).status == 429
    assert (await client.call("GET", "/api/chat/sessions")).body["total"] == before
    with world.database() as connection:
        assert connection.execute("SELECT count(*) FROM idempotency_keys").fetchone() == (0,)


@BOTH
async def test_what_nobody_answered_is_not_counted(world: World) -> None:
    for fake in (world.ollama, world.gemini, world.openai):
        fake.default = status(400)
    client = await world.serve(QUOTA_USER_MESSAGES_PER_DAY="1")
    for _ in range(3):
        assert (await client.message()).body["tokens_used"] == 0
    assert await used(client) == 0


async def test_an_answer_that_is_repeated_or_goes_on_is_the_same_message(world: World) -> None:
    client = await world.serve(QUOTA_USER_MESSAGES_PER_DAY="1", LLM_MIDSTREAM_MODE="fail")
    world.ollama.add(cut(2))
    keyed = client.having({"Idempotency-Key": "k"})
    events = await keyed.events()
    message_id = data_of(events[0])["message_id"]
    world.ollama.default = answer(" brown fox.")
    async with client.following(f"/api/chat/messages/{message_id}/continue", "POST") as stream:
        assert data_of((await stream.rest())[-1])["done"] is True
    assert (await keyed.call("POST", "/api/chat/stream", {"message": "Hello?"})).status == 200
    assert await used(client) == 1


@BOTH
async def test_tokens_are_reserved_before_and_settled_after(world: World) -> None:
    gate = Gate()
    world.ollama.add(answer("One two.", gate=gate))
    client = await world.serve(QUOTA_USER_TOKENS_PER_DAY="400")
    asked = asyncio.ensure_future(client.message())
    await world.ollama.received()
    assert await used(client, "tokens") > 256
    refused = await client.message()
    assert refused.status == 429
    assert "and this one would take more than is left" in refused.body["detail"]
    gate.open()
    spent = (await asked).body["tokens_used"]
    assert await used(client, "tokens") == spent


async def test_a_crash_leaves_a_reservation_for_its_lease_and_no_longer(world: World) -> None:
    world.ollama.default = answer("One two.", gate=Gate())
    client = await world.serve(QUOTA_USER_MESSAGES_PER_DAY="1", LLM_PROVIDER_PRIORITY="ollama")
    asked = asyncio.ensure_future(client.message())
    await world.ollama.received()
    with world.database() as connection:
        # As if the process that holds it had died a lease ago.
        connection.execute("UPDATE quota_holds SET until = until - ?", (LEASE_MICROS,))
    assert await used(client) == 0
    asked.cancel()


async def test_every_call_is_in_the_ledger_failed_ones_too(world: World) -> None:
    world.ollama.default = status(500)
    client = await world.serve()
    await client.message()
    await client.call("POST", "/v1/chat/completions", CHAT)
    rows = ledger(world)
    assert [row[:4] for row in rows[:3]] == [
        ("ollama", 1, "failed", "server_error"),
        ("ollama", 2, "failed", "server_error"),
        ("gemini", 3, "succeeded", None),
    ]
    assert {row[0] for row in rows[3:]} <= {"ollama", "gemini"}
    assert rows[-1][2] == "succeeded"
    # A fake at an address of its own has no known price; what is local costs nothing.
    assert (rows[0][6], rows[2][6]) == (0, None)
    assert rows[2][4] > 0


async def test_the_ledger_outlives_its_conversation_and_holds_no_text(world: World) -> None:
    client = await world.serve()
    session_id = (await client.message("A very secret question")).body["session_id"]
    await client.call("DELETE", f"/api/chat/sessions/{session_id}")
    assert len(ledger(world)) == 1
    with world.database() as connection:
        dump = "\n".join(connection.iterdump())
    assert "secret question" not in dump


@BOTH
async def test_usage_tells_today_the_month_and_each_provider(world: World) -> None:
    client = await world.serve(QUOTA_TIMEZONE="Europe/Berlin", QUOTA_USER_MESSAGES_PER_DAY="5")
    await client.message()
    await client.message(prefer="cloud")
    await client.as_user(OTHER_USER).message()
    body = (await client.call("GET", "/api/usage")).body
    assert (body["timezone"], body["today"]["calls"], body["month"]["calls"]) == ("Europe/Berlin", 2, 2)
    by_name = {row["provider"]: row for row in body["today_by_provider"]}
    assert (by_name["ollama"]["locality"], by_name["ollama"]["cost_usd"]) == ("local", 0)
    assert (by_name["ollama"]["unpriced_calls"], by_name["gemini"]["unpriced_calls"]) == (0, 1)
    assert body["quotas"] == [{"unit": "messages", "limit": 5, "used": 2, "remaining": 3}]


@BOTH
async def test_an_admin_sees_all_users_by_groups_and_as_csv(world: World) -> None:
    client = await world.serve()
    await client.message()
    await client.as_user(OTHER_USER).message(prefer="cloud")
    admin = client.having(ADMIN)
    table = (await admin.call("GET", "/api/admin/usage?group=user,provider")).body
    assert [(row["user"], row["provider"], row["calls"]) for row in table["rows"]] == [
        (USER, "ollama", 1),
        (OTHER_USER, "gemini", 1),
    ]
    assert table["total"]["calls"] == 2
    assert table["rows"][0]["day"] is None
    told = await admin.call("GET", "/api/admin/usage?group=day,provider&format=csv")
    assert told.headers["Content-Type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(told.raw.decode())))
    assert [(row["provider"], row["calls"]) for row in rows] == [("gemini", "1"), ("ollama", "1")]
    empty = (await admin.call("GET", "/api/admin/usage?first=2020-01-01&last=2020-01-31")).body
    assert (empty["rows"], empty["total"]["calls"]) == ([], 0)


async def test_usage_of_all_is_for_admins_and_odd_wishes_are_told(world: World) -> None:
    client = await world.serve()
    assert (await client.call("GET", "/api/admin/usage")).status == 403
    admin = client.having(ADMIN)
    for query in ("group=color", "group=day,day", "first=2026-02-01&last=2026-01-01", "first=yesterday", "first=0"):
        assert (await admin.call("GET", f"/api/admin/usage?{query}")).status == 422, query


async def test_a_model_name_is_no_formula_in_a_spreadsheet(world: World) -> None:
    client = await world.serve()
    await client.message()
    with world.database() as connection:
        connection.execute("UPDATE ledger SET model = '=1+1'")
    told = await client.having(ADMIN).call("GET", "/api/admin/usage?group=model&format=csv")
    assert "'=1+1" in told.raw.decode()
