"""Real answers, replayed: every recording of these providers is decoded to what a naive reading finds in it."""

import json
import os
import re
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from services.intelligence.app.domain.chat import ChatTurn, ProviderRequest
from services.intelligence.app.domain.errors import ProviderError
from services.intelligence.app.domain.events import Delta, Finished, ReasoningDelta, TextDelta
from services.intelligence.app.services.providers.anthropic import AnthropicProvider
from services.intelligence.app.services.providers.base import Provider
from services.intelligence.app.services.providers.gemini import GeminiProvider
from services.intelligence.app.services.providers.local_ollama import LocalOllamaProvider
from services.intelligence.app.services.providers.openai_provider import OpenAIProvider

from . import naive
from .scripted_transport import Answer, ScriptedTransport

REQUEST = ProviderRequest((ChatTurn("user", "a question that no recording holds"),))
TAGS = b'{"models":[{"name":"m:latest"}]}'

PROVIDERS = {"ollama", "gemini", "openai", "anthropic", "azure"}
ANSWERED = None
RECORDINGS: dict[str, str | None] = {
    "openai/chat/mirascope/sync#0": ANSWERED,
    "openai/chat-usage/dd-trace-py/chat_completion_prompt_caching_5_6_cache_write#0": "empty",
    "openai/stream/mirascope/stream#0": ANSWERED,
    "openai/stream-nousage/elastic-otel-python-instrumentations/test_chat_stream#0": ANSWERED,
    "openai/stream-length-empty/mirascope/stream#0": "empty",
    "openai/length/mirascope/sync#0": ANSWERED,
    "openai/refusal/mirascope/stream#0": "refused",
    "openai/err-auth/mirascope/openai_gpt_4o_completions#0": "auth",
    "openai/err-model/mirascope/openai_gpt_4o_completions#0": "model_missing",
    "openai/err-model/mirascope/openai_gpt_4o_completions#1": "model_missing",
    "openai/err-param/crewAI/test_llm_call_when_stop_is_unsupported#0": "invalid_request",
    "openai/err-param/crewAI/test_llm_call_when_stop_is_unsupported#1": ANSWERED,
    "openai/err-param/pydantic-ai/test_openai_o1_mini_system_role[system]#0": "invalid_request",
    "openai/err-context/ruby_llm/chat_real_error_scenarios_openai_gpt-5-nano_handles_context_length_exceeded"
    "_errors#0": "context_too_long",
    "gemini/chat/crewAI/test_gemini_async_with_system_message#0": ANSWERED,
    "gemini/stream/ruby_llm/chat_gemini_token_accounting_correctly_sums_candidatestokencount_and_thoughtstokencount"
    "_in_streaming#0": ANSWERED,
    "gemini/stream-thinking/ruby_llm/chat_with_extended_thinking_gemini_gemini-3-flash-preview_streams_thinking_content"
    "_when_available#0": ANSWERED,
    "gemini/stream-empty-last/mirascope/google_gemini_3_pro_preview#0": ANSWERED,
    "gemini/stream-jsonarray/llm-gemini/test_prompt#0": ANSWERED,
    "gemini/safety/pydantic-ai/test_google_model_safety_settings#0": "blocked",
    "gemini/max-tokens-empty/pydantic-ai/test_google_model_max_tokens_thinking_model_empty_response#0": "empty",
    "gemini/stream-max-tokens/mirascope/stream#0": ANSWERED,
    "gemini/err-auth/mirascope/google_gemini_2_5_flash#0": "auth",
    "gemini/err-auth/langchaingo/TestGoogleAIErrorHandling#0": "auth",
    "gemini/err-model/mirascope/google_gemini_2_5_flash#0": "model_missing",
    "gemini/err-model/mirascope/google_gemini_2_5_flash#1": "model_missing",
    "gemini/err-ratelimit/ruby_llm/chat_real_error_scenarios_gemini_gemini-2_5-flash_handles_context_length_exceeded"
    "_errors#0": "rate_limited",
    "gemini/err-context/ruby_llm/chat_real_error_scenarios_vertexai_gemini-2_5-flash_handles_context_length_exceeded"
    "_errors#0": "context_too_long",
    "gemini/blocked-prompt/generative-ai-js/streaming-failure-prompt-blocked-safety#0": "blocked",
    "gemini/stream-recitation/generative-ai-js/streaming-failure-recitation-no-content#0": "blocked",
    "gemini/stream-midstream-error/vertexai-sdk-test-data/streaming-failure-error-mid-stream#0": "server_error",
    "gemini/finish-other/vertexai-sdk-test-data/unary-failure-with-message-no-content#0": "empty",
    "gemini/err-location/vertexai-sdk-test-data/unary-failure-unsupported-user-location#0": "auth",
    "gemini/stream-utf8/vertexai-sdk-test-data/streaming-success-utf8#0": ANSWERED,
    "ollama/chat/openllmetry/test_ollama_chat_legacy#0": ANSWERED,
    "ollama/stream/langchaingo/TestClient_GenerateChatStream#0": ANSWERED,
    "ollama/stream-thinking/prism/stream-with-thinking-enabled-1#0": ANSWERED,
    "ollama/stream-generate/openllmetry/test_ollama_streaming_generation_legacy#0": ANSWERED,
    "ollama/length/prism/generate-text-with-done-reason-length-1#0": ANSWERED,
    "ollama/err-model/openinference/test_chat_error_records_model_name#0": "model_missing",
    "ollama/openai-compat-stream/ruby_llm/chat_streaming_responses_ollama_qwen3_supports_streaming"
    "_responses#0": ANSWERED,
    "azure/chat/crewAI/test_azure_async_non_streaming#0": ANSWERED,
    "azure/stream/dd-trace-py/completion_azure_stream#0": ANSWERED,
    "azure/chat+err-model/openllmetry/test_chat_reasoning#0": ANSWERED,
    "azure/chat+err-model/openllmetry/test_chat_reasoning#1": "model_missing",
    "azure/chat+err-model/openllmetry/test_chat_reasoning#2": "model_missing",
    "azure/chat+err-model/openllmetry/test_chat_reasoning#3": "model_missing",
    "azure/err-ratelimit/ruby_llm/chat_real_error_scenarios_azure_grok-4-1-fast-non-reasoning_handles_context_length_exceeded"
    "_errors#0": "rate_limited",
    "azure/content-filter/openllmetry/test_prompt_content_filtering#0": "blocked",
    "azure/content-filter/openllmetry/test_prompt_content_filtering#1": ANSWERED,
    "azure/content-filter/openllmetry/test_prompt_content_filtering#2": ANSWERED,
    "azure/content-filter/openllmetry/test_prompt_content_filtering#3": ANSWERED,
    "anthropic/chat/mirascope/sync#0": ANSWERED,
    "anthropic/stream/ruby_llm/chat_streaming_responses_anthropic_claude-haiku-4-5_supports_streaming"
    "_responses#0": ANSWERED,
    "anthropic/stream-thinking/ruby_llm/chat_with_extended_thinking_anthropic_claude-haiku-4-5_streams_thinking_content"
    "_when_available#0": ANSWERED,
    "anthropic/stream-max-tokens/mirascope/stream#0": ANSWERED,
    "anthropic/refusal/anthropic-sdk-python/stream-a-refusal#0": "blocked",
    "anthropic/err-auth/mirascope/anthropic_claude_sonnet_4_0#0": "auth",
    "anthropic/err-model/mirascope/anthropic_claude_sonnet_4_0#0": "model_missing",
    "anthropic/err-model/mirascope/anthropic_claude_sonnet_4_0#1": "model_missing",
    "anthropic/err-context/ruby_llm/chat_real_error_scenarios_anthropic_claude-haiku-4-5_handles_context_length_exceeded"
    "_errors#0": "context_too_long",
    "anthropic/err-param/pydantic-ai/test_anthropic_explicit_effort_xhigh_unsupported_model"
    "_errors#0": "invalid_request",
    "ollama/err-context/ruby_llm/chat_real_error_scenarios_ollama_cloud_gpt-oss_120b_handles_context_length_exceeded"
    "_errors#0": "context_too_long",
}
"""What each recording is: an answer, or the reason that its failure must carry."""

OTHER_API = {"gemini/interactions/openinference/test_generate_interactions_simple_message[True]#0"}
"""A recording of an API that no adapter speaks."""

QUOTED: dict[tuple[str, str, int], str] = {
    ("openai", "err-ratelimit", 0): "rate_limited",
    ("openai", "err-quota", 0): "billing",
    ("openai", "err-quota", 1): "billing",
    ("openai", "err-context", 0): "context_too_long",
    ("openai", "stream-midstream-error", 0): "server_error",
    ("azure", "err-ratelimit", 0): "rate_limited",
    ("azure", "content-filter", 0): "blocked",
    ("gemini", "err-ratelimit", 0): "rate_limited",
    ("gemini", "err-5xx", 0): "overloaded",
    ("gemini", "stream-midstream-error", 0): "overloaded",
    ("gemini", "err-auth", 0): "auth",
    ("ollama", "err-busy", 0): "rate_limited",
    ("ollama", "err-context", 0): "context_too_long",
    ("ollama", "stream-midstream-error", 0): "server_error",
    ("anthropic", "err-quota", 0): "billing",
    ("anthropic", "stream-midstream-error", 0): "overloaded",
}
"""(provider, category, which of them): the reason."""

DELAYS = {
    ("openai", "err-ratelimit", 0): 0.579,
    ("gemini", "err-ratelimit", 0): 26.0,
    ("azure", "err-ratelimit", 0): 86_400.0,
    # Ollama names none; this is ours, for a queue that is full.
    ("ollama", "err-busy", 0): 3.0,
}
EVERY_OFFSET_UP_TO = 30_000
"""Longer bodies are split at every offset of their first and last 1,024 bytes, and at each 97th between."""


@dataclass(frozen=True)
class Outcome:
    """What came of one replay: the joined texts, and either the end or the reason of the failure."""

    text: str
    reasoning: str
    finished: Finished | None
    reason: str | None
    retry_after: float | None = None


@pytest.mark.parametrize("name", RECORDINGS)
def test_a_recording_decodes_to_what_a_naive_reading_finds(name: str) -> None:
    recording = _recording(name)
    outcome = _replay(recording, [recording["body"].encode()])
    assert outcome.reason == RECORDINGS[name]
    if RECORDINGS[name] is ANSWERED:
        expected = naive.read(recording)
        finished = outcome.finished
        assert finished is not None
        assert (outcome.text, outcome.reasoning) == (expected.text, expected.reasoning)
        assert (finished.reason, finished.raw_reason) == (expected.finish, expected.raw_finish)
        assert (finished.usage, finished.model, finished.skipped_frames) == (expected.usage, expected.model, 0)


@pytest.mark.parametrize("name", RECORDINGS)
def test_a_recording_decodes_alike_wherever_the_network_cuts_it(name: str) -> None:
    recording = _recording(name)
    body = recording["body"].encode()
    whole = _replay(recording, [body])
    for offset in _offsets(len(body)):
        assert _replay(recording, [body[:offset], body[offset:]]) == whole, offset


@pytest.mark.parametrize("name", RECORDINGS)
def test_a_recording_decodes_alike_one_byte_at_a_time(name: str) -> None:
    recording = _recording(name)
    body = recording["body"].encode()
    single = [body[at : at + 1] for at in range(len(body))]
    assert _replay(recording, single) == _replay(recording, [body])


def test_no_recording_of_these_providers_is_left_out() -> None:
    ids = {name for name, recording in _recordings().items() if recording["provider"] in PROVIDERS}
    assert ids - OTHER_API == set(RECORDINGS)


def test_an_error_that_interrupts_a_recorded_stream_comes_after_the_text_before_it() -> None:
    name = "gemini/stream-midstream-error/vertexai-sdk-test-data/streaming-failure-error-mid-stream#0"
    recording = _recording(name)
    outcome = _replay(recording, [recording["body"].encode()])
    assert outcome.text == naive.text_of_events(recording["body"])
    assert outcome.text


@pytest.mark.parametrize("key", QUOTED, ids=lambda key: "-".join(map(str, key)))
def test_a_quoted_error_has_its_reason_and_its_delay(key: tuple[str, str, int]) -> None:
    outcome = _replay_quoted(key)
    assert outcome.reason == QUOTED[key]
    assert outcome.retry_after == DELAYS.get(key)


def test_no_quoted_error_of_these_providers_is_left_out() -> None:
    assert set(_quoted()) == set(QUOTED)


def _folder() -> Path:
    folder = os.environ.get("NOVACORE_RECORDINGS")
    if not folder:
        pytest.skip("NOVACORE_RECORDINGS names no folder with recordings")
    return Path(folder)


def _recordings() -> dict[str, dict[str, Any]]:
    return _read_recordings(_folder())


@cache
def _read_recordings(folder: Path) -> dict[str, dict[str, Any]]:
    lines = (folder / "normalized.jsonl").read_text(encoding="utf-8").split("\n")
    return {recording["id"]: recording for recording in map(json.loads, filter(None, lines))}


def _recording(name: str) -> dict[str, Any]:
    return _recordings()[name]


def _quoted() -> dict[tuple[str, str, int], dict[str, Any]]:
    found: dict[tuple[str, str, int], dict[str, Any]] = {}
    for entry in json.loads((_folder() / "quoted_errors.json").read_text(encoding="utf-8")):
        provider, category = entry["provider"], entry["category"]
        if provider in PROVIDERS:
            number = sum(key[:2] == (provider, category) for key in found)
            found[provider, category, number] = entry
    return found


def _replay_quoted(key: tuple[str, str, int]) -> Outcome:
    entry = _quoted()[key]
    body = entry["raw"] if "raw" in entry else json.dumps(entry["body"])
    return _replay(
        {"provider": key[0], "url": "", "status": entry["status"], "headers": {}, "body": body}, [body.encode()]
    )


def _replay(recording: dict[str, Any], pieces: list[bytes]) -> Outcome:
    provider = _provider(recording, Answer(pieces, _status(recording), recording["headers"] or {}))
    return _run(_collect(provider.stream(REQUEST)))


def _provider(recording: dict[str, Any], answer: Answer) -> Provider:
    speaks_openai = "/chat/completions" in (recording["url"] or "")
    if recording["provider"] == "gemini":
        return GeminiProvider(transport=ScriptedTransport(answer), api_key="g" * 40, model="m")
    if recording["provider"] == "anthropic":
        return AnthropicProvider(transport=ScriptedTransport(answer), api_key="a" * 40, model="m")
    if recording["provider"] == "azure":
        base = "https://resource.openai.azure.com"
        transport = ScriptedTransport(answer)
        return OpenAIProvider(transport=transport, api_key="o" * 40, model="m", base_url=base, api_version="1")
    if recording["provider"] == "openai" or speaks_openai:
        base = "https://api.openai.com/v1" if recording["provider"] == "openai" else "http://127.0.0.1:11434/v1"
        return OpenAIProvider(transport=ScriptedTransport(answer), api_key="o" * 40, model="m", base_url=base)
    transport = ScriptedTransport(Answer([TAGS]), answer)
    return LocalOllamaProvider(transport=transport, base_url="http://127.0.0.1:11434", model="m")


def _status(recording: dict[str, Any]) -> int:
    """Vendors' test data has no status line; an error body there names its own."""
    if recording["status"] is not None:
        return int(recording["status"])
    found = re.match(r'\s*{\s*"error":\s*{\s*"code":\s*(\d+)', recording["body"])
    return int(found[1]) if found else 200


async def _collect(stream: AsyncGenerator[Delta]) -> Outcome:
    text, reasoning, finished = "", "", None
    try:
        async with aclosing(stream):
            async for delta in stream:
                match delta:
                    case TextDelta():
                        text += delta.text
                    case ReasoningDelta():
                        reasoning += delta.text
                    case Finished():
                        finished = delta
    except ProviderError as error:
        return Outcome(text, reasoning, finished, error.reason, error.retry_after)
    return Outcome(text, reasoning, finished, None)


def _run(work: Any) -> Outcome:
    """Run a coroutine that never waits, without the cost of an event loop for each of the many replays."""
    try:
        work.send(None)
    except StopIteration as stop:
        outcome: Outcome = stop.value
        return outcome
    raise AssertionError("a replay has nothing to wait for")


def _offsets(size: int) -> Iterator[int]:
    if size <= EVERY_OFFSET_UP_TO:
        yield from range(1, size)
    else:
        yield from range(1, 1024)
        yield from range(1024, size - 1024, 97)
        yield from range(size - 1024, size)
