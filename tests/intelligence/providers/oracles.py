"""What the official clients make of the same bytes: each is fed one recorded answer through a mock transport."""

import ssl
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

from .recordings import Recording, status_of

TLS = ssl.create_default_context()
ASKED: list[Any] = [{"role": "user", "content": "hello"}]


@dataclass
class Read:
    """One answer as a client tells it. Input tokens are all of them, cached ones too.

    ``failed`` is the status that it raised after this much of the answer, 0 where it names none.
    """

    text: str = ""
    reasoning: str = ""
    finish: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    failed: int | None = None


Oracle = Callable[[Recording], Read]


def by_openai(recording: Recording) -> Read:
    """``openai``, also for Azure and for Ollama's /v1."""
    read = Read()
    with openai.OpenAI(
        api_key="k", base_url="http://x.invalid/v1", http_client=_client(recording), max_retries=0
    ) as client:
        try:
            if not recording["body"].startswith("data:"):
                whole = client.chat.completions.create(model="m", messages=ASKED)
                _take_openai(read, [(choice.message, choice) for choice in whole.choices or ()], whole.usage)
            else:
                for chunk in client.chat.completions.create(model="m", messages=ASKED, stream=True):
                    _take_openai(read, [(choice.delta, choice) for choice in chunk.choices], chunk.usage)
        except openai.APIStatusError as error:
            read.failed = error.status_code
        except openai.APIError:
            read.failed = 0
    return read


def _take_openai(read: Read, choices: list[tuple[Any, Any]], usage: Any) -> None:
    for said, choice in choices:
        # Some servers leave the delta out, and some say what the model thinks in a field that OpenAI does not have.
        read.text += (said.content or "") if said else ""
        read.reasoning += getattr(said, "reasoning", None) or ""
        read.finish = choice.finish_reason or read.finish
    if usage is not None:
        inputs, outputs = usage.prompt_tokens_details, usage.completion_tokens_details
        read.input_tokens, read.output_tokens = usage.prompt_tokens, usage.completion_tokens
        read.reasoning_tokens = outputs.reasoning_tokens if outputs else None
        read.cached_tokens = inputs.cached_tokens if inputs else None
        read.cache_write_tokens = inputs.cache_write_tokens if inputs else None


def by_anthropic(recording: Recording) -> Read:
    """``anthropic``; its three counts of input leave each other out, and are added here."""
    read = Read()
    with anthropic.Anthropic(api_key="k", http_client=_client(recording), max_retries=0) as client:
        try:
            if not recording["body"].startswith("event:"):
                message = client.messages.create(model="m", max_tokens=9, messages=ASKED)
                for block in message.content:
                    _take_block(read, block)
                _take_usage(read, message.usage)
                read.finish = message.stop_reason
                return read
            for event in client.messages.create(model="m", max_tokens=9, messages=ASKED, stream=True):
                match event.type:
                    case "message_start":
                        _take_usage(read, event.message.usage)
                    case "content_block_delta":
                        _take_block(read, event.delta)
                    case "message_delta":
                        read.finish = event.delta.stop_reason
                        _take_usage(read, event.usage)
        except anthropic.APIStatusError as error:
            read.failed = error.status_code
    return read


def _take_block(read: Read, block: Any) -> None:
    read.text += getattr(block, "text", None) or ""
    read.reasoning += getattr(block, "thinking", None) or ""


def _take_usage(read: Read, usage: Any) -> None:
    inputs = (usage.input_tokens, usage.cache_creation_input_tokens, usage.cache_read_input_tokens)
    if usage.input_tokens is not None:
        read.input_tokens = sum(count or 0 for count in inputs)
        read.cached_tokens = usage.cache_read_input_tokens
        read.cache_write_tokens = usage.cache_creation_input_tokens
    read.output_tokens = usage.output_tokens
    read.reasoning_tokens = usage.output_tokens_details.thinking_tokens if usage.output_tokens_details else None


def by_google(recording: Recording) -> Read:
    """``google-genai``; candidates and thoughts are counted apart, and are added here."""
    read = Read()
    # It makes three of them for each client, though nothing here is encrypted, and reads all certificates each time.
    certificates = {"verify": TLS, "ssl": TLS}
    options = types.HttpOptions(
        httpx_client=_client(recording), client_args=certificates, async_client_args=certificates
    )
    with genai.Client(api_key="k", http_options=options) as client:
        try:
            for chunk in client.models.generate_content_stream(model="m", contents="hello"):
                for candidate in chunk.candidates or ():
                    for part in (candidate.content.parts if candidate.content else None) or ():
                        read.text += "" if part.thought else part.text or ""
                        read.reasoning += (part.text or "") if part.thought else ""
                    read.finish = candidate.finish_reason.value if candidate.finish_reason else read.finish
                usage = chunk.usage_metadata
                if usage is not None:
                    outputs = (usage.candidates_token_count, usage.thoughts_token_count)
                    read.input_tokens = usage.prompt_token_count
                    read.output_tokens = None if outputs == (None, None) else sum(count or 0 for count in outputs)
                    read.reasoning_tokens = usage.thoughts_token_count
                    read.cached_tokens = usage.cached_content_token_count
        except genai_errors.APIError as error:
            read.failed = error.code
        except genai_errors.UnknownApiResponseError:
            read.failed = 0
    return read


def by_ollama(recording: Recording) -> Read:
    """``ollama``; /api/generate calls the text ``response``."""

    def answer(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(status_of(recording), content=recording["body"].encode())

    read = Read()
    client = ollama.Client("http://x.invalid", transport=httpx.MockTransport(answer))
    try:
        if "/api/generate" in (recording["url"] or ""):
            for piece in client.generate("m", "hello", stream=True):
                read.text += piece.response or ""
                _take_end(read, piece)
        else:
            for part in client.chat("m", ASKED, stream=True):
                read.text += part.message.content or ""
                read.reasoning += part.message.thinking or ""
                _take_end(read, part)
    except ollama.ResponseError as error:
        read.failed = max(error.status_code, 0)
    return read


def _take_end(read: Read, part: Any) -> None:
    read.finish, read.input_tokens, read.output_tokens = part.done_reason, part.prompt_eval_count, part.eval_count


def oracle_of(recording: Recording) -> Oracle:
    """The client that speaks this recording's protocol."""
    if recording["provider"] == "anthropic":
        return by_anthropic
    if recording["provider"] == "gemini":
        return by_google
    if recording["provider"] in {"openai", "azure"} or "/chat/completions" in (recording["url"] or ""):
        return by_openai
    return by_ollama


def _client(recording: Recording) -> httpx2.Client:
    def answer(_request: httpx2.Request) -> httpx2.Response:
        kept = {"content-type", "retry-after", "retry-after-ms"}
        headers = {name: value for name, value in (recording["headers"] or {}).items() if name.lower() in kept}
        return httpx2.Response(status_of(recording), headers=headers, content=recording["body"].encode())

    return httpx2.Client(transport=httpx2.MockTransport(answer))
