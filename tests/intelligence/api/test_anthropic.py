"""Anthropic in the service, over real sockets."""

from collections.abc import AsyncIterator

import pytest

from tests.support.fakes import FakeAnthropic, answer, blocked, error_in_stream

from .world import World, data_of, states_of, text_of

KEY = "an-anthropic-key-" + "a" * 30
MODEL = "claude-sonnet-5-5"


@pytest.fixture
async def anthropic() -> AsyncIterator[FakeAnthropic]:
    async with FakeAnthropic(default=answer("Anthropic speaking."), key=KEY) as fake:
        yield fake


def settings(fake: FakeAnthropic, **more: str) -> dict[str, str]:
    return {
        "LLM_PROVIDER_PRIORITY": "ollama,anthropic",
        "ANTHROPIC_API_KEY": KEY,
        "ANTHROPIC_MODEL": MODEL,
        "ANTHROPIC_BASE_URL": fake.url,
        **more,
    }


@pytest.mark.parametrize("version", ["2026-10-21", "2023-06-01"])
async def test_anthropic_answers_when_the_local_model_does_not(
    world: World, anthropic: FakeAnthropic, version: str
) -> None:
    await world.ollama.refuse()
    client = await world.serve(**settings(anthropic, ANTHROPIC_API_VERSION=version))
    body = (await client.message("Hello?")).body
    assert (body["response"], body["tokens_used"]) == ("Anthropic speaking.", 13)
    events = await client.events("And again?", session_id=body["session_id"])
    assert text_of(events) == "Anthropic speaking."
    assert states_of(events)[-1] == ("anthropic", "succeeded", None)
    [first, second] = await client.prompts(body["session_id"])
    assert (first["provider"], first["model"], second["locality"]) == ("anthropic", MODEL, "cloud")
    attempts = (await client.route(first["id"]))["attempts"]
    assert [(one["provider"], one["outcome"], one["reason"]) for one in attempts] == [
        ("ollama", "failed", "connect_refused"),
        ("anthropic", "succeeded", None),
    ]
    asked = anthropic.chats[1]
    assert asked.headers["anthropic-version"] == version
    assert [turn["role"] for turn in asked.body["messages"]] == ["user", "assistant", "user"]
    assert asked.body["messages"][-1]["content"] == [{"type": "text", "text": "And again?"}]
    assert asked.body["system"]


async def test_an_error_in_anthropics_stream_goes_on_to_the_next(world: World, anthropic: FakeAnthropic) -> None:
    anthropic.default = error_in_stream(0, "Overloaded", status=529)
    client = await world.serve(**settings(anthropic, LLM_PROVIDER_PRIORITY="anthropic,gemini"))
    events = await client.events()
    assert text_of(events) == "Gemini speaking."
    assert ("anthropic", "failed", "overloaded") in states_of(events)


async def test_a_refusal_of_anthropic_is_an_answer_and_goes_nowhere_else(
    world: World, anthropic: FakeAnthropic
) -> None:
    anthropic.default = blocked(after=2)
    client = await world.serve(**settings(anthropic, LLM_PROVIDER_PRIORITY="anthropic,gemini"))
    events = await client.events()
    assert data_of(events[-1])["done"] is True
    assert world.gemini.connections == 0


async def test_anthropic_without_a_key_is_listed_and_left_out(world: World, anthropic: FakeAnthropic) -> None:
    client = await world.serve(**settings(anthropic, ANTHROPIC_API_KEY="", ANTHROPIC_MODEL=""))
    assert (await client.message()).body["response"] == "Ollama speaking."
    listed = (await client.call("GET", "/api/chat/providers")).body["providers"]
    [row] = [one for one in listed if one["name"] == "anthropic"]
    assert (row["enabled"], row["locality"], row["model"] or "") == (False, "cloud", "")
    assert anthropic.connections == 0
