"""Why we differ from the official clients where we do. What stands in no entry here is new.

A difference that only a newer client shows is explained together with that client's pin (``make lock``).
"""

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
    Entry("gemini/stream-jsonarray/llm-gemini/test_prompt#0", "*", ARRAY),
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

REQUESTS = (
    Entry("request/*", "header x-stainless-*", "the client tells its maker what it runs on; we tell nothing"),
    Entry(
        "request/gemini/*", "header x-goog-api-client", "the client tells its maker what it runs on; we tell nothing"
    ),
    Entry("request/*", "header accept", "every one of these services answers in the form that the body asks for"),
    Entry("request/*/check", "header content-type", "a GET has no body whose type could be told"),
    Entry(
        "request/ollama*",
        "body.options.num_*",
        "the context is always named, so that Ollama loads a model once, and an answer may fill it, no more",
    ),
    *_entries(
        "request/ollama*",
        ("body.shift", "body.truncate"),
        "unknown to the client, known to the API: without them Ollama cuts a long conversation in silence",
    ),
    Entry(
        "request/gemini/*",
        "url",
        "v1beta is what has been seen to work with all that we send; GEMINI_API_VERSION=v1 asks as the client does",
    ),
    Entry("request/gemini/*", "body.systemInstruction.role", "the API reads no role of a system instruction"),
    Entry(
        "request/openai*",
        "body.stream_options.include_obfuscation",
        "padding in every event, which we ask OpenAI to leave out",
    ),
    *_entries(
        "request/azure v1/*",
        ("header api-key", "header authorization"),
        "Azure takes a key in either header; api-key is the one that its classic API takes too",
    ),
    Entry(
        "request/azure */check",
        "url",
        "the list is asked for: Azure knows models by the names of its own catalogue, we by those of deployments",
    ),
    Entry("request/another server/check", "url", "the list is asked for: many servers have no page for one model"),
)

NO_TOOLS = "no tools are offered, so that none is called"
NO_MEDIA = "text is asked for, and nothing else"
ANY_BLOCK = "a prompt was blocked whatever the reason is called"
NO_ANSWER = "an end that is no answer: other, and empty where nothing was said"
PROTOCOL = "says nothing of the answer"
COUNTED = "told apart for accounts of another kind; the tokens are in the counts that are read"
BY_STATUS = "its status and its type say what is to be done"
OTHER_CALL = "of a call that is never made"
PLAIN_MODEL = "takes a temperature and stop sequences, as an unknown model is asked with"

WORDS = (
    *_entries("words/openai finish reason", ("function_call", "tool_calls"), NO_TOOLS),
    *_entries(
        "words/openai chunk field",
        ("created", "id", "obfuscation", "object", "service_tier", "system_fingerprint"),
        PROTOCOL,
    ),
    Entry("words/openai chunk field", "moderation", "comes where a moderation was asked for, which we do not"),
    Entry("words/openai choice field", "logprobs", "comes where it was asked for, which we do not"),
    Entry("words/openai delta field", "role", PROTOCOL),
    *_entries("words/openai delta field", ("function_call", "tool_calls"), NO_TOOLS),
    Entry("words/openai delta field", "audio", NO_MEDIA),
    Entry("words/openai usage field", "total_tokens", "the sum of two counts that are read"),
    *_entries(
        "words/openai usage detail",
        ("accepted_prediction_tokens", "rejected_prediction_tokens", "audio_tokens", "image_tokens", "text_tokens"),
        COUNTED,
    ),
    Entry("words/openai error code", "server_error", "what any unknown error in a stream is taken for"),
    Entry("words/openai error code", "*image*", NO_MEDIA),
    Entry("words/openai error code", "vector_store_timeout", NO_TOOLS),
    *_entries("words/openai model", ("gpt-3.5*", "gpt-4*", "chatgpt-4o-latest", "gpt-5*-chat-latest"), PLAIN_MODEL),
    Entry("words/openai model", "gpt-audio*", NO_MEDIA),
    Entry("words/openai model", "codex-mini-latest", "not served by chat completions"),
    *_entries("words/anthropic stop reason", ("pause_turn", "tool_use"), NO_TOOLS),
    Entry("words/anthropic event", "content_block_stop", PROTOCOL),
    Entry("words/anthropic delta", "input_json_delta", NO_TOOLS),
    Entry("words/anthropic delta", "citations_delta", "comes with documents, which we do not send"),
    Entry(
        "words/anthropic delta", "signature_delta", "proves thoughts to the API, to which we do not send them back"
    ),
    *_entries("words/anthropic block", ("*tool*", "container_upload"), NO_TOOLS),
    Entry("words/anthropic block", "redacted_thinking", "thoughts that only the API can read"),
    *_entries(
        "words/anthropic usage field",
        ("cache_creation", "inference_geo", "server_tool_use", "service_tier", "speed"),
        COUNTED,
    ),
    *_entries(
        "words/anthropic error type",
        ("api_error", "conflict_error", "timeout_error"),
        "what any unknown error in a stream is taken for: the server's",
    ),
    Entry("words/anthropic error type", "memory_*", OTHER_CALL),
    *_entries(
        "words/anthropic error code",
        ("ramp_limit_exceeded", "cmek_context_unavailable", "cmek_key_unreachable", "sandbox_egress_restricted"),
        BY_STATUS,
    ),
    Entry("words/anthropic error code", "request_body_*", "bodies are sent as they are, without an encoding"),
    Entry("words/anthropic error code", "claude_code_version_too_old", OTHER_CALL),
    *_entries(
        "words/gemini finish reason",
        (
            "FINISH_REASON_UNSPECIFIED",
            "OTHER",
            "LANGUAGE",
            "MALFORMED_RESPONSE",
            "MALFORMED_FUNCTION_CALL",
            "MISSING_THOUGHT_SIGNATURE",
            "*_TOOL_CALL*",
            "IMAGE_OTHER",
            "NO_IMAGE",
        ),
        NO_ANSWER,
    ),
    Entry("words/gemini block reason", "*", ANY_BLOCK),
    *_entries("words/gemini response field", ("createTime", "modelStatus", "responseId"), PROTOCOL),
    *_entries(
        "words/gemini response field",
        ("automaticFunctionCallingHistory", "parsed", "sdkHttpResponse"),
        "made by the client itself",
    ),
    *_entries(
        "words/gemini candidate field",
        ("avgLogprobs", "finishMessage", "logprobsResult", "safetyRatings", "tokenCount"),
        PROTOCOL,
    ),
    Entry("words/gemini candidate field", "citationMetadata", "where a text may be from; the answer is told without"),
    *_entries("words/gemini candidate field", ("groundingMetadata", "urlContextMetadata"), NO_TOOLS),
    *_entries("words/gemini part field", ("*Metadata", "audioTranscription", "fileData", "inlineData"), NO_MEDIA),
    *_entries("words/gemini part field", ("mediaProcessing", "mediaResolution"), NO_MEDIA),
    *_entries(
        "words/gemini part field",
        ("codeExecutionResult", "executableCode", "function*", "toolCall", "toolResponse"),
        NO_TOOLS,
    ),
    Entry("words/gemini part field", "thoughtSignature", "proves thoughts to the API, to which we do not send them"),
    *_entries("words/gemini usage field", ("*Details", "trafficType"), COUNTED),
    Entry("words/gemini usage field", "totalTokenCount", "the sum of counts that are read"),
    *_entries("words/ollama line field", ("created_at", "*_duration", "logprobs"), PROTOCOL),
    Entry("words/ollama message field", "role", PROTOCOL),
    Entry("words/ollama message field", "images", NO_MEDIA),
    *_entries("words/ollama message field", ("tool_calls", "tool_name"), NO_TOOLS),
)

ENTRIES = (*ANSWERS, *REQUESTS, *WORDS)
