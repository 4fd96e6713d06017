"""Who answers when a provider does not, over real sockets."""

import json
from collections.abc import Awaitable, Callable

import pytest

from tests.support.fakes import Gate, answer, status

from .faults import FAULTS, SOON, Fault, answers_empty, answers_garbage, hangs, refuses, resets
from .world import Client, World, data_of, states_of, text_of

FALLBACK = "No model could answer just now. Your message is kept; please try again in a moment."


async def asked_plainly(client: Client) -> tuple[str, int]:
    body = (await client.message()).body
    return body["response"], body["tokens_used"]


async def asked_for_a_stream(client: Client) -> tuple[str, int]:
    events = await client.events()
    return text_of(events), data_of(events[-1])["tokens_used"]


WAYS = pytest.mark.parametrize("ask", [asked_plainly, asked_for_a_stream])
Ask = Callable[[Client], Awaitable[tuple[str, int]]]


@WAYS
async def test_the_local_model_answers_first_and_nobody_else_hears_of_it(world: World, ask: Ask) -> None:
    client = await world.serve()
    assert await ask(client) == ("Ollama speaking.", 18)
    assert (world.gemini.connections, world.openai.connections) == (0, 0)


@WAYS
@pytest.mark.parametrize(("fault", "reason"), FAULTS)
async def test_gemini_answers_when_the_local_model_does_not(
    world: World, fault: Fault, reason: str, ask: Ask
) -> None:
    await fault(world.ollama)
    client = await world.serve(**SOON)
    used_in_vain = 32 if reason == "empty" else 0
    assert await ask(client) == ("Gemini speaking.", 15 + used_in_vain)
    assert world.openai.connections == 0
    [session] = (await client.call("GET", "/api/chat/sessions")).body["sessions"]
    [prompt] = await client.prompts(session["id"])
    assert (prompt["provider"], prompt["locality"]) == ("gemini", "cloud")
    first = (await client.route(prompt["id"]))["attempts"][0]
    assert (first["provider"], first["outcome"], first["reason"]) == ("ollama", "failed", reason)


@WAYS
@pytest.mark.parametrize(
    ("fault", "used_in_vain"), [(refuses, 0), (resets, 0), (hangs, 26), (answers_empty, 58), (answers_garbage, 0)]
)
async def test_openai_answers_when_both_others_do_not_and_what_they_used_counts_too(
    world: World, fault: Fault, used_in_vain: int, ask: Ask
) -> None:
    await fault(world.ollama)
    await fault(world.gemini)
    client = await world.serve(**SOON)
    assert await ask(client) == ("OpenAI speaking.", 18 + used_in_vain)


@WAYS
@pytest.mark.parametrize("fault", [refuses, hangs, answers_garbage])
async def test_when_nobody_answers_the_chat_says_so_and_counts_no_tokens(
    world: World, fault: Fault, ask: Ask, capsys: pytest.CaptureFixture[str]
) -> None:
    for fake in (world.ollama, world.gemini, world.openai):
        await fault(fake)
    client = await world.serve(**SOON)
    assert await ask(client) == (FALLBACK, 0)
    [session] = (await client.call("GET", "/api/chat/sessions")).body["sessions"]
    [prompt] = await client.prompts(session["id"])
    assert (prompt["status"], prompt["output_text"], prompt["provider"], prompt["model"], prompt["locality"]) == (
        "fallback",
        FALLBACK,
        None,
        None,
        None,
    )
    logged = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    [error] = [line for line in logged if line["event"] == "all_providers_failed"]
    assert error["level"] == "error"
    for name in ("ollama", "gemini", "openai"):
        assert name in error["failures"]


async def test_the_fallback_message_can_be_chosen(world: World) -> None:
    for fake in (world.ollama, world.gemini, world.openai):
        await fake.refuse()
    client = await world.serve(FALLBACK_MESSAGE="Later.")
    answered = await client.message()
    assert (answered.status, answered.body["response"]) == (200, "Later.")


async def test_without_failover_the_first_provider_alone_is_asked(world: World) -> None:
    await world.ollama.refuse()
    client = await world.serve(LLM_FALLBACK_MODE="off")
    assert (await client.message()).body["response"] == FALLBACK
    assert (world.gemini.connections, world.openai.connections) == (0, 0)


async def test_a_provider_without_a_key_is_left_out_and_the_log_says_so_once(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    await world.ollama.refuse()
    client = await world.serve(GEMINI_API_KEY="")
    for _ in range(2):
        assert (await client.message()).body["response"] == "OpenAI speaking."
    logged = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["provider"] for line in logged if line["event"] == "provider_without_key"] == ["gemini"]


async def test_an_open_circuit_is_passed_by_and_a_delay_that_is_named_is_kept(world: World) -> None:
    client = await world.serve(LLM_PROVIDER_FAILURE_THRESHOLD="1")
    world.ollama.add(status(503), status(503))
    assert (await client.message()).body["response"] == "Gemini speaking."
    asked = len(world.ollama.chats)
    events = await client.events()
    assert states_of(events)[0] == ("ollama", "skipped", "cooling_down")
    assert len(world.ollama.chats) == asked
    world.gemini.add(status(429, headers={"Retry-After": "30"}))
    assert (await client.message()).body["response"] == "OpenAI speaking."
    state = {one["name"]: one for one in (await client.call("GET", "/api/chat/providers")).body["providers"]}
    assert (state["gemini"]["cooling_down"], state["gemini"]["last_error"]) == (True, "rate_limited")


async def test_providers_are_listed_with_these_fields(world: World) -> None:
    gate = Gate()
    world.ollama.add(answer(), answer("Slow.", gate=gate))
    await world.gemini.refuse()
    client = await world.serve(
        LLM_PROVIDER_PRIORITY="gemini,ollama,openai",
        LLM_PROVIDER_FAILURE_THRESHOLD="1",
        OLLAMA_MODEL="llama3.2:latest",
        OPENAI_API_KEY="",
    )
    await client.message()
    async with client.stream() as stream:
        await world.ollama.received(2)
        listed = (await client.call("GET", "/api/chat/providers")).body
        gate.open()
        await stream.rest()
    assert list(listed) == ["providers"]
    gemini, ollama, openai = listed["providers"]
    assert gemini.pop("cooldown_until").endswith("Z")
    assert gemini == {
        "name": "gemini",
        "model": "gemini-2.5-flash",
        "locality": "cloud",
        "enabled": True,
        "healthy": False,
        "cooling_down": True,
        "last_error": "connect_refused",
        "supports_streaming": True,
        "in_flight": 0,
        "limit": 32,
        "ttft_ms": None,
    }
    assert type(ollama.pop("ttft_ms")) is int
    assert ollama == {
        "name": "ollama",
        "model": "llama3.2:latest",
        "locality": "local",
        "enabled": True,
        "healthy": True,
        "cooling_down": False,
        "cooldown_until": None,
        "last_error": None,
        "supports_streaming": True,
        "in_flight": 1,
        "limit": 2,
    }
    assert (openai["name"], openai["enabled"], openai["healthy"]) == ("openai", False, False)
    after = (await client.call("GET", "/api/chat/providers")).body["providers"][1]
    assert after["in_flight"] == 0
    as_admin = client.having({"X-User-Role": "admin"})
    told = (await as_admin.call("GET", "/api/chat/providers")).body["providers"][0]
    assert told["last_error_detail"].startswith("connect_refused 127.0.0.1:")
