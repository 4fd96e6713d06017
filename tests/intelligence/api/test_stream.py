"""``POST /api/chat/stream``: every frame, in its order."""

import json
import re
from typing import Any

import pytest

from tests.support.fakes import Behaviour, Gate, answer, blocked, cut, error_in_stream, reset, stall

from .world import World, data_of, states_of, text_of

DONE = ["content", "done", "session_id", "message_id", "tokens_used", "latency_ms"]
ROUTE = ["message_id", "attempt", "provider", "model", "locality", "state", "sent"]
USAGE = ["input_tokens", "output_tokens", "cost_usd", "estimated", "ttft_ms", "total_ms"]


async def test_a_local_answer_is_these_frames(world: World) -> None:
    client = await world.serve()
    # The first answer tells which model there is.
    await client.message()
    world.ollama.add(answer("Hello you.", tokens=1))
    async with client.stream() as stream:
        await stream.rest()
    *frames, tail = bytes(stream.raw).decode().split("\n\n")
    assert tail == ""
    assert frames[0] == ":"
    numbered = [re.sub(r"\d+", "0", re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "ID", frame)) for frame in frames[1:]]
    route = '"attempt":0,"provider":"ollama","model":"llama0.0:latest","locality":"local","state":"%s","sent":false}'
    usage = '"estimated":false,"ttft_ms":0,"total_ms":0}'
    assert numbered == [
        'id: 0\nevent: start\ndata: {"message_id":"ID","session_id":"ID"}',
        'id: 0\nevent: route\ndata: {"message_id":"ID",' + route % "connecting",
        'id: 0\nevent: route\ndata: {"message_id":"ID",' + route % "streaming",
        'id: 0\ndata: {"content":"Hello you.","done":false}',
        'id: 0\nevent: route\ndata: {"message_id":"ID",' + route % "succeeded",
        'id: 0\nevent: usage\ndata: {"input_tokens":0,"output_tokens":0,"cost_usd":0.0,' + usage,
        'id: 0\ndata: {"content":"","done":true,"session_id":"ID","message_id":"ID","tokens_used":0,"latency_ms":0}',
    ]


async def test_ids_rise_by_one_from_one_and_start_comes_first(world: World) -> None:
    world.ollama.add(reset(), reset())
    client = await world.serve()
    events = await client.events()
    assert [event.id for event in events] == [str(number) for number in range(1, len(events) + 1)]
    assert events[0].name == "start"
    assert list(data_of(events[0])) == ["message_id", "session_id"]


async def test_the_headers_forbid_to_store_and_to_buffer(world: World) -> None:
    client = await world.serve()
    async with client.stream() as stream:
        headers = stream.response.headers
        assert stream.status == 200
        assert headers["content-type"] == "text/event-stream; charset=utf-8"
        assert headers["cache-control"] == "no-store"
        assert headers["x-accel-buffering"] == "no"
        assert "content-encoding" not in headers
        assert "content-length" not in headers
        await stream.rest()


async def test_the_first_bytes_leave_before_any_provider_has_spoken(world: World) -> None:
    gate = Gate()
    world.ollama.add(answer("At last.", gate=gate))
    client = await world.serve()
    async with client.stream() as stream:
        assert (await stream.first_bytes()).startswith(b":\n\n")
        start = await stream.next()
        assert start.name == "start"
        assert await stream.until("route", state="connecting")
        gate.open()
        assert text_of(await stream.rest()) == "At last."


async def test_each_token_leaves_as_it_comes(world: World) -> None:
    gate = Gate()
    world.ollama.add(answer("One two", gate=gate))
    client = await world.serve()
    async with client.stream() as stream:
        for piece in ("One", " two"):
            gate.release()
            assert (await stream.until("message"))["content"] == piece
        gate.release()
        await stream.until("message", done=True)


async def test_the_last_frame_is_done_with_the_stored_answers_figures(world: World) -> None:
    client = await world.serve()
    events = await client.events()
    last = data_of(events[-1])
    assert events[-1].name == "message"
    assert list(last) == DONE
    assert (last["content"], last["done"]) == ("", True)
    [prompt] = await client.prompts(last["session_id"])
    assert prompt["id"] == last["message_id"]
    assert {name: prompt[name] for name in ("tokens_used", "latency_ms")} == {
        name: last[name] for name in ("tokens_used", "latency_ms")
    }
    assert prompt["output_text"] == text_of(events)


async def test_default_events_are_content_done_or_error_and_nothing_else(world: World) -> None:
    world.ollama.default = cut(2)
    client = await world.serve(LLM_MIDSTREAM_MODE="fail")
    broken = await client.events()
    world.ollama.default = answer()
    good = await client.events()
    shapes = {tuple(data_of(event)) for event in (*broken, *good) if event.name == "message"}
    assert shapes == {("content", "done"), tuple(DONE), ("error", "done")}


async def test_an_answer_in_any_script_arrives_as_it_was_said(world: World) -> None:
    said = 'Line one\nline two\r\n\u2028"quoted" \\ back\tslash \U0001f600 \u0000 ünïcödé'
    world.ollama.add(answer(said, tokens=3))
    client = await world.serve()
    events = await client.events()
    assert text_of(events) == said
    [prompt] = await client.prompts(data_of(events[0])["session_id"])
    assert prompt["output_text"] == said


async def test_failing_over_is_told_step_by_step(world: World) -> None:
    await world.ollama.refuse()
    client = await world.serve()
    events = await client.events()
    assert states_of(events) == [
        ("ollama", "connecting", None),
        ("ollama", "failed", "connect_refused"),
        ("gemini", "connecting", None),
        ("gemini", "streaming", None),
        ("gemini", "succeeded", None),
    ]
    told = [data_of(event) for event in events if event.name == "route"]
    assert [list(event) for event in told] == [ROUTE, [*ROUTE, "reason"], ROUTE, ROUTE, ROUTE]
    assert [event["attempt"] for event in told] == [1, 1, 2, 2, 2]
    assert [event["sent"] for event in told] == [False, False, True, True, True]
    assert text_of(events) == "Gemini speaking."


async def test_a_provider_that_is_not_asked_is_told_with_its_reason(world: World) -> None:
    client = await world.serve()
    events = await client.events(local_only=True)
    assert states_of(events)[:2] == [("gemini", "skipped", "local_only"), ("openai", "skipped", "local_only")]
    skipped = next(data_of(event) for event in events if event.name == "route")
    assert (skipped["attempt"], skipped["sent"]) == (0, False)


async def test_usage_has_the_figures_of_the_answer(world: World) -> None:
    client = await world.serve()
    usage = data_of(next(event for event in await client.events(prefer="cloud") if event.name == "usage"))
    assert list(usage) == USAGE
    assert (usage["input_tokens"], usage["output_tokens"], usage["estimated"]) == (13, 2, False)
    assert usage["cost_usd"] is None
    assert type(usage["ttft_ms"]) is int
    assert usage["ttft_ms"] <= usage["total_ms"]


BREAKS: list[tuple[Behaviour, str]] = [
    (cut(2), "truncated"),
    (cut(2, kind="reset"), "truncated"),
    (cut(2, kind="clean"), "truncated"),
    (error_in_stream(2), "server_error"),
    (stall(2), "stalled"),
]


@pytest.mark.parametrize(("broken", "reason"), BREAKS, ids=["fin", "reset", "clean", "error", "stall"])
async def test_an_answer_that_breaks_after_its_first_words_ends_with_an_error_and_is_kept(
    world: World, broken: Behaviour, reason: str
) -> None:
    world.ollama.default = broken
    client = await world.serve(LLM_STALL_TIMEOUTS="ollama:0.2", LLM_MIDSTREAM_MODE="fail")
    events = await client.events()
    assert text_of(events) == "The quick"
    assert data_of(events[-1]) == {
        "error": f"The answer broke off ({reason}). What was said so far is kept.",
        "done": True,
    }
    assert world.gemini.connections == 0
    start = data_of(events[0])
    [prompt] = await client.prompts(start["session_id"])
    assert (prompt["output_text"], prompt["status"], prompt["provider"]) == ("The quick", "interrupted", "ollama")
    assert (await client.route(start["message_id"]))["attempts"][0]["reason"] == reason


async def test_a_refusal_ends_the_stream_as_an_answer(world: World) -> None:
    world.gemini.add(blocked(after=2))
    client = await world.serve(LLM_PROVIDER_PRIORITY="gemini,openai")
    events = await client.events()
    assert text_of(events) == "The quick\n\nThe model declined to answer this."
    assert data_of(events[-1])["content"] == ""
    assert states_of(events)[-1] == ("gemini", "succeeded", "blocked")
    assert world.openai.connections == 0


async def test_an_answer_that_cannot_be_stored_is_not_said_to_be_done(world: World) -> None:
    client = await world.serve()
    with world.database() as connection:
        connection.execute(
            "CREATE TRIGGER full BEFORE UPDATE OF output_text ON prompts BEGIN SELECT RAISE(ABORT, 'disk'); END"
        )
    events = await client.events()
    assert data_of(events[-1]) == {"error": "The answer could not be stored.", "done": True}
    answered = await client.message()
    assert answered.status == 500
    problem: dict[str, Any] = json.loads(answered.raw)
    assert problem["detail"] == "The answer could not be made or stored; the log of this service has the details."
