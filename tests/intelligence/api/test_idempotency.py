"""``Idempotency-Key``: one answer for each key, however often and however early it is asked for again."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest

from services.intelligence.app.store.keys import KEPT_MICROS
from tests.support.databases import BOTH
from tests.support.fakes import Gate, answer, cut, status

from .world import OTHER_USER, Answer, Client, World, data_of, text_of

KEY = {"Idempotency-Key": "order-66"}


async def ask(client: Client, text: str = "Hello?", headers: Mapping[str, str] = KEY, **fields: Any) -> Answer:
    return await client.having(headers).message(text, **fields)


@BOTH
async def test_the_same_key_gives_the_same_answer_generated_once(world: World) -> None:
    client = await world.serve()
    first = await ask(client)
    world.ollama.default = answer("Something else.")
    again = await ask(client)
    assert (again.status, again.raw) == (200, first.raw)
    assert len(world.ollama.chats) == 1
    assert len(await client.prompts(first.body["session_id"])) == 1


@BOTH
async def test_it_is_known_after_a_restart(world: World) -> None:
    first = await ask(await world.serve())
    again = await ask(await world.serve())
    assert again.raw == first.raw
    assert len(world.ollama.chats) == 1


@BOTH
async def test_whoever_asks_again_while_it_runs_waits_for_the_same_answer(world: World) -> None:
    gate = Gate()
    world.ollama.add(answer("One two.", gate=gate))
    client = await world.serve()
    asked = [asyncio.ensure_future(ask(client)) for _ in range(5)]
    await world.ollama.received()
    gate.open()
    answers = [await one for one in asked]
    assert {one.raw for one in answers} == {answers[0].raw}
    assert answers[0].body["response"] == "One two."
    assert len(world.ollama.chats) == 1


async def test_whoever_gave_up_too_early_finds_the_answer(world: World) -> None:
    gate = Gate()
    world.ollama.add(answer("One two.", gate=gate))
    client = await world.serve()
    impatient = asyncio.ensure_future(ask(client))
    await world.ollama.received()
    impatient.cancel()
    patient = asyncio.ensure_future(ask(client))
    gate.open()
    assert (await patient).body["response"] == "One two."
    assert len(world.ollama.chats) == 1


async def test_a_stream_is_given_again_in_the_same_events(world: World) -> None:
    client = (await world.serve()).having(KEY)
    first, again = await client.events(), await client.events()
    assert [(event.id, event.data) for event in first] == [(event.id, event.data) for event in again]
    assert len(world.ollama.chats) == 1


@BOTH
async def test_a_stream_that_is_only_stored_is_given_again_whole(world: World) -> None:
    first = await (await world.serve()).having(KEY).events()
    again = await (await world.serve()).having(KEY).events()
    assert (text_of(again), again[-1].data) == (text_of(first), first[-1].data)
    assert len(world.ollama.chats) == 1


async def test_another_body_under_the_key_is_refused_and_the_same_one_otherwise_written_is_not(world: World) -> None:
    client = await world.serve()
    await ask(client)
    other = await ask(client, "Goodbye?")
    assert (other.status, other.body["detail"]) == (
        422,
        "This Idempotency-Key was given to another body; a new message needs a new key.",
    )
    body = json.dumps({"local_only": False, "message": "Hello?"}, indent=2).encode()
    assert (await client.having(KEY).call("POST", "/api/chat/message", body)).status == 200
    assert len(world.ollama.chats) == 1


async def test_a_key_belongs_to_its_user_and_its_route(world: World) -> None:
    client = await world.serve()
    await ask(client)
    await ask(client.as_user(OTHER_USER), "Another one's question?")
    assert text_of(await client.having(KEY).events("Streamed?")) == "Ollama speaking."
    assert len(world.ollama.chats) == 3


@BOTH
async def test_a_key_is_forgotten_after_24_hours(world: World) -> None:
    client = await world.serve()
    await ask(client)
    with world.beside() as connection:
        connection.execute("UPDATE idempotency_keys SET created_at = created_at - ?", (KEPT_MICROS,))
    assert (await ask(client, "Something new?")).status == 200
    assert len(world.ollama.chats) == 2


@BOTH
async def test_a_fallback_message_is_not_kept_and_the_next_try_takes_its_place(world: World) -> None:
    for fake in (world.ollama, world.gemini, world.openai):
        fake.add(status(400))
    client = await world.serve()
    failed = await ask(client)
    assert failed.body["tokens_used"] == 0
    answered = await ask(client)
    assert answered.body["response"] == "Ollama speaking."
    assert answered.body["session_id"] == failed.body["session_id"]
    first, second = await client.prompts(failed.body["session_id"])
    assert (first["parent_id"], second["parent_id"]) == (None, None)
    turns = world.ollama.chats[-1].body["messages"]
    assert [turn["content"] for turn in turns if turn["role"] == "user"] == ["Hello?"]
    assert (await ask(client)).raw == answered.raw


async def test_an_answer_that_broke_off_is_not_kept(world: World) -> None:
    world.ollama.add(cut(2), cut(2))
    client = (await world.serve(LLM_MIDSTREAM_MODE="fail")).having(KEY)
    broken = await client.events()
    assert "broke off" in data_of(broken[-1])["error"]
    assert text_of(await client.events()) != ""
    assert data_of((await client.events())[-1])["done"] is True
    assert len(world.ollama.chats) >= 2


@BOTH
async def test_a_deleted_session_takes_its_keys_along(world: World) -> None:
    client = await world.serve()
    first = await ask(client)
    await client.call("DELETE", f"/api/chat/sessions/{first.body['session_id']}")
    again = await ask(client)
    assert again.status == 200
    assert again.body["session_id"] != first.body["session_id"]


@pytest.mark.parametrize("key", ["", "x" * 256, "tab\there"])
async def test_a_key_that_cannot_be_kept_is_told(world: World, key: str) -> None:
    answered = await ask(await world.serve(), headers={"Idempotency-Key": key})
    assert (answered.status, answered.body["detail"]) == (
        422,
        "Idempotency-Key must have 1 to 255 printable ASCII characters.",
    )
