"""Completions as OpenAI's API shapes them: whole, and in chunks."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from ..domain.events import FinishReason
from .stored_route import CallRecord

DONE = b"data: [DONE]\n\n"
FinishName = Literal["stop", "length", "content_filter"]
_FINISH: dict[FinishReason, FinishName] = {
    "stop": "stop",
    "length": "length",
    "content_filter": "content_filter",
    "other": "stop",
}

_encode = msgspec.json.Encoder().encode


class TokenUsage(msgspec.Struct, omit_defaults=True):
    """The tokens of the call that answered. ``estimated`` is there where the provider did not report them."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    estimated: bool = False


class AnswerMessage(msgspec.Struct, kw_only=True):
    """What was said; ``refusal`` where the model declined."""

    role: Literal["assistant"] = "assistant"
    content: str | None
    refusal: str | None


class Choice(msgspec.Struct, kw_only=True):
    """The one answer."""

    index: Literal[0] = 0
    message: AnswerMessage
    logprobs: None = None
    finish_reason: FinishName


class ChatCompletion(msgspec.Struct, kw_only=True):
    """A whole answer. ``provider`` is ours, beside OpenAI's fields; ``created`` is in seconds since 1970."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    provider: str
    choices: list[Choice]
    usage: TokenUsage


class ChunkDelta(msgspec.Struct, kw_only=True):
    """What a chunk adds."""

    role: Literal["assistant"] | UnsetType = UNSET
    content: str | UnsetType = UNSET
    refusal: str | UnsetType | None = UNSET


class ChunkChoice(msgspec.Struct, kw_only=True):
    """A piece of the one answer; its last one has the reason of its end."""

    index: Literal[0] = 0
    delta: ChunkDelta
    logprobs: None = None
    finish_reason: FinishName | None


class ChatCompletionChunk(msgspec.Struct, kw_only=True):
    """A chunk of an answer. ``usage`` is there where it was asked for: null, and at the very end the tokens."""

    id: str
    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"
    created: int
    model: str
    provider: str
    choices: list[ChunkChoice]
    usage: TokenUsage | UnsetType | None = UNSET


def finish_reason(reason: FinishReason) -> FinishName:
    """Our reason in OpenAI's words, which have none for ``other``."""
    return _FINISH[reason]


def usage_of(call: CallRecord) -> TokenUsage:
    """The tokens of one call."""
    total = call.input_tokens + call.output_tokens
    return TokenUsage(call.input_tokens, call.output_tokens, total, call.estimated)


def whole(
    completion_id: str, created: int, call: CallRecord, *, text: str | None, refusal: str | None, finish: FinishName
) -> bytes:
    """The answer to a call that did not ask for a stream."""
    message = AnswerMessage(content=text, refusal=refusal)
    completion = ChatCompletion(
        id=completion_id,
        created=created,
        model=call.model,
        provider=call.provider,
        choices=[Choice(message=message, finish_reason=finish)],
        usage=usage_of(call),
    )
    return _encode(completion)


class Chunks:
    """The chunks of one streamed answer. ``with_usage``: its tokens were asked for, and come last."""

    def __init__(self, completion_id: str, created: int, call: CallRecord, *, with_usage: bool) -> None:
        head = {
            "id": completion_id,
            "object": "chat.completion.chunk",
            "created": created,
            "model": call.model,
            "provider": call.provider,
        }
        self._head = b"data: " + _encode(head)[:-1]
        self._tail = b',"usage":null}\n\n' if with_usage else b"}\n\n"
        self._before = self._head + b',"choices":[{"index":0,"delta":{"content":'
        self._after = b'},"logprobs":null,"finish_reason":null}]' + self._tail

    def role(self) -> bytes:
        """The first chunk."""
        return self._choice(ChunkDelta(role="assistant", content="", refusal=None), None)

    def content(self, text: str) -> bytes:
        """A piece of the answer; the hot path, so built from bytes."""
        return self._before + _encode(text) + self._after

    def refusal(self, text: str) -> bytes:
        """The model's own refusal."""
        return self._choice(ChunkDelta(refusal=text), None)

    def finish(self, reason: FinishName) -> bytes:
        """The chunk that ends the answer."""
        return self._choice(ChunkDelta(), reason)

    def usage(self, call: CallRecord) -> bytes:
        """The chunk with the tokens."""
        return self._head + b',"choices":[],"usage":' + _encode(usage_of(call)) + b"}\n\n"

    def _choice(self, delta: ChunkDelta, finish: FinishName | None) -> bytes:
        choice = ChunkChoice(delta=delta, finish_reason=finish)
        return self._head + b',"choices":' + _encode([choice]) + self._tail


def error_event(error: Mapping[str, Any]) -> bytes:
    """An error after the head has gone out."""
    return b"data: " + _encode(error) + b"\n\n"
