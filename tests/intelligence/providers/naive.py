"""A reading of recorded answers without any care: all of the body at once, every field where it is expected."""

import json
import re
from dataclasses import dataclass
from typing import Any

from services.intelligence.app.domain.events import Usage


@dataclass(frozen=True)
class Expected:
    text: str
    reasoning: str
    finish: str
    raw_finish: str | None
    usage: Usage | None
    model: str | None


def read(recording: dict[str, Any]) -> Expected:
    body = recording["body"]
    if recording["provider"] == "gemini":
        return _gemini(body)
    if recording["provider"] == "anthropic":
        return _anthropic(body)
    if recording["provider"] == "openai" or "/chat/completions" in (recording["url"] or ""):
        return _openai(body)
    return _ollama([json.loads(line) for line in body.split("\n") if line.strip()])


def _events(body: str) -> list[Any]:
    if not body.startswith(("data:", "event:")):
        whole = json.loads(body)
        return whole if isinstance(whole, list) else [whole]
    frames = re.split(r"\r?\n\r?\n", body)
    events = [frame.partition("data: ")[2] for frame in frames if frame.startswith(("data: ", "event: "))]
    return [json.loads(event) for event in events if event.strip() != "[DONE]"]


def text_of_events(body: str) -> str:
    return "".join(part["text"] for chunk in _events(body) for part in chunk["candidates"][0]["content"]["parts"])


def _gemini(body: str) -> Expected:
    chunks = _events(body)
    parts = [
        part
        for chunk in chunks
        for candidate in chunk.get("candidates", [])
        for part in candidate.get("content", {}).get("parts", [])
    ]
    raw = [c["finishReason"] for chunk in chunks for c in chunk.get("candidates", []) if "finishReason" in c][-1]
    counts = [chunk["usageMetadata"] for chunk in chunks if "usageMetadata" in chunk]
    usage = None
    if counts:
        last = counts[-1]
        thoughts = last.get("thoughtsTokenCount")
        usage = Usage(
            last["promptTokenCount"],
            last["candidatesTokenCount"] + (thoughts or 0),
            thoughts,
            last.get("cachedContentTokenCount"),
        )
    return Expected(
        text="".join(part["text"] for part in parts if not part.get("thought")),
        reasoning="".join(part["text"] for part in parts if part.get("thought")),
        finish={"STOP": "stop", "MAX_TOKENS": "length"}[raw],
        raw_finish=raw,
        usage=usage,
        model=chunks[-1].get("modelVersion"),
    )


def _openai(body: str) -> Expected:
    chunks = _events(body)
    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    deltas = [choice["delta"] if "delta" in choice else choice["message"] for choice in choices]
    raw = [choice["finish_reason"] for choice in choices if choice["finish_reason"]][-1]
    counts = [chunk["usage"] for chunk in chunks if chunk.get("usage")]
    usage = None
    if counts:
        last = counts[-1]
        usage = Usage(
            last["prompt_tokens"],
            last["completion_tokens"],
            last.get("completion_tokens_details", {}).get("reasoning_tokens"),
            last.get("prompt_tokens_details", {}).get("cached_tokens"),
            last.get("prompt_tokens_details", {}).get("cache_write_tokens"),
        )
    return Expected(
        text="".join(delta.get("content") or "" for delta in deltas),
        reasoning="".join(delta.get("reasoning") or "" for delta in deltas),
        finish=raw,
        raw_finish=raw,
        usage=usage,
        model=chunks[-1]["model"],
    )


def _ollama(lines: list[dict[str, Any]]) -> Expected:
    messages = [line.get("message", {"content": line.get("response", "")}) for line in lines]
    last = lines[-1]
    return Expected(
        text="".join(message["content"] for message in messages),
        reasoning="".join(message.get("thinking", "") for message in messages),
        finish=last.get("done_reason") or "other",
        raw_finish=last.get("done_reason"),
        usage=Usage(last.get("prompt_eval_count"), last.get("eval_count")),
        model=last["model"],
    )


def _anthropic(body: str) -> Expected:
    events = _events(body)
    starts = [event["message"] for event in events if event["type"] == "message_start"]
    message = starts[0] if starts else events[0]
    ends = [event for event in events if event["type"] == "message_delta"]
    raw = (ends[-1]["delta"] if ends else message)["stop_reason"]
    pieces = [event["delta"] for event in events if event["type"] == "content_block_delta"] + message["content"]
    counts = message["usage"] | (ends[-1]["usage"] if ends else {})
    return Expected(
        text="".join(piece.get("text", "") for piece in pieces),
        reasoning="".join(piece.get("thinking", "") for piece in pieces),
        finish={"end_turn": "stop", "max_tokens": "length"}[raw],
        raw_finish=raw,
        usage=Usage(
            counts["input_tokens"] + counts["cache_creation_input_tokens"] + counts["cache_read_input_tokens"],
            counts["output_tokens"],
            counts.get("output_tokens_details", {}).get("thinking_tokens"),
            counts["cache_read_input_tokens"],
            counts["cache_creation_input_tokens"],
        ),
        model=message["model"],
    )
