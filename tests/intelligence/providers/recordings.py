"""The recorded answers, and what our adapters make of them. There is no test in here: ``make drift`` reads it too."""

import json
import os
import re
from collections.abc import Coroutine, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from services.intelligence.app.domain.chat import ChatTurn, ProviderRequest
from services.intelligence.app.domain.errors import ProviderError
from services.intelligence.app.domain.events import Finished, ReasoningDelta, TextDelta, Usage
from services.intelligence.app.services.providers.anthropic import AnthropicProvider
from services.intelligence.app.services.providers.base import Provider
from services.intelligence.app.services.providers.gemini import GeminiProvider
from services.intelligence.app.services.providers.local_ollama import LocalOllamaProvider
from services.intelligence.app.services.providers.openai_provider import OpenAIProvider

from .scripted_transport import Answer, ScriptedTransport

VARIABLE = "NOVACORE_RECORDINGS"
REQUEST = ProviderRequest((ChatTurn("user", "a question that no recording holds"),))
LEFT_OUT = {
    "gemini/interactions/openinference/test_generate_interactions_simple_message[True]#0": (
        "an answer of the Interactions API, which no adapter speaks"
    ),
}
"""What is not replayed, and why."""
TAGS = b'{"models":[{"name":"m:latest"}]}'

T = TypeVar("T")
Recording = dict[str, Any]
"""``provider``, ``url``, ``status``, ``headers`` and ``body`` of one answer, and more that nobody reads here."""


@dataclass(frozen=True)
class Outcome:
    """What came of one replay: the joined texts, the tokens used, and either the end or the failure."""

    text: str
    reasoning: str
    usage: Usage | None
    finished: Finished | None
    reason: str | None = None
    status: int | None = None
    retry_after: float | None = None


def folder() -> Path | None:
    """Where the recordings are; None where nobody has said."""
    named = os.environ.get(VARIABLE)
    return Path(named) if named else None


def answers() -> list[Recording]:
    """Every recorded answer, as its file has them; empty without a folder."""
    place = folder()
    return _answers(place) if place else []


def quoted() -> list[Recording]:
    """Every quoted error in the form of a recorded answer, with an id; empty without a folder."""
    place = folder()
    return _quoted(place) if place else []


def by_id() -> dict[str, Recording]:
    """All of them."""
    return {recording["id"]: recording for recording in (*answers(), *quoted())}


def status_of(recording: Recording) -> int:
    """Its HTTP status. Vendors' test data has no status line; an error body there names its own."""
    if recording["status"] is not None:
        return int(recording["status"])
    found = re.match(r'\s*{\s*"error":\s*{\s*"code":\s*(\d+)', recording["body"])
    return int(found[1]) if found else 200


def run(work: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that never waits, without the cost of an event loop for each of many replays."""
    try:
        work.send(None)
    except StopIteration as stop:
        result: T = stop.value
        return result
    raise AssertionError("there is nothing to wait for here")


def replay(recording: Recording, pieces: Sequence[bytes] = ()) -> Outcome:
    """What the adapter reads in it, in these pieces (none: its body as a whole)."""
    answer = Answer(pieces or [recording["body"].encode()], status_of(recording), recording["headers"] or {})
    return run(collect(_provider(recording, answer)))


async def collect(provider: Provider) -> Outcome:
    """What comes of one question."""
    text, reasoning, finished = "", "", None
    try:
        async with aclosing(provider.stream(REQUEST)) as stream:
            async for delta in stream:
                match delta:
                    case TextDelta():
                        text += delta.text
                    case ReasoningDelta():
                        reasoning += delta.text
                    case Finished():
                        finished = delta
    except ProviderError as error:
        return Outcome(text, reasoning, error.usage, finished, error.reason, error.status, error.retry_after)
    return Outcome(text, reasoning, finished.usage if finished is not None else None, finished)


@cache
def _answers(place: Path) -> list[Recording]:
    lines = (place / "normalized.jsonl").read_text(encoding="utf-8").split("\n")
    return [json.loads(line) for line in lines if line]


@cache
def _quoted(place: Path) -> list[Recording]:
    found: list[Recording] = []
    for entry in json.loads((place / "quoted_errors.json").read_text(encoding="utf-8")):
        kind = f"quoted/{entry['provider']}/{entry['category']}"
        number = sum(recording["id"].startswith(kind) for recording in found)
        body = entry["raw"] if "raw" in entry else json.dumps(entry["body"])
        # What Ollama's documentation quotes is of /api/generate; the addresses of the others say where it was read.
        url = "/api/generate" if '"response":' in body else ""
        found.append({**entry, "id": f"{kind}#{number}", "url": url, "body": body})
    return found


def _provider(recording: Recording, answer: Answer) -> Provider:
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
