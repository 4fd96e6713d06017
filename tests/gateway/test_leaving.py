import asyncio
import json
import socket

import pytest
from aiohttp import ClientPayloadError
from novakit.clock import FakeClock

from services.gateway.app.config import Settings

from .running import BEARER, SECRET, Gateway, running
from .upstream import STREAM_HEAD, Call, Upstream, chunk, plain

LEFT_IN_TIME = 0.25


@pytest.mark.parametrize("phase", ["before the head", "before the body", "within the body"])
async def test_a_client_that_leaves_closes_the_call_to_the_upstream(
    gateway: Gateway, intelligence: Upstream, phase: str
) -> None:
    waiting = asyncio.Event()
    closed = asyncio.Event()

    async def script(call: Call) -> None:
        if phase != "before the head":
            await call.write(STREAM_HEAD)
        if phase == "within the body":
            await call.write(chunk(b"one"))
        waiting.set()
        await call.until_closed()
        closed.set()

    intelligence.script = script
    _, writer = await _post(gateway)
    await asyncio.wait_for(waiting.wait(), 2)
    writer.close()

    await asyncio.wait_for(closed.wait(), LEFT_IN_TIME)


async def test_a_client_that_leaves_closes_a_stream_that_never_pauses(
    gateway: Gateway, intelligence: Upstream
) -> None:
    closed = asyncio.Event()

    async def script(call: Call) -> None:
        await call.write(STREAM_HEAD)
        try:
            while True:
                await call.write(chunk(b"x" * 1000))
                await asyncio.sleep(0)
        except ConnectionError:
            closed.set()
            raise

    intelligence.script = script
    reader, writer = await _post(gateway)
    await reader.readexactly(10_000)
    writer.transport.abort()

    await asyncio.wait_for(closed.wait(), LEFT_IN_TIME)


async def test_a_client_that_leaves_while_it_sends_is_forgotten(gateway: Gateway, intelligence: Upstream) -> None:
    _, writer = await _post(gateway, announced=100, body=b"{")
    writer.close()
    await writer.wait_closed()

    assert (await gateway.get("/v1/models", headers=BEARER)).status == 200
    assert [call.target for call in intelligence.calls] == ["/v1/models"]


async def test_a_client_that_left_is_logged_and_counted_as_such(
    settings: Settings, clock: FakeClock, intelligence: Upstream, capsys: pytest.CaptureFixture[str]
) -> None:
    waiting = asyncio.Event()
    closed = asyncio.Event()

    async def script(call: Call) -> None:
        waiting.set()
        await call.until_closed()
        closed.set()

    intelligence.script = script
    async with running(settings, clock) as gateway:
        _, writer = await _post(gateway)
        await waiting.wait()
        writer.close()
        await closed.wait()
        metrics = (await gateway.get("/metrics")).body.decode()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    line = next(line for line in lines if line["event"] == "request")

    assert (line["route"], line["status"], line["cut"]) == ("chat_stream", 499, "client_left")
    assert 'gateway_requests_total{service="gateway",route="chat_stream",status="499"} 1.0' in metrics


async def test_an_upstream_that_dies_within_a_stream_leaves_the_client_without_an_end(
    gateway: Gateway, intelligence: Upstream
) -> None:
    async def script(call: Call) -> None:
        await call.write(STREAM_HEAD + chunk(b"one"))
        call.writer.close()

    intelligence.script = script
    async with gateway.stream() as answer:
        with pytest.raises(ClientPayloadError):
            await answer.read()


async def test_what_came_before_the_upstream_died_is_passed_on(gateway: Gateway, intelligence: Upstream) -> None:
    gate = asyncio.Event()

    async def script(call: Call) -> None:
        await call.write(STREAM_HEAD + chunk(b"one"))
        await gate.wait()
        call.abort()

    intelligence.script = script
    reader, writer = await _post(gateway)
    head = await reader.readuntil(b"\r\n\r\n")
    one = await reader.readexactly(len(chunk(b"one")))
    gate.set()
    rest = await reader.read()
    writer.close()

    assert head.startswith(b"HTTP/1.1 200")
    assert (one, rest) == (chunk(b"one"), b"")


async def test_an_answer_with_a_length_that_is_cut_short_stays_short(
    gateway: Gateway, intelligence: Upstream
) -> None:
    async def script(call: Call) -> None:
        await call.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{")
        call.writer.close()

    intelligence.script = script
    async with gateway.stream("/api/chat/message") as answer:
        with pytest.raises(ClientPayloadError):
            await answer.read()


async def test_an_upstream_that_dies_before_its_head_is_a_bad_gateway(
    gateway: Gateway, intelligence: Upstream
) -> None:
    async def script(call: Call) -> None:
        call.writer.close()

    intelligence.script = script
    answer = await gateway.post("/api/chat/message", BEARER, b"{}")

    assert answer.status == 502
    assert answer.headers["retry-after"] == "2"
    assert "intelligence" in answer.detail
    assert len(intelligence.calls) == 1, "a message is never sent twice"


async def test_an_upstream_that_speaks_no_http_is_a_bad_gateway(gateway: Gateway, intelligence: Upstream) -> None:
    async def script(call: Call) -> None:
        await call.write(b"SSH-2.0-OpenSSH\r\n\r\n")
        call.writer.close()

    intelligence.script = script

    assert (await gateway.post("/api/chat/message", BEARER, b"{}")).status == 502


async def test_an_upstream_that_is_not_there_is_named_and_comes_back(
    settings: Settings, clock: FakeClock, intelligence: Upstream
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nobody = f"http://127.0.0.1:{taken.getsockname()[1]}"
    alone = settings.model_copy(update={"memory_url": nobody, "intelligence_url": nobody})
    async with running(alone, clock) as gateway:
        memory = await gateway.get("/api/memory/facts", BEARER)
        openai = await gateway.post("/v1/chat/completions", BEARER, b"{}")

    assert (memory.status, memory.headers["retry-after"]) == (503, "2")
    assert "memory" in memory.detail
    assert (openai.status, openai.headers["retry-after"]) == (503, "2")
    assert openai.json()["error"]["code"] == "service_unavailable"


async def test_a_refused_service_token_is_not_shown_as_the_callers_fault(
    settings: Settings, clock: FakeClock, intelligence: Upstream, capsys: pytest.CaptureFixture[str]
) -> None:
    async def script(call: Call) -> None:
        await call.write(plain(b'{"detail": "inner"}', status=b"401 Unauthorized"))

    intelligence.script = script
    async with running(settings, clock) as gateway:
        answer = await gateway.get("/api/chat/providers", BEARER)

    assert answer.status == 502
    assert "SERVICE_JWT_SECRET" in answer.detail
    assert SECRET not in answer.detail
    assert '"event":"service_token_refused"' in capsys.readouterr().out


async def test_an_upstream_that_died_is_logged_without_a_word_of_what_was_said(
    settings: Settings, clock: FakeClock, intelligence: Upstream, capsys: pytest.CaptureFixture[str]
) -> None:
    async def script(call: Call) -> None:
        await call.write(STREAM_HEAD + chunk(b"the-answer"))
        call.writer.close()

    intelligence.script = script
    async with running(settings, clock) as gateway, gateway.stream(body=b'{"message": "the-question"}') as answer:
        with pytest.raises(ClientPayloadError):
            await answer.read()
    out = capsys.readouterr().out
    lines = [json.loads(line) for line in out.splitlines()]

    assert [line["cut"] for line in lines if line["event"] == "request"] == ["upstream_failed"]
    assert "upstream_failed" in [line["event"] for line in lines]
    assert "the-answer" not in out
    assert "the-question" not in out


async def _post(
    gateway: Gateway, *, announced: int = 2, body: bytes = b"{}"
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Ask for a stream over a connection that the test itself closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    head = (
        f"POST /api/chat/stream HTTP/1.1\r\nHost: 127.0.0.1:{gateway.port}\r\n"
        f"Authorization: {BEARER['Authorization']}\r\nContent-Length: {announced}\r\n\r\n"
    )
    writer.write(head.encode() + body)
    await writer.drain()
    return reader, writer
