"""The wishes that are sent both ways: a plain question, a whole conversation with sampling, and each free check."""

from collections.abc import Callable, Iterator
from typing import Any

import anthropic
import httpx
import httpx2
import ollama
import openai
from google import genai
from google.genai import types

from services.intelligence.app.domain.chat import ChatTurn, ProviderRequest, Sampling
from services.intelligence.app.services.providers.anthropic import AnthropicProvider
from services.intelligence.app.services.providers.base import Provider
from services.intelligence.app.services.providers.gemini import GeminiProvider
from services.intelligence.app.services.providers.local_ollama import LocalOllamaProvider
from services.intelligence.app.services.providers.openai_provider import OpenAIProvider

from ..scripted_transport import ScriptedTransport
from .requests import Pair, ours, theirs

KEY = "k" * 40
MODEL = "m"
OLLAMA = "http://127.0.0.1:11434"
AZURE = "https://resource.openai.azure.com"
AZURE_VERSION = "2024-10-21"
SERVER = "http://models.invalid/v1"
OLDER_ANTHROPIC = "2023-06-01"

PLAIN = ProviderRequest((ChatTurn("user", "hello"),))
WHOLE = ProviderRequest(
    (
        ChatTurn("system", "be brief"),
        ChatTurn("user", "hello"),
        ChatTurn("assistant", "hi"),
        ChatTurn("user", "more"),
    ),
    Sampling(temperature=0.5, max_tokens=50, stop=("END",)),
)
WISHES: dict[str, ProviderRequest | None] = {"plain": PLAIN, "whole": WHOLE, "check": None}
"""None: the free check."""

Handler = Callable[[Any], Any]
Ask = Callable[[Handler], object]
Make = Callable[[ScriptedTransport], Provider]


def pairs() -> Iterator[Pair]:
    """All of them."""
    yield from _of("ollama", _our_ollama(OLLAMA), lambda wish: _ollama(wish, OLLAMA))
    hosted, environ = "https://ollama.com", {"OLLAMA_API_KEY": KEY}
    yield from _of("ollama with a key", _our_ollama(hosted, KEY), lambda wish: _ollama(wish, hosted), environ)
    yield from _of("gemini", lambda transport: GeminiProvider(transport=transport, api_key=KEY, model=MODEL), _gemini)
    yield from _of(
        "openai", _our_openai(organization="org", project="proj"), _openai(organization="org", project="proj")
    )
    yield from _of("openai alone", _our_openai(), _openai())
    yield from _of(
        "azure v1", _our_openai(base_url=AZURE), _openai(base_url=f"{AZURE}/openai/v1/", limit="max_tokens")
    )
    yield from _of("azure classic", _our_openai(base_url=AZURE, api_version=AZURE_VERSION), _azure)
    yield from _of("another server", _our_openai(base_url=SERVER), _openai(base_url=SERVER, limit="max_tokens"))
    yield from _of("anthropic", _our_anthropic(), _anthropic)
    yield from _of("anthropic older", _our_anthropic(api_version=OLDER_ANTHROPIC), _older_anthropic)


def _of(
    name: str,
    make: Make,
    ask: Callable[[ProviderRequest | None], Ask],
    environ: dict[str, str] | None = None,
) -> Iterator[Pair]:
    for wish, request in WISHES.items():
        yield Pair(f"{name}/{wish}", ours(make, request), theirs(ask(request), environ))


def _our_ollama(url: str, key: str | None = None) -> Make:
    return lambda transport: LocalOllamaProvider(transport=transport, base_url=url, model=MODEL, api_key=key)


def _our_openai(**options: Any) -> Make:
    return lambda transport: OpenAIProvider(transport=transport, api_key=KEY, model=MODEL, **options)


def _our_anthropic(**options: Any) -> Make:
    return lambda transport: AnthropicProvider(transport=transport, api_key=KEY, model=MODEL, **options)


def _ollama(request: ProviderRequest | None, url: str) -> Ask:
    def ask(handler: Handler) -> object:
        client = ollama.Client(url, transport=httpx.MockTransport(handler))
        if request is None:
            return client.list()
        options = {
            "temperature": request.sampling.temperature,
            "num_predict": request.sampling.max_tokens,
            "stop": list(request.sampling.stop) or None,
        }
        options = {name: value for name, value in options.items() if value is not None}
        return list(client.chat(MODEL, _messages(request), stream=True, options=options))

    return ask


def _gemini(request: ProviderRequest | None) -> Ask:
    def ask(handler: Handler) -> object:
        options = types.HttpOptions(httpx_client=httpx2.Client(transport=httpx2.MockTransport(handler)))
        client = genai.Client(api_key=KEY, http_options=options)
        if request is None:
            return client.models.get(model=MODEL)
        roles = {"user": "user", "assistant": "model"}
        said = [
            types.Content(role=roles[turn.role], parts=[types.Part(text=turn.text)])
            for turn in request.turns
            if turn.role in roles
        ]
        config = types.GenerateContentConfig(
            system_instruction=[turn.text for turn in request.turns if turn.role == "system"] or None,
            temperature=request.sampling.temperature,
            max_output_tokens=request.sampling.max_tokens,
            stop_sequences=list(request.sampling.stop) or None,
        )
        return list(client.models.generate_content_stream(model=MODEL, contents=said, config=config))

    return ask


def _openai(*, limit: str = "max_completion_tokens", **options: Any) -> Callable[[ProviderRequest | None], Ask]:
    def asking(request: ProviderRequest | None) -> Ask:
        return lambda handler: _completion(
            openai.OpenAI(api_key=KEY, http_client=_http(handler), **options), request, limit
        )

    return asking


def _azure(request: ProviderRequest | None) -> Ask:
    return lambda handler: _completion(
        openai.AzureOpenAI(api_key=KEY, azure_endpoint=AZURE, api_version=AZURE_VERSION, http_client=_http(handler)),
        request,
        "max_tokens",
    )


def _completion(client: openai.OpenAI, request: ProviderRequest | None, limit: str) -> object:
    if request is None:
        return client.models.retrieve(MODEL)
    wanted: dict[str, Any] = {
        "temperature": request.sampling.temperature,
        limit: request.sampling.max_tokens,
        "stop": list(request.sampling.stop) or None,
    }
    return client.chat.completions.create(
        model=MODEL,
        messages=_messages(request),
        stream=True,
        stream_options={"include_usage": True},
        **{name: value for name, value in wanted.items() if value is not None},
    )


def _anthropic(request: ProviderRequest | None) -> Ask:
    return lambda handler: _message(anthropic.Anthropic(api_key=KEY, http_client=_http(handler)), request, {})


def _older_anthropic(request: ProviderRequest | None) -> Ask:
    older: Any = {"anthropic-version": OLDER_ANTHROPIC, "x-api-key": KEY, "Authorization": anthropic.omit}
    sampling = request.sampling if request is not None else Sampling()
    extra = {} if sampling.temperature is None else {"temperature": sampling.temperature}
    return lambda handler: _message(
        anthropic.Anthropic(default_headers=older, http_client=_http(handler)), request, extra
    )


def _message(client: anthropic.Anthropic, request: ProviderRequest | None, extra: dict[str, Any]) -> object:
    if request is None:
        return client.models.retrieve(MODEL)
    said: Any = [{"role": turn.role, "content": [_block(turn)]} for turn in request.turns if turn.role != "system"]
    wanted: dict[str, Any] = {
        "system": [_block(turn) for turn in request.turns if turn.role == "system"],
        "stop_sequences": list(request.sampling.stop),
    }
    return client.messages.create(
        model=MODEL,
        max_tokens=request.sampling.max_tokens or 64_000,
        messages=said,
        stream=True,
        extra_body=extra,
        **{name: value for name, value in wanted.items() if value},
    )


def _block(turn: ChatTurn) -> Any:
    return {"type": "text", "text": turn.text}


def _messages(request: ProviderRequest) -> Any:
    return [{"role": turn.role, "content": turn.text} for turn in request.turns]


def _http(handler: Handler) -> httpx2.Client:
    return httpx2.Client(transport=httpx2.MockTransport(handler))
