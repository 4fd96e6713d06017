"""``POST …/messages/{id}/continue``: an answer that broke off is gone on with, and nothing of it is lost."""

from typing import Any

import pytest
from novakit import sse

from tests.support.fakes import Gate, answer, cut, status

from .world import OTHER_USER, Client, World, data_of, text_of

V2 = {"X-NovaCore-Stream": "2"}


async def broken(world: World, client: Client, **fields: Any) -> dict[str, Any]:
    """An answer that says ``The quick`` and breaks off; its prompt."""
    world.ollama.add(cut(2), cut(2))
    events = await client.events(**fields)
    [*_, prompt] = await client.prompts(data_of(events[0])["session_id"])
    assert (prompt["output_text"], prompt["status"]) == ("The quick", "interrupted")
    return prompt


async def go_on(client: Client, message_id: str) -> list[sse.Event]:
    async with client.following(f"/api/chat/messages/{message_id}/continue", "POST") as stream:
        assert stream.status == 200
        return await stream.rest()


def fail_mode(world: World) -> Any:
    return world.serve(LLM_MIDSTREAM_MODE="fail", LLM_PROVIDER_PRIORITY="ollama,gemini")


async def test_the_answer_goes_on_where_it_broke_off_and_is_stored_whole(world: World) -> None:
    client = await fail_mode(world)
    prompt = await broken(world, client)
    world.ollama.default = answer(" brown fox.")
    events = await go_on(client, prompt["id"])
    assert data_of(events[0]) == {"message_id": prompt["id"], "session_id": prompt["session_id"]}
    assert text_of(events) == " brown fox."
    assert data_of(events[-1])["done"] is True
    [whole] = await client.prompts(prompt["session_id"])
    assert (whole["output_text"], whole["status"], whole["provider"]) == (
        "The quick brown fox.", "complete", "ollama",
    )  # fmt: skip
    assert whole["latency_ms"] >= prompt["latency_ms"]
    assert whole["tokens_used"] > prompt["tokens_used"]
    route = await client.route(prompt["id"])
    assert [(call["attempt"], call["outcome"]) for call in route["attempts"]] == [
        (number + 1, "failed" if number < len(route["attempts"]) - 1 else "succeeded")
        for number in range(len(route["attempts"]))
    ]
    assert len(route["attempts"]) >= 2
    assert route["handoffs"] == []


async def test_the_model_is_asked_with_the_question_and_its_partial_answer(world: World) -> None:
    client = await fail_mode(world)
    session_id = await client.session()
    await client.message("Who are you?", session_id=session_id)
    prompt = await broken(world, client, text="Say a sentence.", session_id=session_id)
    world.ollama.default = answer(" brown fox.")
    await go_on(client, prompt["id"])
    turns = world.ollama.chats[-1].body["messages"]
    assert [(turn["role"], turn["content"]) for turn in turns][1:] == [
        ("user", "Who are you?"),
        ("assistant", "Ollama speaking."),
        ("user", "Say a sentence."),
        ("assistant", "The quick"),
    ]


async def test_another_provider_may_go_on_and_the_record_says_who_wrote_what(world: World) -> None:
    client = await fail_mode(world)
    prompt = await broken(world, client)
    world.ollama.default = status(400)
    await world.ollama.refuse()
    world.gemini.default = answer(" brown fox.")
    events = await go_on(client.having(V2), prompt["id"])
    handoff = {"from": "ollama", "to": "gemini", "at": 9, "reason": "truncated"}
    assert [data_of(event) for event in events if event.name == "handoff"] == [handoff]
    # A reader who can take back what it shows is first given all that there is.
    assert [data_of(event) for event in events if event.name == "replace"] == [{"content": "The quick"}]
    [whole] = await client.prompts(prompt["session_id"])
    assert (whole["output_text"], whole["provider"]) == ("The quick brown fox.", "gemini")
    assert (await client.route(prompt["id"]))["handoffs"] == [handoff]


async def test_where_nobody_can_go_on_nothing_is_lost(world: World) -> None:
    client = await fail_mode(world)
    prompt = await broken(world, client)
    for fake in (world.ollama, world.gemini):
        fake.default = status(400)
        await fake.refuse()
    events = await go_on(client, prompt["id"])
    assert data_of(events[-1]) == {
        "error": "No model could go on with this answer just now. What was said so far is kept.",
        "done": True,
    }
    [kept] = await client.prompts(prompt["session_id"])
    assert (kept["output_text"], kept["status"], kept["provider"]) == ("The quick", "interrupted", "ollama")


async def test_under_a_lock_it_goes_on_locally_or_not_at_all(world: World) -> None:
    client = await fail_mode(world)
    prompt = await broken(world, client, local_only=True)
    await world.ollama.refuse()
    events = await go_on(client, prompt["id"])
    assert data_of(events[-1])["error"] == (
        "The cloud is not allowed for this message, and no local model could answer. Nothing was sent anywhere. "
        "What was said so far is kept."
    )
    assert world.gemini.requests == []


async def test_a_stopped_answer_can_be_gone_on_with(world: World) -> None:
    gate = Gate()
    world.ollama.add(answer("The quick brown fox.", gate=gate))
    client = await world.serve()
    async with client.stream() as stream:
        gate.release(2)
        await stream.text("The quick")
        message_id = data_of(stream.events[0])["message_id"]
        await client.call("POST", f"/api/chat/messages/{message_id}/stop")
    world.ollama.default = answer(" brown fox.")
    assert text_of(await go_on(client, message_id)) == " brown fox."


async def test_what_is_whole_or_running_or_not_there_cannot_be_gone_on_with(world: World) -> None:
    client = await world.serve()
    whole = data_of((await client.events())[0])["message_id"]
    told = await client.call("POST", f"/api/chat/messages/{whole}/continue")
    assert (told.status, told.body["detail"]) == (
        409,
        "This answer did not break off (its status is complete): there is nothing to go on with.",
    )
    gate = Gate()
    world.ollama.add(answer("One two.", gate=gate))
    async with client.stream() as stream:
        running = data_of(await stream.next())["message_id"]
        told = await client.call("POST", f"/api/chat/messages/{running}/continue")
        assert (told.status, "still running" in told.body["detail"]) == (409, True)
        gate.open()
        await stream.rest()
    assert (await client.as_user(OTHER_USER).call("POST", f"/api/chat/messages/{whole}/continue")).status == 404
    assert (await client.call("POST", "/api/chat/messages/none/continue")).status == 422


@pytest.mark.parametrize("mode", ["continue", "restart"])
async def test_an_answer_that_goes_on_and_breaks_again_keeps_both_parts(world: World, mode: str) -> None:
    client = await fail_mode(world)
    prompt = await broken(world, client)
    again = await world.serve(LLM_MIDSTREAM_MODE=mode, LLM_PROVIDER_PRIORITY="ollama")
    world.ollama.default = cut(2, " brown fox jumps.")
    events = await go_on(again, prompt["id"])
    assert "broke off" in data_of(events[-1])["error"]
    [kept] = await again.prompts(prompt["session_id"])
    assert kept["output_text"].startswith("The quick brown")
    assert kept["status"] == "interrupted"
