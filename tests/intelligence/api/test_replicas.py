"""Two processes that serve from one PostgreSQL, as their users see them."""

import asyncio

import pytest
from novakit import sse

from services.intelligence.app.services.answers import elsewhere, presence
from services.intelligence.app.store import instances
from tests.support.databases import ON_POSTGRES
from tests.support.fakes import Gate, answer, status

from .world import PATIENCE, World, data_of, text_of

pytestmark = ON_POSTGRES
KEY = {"Idempotency-Key": "order-66"}


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a process looks at every second, it looks at all the time here."""
    monkeypatch.setattr(presence, "LOOK_SEC", 0.01)
    monkeypatch.setattr(elsewhere, "LOOK_SEC", 0.01)


async def test_a_message_with_a_key_that_reaches_both_is_answered_once(world: World) -> None:
    one, other = await world.serve(), await world.serve()
    gate = Gate()
    world.ollama.add(answer("One two.", gate=gate))
    asked = [asyncio.ensure_future(client.having(KEY).message()) for client in (one, other) * 4]
    await world.ollama.received()
    gate.open()
    answers = [await one_of_them for one_of_them in asked]
    assert {one_of_them.raw for one_of_them in answers} == {answers[0].raw}
    assert answers[0].body["response"] == "One two."
    assert len(world.ollama.chats) == 1
    assert len(await one.prompts(answers[0].body["session_id"])) == 1


async def test_a_start_leaves_alone_what_the_other_answers(world: World) -> None:
    gate = Gate()
    world.ollama.add(answer("One two.", gate=gate))
    async with (await world.serve()).stream() as stream:
        gate.release(1)
        await stream.text("One")
        other = await world.serve()
        session_id = data_of(stream.events[0])["session_id"]
        assert [prompt["status"] for prompt in await other.prompts(session_id)] == ["running"]
        gate.open()
        assert data_of((await stream.rest())[-1])["done"] is True
    assert [prompt["status"] for prompt in await other.prompts(session_id)] == ["complete"]


async def test_what_a_dead_process_was_answering_is_told_as_broken_off(world: World) -> None:
    client = await world.serve()
    answered = await client.message()
    with world.beside() as connection:
        connection.execute("UPDATE prompts SET status = 'running', instance_id = 'dead'")
        instances.beat(connection, "dead", 0)
    other = await world.serve()
    [prompt] = await other.prompts(answered.body["session_id"])
    assert prompt["status"] == "interrupted"


async def test_a_process_that_was_taken_for_dead_does_not_tell_its_answer_as_whole(world: World) -> None:
    gate = Gate()
    world.ollama.add(answer("One two three.", gate=gate))
    async with (await world.serve()).stream() as stream:
        gate.release(1)
        await stream.text("One")
        with world.beside() as connection:
            connection.execute("UPDATE prompts SET status = 'interrupted'")
        last = data_of((await stream.rest())[-1])
    assert "broke off" in last["error"]


async def test_a_lock_that_is_set_at_one_cuts_off_the_cloud_at_the_other(world: World) -> None:
    gate = Gate()
    world.ollama.default = status(500)
    world.gemini.add(answer("From the cloud.", gate=gate))
    one, other = await world.serve(), await world.serve()
    session_id = await one.session()
    async with one.stream(session_id=session_id) as stream:
        gate.release(1)
        await stream.text("From")
        await other.call("PATCH", f"/api/chat/sessions/{session_id}", {"local_only": True})
        await stream.rest()
    [prompt] = await other.prompts(session_id)
    assert (prompt["status"], prompt["output_text"]) == ("interrupted", "From")


async def test_a_users_word_against_the_cloud_reaches_the_other(world: World) -> None:
    gate = Gate()
    world.ollama.default = status(500)
    world.gemini.add(answer("From the cloud.", gate=gate))
    one, other = await world.serve(), await world.serve()
    async with one.stream() as stream:
        gate.release(1)
        await stream.text("From")
        await other.call("PUT", "/api/memory/preferences", {"cloud_allowed": False})
        await stream.rest()
    assert text_of(stream.events) == "From"


@pytest.mark.parametrize("stream", [True, False])
async def test_it_reaches_completions_there_too(world: World, stream: bool) -> None:
    gate = Gate()
    world.gemini.add(answer("From the cloud.", gate=gate))
    one, other = await world.serve(), await world.serve()
    body = {"model": "gemini", "stream": stream, "messages": [{"role": "user", "content": "Hello?"}]}
    asking = asyncio.ensure_future(one.call("POST", "/v1/chat/completions", body))
    asked = await world.gemini.received()
    await other.call("PUT", "/api/memory/preferences", {"cloud_allowed": False})
    async with asyncio.timeout(PATIENCE):
        await asked.gone.wait()
    assert b'"cloud_forbidden"' in (await asking).raw


async def test_an_answer_is_stopped_and_followed_where_it_is_not_given(world: World) -> None:
    gate = Gate()
    world.ollama.add(answer("One two three.", gate=gate))
    one, other = await world.serve(), await world.serve()
    async with one.stream() as stream:
        gate.release(1)
        await stream.text("One")
        message_id = data_of(stream.events[0])["message_id"]
        followed = asyncio.ensure_future(other.call("GET", f"/api/chat/stream/{message_id}"))
        stopped = await other.call("POST", f"/api/chat/messages/{message_id}/stop")
        assert stopped.body["status"] == "stopped"
        await stream.rest()
    [prompt] = await other.prompts(data_of(stream.events[0])["session_id"])
    assert (prompt["status"], prompt["output_text"]) == ("stopped", "One")
    told = sse.Decoder().feed((await followed).raw)
    assert data_of(told[-1])["done"] is True


async def test_a_plain_call_under_a_key_waits_for_the_answer_of_the_other(world: World) -> None:
    gate = Gate()
    world.ollama.add(answer("One two.", gate=gate))
    one, other = await world.serve(), await world.serve()
    first = asyncio.ensure_future(one.having(KEY).message())
    await world.ollama.received()
    again = asyncio.ensure_future(other.having(KEY).message())
    done, _ = await asyncio.wait((again,), timeout=0.1)
    assert not done
    gate.open()
    async with asyncio.timeout(PATIENCE):
        assert (await again).raw == (await first).raw


async def test_messages_to_one_session_follow_each_other_wherever_they_come_in(world: World) -> None:
    one, other = await world.serve(), await world.serve()
    session_id = await one.session()
    await asyncio.gather(*(client.message(session_id=session_id) for client in (one, other) * 4))
    parents = [prompt["parent_id"] for prompt in await one.prompts(session_id)]
    assert len(set(parents)) == len(parents) == 8
