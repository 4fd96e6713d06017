"""A collector gets the whole trace of a chat: gateway, intelligence, attempts, and on to the provider."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.collector import Collector, Received
from tests.support.fakes import answer, cut, status

from .stack import KEY, OPEN_METRICS, stack

WORDS = "quetzalcoatl borborygmus"
ANSWER = "floccinaucinihil pilification sesquipedalian"
SAID = "floccinaucinihil pilification"


def named(spans: list[Received], service: str) -> list[Received]:
    return [span for span in spans if span.service == service]


async def test_the_trace_of_a_chat_that_failed_over_and_was_handed_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with Collector() as collector:
        async with stack(
            tmp_path,
            OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
            OTEL_RESOURCE_ATTRIBUTES="deployment.environment.name=test",
            OTEL_BSP_SCHEDULE_DELAY="20",
            LLM_PROVIDER_FAILURE_THRESHOLD="1",
            LLM_RETRY_WAIT_MAX_SEC="0.01",
        ) as running:
            world = running.world
            world.ollama.default = status(500)
            world.gemini.default = cut(2, ANSWER)
            world.openai.default = answer(f"{ANSWER} the end.")
            foreign = {"traceparent": f"00-{'ab' * 16}-{'cd' * 8}-01"}
            code, text = await running.ask("POST", "/api/chat/stream", {"message": WORDS}, **foreign)
            assert (code, '"done":true' in text) == (200, True)
            scraped = await running.metrics(OPEN_METRICS)
            asked = {fake: fake.chats[-1].headers for fake in (world.ollama, world.gemini, world.openai)}
        spans = collector.spans
    [door], [*calls, turn] = named(spans, "gateway"), named(spans, "intelligence")
    lines: list[dict[str, Any]] = [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    # One trace, begun at our own door: what a stranger says of it is not believed.
    assert {span.trace_id for span in spans} == {door.trace_id}
    assert door.trace_id != "ab" * 16
    assert (door.parent_id, turn.parent_id) == ("", door.span_id)
    assert {call.parent_id for call in calls} == {turn.span_id}
    assert len({span.span_id for span in spans}) == len(spans)
    assert {span.resource["deployment.environment.name"] for span in spans} == {"test"}
    assert {span.flags & 1 for span in spans} == {1}
    for inner, outer in [(turn, door), *((call, turn) for call in calls)]:
        # Clocks are read apart, and calls are timed in milliseconds.
        assert outer.start - 5_000_000 <= inner.start <= inner.end <= outer.end + 5_000_000

    assert (door.name, door.kind, door.failed) == ("POST /api/chat/stream", "server", False)
    assert (door.attributes["http.route"], door.attributes["http.response.status_code"]) == ("/api/chat/stream", 200)
    assert (turn.name, turn.kind) == ("POST /api/chat/stream", "server")

    # The GenAI conventions, for each attempt.
    told = [(call.attributes["novacore.attempt"], call.attributes["novacore.outcome"]) for call in calls]
    assert told == [(1, "failed"), (2, "failed"), (3, "succeeded")]
    assert [(call.name, call.kind, call.failed) for call in calls] == [
        ("chat llama3.2:latest", "client", True),
        ("chat gemini-2.5-flash", "client", True),
        ("chat gpt-4.1", "client", False),
    ]
    assert [call.attributes["gen_ai.provider.name"] for call in calls] == ["ollama", "gcp.gemini", "openai"]
    assert {call.attributes["gen_ai.operation.name"] for call in calls} == {"chat"}
    assert [call.attributes.get("error.type") for call in calls] == ["server_error", "truncated", None]
    last = calls[-1].attributes
    assert last["gen_ai.request.model"] == "gpt-4.1"
    assert last["gen_ai.response.finish_reasons"] == ("stop",)
    assert last["gen_ai.request.stream"] is True
    assert isinstance(last["gen_ai.response.time_to_first_chunk"], float)
    assert isinstance(last["gen_ai.usage.input_tokens"], int)
    assert isinstance(last["gen_ai.usage.output_tokens"], int)

    # What happened between the attempts, in its order.
    events = [(event.name, event.attributes) for event in turn.events]
    assert events == [
        ("breaker", {"provider": "ollama", "state": "open", "reason": "server_error"}),
        # It would have been asked once more.
        ("skip", {"provider": "ollama", "reason": "cooling_down"}),
        ("failover", {"source": "ollama", "target": "gemini", "reason": "server_error"}),
        ("breaker", {"provider": "gemini", "state": "open", "reason": "truncated"}),
        ("failover", {"source": "gemini", "target": "openai", "reason": "truncated"}),
        ("handoff", {"source": "gemini", "target": "openai", "at": len(SAID), "reason": "truncated"}),
    ]

    # Each provider was told which call it answers, and nothing else of us.
    headers = {fake: sent["traceparent"] for fake, sent in asked.items()}
    assert [headers[fake] for fake in (world.ollama, world.gemini, world.openai)] == [
        f"00-{call.trace_id}-{call.span_id}-01" for call in calls
    ]

    # Log lines and exemplars lead to the trace.
    of_request = [line for line in lines if line.get("trace_id") == door.trace_id]
    assert {line["event"] for line in of_request} == {"request", "chat_turn", "provider_failed", "provider_answered"}
    assert len({line["user"] for line in of_request}) == 1
    assert len({line["request_id"] for line in of_request}) == 1
    assert f'# {{trace_id="{door.trace_id}"}}' in scraped

    for secret in (*WORDS.split(), *ANSWER.split(), KEY):
        assert secret.encode() not in collector.raw, secret


async def test_what_was_skipped_and_probed_is_told_too(tmp_path: Path) -> None:
    async with Collector() as collector:
        async with stack(
            tmp_path,
            OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
            LLM_PROVIDER_FAILURE_THRESHOLD="1",
            LLM_PROVIDER_PRIORITY="ollama,gemini",
            LLM_PROVIDER_COOLDOWN_SEC="600",
        ) as running:
            await running.world.ollama.refuse()
            await running.ask("POST", "/api/chat/message", {"message": "1"})
            await running.ask(
                "POST", "/v1/chat/completions", {"model": "auto", "messages": [{"role": "user", "content": "2"}]}
            )
            await running.world.gemini.refuse()
            await running.ask("POST", "/api/chat/message", {"message": "3", "local_only": True})
        turns = [span for span in named(collector.spans, "intelligence") if span.kind == "server"]
    events = [[(event.name, *event.attributes.values()) for event in turn.events] for turn in turns]

    assert [turn.name for turn in turns] == [
        "POST /api/chat/message",
        "POST /v1/chat/completions",
        "POST /api/chat/message",
    ]
    assert ("skip", "ollama", "cooling_down") in events[1]
    # Nobody else may be asked: the local one is tried although it cools down.
    assert ("skip", "gemini", "local_only") in events[2]
    assert ("breaker", "ollama", "half_open") in events[2]
    assert (turns[2].failed, turns[2].attributes["novacore.status"]) == (True, "fallback")


async def test_a_sampler_that_takes_nothing_sends_nothing_and_still_names_the_trace(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with Collector() as collector:
        async with stack(
            tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, OTEL_TRACES_SAMPLER="always_off"
        ) as running:
            await running.ask("POST", "/api/chat/message", {"message": "Hello?"})
            sent = running.world.ollama.chats[-1].headers["traceparent"]
            scraped = await running.metrics(OPEN_METRICS)
        assert (collector.spans, collector.headers) == ([], [])
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    ids = {
        line.get("trace_id") for line in lines if line["event"] in {"request", "chat_turn"} and line.get("trace_id")
    }

    assert len(ids) == 1
    assert sent.split("-")[1::2] == [*ids, "00"]
    assert "trace_id" not in scraped


async def test_without_a_collector_nothing_is_traced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with stack(tmp_path) as running:
        await running.ask(
            "POST", "/api/chat/message", {"message": "Hello?"}, traceparent=f"00-{'ab' * 16}-{'cd' * 8}-01"
        )
        assert "traceparent" not in running.world.ollama.chats[-1].headers
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    assert {line.get("trace_id") for line in lines if line["event"] in {"request", "chat_turn"}} == {None}
