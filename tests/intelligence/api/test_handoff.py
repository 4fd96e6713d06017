"""An answer that breaks after its first words, as its reader sees it and as it is stored."""

import json
from typing import Any

import pytest
from novakit import sse

from services.intelligence.app.services.answers.turn import SEAM_LINE
from services.intelligence.app.services.orchestrator.walk import GO_ON
from tests.support.fakes import answer, cut, error_in_stream, stall, status
from tests.support.fakes.behaviours import Behaviour

from .world import Client, World, data_of, text_of

BREAKS: list[tuple[Behaviour, str]] = [
    (cut(2), "truncated"),
    (cut(2, kind="reset"), "truncated"),
    (cut(2, kind="clean"), "truncated"),
    (error_in_stream(2), "server_error"),
    (stall(2), "stalled"),
]
OPENING = "The quick brown fox jumps over the"
OTHER = "The quick brown fox jumps high, and sleeps."


async def stream(client: Client, version: str | None) -> list[sse.Event]:
    headers = {**client.headers, **({"X-NovaCore-Stream": version} if version else {})}
    answered = await client.call("POST", "/api/chat/stream", {"message": "Hello?"}, headers=headers)
    decoder = sse.Decoder()
    return [*decoder.feed(answered.raw), *decoder.close()]


def named(events: list[sse.Event], *names: str) -> list[tuple[str, Any]]:
    return [(event.name, data_of(event)) for event in events if event.name in names]


@pytest.mark.parametrize(("broken", "reason"), BREAKS, ids=["fin", "reset", "clean", "error", "stall"])
async def test_the_next_provider_goes_on_and_both_parts_are_on_record(
    world: World, broken: Behaviour, reason: str
) -> None:
    world.ollama.default = broken
    world.gemini.default = answer(" brown fox.")
    client = await world.serve(LLM_STALL_TIMEOUTS="ollama:0.2")
    events = await client.events()
    assert text_of(events) == "The quick brown fox."
    handoff = {"from": "ollama", "to": "gemini", "at": 9, "reason": reason}
    assert named(events, "handoff", "replace", "reset") == [("handoff", handoff)]
    assert list(data_of(events[-1])) == ["content", "done", "session_id", "message_id", "tokens_used", "latency_ms"]
    start = data_of(events[0])
    [prompt] = await client.prompts(start["session_id"])
    assert (prompt["output_text"], prompt["status"], prompt["provider"]) == (
        "The quick brown fox.", "complete", "gemini",
    )  # fmt: skip
    route = await client.route(start["message_id"])
    assert route["handoffs"] == [handoff]
    assert [(part["provider"], part["outcome"]) for part in route["attempts"]] == [
        ("ollama", "failed"), ("gemini", "succeeded"),
    ]  # fmt: skip
    assert all(part["output_tokens"] > 0 for part in route["attempts"])


async def test_the_next_provider_is_asked_in_words_to_go_on(world: World) -> None:
    world.ollama.default = cut(2)
    await (await world.serve()).events("Hello?")
    contents = world.gemini.chats[0].body["contents"]
    assert [(turn["role"], turn["parts"][0]["text"]) for turn in contents] == [
        ("user", "Hello?"), ("model", "The quick"), ("user", GO_ON),
    ]  # fmt: skip


async def test_a_plain_answer_is_gone_on_with_too(world: World) -> None:
    world.ollama.default = cut(2)
    world.gemini.default = answer("The quick brown fox.")
    answered = await (await world.serve()).message()
    assert answered.body["response"] == "The quick brown fox."


@pytest.mark.parametrize("mode", ["continue", "restart"])
async def test_a_reader_that_can_take_back_gets_the_answer_anew(world: World, mode: str) -> None:
    world.ollama.default = cut(7)
    world.gemini.default = answer(OTHER)
    client = await world.serve(LLM_MIDSTREAM_MODE=mode)
    events = await stream(client, "2")
    kept = ""
    for event in events:
        match event.name:
            case "message":
                kept += data_of(event).get("content", "")
            case "replace":
                kept = data_of(event)["content"]
            case "reset":
                kept = ""
    assert kept == OTHER
    assert [name for name, _ in named(events, "replace", "reset")] == ["replace" if mode == "continue" else "reset"]
    [prompt] = await client.prompts(data_of(events[0])["session_id"])
    assert prompt["output_text"] == OTHER


@pytest.mark.parametrize("version", [None, "1"])
@pytest.mark.parametrize("mode", ["continue", "restart"])
async def test_any_other_reader_sees_where_the_answer_begins_again_and_the_same_is_stored(
    world: World, mode: str, version: str | None
) -> None:
    world.ollama.default = cut(7)
    world.gemini.default = answer(OTHER)
    client = await world.serve(LLM_MIDSTREAM_MODE=mode)
    events = await stream(client, version)
    assert text_of(events) == OPENING + SEAM_LINE + OTHER
    handoff = {"from": "ollama", "to": "gemini", "at": len(OPENING + SEAM_LINE), "reason": "truncated"}
    assert named(events, "handoff", "replace", "reset") == [("handoff", handoff)]
    start = data_of(events[0])
    [prompt] = await client.prompts(start["session_id"])
    assert prompt["output_text"] == OPENING + SEAM_LINE + OTHER
    assert (await client.route(start["message_id"]))["handoffs"] == [handoff]


async def test_when_nobody_can_go_on_the_answer_ends_with_an_error_and_is_kept(world: World) -> None:
    world.ollama.default = cut(2)
    world.gemini.default = status(500)
    world.openai.default = status(500)
    client = await world.serve()
    events = await client.events()
    assert text_of(events) == "The quick"
    assert json.loads(events[-1].data) == {
        "error": "The answer broke off (truncated). What was said so far is kept.", "done": True,
    }  # fmt: skip
    [prompt] = await client.prompts(data_of(events[0])["session_id"])
    assert (prompt["output_text"], prompt["status"]) == ("The quick", "interrupted")


async def test_a_plain_answer_that_nobody_can_go_on_with_is_the_fallback_message(world: World) -> None:
    world.ollama.default = cut(2)
    world.gemini.default = status(500)
    world.openai.default = status(500)
    body = (await (await world.serve()).message()).body
    assert "The quick" not in body["response"]
    assert body["tokens_used"] == 0
