"""Completions as OpenAI's API shapes them: whole, and in chunks."""

from collections.abc import Mapping
from typing import Any

import msgspec

from ..domain.events import FinishReason
from .route_record import CallRecord

DONE = b"data: [DONE]\n\n"
_FINISH: dict[FinishReason, str] = {
    "stop": "stop",
    "length": "length",
    "content_filter": "content_filter",
    "other": "stop",
}

_encode = msgspec.json.Encoder().encode


def finish_reason(reason: FinishReason) -> str:
    """Our reason in OpenAI's words, which have none for ``other``."""
    return _FINISH[reason]


def usage_of(call: CallRecord) -> dict[str, Any]:
    """The tokens of the call that answered. ``estimated`` is there where the provider did not report them."""
    usage: dict[str, Any] = {
        "prompt_tokens": call.input_tokens,
        "completion_tokens": call.output_tokens,
        "total_tokens": call.input_tokens + call.output_tokens,
    }
    return {**usage, "estimated": True} if call.estimated else usage


def whole(
    completion_id: str, created: int, call: CallRecord, *, text: str | None, refusal: str | None, finish: str
) -> bytes:
    """The answer to a call that did not ask for a stream. ``provider`` is ours, beside OpenAI's fields."""
    message = {"role": "assistant", "content": text, "refusal": refusal}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish}
    return _encode(
        {
            "id": completion_id,
            "object": "chat.completion",
            "created": created,
            "model": call.model,
            "provider": call.provider,
            "choices": [choice],
            "usage": usage_of(call),
        }
    )


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
        return self._choice({"role": "assistant", "content": "", "refusal": None}, None)

    def content(self, text: str) -> bytes:
        """A piece of the answer; the hot path, so built from bytes."""
        return self._before + _encode(text) + self._after

    def refusal(self, text: str) -> bytes:
        """The model's own refusal."""
        return self._choice({"refusal": text}, None)

    def finish(self, reason: str) -> bytes:
        """The chunk that ends the answer."""
        return self._choice({}, reason)

    def usage(self, call: CallRecord) -> bytes:
        """The chunk with the tokens."""
        return self._head + b',"choices":[],"usage":' + _encode(usage_of(call)) + b"}\n\n"

    def _choice(self, delta: Mapping[str, Any], finish: str | None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return self._head + b',"choices":' + _encode([choice]) + self._tail


def error_event(error: Mapping[str, Any]) -> bytes:
    """An error after the head has gone out."""
    return b"data: " + _encode(error) + b"\n\n"
