"""A user's own word on the cloud: it holds at once, everywhere, and whatever becomes of the memory service."""

import asyncio
import sqlite3
from typing import Any

import pytest

from services.intelligence.app.store.repository import ChatRepository
from tests.support.databases import BOTH, ON_SQLITE
from tests.support.fakes import Gate, answer

from .test_memory import remembering, says
from .world import OTHER_USER, PATIENCE, Client, World, data_of, states_of, text_of

pytestmark = BOTH

CHAT = {"model": "auto", "messages": [{"role": "user", "content": "Hello?"}]}
PATH = "/api/memory/preferences"


async def forbid(client: Client, *, allowed: bool = False) -> None:
    # Memory may be down: the word counts all the same.
    await client.call("PUT", PATH, {"cloud_allowed": allowed})


async def test_preferences_are_kept_in_two_places_and_told_as_one(world: World) -> None:
    async with remembering(says({"provider_order": ["gemini"], "hedging": True})) as memory:
        client = await world.serve(MEMORY_URL=memory.url)
        assert (await client.call("GET", PATH)).body == {
            "provider_order": ["gemini"], "cloud_allowed": True, "hedging": True,
        }  # fmt: skip
        body: dict[str, Any] = {"provider_order": ["gemini"], "cloud_allowed": False, "hedging": True}
        assert (await client.call("PUT", PATH, body)).body == body
        assert memory.puts == [b'{"provider_order":["gemini"],"hedging":true}']
        # Left out, the word stays; other users have their own.
        assert (await client.call("PUT", PATH, {"hedging": True})).body["cloud_allowed"] is False
        assert (await client.as_user(OTHER_USER).call("GET", PATH)).body["cloud_allowed"] is True


async def test_forbidding_counts_at_once_where_memory_is_down_and_allowing_does_not(world: World) -> None:
    client = await world.serve()
    assert (await client.call("PUT", PATH, {"cloud_allowed": False})).status == 503
    assert (await client.message(prefer="cloud")).body["response"] == "Ollama speaking."
    assert (await client.call("PUT", PATH, {"cloud_allowed": True})).status == 503
    assert (await client.message(prefer="cloud")).body["response"] == "Ollama speaking."
    assert world.gemini.connections == world.openai.connections == 0


@pytest.mark.parametrize("path", ["/api/chat/message", "/api/chat/stream", "/v1/chat/completions"])
async def test_no_byte_reaches_a_cloud_of_a_user_who_forbids_it_also_after_a_restart(world: World, path: str) -> None:
    await forbid(await world.serve())
    client = await world.serve()
    await world.ollama.refuse()
    answered = await client.call("POST", path, CHAT if path.startswith("/v1") else {"message": "Hello?"})
    assert b"Nothing was sent anywhere" in answered.raw
    assert world.gemini.connections == world.openai.connections == 0
    assert (await client.as_user(OTHER_USER).message()).body["response"] == "Gemini speaking."


async def test_it_is_told_as_the_reason(world: World) -> None:
    client = await world.serve()
    await forbid(client)
    events = await client.events()
    assert states_of(events)[:2] == [("gemini", "skipped", "preference"), ("openai", "skipped", "preference")]


async def test_forbidding_cuts_off_the_answers_that_a_cloud_is_giving(world: World) -> None:
    gate = Gate()
    world.gemini.default = answer("One two three", gate=gate)
    client = await world.serve()
    body = {**CHAT, "model": "gemini", "stream": True}
    async with client.stream(prefer="cloud") as stream, client.asking("/v1/chat/completions", body) as completing:
        await world.gemini.received(2)
        gate.release(2)
        await forbid(client)
        events = await stream.rest()
        completed = await completing
        for asked in world.gemini.chats:
            async with asyncio.timeout(PATIENCE):
                await asked.gone.wait()
    assert ("gemini", "cancelled", None) in states_of(events)
    assert data_of(events[-1])["done"] is True
    assert b'"cloud_forbidden"' in completed.raw
    assert len(world.gemini.chats) == 2


async def test_a_call_that_is_made_after_it_reads_it_again(world: World) -> None:
    gate = Gate()
    world.ollama.add(answer("One two", gate=gate))
    client = await world.serve(LLM_MIDSTREAM_MODE="continue")
    async with client.stream() as stream:
        gate.release()
        await stream.text("One")
        await forbid(client)
        await world.ollama.refuse()
        events = await stream.rest()
    assert text_of(events) == "One"
    assert "error" in data_of(events[-1])
    assert world.gemini.connections == 0


@ON_SQLITE
@pytest.mark.parametrize("value", ["'no'", "2", "x'00'", "-1"])
async def test_a_stored_word_that_cannot_be_understood_means_local_only(world: World, value: str) -> None:
    client = await world.serve()
    await forbid(client)
    with world.database() as connection:
        connection.execute(f"UPDATE user_settings SET cloud_allowed = {value}")
    assert (await client.message(prefer="cloud")).body["response"] == "Ollama speaking."
    again = await world.serve()
    assert (await again.call("POST", "/v1/chat/completions", CHAT)).status == 200
    assert world.gemini.connections == world.openai.connections == 0


async def test_a_word_that_cannot_be_read_means_local_only(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(_self: ChatRepository, _user_id: str) -> bool:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(ChatRepository, "cloud_allowed", broken)
    client = await world.serve()
    await world.ollama.refuse()
    assert (await client.call("POST", "/v1/chat/completions", CHAT)).status == 503
    assert world.gemini.connections == world.openai.connections == 0


async def test_what_cannot_be_preferred_is_told(world: World) -> None:
    client = await world.serve()
    wrong: list[dict[str, Any]] = [{"cloud_alowed": False}, {"provider_order": []}, {"hedging": "perhaps"}]
    for body in wrong:
        assert (await client.call("PUT", PATH, body)).status == 422, body
