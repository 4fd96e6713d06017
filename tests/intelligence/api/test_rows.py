"""Rows: servers with OpenAI's API that are providers by settings alone."""

import pytest

from tests.support.fakes import FakeOpenAI, answer, status
from tests.support.fakes.behaviours import Behaviour, Cut, Raw

from .world import World, states_of, text_of

KEY = "row-key-" + "r" * 30


def row(fake: FakeOpenAI, **more: str) -> dict[str, str]:
    return {
        "LLM_PROVIDER_PRIORITY": "my-row,gemini",
        "MY_ROW_BASE_URL": fake.url,
        "MY_ROW_MODEL": "gpt-4.1",
        "OPENAI_ORG_ID": "org",
        "OPENAI_PROJECT_ID": "proj",
        **more,
    }


async def test_a_row_answers_with_its_own_key_and_nothing_of_openais(world: World) -> None:
    async with FakeOpenAI(default=answer("From a row."), key=KEY) as fake:
        client = await world.serve(**row(fake, MY_ROW_API_KEY=KEY))
        assert (await client.message()).body["response"] == "From a row."
        headers = fake.chats[0].headers
        assert headers["authorization"] == f"Bearer {KEY}"
        assert not {"openai-organization", "openai-project"} & set(headers)


async def test_without_a_key_it_is_asked_without_one(world: World) -> None:
    async with FakeOpenAI(default=answer("From a row.")) as fake:
        client = await world.serve(**row(fake))
        await client.message()
        assert "authorization" not in fake.chats[0].headers


@pytest.mark.parametrize(("locality", "asked"), [("local", 1), ("cloud", 0)])
async def test_a_locked_message_goes_to_a_row_that_is_declared_local_alone(
    world: World, locality: str, asked: int
) -> None:
    async with FakeOpenAI(default=answer("From a row.")) as fake:
        client = await world.serve(**row(fake, MY_ROW_LOCALITY=locality))
        await client.message(local_only=True)
        assert (len(fake.chats), world.gemini.connections) == (asked, 0)


async def test_it_falls_over_as_any_provider_does(world: World) -> None:
    async with FakeOpenAI(default=status(500)) as fake:
        client = await world.serve(**row(fake))
        events = await client.events()
        assert text_of(events) == "Gemini speaking."
        assert ("my-row", "failed", "server_error") in states_of(events)


def event(data: bytes) -> bytes:
    return b"data: " + data + b"\n\n"


QUIRKS: dict[str, Behaviour] = {
    "comments between events, as OpenRouter sends them": (
        Raw(b": OPENROUTER PROCESSING\n\n" * 3),
        Raw(event(b'{"choices":[{"index":0,"delta":{"content":"From a row."}}]}')),
        Raw(b": OPENROUTER PROCESSING\n\n"),
        Raw(event(b'{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}') + event(b"[DONE]")),
        Cut("clean"),
    ),
    "an event without choices, and usage on the last choice, as Groq and others send them": (
        Raw(event(b'{"choices":[],"x_groq":{"id":"req"}}')),
        Raw(event(b'{"choices":[{"index":0,"delta":{"role":"assistant","content":"From a row."}}]}')),
        Raw(event(b'{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":3}}')),
        Cut("clean"),
    ),
    "a choice without delta, as content filters annotate": (
        Raw(event(b'{"choices":[{"index":0,"delta":{"content":"From a row."}}]}')),
        Raw(event(b'{"choices":[{"index":0,"finish_reason":"stop"}]}') + event(b'{"choices":[{"index":0}]}')),
        Raw(event(b"[DONE]")),
        Cut("clean"),
    ),
}


@pytest.mark.parametrize("quirk", QUIRKS)
async def test_servers_have_their_quirks(world: World, quirk: str) -> None:
    async with FakeOpenAI(default=QUIRKS[quirk]) as fake:
        client = await world.serve(**row(fake))
        assert text_of(await client.events()) == "From a row."


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (
            status(400, {"object": "error", "message": "bad", "type": "BadRequestError", "code": 400}),
            "invalid_request",
        ),
        (status(404, {"detail": "Not Found"}), "model_missing"),
        (status(500, {"error": "text alone"}), "server_error"),
        (status(402, {"error": {"code": 402, "message": "Insufficient credits"}}), "billing"),
        (status(429, {"error": {"code": 429, "message": "slow"}}), "rate_limited"),
        (
            status(400, {"error": {"code": 400, "message": "too long", "type": "exceed_context_size_error"}}),
            "context_too_long",
        ),
        ((Raw(event(b'{"error":"text alone"}')), Cut("clean")), "server_error"),
        ((Raw(event(b'{"choices":[],"error":{"code":502,"message":"down"}}')), Cut("clean")), "server_error"),
    ],
)
async def test_errors_of_many_shapes_have_their_reasons(world: World, error: Behaviour, reason: str) -> None:
    async with FakeOpenAI(default=error) as fake:
        client = await world.serve(**row(fake))
        states = states_of(await client.events())
        assert ("my-row", "failed", reason) in states
