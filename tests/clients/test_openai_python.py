"""The official ``openai`` client for Python works unchanged."""

import asyncio
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from tests.support.fakes import FakeGemini, FakeOllama, Gate, ThreadedFake, answer, cut, status
from tests.support.product import Product

Ollama = ThreadedFake[FakeOllama]
Gemini = ThreadedFake[FakeGemini]
HELLO: Any = [{"role": "user", "content": "Hello?"}]


@pytest.fixture(scope="package")
def client(product: Product, base_url: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=base_url, api_key=product.key, max_retries=0) as made:
        yield made


def test_models_are_listed_and_looked_up(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()][:1] == ["auto"]
    assert client.models.retrieve("gemini/gemini-2.5-flash").owned_by == "gemini"


def test_a_plain_answer(client: openai.OpenAI, ollama: Ollama) -> None:
    ollama.add(answer("Hello there."))
    completion = client.chat.completions.create(
        model="auto", messages=HELLO, temperature=0.5, max_completion_tokens=20, stop=["END"], user="ann"
    )
    assert completion.choices[0].message.content == "Hello there."
    assert completion.choices[0].finish_reason == "stop"
    assert completion.model == "llama3.2:latest"
    assert completion.usage is not None
    assert completion.usage.total_tokens == completion.usage.prompt_tokens + completion.usage.completion_tokens
    options = ollama.chats[-1].body["options"]
    assert (options["temperature"], options["num_predict"], options["stop"]) == (0.5, 20, ["END"])


def test_a_stream_with_its_tokens(client: openai.OpenAI, ollama: Ollama) -> None:
    ollama.add(answer("One two three."))
    stream = client.chat.completions.create(
        model="auto", messages=HELLO, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "One two three."
    assert [chunk.usage.total_tokens for chunk in chunks if chunk.usage] == [19]


def test_the_stream_helper(client: openai.OpenAI, ollama: Ollama) -> None:
    ollama.add(answer("One two three."))
    with client.chat.completions.stream(model="auto", messages=HELLO) as stream:
        assert stream.get_final_completion().choices[0].message.content == "One two three."


async def test_the_asynchronous_client(product: Product, base_url: str, ollama: Ollama) -> None:
    ollama.add(answer("Plain."), answer("In pieces."))
    async with openai.AsyncOpenAI(base_url=base_url, api_key=product.key, max_retries=0) as client:
        plain = await client.chat.completions.create(model="auto", messages=HELLO)
        stream = await client.chat.completions.create(model="auto", messages=HELLO, stream=True)
        said = [chunk.choices[0].delta.content or "" async for chunk in stream]
    assert (plain.choices[0].message.content, "".join(said)) == ("Plain.", "In pieces.")


def test_a_chain_of_ones_own(client: openai.OpenAI, gemini: Gemini) -> None:
    gemini.add(answer("From the cloud."))
    completion = client.chat.completions.create(
        model="ollama/nobody", messages=HELLO, extra_body={"models": ["gemini"]}
    )
    assert (completion.choices[0].message.content, completion.model) == ("From the cloud.", "gemini-2.5-flash")


def test_a_client_that_is_locked_stays_at_home(
    product: Product, base_url: str, ollama: Ollama, gemini: Gemini
) -> None:
    asked = len(gemini.chats)
    ollama.add(status(400))
    locked = openai.OpenAI(
        base_url=base_url,
        api_key=product.key,
        max_retries=0,
        default_headers={"X-NovaCore-Local-Only": "true"},
    )
    with pytest.raises(openai.BadRequestError):
        locked.chat.completions.create(model="auto", messages=HELLO)
    assert len(gemini.chats) == asked


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"n": 2}, openai.BadRequestError),
        ({"model": "nobody"}, openai.NotFoundError),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, openai.BadRequestError),
        ({"messages": []}, openai.BadRequestError),
    ],
)
def test_errors_are_the_clients_own(
    client: openai.OpenAI, arguments: dict[str, Any], error: type[openai.APIStatusError]
) -> None:
    with pytest.raises(error) as raised:
        client.chat.completions.create(**{"model": "auto", "messages": HELLO, **arguments})
    assert raised.value.code


def test_a_wrong_key_is_an_authentication_error(base_url: str) -> None:
    stranger = openai.OpenAI(base_url=base_url, api_key="nc_" + "w" * 40, max_retries=0)
    with stranger, pytest.raises(openai.AuthenticationError):
        stranger.models.list()


def test_the_clients_own_retry_finds_a_provider_that_has_recovered(
    product: Product, base_url: str, gemini: Gemini
) -> None:
    gemini.add(status(429, headers={"Retry-After": "3"}), answer("Back."))
    with openai.OpenAI(base_url=base_url, api_key=product.key, max_retries=1) as patient:
        completion = patient.chat.completions.create(model="gemini", messages=HELLO)
    assert completion.choices[0].message.content == "Back."


def test_an_answer_that_breaks_and_that_nobody_goes_on_with_is_an_error_in_the_stream(
    client: openai.OpenAI, ollama: Ollama
) -> None:
    ollama.add(cut(2), status(400), status(400))
    stream = client.chat.completions.create(model="ollama", messages=HELLO, stream=True)
    said: list[str] = []
    with pytest.raises(openai.APIError, match="broke off"):
        said.extend(chunk.choices[0].delta.content or "" for chunk in stream)
    assert "".join(said) == "The quick"


async def test_a_client_that_stops_reading_ends_the_call_upstream(
    product: Product, base_url: str, ollama: Ollama
) -> None:
    gate = Gate()
    gate.release()
    ollama.add(answer("One two three", gate=gate))
    before = len(ollama.chats)
    async with openai.AsyncOpenAI(base_url=base_url, api_key=product.key, max_retries=0) as client:
        stream = await client.chat.completions.create(model="ollama", messages=HELLO, stream=True)
        await anext(aiter(stream))
        await stream.close()
    request = await asyncio.to_thread(ollama.received, before + 1)
    await asyncio.to_thread(ollama.gone, request)
