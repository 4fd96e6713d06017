"""What a client asks of the drawing of an answer, on its way to whoever answers."""

from typing import Any

import pytest

from .world import World

PATH = "/v1/chat/completions"
ASKED = {"temperature": 0.2, "top_p": 0.5, "seed": 7, "frequency_penalty": -0.5, "presence_penalty": 1.5}


def body(**fields: Any) -> dict[str, Any]:
    return {"model": "auto", "messages": [{"role": "user", "content": "Hello?"}], **fields}


async def test_it_reaches_the_provider_in_the_providers_words(world: World) -> None:
    client = await world.serve()
    for model in ("openai", "ollama", "gemini"):
        assert (await client.call("POST", PATH, body(**ASKED, model=model))).status == 200
    sent = world.openai.chats[-1].body or {}
    assert {name: sent[name] for name in ASKED} == ASKED
    options = (world.ollama.chats[-1].body or {})["options"]
    assert {name: options[name] for name in ASKED} == ASKED
    config = (world.gemini.chats[-1].body or {})["generationConfig"]
    assert config == {
        "temperature": 0.2, "topP": 0.5, "seed": 7, "frequencyPenalty": -0.5, "presencePenalty": 1.5,
    }  # fmt: skip


async def test_defaults_that_clients_always_send_reach_nobody(world: World) -> None:
    client = await world.serve()
    defaults = {
        "top_p": 1, "frequency_penalty": 0, "presence_penalty": 0, "n": 1, "logprobs": False, "tools": [],
        "response_format": {"type": "text"}, "store": False, "metadata": {"a": "b"}, "service_tier": "auto",
        "parallel_tool_calls": True, "tool_choice": "auto", "logit_bias": {}, "modalities": ["text"],
    }  # fmt: skip
    assert (await client.call("POST", PATH, body(**defaults, model="openai"))).status == 200
    assert (world.openai.chats[-1].body or {}).keys() == {"model", "messages", "stream", "stream_options"}


@pytest.mark.parametrize(("name", "value"), [("top_p", 1.5), ("seed", 2**63), ("presence_penalty", -3)])
async def test_what_nobody_could_take_is_turned_down_before_anyone_is_asked(
    world: World, name: str, value: float
) -> None:
    client = await world.serve()
    answered = await client.call("POST", PATH, body(**{name: value}))
    assert (answered.status, answered.body["error"]["param"]) == (400, name)
    assert not world.openai.chats + world.ollama.chats + world.gemini.chats
