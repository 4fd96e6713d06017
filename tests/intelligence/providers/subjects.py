"""The adapters, each with its fake: what a conformance test runs on."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from services.intelligence.app.services.providers.anthropic import AnthropicProvider
from services.intelligence.app.services.providers.base import Provider
from services.intelligence.app.services.providers.gemini import GeminiProvider
from services.intelligence.app.services.providers.local_ollama import LocalOllamaProvider
from services.intelligence.app.services.providers.openai_provider import OpenAIProvider
from services.intelligence.app.services.providers.transport import Transport
from tests.support.fakes import Behaviour, FakeAnthropic, FakeGemini, FakeOllama, FakeOpenAI, FakeServer

KEY = "kq" + "7fJx" * 10


@dataclass(frozen=True)
class Subject:
    """An adapter and how to talk to it. ``asked`` finds the user's last words in the body of a request."""

    name: str
    fake: Callable[..., FakeServer]
    provider: Callable[[Transport, FakeServer], Provider]
    asked: Callable[[Any], str]
    key_header: str
    other_model: str

    def serving(self, script: Iterable[Behaviour] = (), **options: Any) -> FakeServer:
        """The adapter's fake with this script."""
        return self.fake(script, **options)


def _ollama(transport: Transport, fake: FakeServer) -> Provider:
    return LocalOllamaProvider(transport=transport, base_url=fake.url, model="llama3.2", api_key=KEY)


def _gemini(transport: Transport, fake: FakeServer) -> Provider:
    return GeminiProvider(transport=transport, api_key=KEY, model="models/gemini-2.5-flash", api_url=fake.url)


def _openai(transport: Transport, fake: FakeServer) -> Provider:
    return OpenAIProvider(transport=transport, api_key=KEY, model="gpt-4.1", base_url=fake.url)


def _anthropic(transport: Transport, fake: FakeServer) -> Provider:
    return AnthropicProvider(transport=transport, api_key=KEY, model="claude-sonnet-5-5", base_url=fake.url)


SUBJECTS = (
    Subject(
        "ollama",
        FakeOllama,
        _ollama,
        lambda body: str(body["messages"][-1]["content"]),
        "authorization",
        "qwen3:8b",
    ),
    Subject(
        "gemini",
        FakeGemini,
        _gemini,
        lambda body: str(body["contents"][-1]["parts"][-1]["text"]),
        "x-goog-api-key",
        "gemini-4",
    ),
    Subject(
        "openai",
        FakeOpenAI,
        _openai,
        lambda body: str(body["messages"][-1]["content"]),
        "authorization",
        "gpt-6",
    ),
    Subject(
        "anthropic",
        FakeAnthropic,
        _anthropic,
        lambda body: str(body["messages"][-1]["content"][-1]["text"]),
        "authorization",
        "claude-6",
    ),
)
