"""Answers that end early: deadlines, stop, and readers that leave."""

import asyncio

import pytest

from tests.support.fakes import Behaviour, Gate, Request, answer, hang, pings, stall, status

from .world import OTHER_USER, PATIENCE, Client, World, data_of, states_of, text_of

FIRST_TOKEN_SEC = 0.5


def now() -> float:
    return asyncio.get_running_loop().time()


async def gone(request: Request) -> float:
    """When the client of this request was seen to have left."""
    async with asyncio.timeout(PATIENCE):
        await request.gone.wait()
    assert request.gone_at is not None
    return request.gone_at


@pytest.mark.parametrize("silent", [hang(), stall(0), pings()], ids=["no headers", "headers alone", "pings alone"])
async def test_a_provider_that_does_not_speak_is_left_at_its_deadline(world: World, silent: Behaviour) -> None:
    world.ollama.default = silent
    client = await world.serve(LLM_PROVIDER_TIMEOUTS=f"ollama:{FIRST_TOKEN_SEC}")
    async with client.stream() as stream:
        asked = await world.ollama.received()
        assert await gone(asked) - asked.received_at == pytest.approx(FIRST_TOKEN_SEC, abs=0.4)
        assert text_of(await stream.rest()) == "Gemini speaking."
        assert ("ollama", "failed", "first_token_timeout") in states_of(stream.events)
    assert len(world.ollama.chats) == 1


async def test_a_slow_healthy_answer_is_cut_by_no_first_token_deadline(world: World) -> None:
    world.ollama.add(answer("one two three four five six", gap=0.12))
    client = await world.serve(LLM_PROVIDER_TIMEOUTS="ollama:0.3", LLM_STALL_TIMEOUTS="ollama:0.3")
    started = now()
    assert (await client.message()).body["response"] == "one two three four five six"
    assert now() - started > 2 * 0.3


async def test_all_waiting_for_a_first_token_shares_one_deadline(world: World) -> None:
    for fake in (world.ollama, world.gemini, world.openai):
        fake.default = hang()
    client = await world.serve(LLM_REQUEST_DEADLINE_SEC="0.5")
    started = now()
    assert (await client.message()).body["tokens_used"] == 0
    assert now() - started == pytest.approx(0.5, abs=0.4)


async def test_a_total_deadline_ends_an_answer_that_goes_on_too_long(world: World) -> None:
    world.gemini.add(answer("word " * 100, gap=0.05))
    client = await world.serve(LLM_PROVIDER_PRIORITY="gemini", LLM_TOTAL_TIMEOUTS="gemini:0.3")
    events = await client.events()
    assert data_of(events[-1])["error"].startswith("The answer broke off (total_timeout).")


async def test_stop_ends_an_answer_at_once_and_keeps_what_was_said(world: World) -> None:
    gate = Gate()
    world.ollama.add(answer("One two three", gate=gate))
    client = await world.serve()
    async with client.stream() as stream:
        message_id = (await stream.until("start"))["message_id"]
        gate.release(2)
        await stream.text("One two")
        asked = await world.ollama.received()
        started = now()
        stopped = await client.call("POST", f"/api/chat/messages/{message_id}/stop")
        assert now() - started < 1
        assert list(stopped.body.items()) == [("message_id", message_id), ("status", "stopped")]
        await gone(asked)
        events = await stream.rest()
    assert states_of(events)[-1] == ("ollama", "cancelled", None)
    last = data_of(events[-1])
    assert (last["content"], last["done"], last["message_id"]) == ("", True, message_id)
    [prompt] = await client.prompts(last["session_id"])
    assert (prompt["status"], prompt["output_text"], prompt["provider"]) == ("stopped", "One two", "ollama")
    assert (await client.route(message_id))["attempts"][0]["outcome"] == "cancelled"


async def test_stop_ends_an_answer_that_has_not_begun(world: World) -> None:
    world.ollama.default = hang()
    client = await world.serve()
    async with client.stream() as stream:
        message_id = (await stream.until("start"))["message_id"]
        asked = await world.ollama.received()
        await client.call("POST", f"/api/chat/messages/{message_id}/stop")
        await gone(asked)
        assert text_of(await stream.rest()) == ""
    assert world.gemini.connections == 0


async def test_a_plain_call_that_is_stopped_gives_what_was_said(world: World) -> None:
    gate = Gate()
    world.ollama.add(answer("One two three", gate=gate))
    client = await world.serve()
    session_id = await client.session()
    call = asyncio.create_task(client.message(session_id=session_id))
    await world.ollama.received()
    message_id = await running(client, session_id)
    await client.call("POST", f"/api/chat/messages/{message_id}/stop")
    answered = await call
    assert (answered.status, answered.body["response"]) == (200, "")


async def test_stopping_an_ended_answer_changes_nothing(world: World) -> None:
    client = await world.serve()
    start = data_of((await client.events())[0])
    for _ in range(2):
        stopped = await client.call("POST", f"/api/chat/messages/{start['message_id']}/stop")
        assert stopped.body["status"] == "complete"


async def test_nobody_can_stop_another_users_answer(world: World) -> None:
    gate = Gate()
    world.ollama.add(answer("Whole.", gate=gate))
    client = await world.serve()
    async with client.stream() as stream:
        message_id = (await stream.until("start"))["message_id"]
        foreign = await client.as_user(OTHER_USER).call("POST", f"/api/chat/messages/{message_id}/stop")
        assert foreign.status == 404
        gate.open()
        assert text_of(await stream.rest()) == "Whole."


async def running(client: Client, session_id: str) -> str:
    """The id of the session's one running message."""
    [prompt] = await client.prompts(session_id)
    assert prompt["status"] == "running"
    return str(prompt["id"])


async def ended(client: Client, message_id: str) -> str:
    """The status of a message whose answer is over; the call waits for that. A turn that ends is not stopped anew."""
    stopped = await client.call("POST", f"/api/chat/messages/{message_id}/stop")
    return str(stopped.body["status"])


async def test_a_reader_that_leaves_cancels_the_call_and_what_was_said_is_kept(world: World) -> None:
    gate = Gate()
    world.ollama.add(answer("One two three", gate=gate))
    client = await world.serve()
    async with client.stream() as stream:
        start = await stream.until("start")
        gate.release(2)
        await stream.text("One two")
        left = now()
        stream.leave()
        assert await gone(await world.ollama.received()) - left < 0.25
    assert await ended(client, start["message_id"]) == "interrupted"
    [prompt] = await client.prompts(start["session_id"])
    assert (prompt["status"], prompt["output_text"]) == ("interrupted", "One two")
    assert (world.gemini.connections, world.openai.connections) == (0, 0)


@pytest.mark.parametrize("phase", ["free check", "waiting", "headers"])
async def test_a_reader_that_leaves_before_the_first_word_cancels_the_call(world: World, phase: str) -> None:
    """The look around at the start hangs at /api/version, the chat's own check at /api/tags."""
    path = "/api/tags" if phase == "free check" else "/api/chat"
    if phase == "free check":
        world.ollama.checks.extend([hang(), hang()])
    else:
        world.ollama.default = hang() if phase == "waiting" else stall(0)
    client = await world.serve()
    async with client.stream() as stream:
        await stream.until("route", state="connecting")
        asked = await hanging(world, path)
        left = now()
        stream.leave()
        assert await gone(asked) - left < 0.25
    assert world.gemini.connections == 0


async def hanging(world: World, path: str) -> Request:
    """The request to Ollama of this path that waits for its answer."""
    async with asyncio.timeout(PATIENCE):
        while True:
            for request in world.ollama.requests:
                if request.path == path and not request.done.is_set():
                    return request
            await asyncio.sleep(0)


async def test_a_reader_that_leaves_between_two_tries_ends_the_turn(world: World) -> None:
    world.gemini.default = status(429, headers={"Retry-After": "2"})
    client = await world.serve(LLM_PROVIDER_PRIORITY="gemini,openai")
    async with client.stream() as stream:
        start = await stream.until("start")
        await stream.until("route", state="failed")
        left = now()
        stream.leave()
    assert await ended(client, start["message_id"]) == "interrupted"
    assert now() - left < 0.25
    assert (len(world.gemini.chats), world.openai.connections) == (1, 0)


async def test_a_plain_caller_that_leaves_cancels_the_call_too(world: World) -> None:
    gate = Gate()
    world.ollama.add(answer("One two three", gate=gate))
    client = await world.serve()
    session_id = await client.session()
    call = asyncio.create_task(client.message(session_id=session_id))
    asked = await world.ollama.received()
    gate.release(1)
    message_id = await running(client, session_id)
    left = now()
    call.cancel()
    assert await gone(asked) - left < 0.25
    assert await ended(client, message_id) == "interrupted"
    assert world.gemini.connections == 0


async def test_readers_that_leave_hurt_nobodys_health(world: World) -> None:
    client = await world.serve(LLM_PROVIDER_FAILURE_THRESHOLD="1")
    for _ in range(3):
        world.ollama.add(answer("Never heard.", gate=Gate()))
        async with client.stream() as stream:
            message_id = (await stream.until("start"))["message_id"]
            await stream.until("route", state="connecting")
            stream.leave()
        await ended(client, message_id)
    ollama = (await client.call("GET", "/api/chat/providers")).body["providers"][0]
    assert (ollama["healthy"], ollama["in_flight"], ollama["last_error"]) == (True, 0, None)
    world.ollama.script.clear()
    assert (await client.message()).body["response"] == "Ollama speaking."
