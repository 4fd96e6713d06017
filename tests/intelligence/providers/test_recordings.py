"""Real answers, replayed: every recording of these providers is decoded to what a naive reading finds in it."""

from collections.abc import Iterator

import pytest

from . import naive, recordings
from .recordings import LEFT_OUT, Recording, replay

pytestmark = pytest.mark.skipif(
    recordings.folder() is None, reason="NOVACORE_RECORDINGS names no folder with recordings"
)

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

QUOTED: dict[str, str | None] = {
    "quoted/openai/err-ratelimit#0": "rate_limited",
    "quoted/openai/err-quota#0": "billing",
    "quoted/openai/err-quota#1": "billing",
    "quoted/openai/err-context#0": "context_too_long",
    "quoted/openai/stream-midstream-error#0": "server_error",
    "quoted/azure/err-ratelimit#0": "rate_limited",
    "quoted/azure/content-filter#0": "blocked",
    "quoted/gemini/err-ratelimit#0": "rate_limited",
    "quoted/gemini/err-5xx#0": "overloaded",
    "quoted/gemini/stream-midstream-error#0": "overloaded",
    "quoted/gemini/err-auth#0": "auth",
    "quoted/ollama/err-busy#0": "rate_limited",
    "quoted/ollama/err-context#0": "context_too_long",
    "quoted/ollama/stream-midstream-error#0": "server_error",
    "quoted/anthropic/err-quota#0": "billing",
    "quoted/anthropic/stream-midstream-error#0": "overloaded",
}
"""What each quoted error is: the reason that it must carry."""
EVERY = {**RECORDINGS, **QUOTED}

DELAYS = {
    "quoted/openai/err-ratelimit#0": 0.579,
    "quoted/gemini/err-ratelimit#0": 26.0,
    "quoted/azure/err-ratelimit#0": 86_400.0,
    # Ollama names none; this is ours, for a queue that is full.
    "quoted/ollama/err-busy#0": 3.0,
}
EVERY_OFFSET_UP_TO = 30_000
"""Longer bodies are split as a whole at each 97th offset, and link by link at every one."""
LINK_BYTES = 1024


@pytest.mark.parametrize("name", RECORDINGS)
def test_a_recording_decodes_to_what_a_naive_reading_finds(name: str) -> None:
    recording = _recording(name)
    outcome = replay(recording)
    assert outcome.reason == RECORDINGS[name]
    if RECORDINGS[name] is ANSWERED:
        expected = naive.read(recording)
        finished = outcome.finished
        assert finished is not None
        assert (outcome.text, outcome.reasoning) == (expected.text, expected.reasoning)
        assert (finished.reason, finished.raw_reason) == (expected.finish, expected.raw_finish)
        assert (finished.usage, finished.model, finished.skipped_frames) == (expected.usage, expected.model, 0)


@pytest.mark.parametrize("name", EVERY)
def test_a_recording_decodes_alike_wherever_the_network_cuts_it(name: str) -> None:
    for recording, offsets in _cuts(_recording(name)):
        body = recording["body"].encode()
        whole = replay(recording)
        for offset in offsets:
            assert replay(recording, [body[:offset], body[offset:]]) == whole, offset


@pytest.mark.parametrize("name", EVERY)
def test_a_recording_decodes_alike_one_byte_at_a_time(name: str) -> None:
    recording = _recording(name)
    body = recording["body"].encode()
    single = [body[at : at + 1] for at in range(len(body))]
    assert replay(recording, single) == replay(recording)


def test_every_recording_is_replayed_or_left_out_for_a_reason() -> None:
    assert {recording["id"] for recording in recordings.answers()} == {*RECORDINGS, *LEFT_OUT}
    assert len(recordings.answers()) == len(RECORDINGS) + len(LEFT_OUT)
    assert {recording["id"] for recording in recordings.quoted()} == set(QUOTED)
    assert len(recordings.quoted()) == len(QUOTED)


def test_an_error_that_interrupts_a_recorded_stream_comes_after_the_text_before_it() -> None:
    name = "gemini/stream-midstream-error/vertexai-sdk-test-data/streaming-failure-error-mid-stream#0"
    recording = _recording(name)
    outcome = replay(recording)
    assert outcome.text == naive.text_of_events(recording["body"])
    assert outcome.text


@pytest.mark.parametrize("name", QUOTED)
def test_a_quoted_error_has_its_reason_and_its_delay(name: str) -> None:
    outcome = replay(_recording(name))
    assert outcome.reason == QUOTED[name]
    assert outcome.retry_after == DELAYS.get(name)


def _recording(name: str) -> Recording:
    return recordings.by_id()[name]


def _cuts(recording: Recording) -> Iterator[tuple[Recording, range]]:
    """(answer, where to cut it). A long one is also taken as a chain of answers, of whole events each."""
    size = len(recording["body"].encode())
    if size <= EVERY_OFFSET_UP_TO:
        yield recording, range(1, size)
        return
    yield recording, range(1, size, 97)
    link = ""
    for event in recording["body"].split("\n\n"):
        link += f"{event}\n\n"
        if len(link) >= LINK_BYTES:
            yield {**recording, "body": link}, range(1, len(link.encode()))
            link = ""
    yield {**recording, "body": link}, range(1, len(link.encode()))
