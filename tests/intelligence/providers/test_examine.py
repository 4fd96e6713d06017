"""A closer look at a provider: free, by GET alone, and as much as its own answers tell."""

from datetime import date
from typing import Any

import msgspec
import pytest

from services.intelligence.app.domain.errors import Misconfigured, ProviderError
from services.intelligence.app.services.providers.anthropic import AnthropicProvider
from services.intelligence.app.services.providers.base import Standing
from services.intelligence.app.services.providers.local_ollama import LocalOllamaProvider
from services.intelligence.app.services.providers.openai_provider import OpenAIProvider
from services.intelligence.app.services.providers.transport import AiohttpTransport
from tests.support.fakes import FakeAnthropic, FakeOllama, FakeOpenAI, status

from .scripted_transport import Answer, ScriptedTransport
from .subject import KEY, Subject
from .subjects import SUBJECTS

AZURE = "https://my-resource.openai.azure.com"


def openai_at(transport: AiohttpTransport | ScriptedTransport, base_url: str, **options: Any) -> OpenAIProvider:
    return OpenAIProvider(
        transport=transport, api_key=KEY, model=options.pop("model", "gpt-4.1"), base_url=base_url, **options
    )


def listing(*models: str, **more: Any) -> Answer:
    return Answer([msgspec.json.encode({"data": [{"id": model} for model in models], **more})])


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: str(subject.name))
async def test_a_provider_that_is_well_has_its_model_and_was_asked_by_get_alone(
    subject: Subject, transport: AiohttpTransport
) -> None:
    async with subject.serving() as fake:
        standing = await subject.provider(transport, fake).examine()
        assert {request.method for request in fake.requests} == {"GET"}
        assert fake.chats == []
    assert standing.model
    assert standing.listed is True
    assert standing.retires is None
    assert not standing.deprecated


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: str(subject.name))
async def test_what_keeps_a_provider_from_answering_is_raised(subject: Subject, transport: AiohttpTransport) -> None:
    # A free check may be asked a second time by the client.
    async with subject.serving(checks=[status(401), status(401)]) as fake:
        with pytest.raises(ProviderError) as caught:
            await subject.provider(transport, fake).examine()
    assert caught.value.reason == "auth"


async def test_an_ollama_tells_its_version_and_whether_the_model_is_in_memory(transport: AiohttpTransport) -> None:
    async with FakeOllama(models=["llama3.2", "qwen3:8b"], loaded=["qwen3:8b"]) as fake:
        cold = await LocalOllamaProvider(transport=transport, base_url=fake.url).examine()
        warm = await LocalOllamaProvider(transport=transport, base_url=fake.url, model="qwen3:8b").examine()
        assert fake.loaded == ["qwen3:8b"]
    assert cold == Standing("llama3.2:latest", version="0.14.2", loaded=False)
    assert warm == Standing("qwen3:8b", version="0.14.2", loaded=True)


async def test_a_look_at_an_ollama_settles_nothing(transport: AiohttpTransport) -> None:
    async with FakeOllama() as fake:
        provider = LocalOllamaProvider(transport=transport, base_url=fake.url)
        await provider.examine()
        assert provider.model == ""


async def test_a_model_in_ollamas_cloud_is_noticed(transport: AiohttpTransport) -> None:
    async with FakeOllama(models=["gpt-oss:120b-cloud"]) as fake:
        provider = LocalOllamaProvider(transport=transport, base_url=fake.url, model="gpt-oss:120b-cloud")
        standing = await provider.examine()
    assert standing.hosted
    assert standing.loaded is None


@pytest.mark.parametrize("model", ["unheard-of", None])
async def test_an_ollama_without_the_model_or_without_any_lacks_it(
    transport: AiohttpTransport, model: str | None
) -> None:
    async with FakeOllama(models=[] if model is None else ["llama3.2"]) as fake:
        with pytest.raises(Misconfigured) as caught:
            await LocalOllamaProvider(transport=transport, base_url=fake.url, model=model).examine()
    assert caught.value.reason == "model_missing"


async def test_openai_itself_is_asked_for_the_model_and_tells_its_end() -> None:
    transport = ScriptedTransport(Answer([b'{"id": "gpt-4.1", "shutdown_date": "2027-01-14"}']))
    standing = await openai_at(transport, "https://api.openai.com/v1").examine()
    assert standing == Standing("gpt-4.1", retires=date(2027, 1, 14))
    assert [(sent.method, sent.url) for sent in transport.sent] == [
        ("GET", "https://api.openai.com/v1/models/gpt-4.1")
    ]


async def test_openai_itself_lacks_a_model_that_it_does_not_know() -> None:
    body = b'{"error": {"message": "no such model", "code": "model_not_found"}}'
    with pytest.raises(Misconfigured) as caught:
        await openai_at(ScriptedTransport(Answer([body], 404)), "https://api.openai.com/v1").examine()
    assert caught.value.reason == "model_missing"


async def test_the_list_of_another_server_is_searched_and_may_tell_an_end(transport: AiohttpTransport) -> None:
    async with FakeOpenAI(models=["gpt-4.1"], shutdown_dates={"gpt-4.1": "2027-01-14"}) as fake:
        assert await openai_at(transport, fake.url).examine() == Standing("gpt-4.1", retires=date(2027, 1, 14))
        assert await openai_at(transport, fake.url, model="other").examine() == Standing("other", listed=False)


@pytest.mark.parametrize(
    ("listed", "model"),
    [("llama3.2:latest", "llama3.2"), ("models/gemini-3.5-flash", "gemini-3.5-flash"), ("m", "models/m")],
)
async def test_a_name_is_found_whatever_a_list_puts_around_it(listed: str, model: str) -> None:
    standing = await openai_at(ScriptedTransport(listing("x", listed)), "http://gpu/v1", model=model).examine()
    assert standing == Standing(model)


async def test_a_list_without_its_envelope_is_read_too() -> None:
    transport = ScriptedTransport(Answer([b'[{"id": "gpt-4.1"}]']))
    assert (await openai_at(transport, "http://gpu/v1").examine()).listed is True


@pytest.mark.parametrize(
    "answer", [Answer([b"404 page not found"], 404), Answer([b"{}"]), Answer([b'{"data": 5}']), Answer([b"[]"])]
)
async def test_a_server_without_a_list_leaves_it_open(answer: Answer) -> None:
    assert (await openai_at(ScriptedTransport(answer), "http://gpu/v1").examine()).listed is None


@pytest.mark.parametrize("api_version", ["2024-10-21", None])
async def test_azure_lists_models_and_not_deployments(api_version: str | None) -> None:
    provider = openai_at(ScriptedTransport(listing("gpt-4.1")), AZURE, api_version=api_version)
    assert await provider.examine() == Standing("gpt-4.1", listed=None)


@pytest.mark.parametrize(
    ("end", "standing"),
    [
        (("deprecated", "2026-11-30T00:00:00Z"), Standing("m", retires=date(2026, 11, 30), deprecated=True)),
        (("deprecated", None), Standing("m", deprecated=True)),
    ],
)
async def test_anthropic_tells_when_a_model_goes(
    transport: AiohttpTransport, end: tuple[str, str | None], standing: Standing
) -> None:
    async with FakeAnthropic(models=["m"], ends={"m": end}) as fake:
        provider = AnthropicProvider(transport=transport, api_key=KEY, model="m", base_url=fake.url)
        assert await provider.examine() == standing


async def test_a_model_that_anthropic_has_retired_is_missing(transport: AiohttpTransport) -> None:
    async with FakeAnthropic(models=["m"], ends={"m": ("retired", "2026-06-15T00:00:00Z")}) as fake:
        with pytest.raises(Misconfigured, match="m is retired"):
            await AnthropicProvider(transport=transport, api_key=KEY, model="m", base_url=fake.url).examine()


async def test_another_server_with_anthropics_api_may_have_no_list(transport: AiohttpTransport) -> None:
    async with FakeAnthropic(models=["m"]) as fake:
        provider = AnthropicProvider(transport=transport, api_key=KEY, model="other", base_url=fake.url)
        assert await provider.examine() == Standing("other", listed=None)
