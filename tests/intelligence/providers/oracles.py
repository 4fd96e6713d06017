"""What the official clients make of the same bytes: each is fed one recorded answer through a mock transport."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import anthropic
import httpx
import httpx2
import ollama
import openai
from google import genai
from google.genai import errors as genai_errors
from google.genai import types

ASKED: list[Any] = [{"role": "user", "content": "hello"}]


@dataclass(frozen=True)
class Read:
    """One answer as a client tells it; ``failed`` is the status that it raised, 0 where it names none."""

    text: str = ""
    finish: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    failed: int | None = None


Oracle = Callable[[dict[str, Any], int], Read]


def by_openai(recording: dict[str, Any], status: int) -> Read:
    """``openai``, also for Azure and for Ollama's /v1."""
    with openai.OpenAI(
        api_key="k", base_url="http://x.invalid/v1", http_client=_client(recording, status), max_retries=0
    ) as client:
        try:
            if not recording["body"].startswith("data:"):
                whole = client.chat.completions.create(model="m", messages=ASKED)
                if not whole.choices:
                    return Read()
                first = whole.choices[0]
                return _read(first.message.content or "", first.finish_reason, whole.usage, "prompt", "completion")
            text, finish, usage = "", None, None
            choice: Any
            for chunk in client.chat.completions.create(model="m", messages=ASKED, stream=True):
                usage = chunk.usage or usage
                for choice in chunk.choices:
                    text += (choice.delta.content or "") if choice.delta else ""
                    finish = choice.finish_reason or finish
            return _read(text, finish, usage, "prompt", "completion")
        except openai.APIStatusError as error:
            return Read(failed=error.status_code)
        except openai.APIError:
            return Read(failed=0)


def by_anthropic(recording: dict[str, Any], status: int) -> Read:
    """``anthropic``; its input tokens leave the cached ones out."""
    with anthropic.Anthropic(api_key="k", http_client=_client(recording, status), max_retries=0) as client:
        try:
            if not recording["body"].startswith("event:"):
                message = client.messages.create(model="m", max_tokens=9, messages=ASKED)
                text = "".join(block.text for block in message.content if block.type == "text")
                return _read(text, message.stop_reason, message.usage, "input", "output")
            text, finish, inputs, outputs = "", None, None, None
            for event in client.messages.create(model="m", max_tokens=9, messages=ASKED, stream=True):
                match event.type:
                    case "message_start":
                        inputs = event.message.usage.input_tokens
                    case "content_block_delta" if event.delta.type == "text_delta":
                        text += event.delta.text
                    case "message_delta":
                        finish, outputs = event.delta.stop_reason, event.usage.output_tokens
            return Read(text, finish, inputs, outputs)
        except anthropic.APIStatusError as error:
            return Read(failed=error.status_code)


def by_google(recording: dict[str, Any], status: int) -> Read:
    """``google-genai``; candidates and thoughts are counted apart, so that they are added here."""
    options = types.HttpOptions(httpx_client=_client(recording, status))
    with genai.Client(api_key="k", http_options=options) as client:
        try:
            text, finish, usage = "", None, None
            for chunk in client.models.generate_content_stream(model="m", contents="hello"):
                usage = chunk.usage_metadata or usage
                for candidate in chunk.candidates or ():
                    parts = (candidate.content.parts if candidate.content else None) or ()
                    text += "".join(part.text or "" for part in parts if not part.thought)
                    finish = candidate.finish_reason.value if candidate.finish_reason else finish
        except genai_errors.APIError as error:
            return Read(failed=error.code)
        except genai_errors.UnknownApiResponseError:
            return Read(failed=0)
    if usage is None:
        return Read(text, finish)
    outputs = [count for count in (usage.candidates_token_count, usage.thoughts_token_count) if count is not None]
    return Read(text, finish, usage.prompt_token_count, sum(outputs) if outputs else None)


def by_ollama(recording: dict[str, Any], status: int) -> Read:
    """``ollama``; /api/generate calls the text ``response``."""

    def answer(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, content=recording["body"].encode())

    client = ollama.Client("http://x.invalid", transport=httpx.MockTransport(answer))
    try:
        text, last = "", _none()
        if "/api/generate" in (recording["url"] or ""):
            for piece in client.generate("m", "hello", stream=True):
                text, last = text + (piece.response or ""), piece
        else:
            for part in client.chat("m", ASKED, stream=True):
                text, last = text + (part.message.content or ""), part
    except ollama.ResponseError as error:
        return Read(failed=max(error.status_code, 0))
    if last is None:
        return Read(text)
    return Read(text, last.done_reason, last.prompt_eval_count, last.eval_count)


def oracle_of(recording: dict[str, Any]) -> Oracle:
    """The client that speaks this recording's protocol."""
    if recording["provider"] == "anthropic":
        return by_anthropic
    if recording["provider"] == "gemini":
        return by_google
    if recording["provider"] in {"openai", "azure"} or "/chat/completions" in (recording["url"] or ""):
        return by_openai
    return by_ollama


def _client(recording: dict[str, Any], status: int) -> httpx2.Client:
    def answer(_request: httpx2.Request) -> httpx2.Response:
        kept = {"content-type", "retry-after", "retry-after-ms"}
        headers = {name: value for name, value in (recording["headers"] or {}).items() if name.lower() in kept}
        return httpx2.Response(status, headers=headers, content=recording["body"].encode())

    return httpx2.Client(transport=httpx2.MockTransport(answer))


def _read(text: str, finish: str | None, usage: Any, inputs: str, outputs: str) -> Read:
    if usage is None:
        return Read(text, finish)
    return Read(text, finish, getattr(usage, f"{inputs}_tokens"), getattr(usage, f"{outputs}_tokens"))


def _none() -> Any:
    """None, of a type that loops of several kinds may give their last value to."""
    return None
