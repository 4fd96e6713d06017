"""How long an answer is listened to whose end was named: servers may send neither end mark nor goodbye."""

import asyncio

import pytest

from services.intelligence.app.domain.chat import ChatTurn, ProviderRequest
from services.intelligence.app.domain.errors import Garbled, ProviderError
from services.intelligence.app.domain.events import Completion, Usage
from services.intelligence.app.services.providers import http_provider
from services.intelligence.app.services.providers.anthropic import AnthropicProvider
from services.intelligence.app.services.providers.base import Provider
from services.intelligence.app.services.providers.gemini import GeminiProvider
from services.intelligence.app.services.providers.openai_provider import OpenAIProvider
from services.intelligence.app.services.providers.transport import AiohttpTransport, Transport
from tests.support.fakes import FakeOpenAI
from tests.support.fakes.behaviours import Raw, Say, Silence
from tests.support.virtual_time import START, in_virtual_time

from .frames import anthropic, event, gemini, named, openai
from .scripted_transport import Answer, ScriptedTransport

REQUEST = ProviderRequest((ChatTurn("user", "hello"),))
KEY = "k" * 40
FOR_EVER = 3600.0
SAID = {
    "openai": (openai({"content": "word"}), openai(finish="stop")),
    "gemini": (gemini({"text": "word"}), gemini({"text": ""}, finish="STOP")),
    "anthropic": (anthropic("word"), named("message_delta", delta={"stop_reason": "end_turn"})),
}
"""The text of an answer, and the event that names its end. What else would follow is missing."""
EVERY = pytest.mark.parametrize("name", SAID)


def provider(name: str, transport: Transport) -> Provider:
    if name == "gemini":
        return GeminiProvider(transport=transport, api_key=KEY, model="m")
    if name == "anthropic":
        return AnthropicProvider(transport=transport, api_key=KEY, model="m")
    return OpenAIProvider(transport=transport, api_key=KEY, model="m")


async def answer(name: str, *pieces: bytes | float, cut: ProviderError | None = None) -> tuple[Completion, float]:
    """The answer, and after how many seconds it was whole. Its connection is closed by then."""
    transport = ScriptedTransport(Answer(pieces, cut=cut))
    completion = await provider(name, transport).generate(REQUEST)
    assert transport.closed == 1
    return completion, round(asyncio.get_running_loop().time() - START, 6)


@EVERY
@in_virtual_time
async def test_an_answer_is_whole_a_second_after_its_end_was_named_though_nothing_else_comes(name: str) -> None:
    completion, seconds = await answer(name, *SAID[name], FOR_EVER)
    assert (completion.text, completion.finished.reason, seconds) == ("word", "stop", 1.0)


@EVERY
@in_virtual_time
async def test_an_answer_in_one_piece_is_listened_to_no_longer(name: str) -> None:
    completion, seconds = await answer(name, b"".join(SAID[name]), FOR_EVER)
    assert (completion.text, seconds) == ("word", 1.0)


@EVERY
@in_virtual_time
async def test_what_keeps_a_connection_busy_does_not_prolong_the_second(name: str) -> None:
    pings: list[bytes | float] = [0.4, b": still here\n\n"]
    completion, seconds = await answer(name, *SAID[name], *pings * 50)
    assert (completion.text, completion.finished.skipped_frames, seconds) == ("word", 0, 1.0)


@EVERY
@in_virtual_time
async def test_silence_before_the_end_was_named_is_for_others_to_judge(name: str) -> None:
    text, end = SAID[name]
    completion, seconds = await answer(name, text, 30.0, text, end)
    assert (completion.text, seconds) == ("wordword", 30.0)


@EVERY
@in_virtual_time
async def test_a_server_that_hangs_up_is_not_waited_for(name: str) -> None:
    completion, seconds = await answer(name, *SAID[name], 0.2)
    assert (completion.text, seconds) == ("word", 0.2)


@in_virtual_time
async def test_the_usage_and_the_end_mark_are_taken_where_they_come_in_time() -> None:
    usage = event({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 4}})
    late = (0.5, usage, 0.4, b"data: [DONE]\n\n", FOR_EVER)
    completion, seconds = await answer("openai", *SAID["openai"], *late)
    assert (completion.finished.usage, seconds) == (Usage(9, 4), 0.9)
    completion, seconds = await answer("openai", *SAID["openai"], 1.5, usage)
    assert (completion.text, completion.finished.usage, seconds) == ("word", None, 1.9)


@in_virtual_time
async def test_an_error_in_the_last_second_is_still_an_error() -> None:
    with pytest.raises(ProviderError, match="gone"):
        await answer("openai", *SAID["openai"], 0.5, event({"error": {"message": "gone"}}))


@in_virtual_time
async def test_a_cut_in_the_last_second_costs_the_answer_nothing() -> None:
    cut = Garbled("the body was cut", reason="truncated")
    completion, seconds = await answer("openai", *SAID["openai"], 0.5, cut=cut)
    assert (completion.text, seconds) == ("word", 0.5)


@in_virtual_time
async def test_a_stream_of_gemini_that_names_an_end_in_every_event_is_heard_to_its_own() -> None:
    each = gemini({"text": "word"}, finish="STOP")
    completion, seconds = await answer("gemini", each, 0.9, each, 5.0, each, 5.0)
    assert (completion.text, seconds) == ("wordwordword", 10.9)


async def test_a_connection_that_is_kept_open_after_the_end_is_closed(
    transport: AiohttpTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_provider, "LAST_WORDS_SECONDS", 0.02)
    async with FakeOpenAI([(Say("word"), Raw(openai(finish="stop")), Silence())]) as fake:
        one = OpenAIProvider(transport=transport, api_key=KEY, model="gpt-4.1", base_url=fake.url)
        assert (await asyncio.wait_for(one.generate(REQUEST), 5)).text == "word"
        await asyncio.wait_for(fake.chats[0].gone.wait(), 0.25)
