"""Why we differ from the official clients where we do. What stands in no entry here is new."""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from .difference import Difference


@dataclass(frozen=True)
class Entry:
    """Differences ``where`` and in ``what`` they are seen, both with ``*`` for anything, and why they are meant."""

    where: str
    what: str
    why: str


def entry_of(difference: Difference) -> Entry | None:
    """What explains this difference; None where nothing does."""
    matching = (
        entry
        for entry in ENTRIES
        if fnmatchcase(difference.where, entry.where) and fnmatchcase(difference.what, entry.what)
    )
    return next(matching, None)


def _entries(where: str, whats: Iterable[str], why: str) -> tuple[Entry, ...]:
    return tuple(Entry(where, what, why) for what in whats)


EMPTY = "an answer without a word is a failure to us, so that the next provider is asked; the client calls it whole"
REFUSED = "a refusal is raised, so that it can be told as one; the client gives an empty text"
FILTERED = "a filter is raised, so that it can be told as one; the client gives what there is, marked by the finish"
ARRAY = "the array that comes without alt=sse is read by us; the client, which always asks for events, cannot"

ANSWERS = (
    Entry("openai/chat-usage/dd-trace-py/chat_completion_prompt_caching_5_6_cache_write#0", "failed", EMPTY),
    Entry("openai/stream-length-empty/mirascope/stream#0", "failed", EMPTY),
    Entry("openai/refusal/mirascope/stream#0", "failed", REFUSED),
    *_entries(
        "gemini/stream-jsonarray/llm-gemini/test_prompt#0",
        ("text", "reasoning", "input_tokens", "output_tokens", "reasoning_tokens", "failed"),
        ARRAY,
    ),
    Entry("gemini/safety/pydantic-ai/test_google_model_safety_settings#0", "failed", FILTERED),
    Entry(
        "gemini/max-tokens-empty/pydantic-ai/test_google_model_max_tokens_thinking_model_empty_response#0",
        "failed",
        EMPTY,
    ),
    Entry("gemini/blocked-prompt/generative-ai-js/streaming-failure-prompt-blocked-safety#0", "failed", FILTERED),
    Entry("gemini/stream-recitation/generative-ai-js/streaming-failure-recitation-no-content#0", "failed", FILTERED),
    Entry("gemini/finish-other/vertexai-sdk-test-data/unary-failure-with-message-no-content#0", "failed", EMPTY),
    Entry(
        "azure/content-filter/openllmetry/test_prompt_content_filtering#0",
        "failed",
        "an error object in a 200 is an error to us; the client gives a completion without choices",
    ),
    Entry("anthropic/refusal/anthropic-sdk-python/stream-a-refusal#0", "failed", FILTERED),
    Entry(
        "quoted/anthropic/stream-midstream-error#0",
        "failed",
        "the client tells an error in a stream by the status that the stream had begun with; we go by its type",
    ),
)

ENTRIES = ANSWERS
