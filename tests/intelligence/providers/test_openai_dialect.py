"""OpenAI, Azure and all others: who is asked where, as whom, and with which parameters."""

import json
from typing import Any

import httpx2
import openai
import pytest

from services.intelligence.app.domain.chat import ChatTurn, ProviderRequest, Sampling
from services.intelligence.app.services.providers.openai_dialect import Dialect, dialect_of, is_reasoning
from services.intelligence.app.services.providers.openai_provider import OpenAIProvider, to_body

from .scripted_transport import Answer, ScriptedTransport

KEY = "o" * 40
OPENAI = "https://api.openai.com/v1"
AZURE = "https://resource.openai.azure.com"
OTHER = "https://models.example.invalid/v1"
SYSTEM, USER = ChatTurn("system", "be brief"), ChatTurn("user", "hello")
ALL = Sampling(temperature=0.0, max_tokens=50, stop=("END",))
SAID = b'data: {"choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'


def request(sampling: Sampling = ALL, model: str = "") -> ProviderRequest:
    return ProviderRequest((SYSTEM, USER), sampling, model=model)


@pytest.mark.parametrize(
    ("base_url", "version", "kind", "base"),
    [
        (OPENAI, None, "openai", OPENAI),
        ("https://eu.api.openai.com/v1/", None, "openai", "https://eu.api.openai.com/v1"),
        (OTHER, None, "other", OTHER),
        ("https://api.openai.com.example.invalid/v1", None, "other", "https://api.openai.com.example.invalid/v1"),
        ("https://example.invalid/api.openai.com", None, "other", "https://example.invalid/api.openai.com"),
        (AZURE, None, "azure_v1", f"{AZURE}/openai/v1"),
        (f"{AZURE}/openai/v1/", None, "azure_v1", f"{AZURE}/openai/v1"),
        (f"{AZURE}/openai", None, "azure_v1", f"{AZURE}/openai/v1"),
        ("https://r.services.ai.azure.com", None, "azure_v1", "https://r.services.ai.azure.com/openai/v1"),
        (AZURE, "2024-10-21", "azure_classic", AZURE),
        (f"{AZURE}/openai/v1", "2024-10-21", "azure_classic", AZURE),
        ("https://r.cognitiveservices.azure.com", "2024-10-21", "azure_classic", "https://r.cognitiveservices.azure.com"),
        ("https://gate.azure-api.net", "2024-10-21", "azure_classic", "https://gate.azure-api.net"),
    ],
)  # fmt: skip
def test_a_server_is_told_by_its_host(base_url: str, version: str | None, kind: str, base: str) -> None:
    dialect = dialect_of(base_url, version)
    assert (dialect.kind, dialect.base) == (kind, base)


def sent_by_the_official_client(client: openai.OpenAI, seen: list[httpx2.Request]) -> httpx2.Request:
    client.chat.completions.create(model="deploy-1", messages=[{"role": "user", "content": "hello"}])
    return seen[0]


@pytest.mark.parametrize("kind", ["openai", "azure_classic", "azure_v1"])
async def test_address_and_authorisation_are_those_of_the_official_client(kind: str) -> None:
    seen: list[httpx2.Request] = []

    def answer(asked: httpx2.Request) -> httpx2.Response:
        seen.append(asked)
        message = {"role": "assistant", "content": "hi"}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return httpx2.Response(
            200, json={"id": "a", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
        )

    http = httpx2.Client(transport=httpx2.MockTransport(answer))
    client: openai.OpenAI
    if kind == "azure_classic":
        client = openai.AzureOpenAI(
            api_key=KEY, azure_endpoint=AZURE, api_version="2024-10-21", http_client=http, max_retries=0
        )
    else:
        base = OPENAI if kind == "openai" else f"{AZURE}/openai/v1/"
        client = openai.OpenAI(
            api_key=KEY, base_url=base, organization="org", project="proj", http_client=http, max_retries=0
        )
    theirs = sent_by_the_official_client(client, seen)

    transport = ScriptedTransport(Answer([SAID]))
    provider = OpenAIProvider(
        transport=transport,
        api_key=KEY,
        model="deploy-1",
        base_url=OPENAI if kind == "openai" else AZURE,
        api_version="2024-10-21" if kind == "azure_classic" else None,
        organization="org",
        project="proj",
    )
    await provider.generate(request())
    ours = transport.sent[0]
    assert ours.url == str(theirs.url)
    if kind == "azure_v1":
        # Either header is taken there; ours is the one that the classic API takes too, and no Bearer beside it.
        assert ours.headers["api-key"] == KEY
        assert "Authorization" not in ours.headers
    else:
        names = ("Authorization", "api-key", "OpenAI-Organization", "OpenAI-Project")
        told = {name: theirs.headers.get(name) for name in names}
        assert {name: ours.headers.get(name) for name in names} == told
    assert all(name not in ours.headers for name in ("OpenAI-Organization", "OpenAI-Project")) or kind == "openai"


@pytest.mark.parametrize(
    ("base_url", "version", "url"),
    [
        (OPENAI, None, f"{OPENAI}/models/m"),
        (AZURE, None, f"{AZURE}/openai/v1/models"),
        (AZURE, "2024-10-21", f"{AZURE}/openai/models?api-version=2024-10-21"),
        (OTHER, None, f"{OTHER}/models"),
    ],
)
async def test_the_free_check_is_a_list_of_models(base_url: str, version: str | None, url: str) -> None:
    transport = ScriptedTransport(Answer([b"{}"]))
    await OpenAIProvider(
        transport=transport, api_key=KEY, model="m", base_url=base_url, api_version=version
    ).ensure_ready()
    assert transport.sent[0].url == url


async def test_a_model_by_name_is_a_deployment_by_name_at_azure() -> None:
    transport = ScriptedTransport(Answer([SAID]))
    provider = OpenAIProvider(transport=transport, api_key=KEY, model="m", base_url=AZURE, api_version="2024-10-21")
    await provider.generate(request(model="other one"))
    assert "/openai/deployments/other%20one/chat/completions?" in transport.sent[0].url
    assert json.loads(transport.sent[0].body or b"")["model"] == "other one"


class TestParameters:
    def body(self, model: str, dialect: Dialect, sampling: Sampling = ALL) -> dict[str, Any]:
        return to_body(request(sampling), model, dialect)

    def test_openai_is_told_what_only_openai_understands(self) -> None:
        assert self.body("gpt-4.1", dialect_of(OPENAI, None)) == {
            "model": "gpt-4.1",
            "messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hello"}],
            "stream": True,
            "stream_options": {"include_usage": True, "include_obfuscation": False},
            "temperature": 0.0,
            "stop": ["END"],
            "max_completion_tokens": 50,
        }

    def test_other_servers_get_what_all_understand(self) -> None:
        body = self.body("m", dialect_of(OTHER, None), Sampling(max_tokens=50))
        assert body["stream_options"] == {"include_usage": True}
        assert (body["max_tokens"], "max_completion_tokens" in body, "temperature" in body) == (50, False, False)

    @pytest.mark.parametrize("model", ["o1", "o3-mini", "o4-mini", "gpt-5", "gpt-5.6-terra", "gpt-6-astra"])
    def test_a_reasoning_model_is_not_asked_for_what_it_turns_down(self, model: str) -> None:
        assert is_reasoning(model)
        for dialect in (dialect_of(OPENAI, None), dialect_of(AZURE, None)):
            body = self.body(model, dialect)
            assert "temperature" not in body
            assert "stop" not in body
            assert body["max_completion_tokens"] == 50

    @pytest.mark.parametrize("model", ["gpt-4.1", "gpt-4o", "gpt-5-chat-latest", "opus"])
    def test_others_are(self, model: str) -> None:
        assert not is_reasoning(model)
        assert self.body(model, dialect_of(AZURE, "2024-10-21"))["max_tokens"] == 50

    def test_a_model_of_that_name_on_a_server_of_ones_own_gets_everything(self) -> None:
        assert self.body("gpt-5-oss", dialect_of(OTHER, None))["temperature"] == 0.0


def turned_down(message: str, code: str | None = None, param: str | None = None, status: int = 400) -> Answer:
    error = {"error": {"message": message, "type": "invalid_request_error", "code": code, "param": param}}
    return Answer([json.dumps(error).encode()], status=status)


@pytest.mark.parametrize(
    ("complaint", "parameter"),
    [
        (turned_down("Unsupported value", "unsupported_value", "temperature"), "temperature"),
        (turned_down("Unsupported parameter", "unsupported_parameter", "stop"), "stop"),
        (turned_down("Unrecognized request argument supplied: stream_options"), "stream_options"),
        (turned_down("stream_options: Extra inputs are not permitted", status=422), "stream_options"),
    ],
)
async def test_a_parameter_that_is_turned_down_is_left_out_and_remembered_for_that_model(
    complaint: Answer, parameter: str
) -> None:
    transport = ScriptedTransport(complaint, Answer([SAID]), Answer([SAID]), Answer([SAID]))
    provider = OpenAIProvider(transport=transport, api_key=KEY, model="m", base_url=OTHER)
    for model in ("", "", "another"):
        assert (await provider.generate(request(model=model))).text == "hi"
    assert [parameter in json.loads(sent.body or b"") for sent in transport.sent] == [True, False, False, True]


@pytest.mark.parametrize(
    ("base_url", "version", "vendor"),
    [(OPENAI, None, "openai"), (AZURE, None, "azure"), (AZURE, "2024-10-21", "azure"), (OTHER, None, OTHER)],
)
def test_prices_are_looked_up_by_whose_server_it_is(base_url: str, version: str | None, vendor: str) -> None:
    provider = OpenAIProvider(
        transport=ScriptedTransport(), api_key=KEY, model="m", base_url=base_url, api_version=version
    )
    assert provider.priced_as == vendor
