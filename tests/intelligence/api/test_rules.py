"""Rules by kind of message, from the environment to the stored route."""

import pytest

from .world import Client, World

RULES = {"LLM_ROUTE_RULES": "long:gemini>openai, code:openai>gemini, cyrillic:gemini"}
CODE = "Why?\n```\nx = 1\n```"
LONG = "word " * 2000


async def rule_of(client: Client, session_id: str) -> str | None:
    prompts = await client.prompts(session_id)
    rule: str | None = (await client.route(prompts[-1]["id"]))["rule"]
    return rule


@pytest.mark.parametrize(
    ("text", "said", "rule"),
    [
        ("Hello?", "Ollama speaking.", None),
        (CODE, "OpenAI speaking.", "code:openai>gemini"),
        (LONG, "Gemini speaking.", "long:gemini>openai"),
        ("Привет", "Gemini speaking.", "cyrillic:gemini"),
        (LONG + CODE, "Gemini speaking.", "long:gemini>openai"),
    ],
)
async def test_a_message_goes_where_the_first_rule_for_it_sends_it_and_its_route_says_so(
    world: World, text: str, said: str, rule: str | None
) -> None:
    client = await world.serve(**RULES)
    answered = await client.message(text)
    assert answered.body["response"] == said
    assert await rule_of(client, answered.body["session_id"]) == rule


async def test_a_conversation_that_has_become_long_is_long(world: World) -> None:
    client = await world.serve(**RULES)
    session_id = (await client.message("word " * 1400)).body["session_id"]
    assert (await client.message("word " * 1400, session_id=session_id)).body["response"] == "Gemini speaking."


async def test_a_stream_goes_by_the_same_rules(world: World) -> None:
    client = await world.serve(**RULES)
    async with client.stream(CODE) as stream:
        started = await stream.until("start")
        # While it runs the route tells it, too.
        assert (await client.route(started["message_id"]))["rule"] == "code:openai>gemini"
        await stream.rest()
    assert (await client.route(started["message_id"]))["rule"] == "code:openai>gemini"


async def test_a_rule_is_no_wall(world: World) -> None:
    await world.openai.refuse()
    await world.gemini.refuse()
    client = await world.serve(**RULES)
    answered = await client.message(CODE)
    assert answered.body["response"] == "Ollama speaking."
    assert await rule_of(client, answered.body["session_id"]) == "code:openai>gemini"


async def test_no_rule_opens_a_lock(world: World) -> None:
    client = await world.serve(**RULES)
    assert (await client.message(CODE, local_only=True)).body["response"] == "Ollama speaking."
    assert world.openai.connections == world.gemini.connections == 0


async def test_a_wish_goes_before_a_rule(world: World) -> None:
    client = await world.serve(**RULES)
    assert (await client.message(CODE, prefer="local")).body["response"] == "Ollama speaking."


async def test_without_failover_the_first_of_the_ruled_order_is_asked_alone(world: World) -> None:
    await world.openai.refuse()
    client = await world.serve(**RULES, LLM_FALLBACK_MODE="off", FALLBACK_MESSAGE="Nobody.")
    assert (await client.message(CODE)).body["response"] == "Nobody."
    assert world.ollama.chats == world.gemini.chats == []
    assert (await client.message("Hello?")).body["response"] == "Ollama speaking."


async def complete(client: Client, **body: object) -> str:
    completed = await client.call(
        "POST", "/v1/chat/completions", {"messages": [{"role": "user", "content": CODE}], **body}
    )
    said: str = completed.body["choices"][0]["message"]["content"]
    return said


async def test_completions_of_auto_go_by_the_rules_and_a_list_of_the_callers_own_does_not(world: World) -> None:
    client = await world.serve(**RULES)
    assert await complete(client, model="auto") == "OpenAI speaking."
    assert await complete(client, model="ollama") == "Ollama speaking."
    assert await complete(client, models=["gemini", "openai"]) == "Gemini speaking."
