"""Our adapters and the official clients read the same bytes alike; where they do not, the reason stands here."""

import pytest

from . import test_recordings as recorded
from .oracles import Read, oracle_of
from .test_recordings import RECORDINGS, Outcome

EMPTY = "an answer without a word is a failure to us, so that the next provider is asked; the client calls it whole"
REFUSED = "a refusal is raised, so that it can be told as one; the client gives an empty text"
FILTERED = "a filter is raised, so that it can be told as one; the client gives what there is, marked by the finish"
DIFFERENCES: dict[tuple[str, str], str] = {
    ("openai/chat-usage/dd-trace-py/chat_completion_prompt_caching_5_6_cache_write#0", "failed"): EMPTY,
    ("openai/stream-length-empty/mirascope/stream#0", "failed"): EMPTY,
    ("openai/refusal/mirascope/stream#0", "failed"): REFUSED,
    ("gemini/stream-jsonarray/llm-gemini/test_prompt#0", "failed"): (
        "the array that comes without alt=sse is read by us; the client, which always asks for events, cannot"
    ),
    ("gemini/safety/pydantic-ai/test_google_model_safety_settings#0", "failed"): FILTERED,
    (
        "gemini/max-tokens-empty/pydantic-ai/test_google_model_max_tokens_thinking_model_empty_response#0",
        "failed",
    ): EMPTY,
    ("gemini/blocked-prompt/generative-ai-js/streaming-failure-prompt-blocked-safety#0", "failed"): FILTERED,
    ("gemini/stream-recitation/generative-ai-js/streaming-failure-recitation-no-content#0", "failed"): FILTERED,
    ("gemini/finish-other/vertexai-sdk-test-data/unary-failure-with-message-no-content#0", "failed"): EMPTY,
    ("azure/content-filter/openllmetry/test_prompt_content_filtering#0", "failed"): (
        "an error object in a 200 is an error to us; the client gives a completion without choices"
    ),
    ("anthropic/refusal/anthropic-sdk-python/stream-a-refusal#0", "failed"): FILTERED,
}
"""(recording, field): why we tell it otherwise."""


def told(name: str, outcome: Outcome) -> Read:
    """Our reading in the oracles' terms."""
    if outcome.reason is not None:
        return Read(failed=1)
    assert outcome.finished is not None
    usage = outcome.finished.usage
    return Read(
        outcome.text,
        outcome.finished.raw_reason,
        usage.input_tokens if usage else None,
        usage.output_tokens if usage else None,
    )


@pytest.mark.parametrize("name", RECORDINGS)
def test_the_official_client_reads_the_same(name: str) -> None:
    recording = recorded._recording(name)
    theirs = oracle_of(recording)(recording, recorded._status(recording))
    ours = told(name, recorded._replay(recording, [recording["body"].encode()]))
    different: set[str] = set()
    if (ours.failed is None) != (theirs.failed is None):
        different = {"failed"}
    elif ours.failed is None:
        fields = ("text", "finish", "input_tokens", "output_tokens")
        different = {field for field in fields if getattr(ours, field) != getattr(theirs, field)}
    assert different == {field for recording_name, field in DIFFERENCES if recording_name == name}, (ours, theirs)
