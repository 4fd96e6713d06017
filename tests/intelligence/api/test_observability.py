"""What an operator sees: metrics, log lines, health. What nobody may see in them: prompts, answers, keys."""

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.fakes import Behaviour, answer, cut, error_in_stream, status

from .world import GEMINI_KEY, OPENAI_KEY, SECRET, USER, Client, World, text_of

SERIES = {
    "llm_provider_requests_total": {"provider", "model", "outcome"},
    "llm_provider_failures_total": {"provider", "reason"},
    "llm_provider_latency_seconds_count": {"provider"},
    "llm_time_to_first_token_seconds_count": {"provider"},
    "llm_tokens_total": {"provider", "direction"},
    "llm_fallbacks_total": {"from", "to", "reason"},
    "llm_exhausted_total": set(),
    "llm_provider_health": {"provider"},
    "chat_requests_total": {"route", "status"},
}


async def series(client: Client) -> dict[str, list[tuple[dict[str, str], float]]]:
    scraped = await client.call("GET", "/metrics", headers={})
    assert scraped.status == 200
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(scraped.raw.decode()):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


async def test_the_documented_series_are_there_after_a_few_chats(world: World) -> None:
    client = await world.serve(LLM_PROVIDER_FAILURE_THRESHOLD="1")
    await client.message()
    await world.ollama.refuse()
    await client.events()
    await world.gemini.refuse()
    await world.openai.refuse()
    await client.message()
    found = await series(client)
    for name, labels in SERIES.items():
        assert set(found[name][0][0]) == labels, name
    assert ({"from": "ollama", "to": "gemini", "reason": "connect_refused"}, 1.0) in found["llm_fallbacks_total"]
    assert found["llm_exhausted_total"] == [({}, 1.0)]
    turns = {(labels["route"], labels["status"]): value for labels, value in found["chat_requests_total"] if value}
    assert turns == {("message", "complete"): 1, ("stream", "complete"): 1, ("message", "fallback"): 1}
    tokens = {
        (labels["provider"], labels["direction"]): value for labels, value in found["llm_tokens_total"] if value
    }
    assert tokens == {
        ("ollama", "input"): 16,
        ("ollama", "output"): 2,
        ("gemini", "input"): 13,
        ("gemini", "output"): 2,
    }


async def test_every_configured_provider_has_a_health_series_from_the_start(world: World) -> None:
    client = await world.serve(GEMINI_API_KEY="")
    found = await series(client)
    assert found["llm_provider_health"] == [({"provider": "ollama"}, 1.0), ({"provider": "openai"}, 1.0)]


async def test_health_follows_the_circuit(world: World) -> None:
    client = await world.serve(LLM_PROVIDER_FAILURE_THRESHOLD="1", LLM_PROVIDER_PRIORITY="gemini,openai")
    world.gemini.add(status(500), status(500))
    await client.message()
    found = {labels["provider"]: value for labels, value in (await series(client))["llm_provider_health"]}
    assert found == {"gemini": 0, "openai": 1}


async def test_an_answer_that_broke_counts_as_failed_and_one_that_was_left_as_cancelled(world: World) -> None:
    world.ollama.add(cut(2))
    client = await world.serve(LLM_MIDSTREAM_MODE="fail")
    await client.events()
    async with client.stream() as stream:
        message_id = (await stream.until("start"))["message_id"]
        stream.leave()
    await client.call("POST", f"/api/chat/messages/{message_id}/stop")
    found = await series(client)
    turns = {labels["status"]: value for labels, value in found["chat_requests_total"] if value}
    assert turns == {"interrupted": 2}
    assert ({"provider": "ollama", "reason": "truncated"}, 1.0) in found["llm_provider_failures_total"]


async def test_each_turn_and_each_failure_is_one_json_line(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    await world.ollama.refuse()
    client = await world.serve()
    await client.message()
    lines: list[dict[str, Any]] = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    [failed] = [line for line in lines if line["event"] == "provider_failed"]
    assert (failed["provider"], failed["reason"], failed["level"], failed["request_id"]) == (
        "ollama",
        "connect_refused",
        "warning",
        "request-1",
    )
    [turn] = [line for line in lines if line["event"] == "chat_turn"]
    assert (turn["provider"], turn["fallback_reason"], turn["tokens_in"], turn["tokens_out"], turn["service"]) == (
        "gemini",
        "connect_refused",
        13,
        2,
        "intelligence",
    )
    assert turn["user"] != USER


async def test_alive_and_ready_are_told_without_a_token(world: World) -> None:
    client = await world.serve()
    assert (await client.call("GET", "/healthz", headers={})).body == {"status": "ok"}
    ready = await client.call("GET", "/readyz", headers={})
    assert (ready.status, ready.body) == (200, {"status": "ready", "checks": {"database": "ok"}})


PROMPT_WORDS = "quetzalcoatl borborygmus"
ANSWER_WORDS = "floccinaucinihil pilification"
TITLE_WORDS = "sesquipedalian"
FORBIDDEN = [*PROMPT_WORDS.split(), *ANSWER_WORDS.split(), TITLE_WORDS, GEMINI_KEY, OPENAI_KEY, SECRET, USER]


COMPLAINTS: list[Callable[[str], Behaviour]] = [
    lambda echo: status(500, echo),
    lambda echo: error_in_stream(0, echo),
    lambda echo: error_in_stream(2, echo),
    lambda echo: status(400, {"error": {"message": echo, "code": 400, "status": "INVALID_ARGUMENT"}}),
    lambda echo: status(429, {"error": {"message": echo}}),
    lambda echo: status(401, {"error": {"message": echo, "code": "invalid_api_key"}}),
]


async def eventful(world: World, client: Client) -> None:
    """Good answers, broken ones, and providers that echo the prompt and the key that they were sent."""
    keys = {world.ollama: "none", world.gemini: GEMINI_KEY, world.openai: OPENAI_KEY}
    for fake in keys:
        fake.default = answer(ANSWER_WORDS)
    assert ANSWER_WORDS in text_of(await client.events(PROMPT_WORDS))
    for complain, wrong in itertools.product(COMPLAINTS, keys):
        for fake, key in keys.items():
            echo = f"You asked '{PROMPT_WORDS}' with key {key}."
            fake.default = complain(echo) if fake is wrong else status(503, echo)
        await client.message(PROMPT_WORDS)
        await client.events(PROMPT_WORDS)
    for body in ({"message": PROMPT_WORDS, "prefer": PROMPT_WORDS}, {"message": [PROMPT_WORDS]}, PROMPT_WORDS):
        await client.call("POST", "/api/chat/message", body)
    await client.call("POST", "/api/chat/sessions", {"title": [TITLE_WORDS]})


async def broken(world: World, client: Client) -> None:
    """A database that lost its tables: every route breaks on our side."""
    with world.database() as connection:
        connection.execute("DROP TABLE prompts")
        connection.execute("DROP TABLE sessions")
    calls = [
        await client.message(PROMPT_WORDS),
        await client.call("POST", "/api/chat/stream", {"message": PROMPT_WORDS}),
        await client.call("POST", "/api/chat/sessions", {"title": TITLE_WORDS}),
        await client.call("GET", f"/api/chat/sessions?q={TITLE_WORDS}"),
    ]
    # Work on what is stored says that it cannot be done now, a turn that something broke.
    assert [answered.status for answered in calls] == [500, 500, 503, 503]
    for answered in calls:
        assert answered.headers["content-type"] == "application/problem+json"
        assert not [word for word in FORBIDDEN if word.encode() in answered.raw]


async def test_no_prompt_answer_or_key_is_in_any_log_line_or_metric(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    client = await world.serve(LOG_LEVEL="debug", LLM_PROVIDER_FAILURE_THRESHOLD="1000", LLM_RETRY_WAIT_MAX_SEC="0.1")
    await eventful(world, client)
    await broken(world, client)
    metrics = (await client.call("GET", "/metrics")).raw.decode()
    captured = capfd.readouterr()
    logged = [json.loads(line) for line in captured.out.splitlines()]
    assert captured.err == ""
    assert len([line for line in logged if line["event"] == "provider_failed"]) > 50
    assert [line["error"] for line in logged if line["event"] == "crashed"] == ["OperationalError"] * 2
    assert [line["reason"] for line in logged if line["event"] == "database_unavailable"] == ["OperationalError"] * 2
    for word in FORBIDDEN:
        assert word not in captured.out, word
        assert word not in metrics, word


async def test_no_key_is_in_the_database(world: World, tmp_path: Path) -> None:
    client = await world.serve()
    await eventful(world, client)
    with world.database() as connection:
        dump = "\n".join(connection.iterdump())
    assert PROMPT_WORDS in dump
    for key in (GEMINI_KEY, OPENAI_KEY, SECRET):
        assert key not in dump
