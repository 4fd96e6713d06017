"""``POST /api/chat/message``: the whole answer at once."""

from itertools import pairwise

import pytest
from novakit.ids import is_uuid

from tests.support.fakes import Gate, answer, blocked, cut, error_in_stream

from .world import OTHER_USER, World


async def test_the_answer_is_exactly_response_session_id_tokens_used_and_latency_ms(world: World) -> None:
    client = await world.serve()
    answered = await client.message()
    assert answered.status == 200
    assert answered.headers["content-type"] == "application/json"
    assert list(answered.body) == ["response", "session_id", "tokens_used", "latency_ms"]
    assert answered.body["response"] == "Ollama speaking."
    assert is_uuid(answered.body["session_id"])
    assert answered.body["tokens_used"] == 16 + 2
    assert type(answered.body["latency_ms"]) is int


async def test_tokens_are_estimated_where_the_provider_reports_none(world: World) -> None:
    world.ollama.add(answer("Twelve chars", usage=False))
    client = await world.serve(CHAT_SYSTEM_PROMPT="Be kind.")
    answered = await client.message("12345678")
    assert answered.body["tokens_used"] == 2 + 2 + 3


async def test_a_message_without_a_session_starts_one_named_after_its_first_words(world: World) -> None:
    client = await world.serve()
    session_id = (await client.message("One two three four five six seven eight nine")).body["session_id"]
    listed = (await client.call("GET", "/api/chat/sessions")).body["sessions"]
    assert [(session["id"], session["title"]) for session in listed] == [
        (session_id, "One two three four five six seven eight…")
    ]


async def test_messages_of_one_session_follow_each_other(world: World) -> None:
    client = await world.serve()
    session_id = (await client.message("First")).body["session_id"]
    assert (await client.message("Second", session_id=session_id)).body["session_id"] == session_id
    await client.message("Third", session_id=session_id.upper())
    prompts = await client.prompts(session_id)
    assert [prompt["input_text"] for prompt in prompts] == ["First", "Second", "Third"]
    assert prompts[0]["parent_id"] is None
    for one, next_one in pairwise(prompts):
        assert next_one["parent_id"] == one["id"]


async def test_the_model_is_given_the_conversation_as_turns(world: World) -> None:
    client = await world.serve(CHAT_SYSTEM_PROMPT="Be kind.")
    session_id = (await client.message("First")).body["session_id"]
    await client.message("Second", session_id=session_id)
    assert world.ollama.chats[1].body["messages"] == [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "First"},
        {"role": "assistant", "content": "Ollama speaking."},
        {"role": "user", "content": "Second"},
    ]


async def test_a_long_conversation_is_cut_from_its_oldest_end(world: World) -> None:
    """A context of 4096 tokens, a quarter of it for the answer, four characters a token."""
    client = await world.serve(CHAT_SYSTEM_PROMPT="Be kind.")
    long = "x" * 6000
    session_id = (await client.message(f"a{long}")).body["session_id"]
    for letter in "bcd":
        await client.message(f"{letter}{long}", session_id=session_id)
    asked = world.ollama.chats[3].body["messages"]
    assert asked[0] == {"role": "system", "content": "Be kind."}
    assert [turn["content"][0] for turn in asked[1:] if turn["role"] == "user"] == ["c", "d"]
    assert asked[1]["role"] == "user"


async def test_a_fallback_message_is_no_word_of_the_model(world: World) -> None:
    for fake in (world.ollama, world.gemini, world.openai):
        await fake.refuse()
    client = await world.serve(LLM_PROVIDER_FAILURE_THRESHOLD="9")
    session_id = (await client.message("First")).body["session_id"]
    await world.ollama.accept()
    await client.message("Second", session_id=session_id)
    said = [turn["content"] for turn in world.ollama.chats[0].body["messages"][1:]]
    assert said == ["First", "Second"]


async def test_the_same_parent_twice_is_a_branch_that_knows_its_own_ancestors_alone(world: World) -> None:
    client = await world.serve()
    session_id = (await client.message("Root")).body["session_id"]
    root = (await client.prompts(session_id))[0]["id"]
    await client.message("Left", session_id=session_id, parent_id=root)
    await client.message("Right", session_id=session_id, parent_id=root)
    left = (await client.prompts(session_id))[1]["id"]
    await client.message("Left leaf", session_id=session_id, parent_id=left)
    questions = [turn["content"] for turn in world.ollama.chats[3].body["messages"] if turn["role"] == "user"]
    assert questions == ["Root", "Left", "Left leaf"]
    parents = {prompt["input_text"]: prompt["parent_id"] for prompt in await client.prompts(session_id)}
    assert parents == {"Root": None, "Left": root, "Right": root, "Left leaf": left}


async def test_a_message_whose_parent_is_the_session_is_another_beginning(world: World) -> None:
    client = await world.serve()
    session_id = (await client.message("Root")).body["session_id"]
    await client.message("Leaf", session_id=session_id)
    await client.message("Another root", session_id=session_id, parent_id=session_id.upper())
    assert [turn["content"] for turn in world.ollama.chats[2].body["messages"][1:]] == ["Another root"]
    parents = {prompt["input_text"]: prompt["parent_id"] for prompt in await client.prompts(session_id)}
    assert parents["Root"] is parents["Another root"] is None


@pytest.mark.parametrize("broken", [cut(2), error_in_stream(2)])
async def test_an_answer_that_breaks_is_given_anew_by_the_next_provider(world: World, broken: tuple[()]) -> None:
    """Nobody has seen its beginning, so nothing of it may be in the whole answer."""
    world.ollama.default = broken
    client = await world.serve(LLM_MIDSTREAM_MODE="restart")
    answered = await client.message()
    assert answered.body["response"] == "Gemini speaking."
    [prompt] = await client.prompts(answered.body["session_id"])
    assert (prompt["output_text"], prompt["status"], prompt["provider"]) == (
        "Gemini speaking.",
        "complete",
        "gemini",
    )


async def test_a_refusal_is_told_in_a_neutral_sentence_and_taken_nowhere_else(world: World) -> None:
    world.gemini.add(blocked())
    client = await world.serve(LLM_PROVIDER_PRIORITY="gemini,openai")
    answered = await client.message()
    assert answered.body["response"] == "The model declined to answer this."
    assert world.openai.connections == 0
    [prompt] = await client.prompts(answered.body["session_id"])
    assert (prompt["status"], prompt["provider"]) == ("complete", "gemini")


async def test_words_before_a_refusal_are_kept(world: World) -> None:
    world.gemini.add(blocked(after=2))
    client = await world.serve(LLM_PROVIDER_PRIORITY="gemini,openai")
    assert (await client.message()).body["response"] == "The quick\n\nThe model declined to answer this."


async def test_two_turns_run_at_once(world: World) -> None:
    gate = Gate()
    world.ollama.add(answer("Slow.", gate=gate), answer("Fast."))
    client = await world.serve()
    async with client.stream("slow one") as slow:
        await world.ollama.received(1)
        assert (await client.message("fast one")).body["response"] == "Fast."
        gate.open()
        await slow.text("Slow.")


async def test_answers_carry_no_provider_headers_by_default(world: World) -> None:
    client = await world.serve()
    assert not [name for name in (await client.message()).headers if name.lower().startswith("x-novacore")]


async def test_provider_headers_say_who_answered_where_they_are_exposed(world: World) -> None:
    client = await world.serve(EXPOSE_PROVIDER_HEADERS="true")
    headers = (await client.message()).headers
    assert (headers["x-novacore-provider"], headers["x-novacore-model"]) == ("ollama", "llama3.2:latest")
    assert "x-novacore-fallback-reason" not in headers
    await world.ollama.refuse()
    headers = (await client.message()).headers
    assert (headers["x-novacore-provider"], headers["x-novacore-fallback-reason"]) == ("gemini", "connect_refused")


async def test_the_wish_for_the_cloud_is_followed(world: World) -> None:
    client = await world.serve()
    assert (await client.message(prefer="cloud")).body["response"] == "Gemini speaking."
    assert (await client.message(prefer="local")).body["response"] == "Ollama speaking."


async def test_a_users_session_is_not_there_for_another_user(world: World) -> None:
    client = await world.serve()
    session_id = (await client.message()).body["session_id"]
    foreign = await client.as_user(OTHER_USER).message("Hello?", session_id=session_id)
    assert (foreign.status, foreign.body["detail"]) == (404, "There is no such session.")
    assert len(await client.prompts(session_id)) == 1
