"""Frames of each provider's stream, and what a decoder makes of them."""

import json
from typing import Any

import pytest

from services.intelligence.app.domain.errors import Faulted, ProviderError
from services.intelligence.app.domain.events import Delta
from services.intelligence.app.services.providers.anthropic import AnthropicDecoder
from services.intelligence.app.services.providers.complaints import Complaint
from services.intelligence.app.services.providers.decoding import StreamDecoder
from services.intelligence.app.services.providers.gemini_decoder import GeminiDecoder
from services.intelligence.app.services.providers.local_ollama import OllamaDecoder
from services.intelligence.app.services.providers.openai_provider import OpenAIDecoder


def explain(complaint: Complaint) -> ProviderError:
    return Faulted(complaint.message, reason="server_error", status=complaint.status)


def decode(decoder: StreamDecoder, *chunks: bytes) -> list[Delta]:
    deltas: list[Delta] = []
    for chunk in chunks:
        if not decoder.over:
            deltas += decoder.feed(chunk)
    deltas += decoder.close()
    if decoder.failure is not None:
        raise decoder.failure
    return deltas


def failure(decoder: StreamDecoder, *chunks: bytes) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        decode(decoder, *chunks)
    return caught.value


def line(**fields: Any) -> bytes:
    return json.dumps(fields).encode() + b"\n"


def event(value: Any) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def ollama(content: str = "", **fields: Any) -> bytes:
    return line(model="m", message={"role": "assistant", "content": content}, done=False, **fields)


def openai(delta: Any = None, finish: str | None = None, **fields: Any) -> bytes:
    return event({"choices": [{"index": 0, "delta": delta or {}, "finish_reason": finish}], **fields})


def gemini(*parts: Any, finish: str | None = None, **fields: Any) -> bytes:
    candidate: dict[str, Any] = {"content": {"parts": list(parts), "role": "model"}}
    if finish:
        candidate["finishReason"] = finish
    return event({"candidates": [candidate], **fields})


def anthropic(text: str) -> bytes:
    return named("content_block_delta", index=0, delta={"type": "text_delta", "text": text})


def anthropic_start(**usage: Any) -> bytes:
    message: dict[str, Any] = {
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [],
        "stop_reason": None,
    }
    return named("message_start", message={**message, "usage": usage})


def anthropic_end(reason: str | None = "end_turn", **fields: Any) -> bytes:
    return named("message_delta", delta={"stop_reason": reason}, **fields) + named("message_stop")


def named(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\n".encode() + event({"type": kind, **fields})


def ollama_decoder() -> StreamDecoder:
    return OllamaDecoder(explain)


def openai_decoder() -> StreamDecoder:
    return OpenAIDecoder(explain)


def gemini_decoder() -> StreamDecoder:
    return GeminiDecoder(explain)


def anthropic_decoder() -> StreamDecoder:
    return AnthropicDecoder(explain)
