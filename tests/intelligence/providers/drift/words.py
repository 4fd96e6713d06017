"""The closed vocabularies of the official clients' types: which of their words do our adapters know?

A word is known where an adapter reads it otherwise than one that nobody has ever heard of.
"""

import json
import typing
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import ollama
from anthropic import types as anthropic
from anthropic.types import shared as anthropic_shared
from google.genai import types as google
from openai.types import chat as openai_chat
from openai.types import shared as openai_shared
from openai.types.chat import chat_completion_chunk as openai_chunk
from openai.types.completion_usage import CompletionTokensDetails, CompletionUsage, PromptTokensDetails
from openai.types.responses import ResponseError
from pydantic import BaseModel

from services.intelligence.app.config import Settings
from services.intelligence.app.domain.chat import ChatTurn, ProviderRequest, Sampling
from services.intelligence.app.domain.errors import Faulted
from services.intelligence.app.domain.events import Finished
from services.intelligence.app.services.providers import anthropic_errors, openai_errors, openai_provider
from services.intelligence.app.services.providers.anthropic import AnthropicDecoder
from services.intelligence.app.services.providers.complaints import from_value
from services.intelligence.app.services.providers.decoding import StreamDecoder
from services.intelligence.app.services.providers.gemini_decoder import GeminiDecoder
from services.intelligence.app.services.providers.local_ollama import OllamaDecoder
from services.intelligence.app.services.providers.openai_dialect import dialect_of
from services.intelligence.app.services.providers.openai_provider import OpenAIDecoder

from .difference import Difference

UNHEARD = "unheard_of"
ASKED = ProviderRequest((ChatTurn("user", "hello"),), Sampling(temperature=0.5, max_tokens=50, stop=("END",)))
COUNTS = ("prompt_tokens", "input_tokens", "promptTokenCount", "cached_tokens", "reasoning_tokens", "thinking_tokens")
VALUES: tuple[Any, ...] = ("a text", 7, True, {}, [], dict.fromkeys(COUNTS, 7))
"""What a field may hold; a field is known where any of these makes a difference."""


@dataclass(frozen=True)
class Vocabulary:
    """Words of one kind, and how an adapter reads one of them."""

    name: str
    words: Iterable[str]
    read: Callable[[str], object]


def compare(vocabulary: Vocabulary) -> list[Difference]:
    """The words that our adapter takes for any other."""
    nothing = vocabulary.read(UNHEARD)
    return [
        Difference(f"words/{vocabulary.name}", word, "not known by name", word)
        for word in sorted(set(vocabulary.words))
        if vocabulary.read(word) == nothing
    ]


def vocabularies() -> Iterator[Vocabulary]:
    """All of them."""
    yield from _openai()
    yield from _anthropic()
    yield from _gemini()
    yield from _ollama()


def _openai() -> Iterator[Vocabulary]:
    finishes = literals(openai_chunk.Choice.model_fields["finish_reason"].annotation)
    yield Vocabulary("openai finish reason", finishes, lambda word: _chunk(choice={"finish_reason": word}))
    yield Vocabulary("openai chunk field", fields(openai_chat.ChatCompletionChunk), _any(lambda f: _chunk(**f)))
    yield Vocabulary("openai choice field", fields(openai_chunk.Choice), _any(lambda f: _chunk(choice=f)))
    yield Vocabulary("openai delta field", fields(openai_chunk.ChoiceDelta), _any(lambda f: _chunk(delta=f)))
    yield Vocabulary("openai usage field", fields(CompletionUsage), _any(lambda f: _chunk(usage=f)))
    details = {*fields(PromptTokensDetails), *fields(CompletionTokensDetails)}
    yield Vocabulary("openai usage detail", details, _any(lambda f: _chunk(usage=_detailed(f))))
    codes = literals(ResponseError.model_fields["code"].annotation)
    yield Vocabulary("openai error code", codes, lambda word: _meaning(openai_errors.classify, code=word))
    official, models = dialect_of("https://api.openai.com/v1", None), literals(openai_shared.ChatModel)
    yield Vocabulary("openai model", models, lambda word: sorted(openai_provider.to_body(ASKED, word, official)))
    default = Settings.model_fields["openai_model"].default
    yield Vocabulary("openai default model", [default], lambda word: word in models)


def _anthropic() -> Iterator[Vocabulary]:
    yield Vocabulary(
        "anthropic stop reason",
        literals(anthropic.StopReason),
        lambda word: _events({"type": "message_delta", "delta": {"stop_reason": word}}),
    )
    yield Vocabulary("anthropic event", tags(anthropic.RawMessageStreamEvent), lambda word: _events(_event(word)))
    yield Vocabulary(
        "anthropic delta",
        tags(anthropic.RawContentBlockDelta),
        lambda word: _events({"type": "content_block_delta", "delta": _piece(word)}),
    )
    yield Vocabulary(
        "anthropic block",
        tags(anthropic.ContentBlock),
        lambda word: _events({"type": "content_block_start", "content_block": _piece(word)}),
    )
    usage = {*fields(anthropic.Usage), *fields(anthropic.MessageDeltaUsage)}
    yield Vocabulary("anthropic usage field", usage, _any(lambda f: _events(_event("message_delta", usage=f))))
    yield Vocabulary(
        "anthropic error type",
        literals(anthropic_shared.ErrorType),
        lambda word: _meaning(anthropic_errors.classify, type=word),
    )
    details = [kind for kind in _members(anthropic_shared.ErrorDetails) if kind.__module__.startswith(_SHARED)]
    codes = [code for kind in details for code in literals(kind.model_fields["error_code"].annotation)]
    yield Vocabulary(
        "anthropic error code",
        codes,
        lambda word: _meaning(anthropic_errors.classify, type="invalid_request_error", details={"error_code": word}),
    )


def _gemini() -> Iterator[Vocabulary]:
    said = {"content": {"parts": [{"text": "word"}]}}
    yield Vocabulary(
        "gemini finish reason",
        [reason.value for reason in google.FinishReason],
        lambda word: _responses(candidates=[{**said, "finishReason": word}]),
    )
    yield Vocabulary(
        "gemini block reason",
        [reason.value for reason in google.BlockedReason],
        lambda word: _responses(promptFeedback={"blockReason": word}),
    )
    yield Vocabulary("gemini response field", fields(google.GenerateContentResponse), _any(lambda f: _responses(**f)))
    yield Vocabulary(
        "gemini candidate field", fields(google.Candidate), _any(lambda f: _responses(candidates=[{**said, **f}]))
    )
    yield Vocabulary(
        "gemini part field",
        fields(google.Part),
        _any(lambda f: _responses(candidates=[{"content": {"parts": [{"text": "word", **f}]}}])),
    )
    yield Vocabulary(
        "gemini usage field",
        fields(google.GenerateContentResponseUsageMetadata),
        _any(lambda f: _responses(usageMetadata=f)),
    )


def _ollama() -> Iterator[Vocabulary]:
    yield Vocabulary("ollama line field", fields(ollama.ChatResponse), _any(lambda f: _lines({"done": True, **f})))
    yield Vocabulary("ollama message field", fields(ollama.Message), _any(lambda f: _lines({"message": f})))


def literals(annotation: Any) -> list[str]:
    """The texts of every Literal in a type."""
    if typing.get_origin(annotation) is typing.Literal:
        return [word for word in typing.get_args(annotation) if isinstance(word, str)]
    return [word for part in typing.get_args(annotation) for word in literals(part)]


def tags(union: Any) -> list[str]:
    """The ``type`` of each member of a union."""
    return [word for kind in _members(union) for word in literals(kind.model_fields["type"].annotation)]


def fields(model: type[BaseModel]) -> list[str]:
    """The names of a model's fields on the wire."""
    return [field.alias or name for name, field in model.model_fields.items()]


_SHARED = "anthropic.types.shared."
"""Where the error codes are that any call may get; the others are of calls that we do not make."""


def _members(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type):
        return [annotation] if issubclass(annotation, BaseModel) else []
    return [kind for part in typing.get_args(annotation) for kind in _members(part)]


def _any(read: Callable[[dict[str, Any]], object]) -> Callable[[str], object]:
    """The readings of a field with each of VALUES in it."""
    return lambda name: [read({name: value}) for value in VALUES]


def _chunk(*, choice: dict[str, Any] | None = None, delta: dict[str, Any] | None = None, **more: Any) -> object:
    one = {"index": 0, "delta": {"content": "word", **(delta or {})}, "finish_reason": "stop", **(choice or {})}
    return _read(OpenAIDecoder(_fault), {"choices": [one], **more})


def _detailed(details: dict[str, Any]) -> dict[str, Any]:
    return {"prompt_tokens_details": details, "completion_tokens_details": details}


def _event(kind: str, usage: dict[str, Any] | None = None) -> dict[str, Any]:
    """An event with all that any kind of event may hold."""
    return {
        "type": kind,
        "message": {"model": "m", "usage": {"input_tokens": 1}},
        "content_block": _piece("text"),
        "delta": {**_piece("text_delta"), "stop_reason": "end_turn"},
        "usage": {"output_tokens": 1, **(usage or {})},
    }


def _piece(kind: str) -> dict[str, Any]:
    return {"type": kind, "text": "word", "thinking": "thought"}


def _events(event: dict[str, Any]) -> object:
    said = {"type": "content_block_delta", "delta": _piece("text_delta")}
    return _read(AnthropicDecoder(_fault), said, event)


def _responses(**fields_of_it: Any) -> object:
    return _read(GeminiDecoder(_fault), fields_of_it)


def _lines(line: dict[str, Any]) -> object:
    return _state(OllamaDecoder(_fault), json.dumps(line).encode() + b"\n")


def _read(decoder: StreamDecoder, *events: dict[str, Any]) -> object:
    return _state(decoder, b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events))


def _state(decoder: StreamDecoder, body: bytes) -> object:
    """All that can be seen of a decoder after this body."""
    deltas = [*decoder.feed(body), *decoder.close()]
    # The provider's own word for its end is kept as it is, known or not.
    told = [replace(delta, raw_reason=None) if isinstance(delta, Finished) else delta for delta in deltas]
    failed = decoder.failure.reason if decoder.failure is not None else None
    return told, failed, decoder.reported(), decoder.over, getattr(decoder, "continuation", "")


def _meaning(classify: Callable[[Any], Any], **error: Any) -> object:
    return classify(from_value({"error": {"message": "m", **error}}))


def _fault(complaint: Any) -> Faulted:
    return Faulted(complaint.message, reason="server_error", status=complaint.status)
