"""Coming back to a stream: after a lost connection, in a second tab, and after a restart of the service."""

import asyncio
import json

import pytest
from novakit import sse

from services.intelligence.app.services.answers.replay import WHOLE_ANEW
from tests.support.fakes import Gate, answer, cut

from .test_endings import gone
from .world import OTHER_USER, Client, World, data_of, text_of

KEY = {"Idempotency-Key": "my-message-1"}
V2 = {"X-NovaCore-Stream": "2"}
UNKNOWN = "01890000-0000-7000-8000-00000000dead"


def frames_of(events: list[sse.Event]) -> list[tuple[str | None, str, str]]:
    return [(event.id, event.name, event.data) for event in events]


async def left_after(client: Client, gate: Gate, word: str) -> tuple[str, list[sse.Event]]:
    """Ask, read up to this word, and go away; the message's id and what was read."""
    async with client.stream() as stream:
        gate.release()
        await stream.text(word)
        read = list(stream.events)
        stream.leave()
    return data_of(read[0])["message_id"], read


async def rest_of(client: Client, message_id: str, after: int | None = None) -> list[sse.Event]:
    async with client.following(f"/api/chat/stream/{message_id}", after=after) as stream:
        assert stream.status == 200
        return await stream.rest()


async def test_a_lost_reader_comes_back_and_misses_nothing_and_reads_nothing_twice(world: World) -> None:
    gate = Gate()
    world.ollama.add(answer("One two three.", gate=gate))
    client = await world.serve()
    message_id, read = await left_after(client.having(KEY), gate, "One")
    gate.open()
    rest = await rest_of(client, message_id, after=len(read))
    assert text_of(read + rest) == "One two three."
    assert [event.id for event in read + rest] == [str(number + 1) for number in range(len(read + rest))]
    assert data_of(rest[-1])["done"] is True
    assert len(world.ollama.chats) == 1


async def test_a_second_reader_gets_the_same_stream_from_the_start(world: World) -> None:
    gate = Gate()
    world.ollama.add(answer("One two three.", gate=gate))
    client = await world.serve()
    async with client.stream() as stream:
        gate.release()
        await stream.text("One")
        message_id = data_of(stream.events[0])["message_id"]
        async with client.following(f"/api/chat/stream/{message_id}", after=0) as second:
            await second.text("One")
            gate.open()
            assert frames_of(await second.rest()) == frames_of(await stream.rest())


async def test_the_first_reader_may_leave_while_a_second_one_reads_and_the_last_one_ends_it(world: World) -> None:
    gate = Gate()
    world.ollama.add(answer("One two three.", gate=gate))
    client = await world.serve()
    async with client.stream() as stream:
        gate.release()
        await stream.text("One")
        message_id = data_of(stream.events[0])["message_id"]
        async with client.following(f"/api/chat/stream/{message_id}") as second:
            await second.text("One")
            stream.leave()
            gate.release()
            await second.text("two")
    await gone(await world.ollama.received())
    assert "broke off" in data_of((await rest_of(client, message_id))[-1])["error"]
    [prompt] = await client.prompts(data_of(stream.events[0])["session_id"])
    assert (prompt["output_text"], prompt["status"]) == ("One two", "interrupted")


async def test_with_a_key_an_answer_goes_on_alone_for_its_grace_and_ends_then(world: World) -> None:
    gate = Gate()
    world.ollama.add(answer("One two three.", gate=gate))
    client = await world.serve(STREAM_RESUME_GRACE_SEC="0.2")
    message_id, _ = await left_after(client.having(KEY), gate, "One")
    started = asyncio.get_running_loop().time()
    await gone(await world.ollama.received())
    assert asyncio.get_running_loop().time() - started > 0.15
    rest = await rest_of(client, message_id, after=0)
    assert text_of(rest) == "One"
    assert "broke off" in data_of(rest[-1])["error"]


async def test_a_reader_who_comes_back_in_time_keeps_it_alive(world: World) -> None:
    world.ollama.add(answer("One two three four.", gap=0.15))
    client = await world.serve(STREAM_RESUME_GRACE_SEC="0.3")
    message_id, _ = await left_after(client.having(KEY), Gate(), "One")
    # What is still to come takes longer than the grace, which must not run while somebody reads.
    assert text_of(await rest_of(client, message_id)) == "One two three four."


async def test_an_ended_stream_is_told_from_what_is_stored(world: World) -> None:
    client = await world.serve()
    events = await client.events()
    start = data_of(events[0])
    rest = await rest_of(client, start["message_id"])
    assert [event.name for event in rest] == ["start", "message", "usage", "message"]
    assert [event.id for event in rest] == ["1", "2", "3", "4"]
    assert (data_of(rest[0]), text_of(rest)) == (start, "Ollama speaking.")
    assert rest[-1].data == events[-1].data
    told, again = data_of(events[-2]), data_of(rest[-2])
    assert {**told, "total_ms": 0} == {**again, "total_ms": 0}


async def test_who_has_part_of_a_stream_that_is_gone_is_given_all_of_it_anew(world: World) -> None:
    client = await world.serve()
    message_id = data_of((await client.events())[0])["message_id"]
    rest = await rest_of(client.having(V2), message_id, after=5)
    assert [(event.id, event.name) for event in rest] == [
        ("6", "start"), ("7", "replace"), ("8", "usage"), ("9", "message"),
    ]  # fmt: skip
    assert data_of(rest[1]) == {"content": "Ollama speaking."}
    old = await rest_of(client, message_id, after=5)
    assert text_of(old) == f"{WHOLE_ANEW}Ollama speaking."


async def test_after_a_restart_a_stream_ends_with_the_stored_text_and_says_that_it_broke_off(world: World) -> None:
    world.ollama.default = cut(2)
    client = await world.serve(LLM_PROVIDER_PRIORITY="ollama")
    message_id = data_of((await client.events())[0])["message_id"]
    with world.database() as connection:
        connection.execute("UPDATE prompts SET status = 'running', route = NULL")
    again = await world.serve(LLM_PROVIDER_PRIORITY="ollama")
    rest = await rest_of(again.having(V2), message_id, after=3)
    assert [event.name for event in rest] == ["start", "replace", "usage", "message"]
    assert data_of(rest[1]) == {"content": "The quick"}
    assert data_of(rest[-1]) == {
        "error": "The answer broke off before its end. What was said so far is kept.",
        "done": True,
    }


async def test_the_answer_to_a_plain_call_can_be_followed_too(world: World) -> None:
    gate = Gate()
    world.ollama.add(answer("One two.", gate=gate))
    client = await world.serve()
    session_id = await client.session()
    asked = asyncio.ensure_future(client.message(session_id=session_id))
    await world.ollama.received()
    [prompt] = await client.prompts(session_id)
    async with client.following(f"/api/chat/stream/{prompt['id']}") as stream:
        await stream.first_bytes()
        gate.open()
        events = await stream.rest()
    assert text_of(events) == "One two."
    assert (await asked).body["response"] == "One two."


@pytest.mark.parametrize(
    ("message_id", "after", "status"),
    [("no-uuid", "0", 422), (UNKNOWN, "0", 404), (UNKNOWN, "-1", 422), (UNKNOWN, "x", 422), (UNKNOWN, "9" * 40, 422)],
)
async def test_what_cannot_be_followed_is_told(world: World, message_id: str, after: str, status: int) -> None:
    client = await world.serve()
    headers = {**client.headers, "Last-Event-ID": after}
    answered = await client.call("GET", f"/api/chat/stream/{message_id}", headers=headers)
    assert (answered.status, answered.headers["Content-Type"]) == (status, "application/problem+json")


async def test_another_users_stream_is_not_there(world: World) -> None:
    client = await world.serve()
    message_id = data_of((await client.events())[0])["message_id"]
    other = client.as_user(OTHER_USER)
    assert (await other.call("GET", f"/api/chat/stream/{message_id}")).status == 404
    assert (await client.call("POST", f"/api/chat/stream/{message_id}")).status == 405
    unsigned = await client.call("GET", f"/api/chat/stream/{message_id}", headers={})
    assert unsigned.status == 401
    assert "service" in json.dumps(unsigned.body)
