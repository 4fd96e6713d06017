import asyncio
import io
import random
import zlib
from collections.abc import AsyncIterator

import pytest
from novakit.clock import FakeClock
from novakit.identity import TokenVerifier

from services.gateway.app.config import Settings

from .running import BEARER, SECRET, Gateway, running
from .upstream import STREAM_HEAD, Call, Upstream, chunk, plain

JSON = {**BEARER, "Content-Type": "application/json"}


@pytest.mark.parametrize("seed", range(5))
async def test_a_stream_arrives_byte_for_byte_wherever_the_writes_fall(
    gateway: Gateway, intelligence: Upstream, seed: int
) -> None:
    dice = random.Random(seed)
    body = dice.randbytes(dice.randrange(1, 200_000))

    async def script(call: Call) -> None:
        wire = STREAM_HEAD
        rest = body
        while rest:
            size = dice.choice([1, 2, 17, 1000, 70_000])
            wire += chunk(rest[:size])
            rest = rest[size:]
        wire += chunk(b"")
        while wire:
            size = dice.choice([1, 5, 100, 5000, 50_000])
            await call.write(wire[:size])
            await asyncio.sleep(0)
            wire = wire[size:]

    intelligence.script = script
    answer = await gateway.post("/api/chat/stream", headers=JSON, body=b"{}")

    assert answer.status == 200
    assert answer.body == body


@pytest.mark.parametrize("path", ["/api/chat/message", "/api/memory/other", "/v1/chat/completions"])
async def test_a_request_body_arrives_byte_for_byte(
    gateway: Gateway, intelligence: Upstream, memory: Upstream, path: str
) -> None:
    body = random.Random(7).randbytes(300_000)
    await gateway.post(path, headers=JSON, body=body)

    called = memory if "memory" in path else intelligence
    assert called.call.body == body
    assert called.call.header("content-type") == "application/json"
    assert called.call.header("content-length") == "300000"


async def test_a_body_without_a_length_is_forwarded_with_one(gateway: Gateway, intelligence: Upstream) -> None:
    async def parts() -> AsyncIterator[bytes]:
        for part in (b'{"mess', b'age": ', b'"x"}'):
            yield part

    await gateway.post("/api/chat/message", headers=JSON, body=parts())

    assert intelligence.call.body == b'{"message": "x"}'
    assert intelligence.call.header("content-length") == "16"
    assert intelligence.call.header("transfer-encoding") is None


async def test_the_first_bytes_leave_before_the_rest_is_there(gateway: Gateway, intelligence: Upstream) -> None:
    gate = asyncio.Event()

    async def script(call: Call) -> None:
        await call.write(STREAM_HEAD + chunk(b"first"))
        await gate.wait()
        await call.write(chunk(b"second") + chunk(b""))

    intelligence.script = script
    async with gateway.stream() as answer:
        first = await asyncio.wait_for(answer.content.readany(), 2)
        gate.set()
        rest = await answer.read()

    assert (first, rest) == (b"first", b"second")


async def test_the_head_leaves_before_the_first_byte_of_the_body(gateway: Gateway, intelligence: Upstream) -> None:
    gate = asyncio.Event()

    async def script(call: Call) -> None:
        await call.write(STREAM_HEAD)
        await gate.wait()
        await call.write(chunk(b""))

    intelligence.script = script
    async with asyncio.timeout(2), gateway.stream() as answer:
        gate.set()
        rest = await answer.read()

    assert answer.headers["content-type"] == "text/event-stream"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-accel-buffering"] == "no"
    assert rest == b""


async def test_compressed_bytes_stay_as_they_are(gateway: Gateway, intelligence: Upstream) -> None:
    packed = zlib.compress(b"hello" * 1000)

    async def script(call: Call) -> None:
        await call.write(plain(packed, headers=b"content-encoding: deflate\r\n"))

    intelligence.script = script
    headers = {**BEARER, "Accept-Encoding": "deflate"}
    answer = await gateway.get("/api/chat/providers", headers=headers)

    assert intelligence.call.header("accept-encoding") == "deflate"
    assert answer.headers["content-encoding"] == "deflate"
    assert answer.body == packed


async def test_path_and_query_arrive_as_they_were_sent(gateway: Gateway, intelligence: Upstream) -> None:
    target = "/api/chat/sessions?q=%C3%A9%20a+b&cursor=a%2Fb%3D&empty=&q=2"
    _, writer, _ = await raw_request(gateway, f"GET {target} HTTP/1.1")
    writer.close()

    assert intelligence.call.target == target


async def test_status_and_headers_of_the_answer_are_the_upstreams(gateway: Gateway, intelligence: Upstream) -> None:
    async def script(call: Call) -> None:
        headers = b"Content-Type: application/problem+json\r\nX-NovaCore-Provider: ollama\r\nRetry-After: 7\r\n"
        await call.write(plain(b'{"status": 409}', status=b"409 Conflict", headers=headers))

    intelligence.script = script
    answer = await gateway.post("/api/chat/message", headers=JSON, body=b"{}")

    assert answer.status == 409
    assert answer.body == b'{"status": 409}'
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-novacore-provider"] == "ollama"
    assert answer.headers["retry-after"] == "7"


async def test_a_redirect_is_passed_on_and_not_followed(gateway: Gateway, intelligence: Upstream) -> None:
    async def script(call: Call) -> None:
        await call.write(plain(b"", status=b"307 Temporary Redirect", headers=b"location: /elsewhere\r\n"))

    intelligence.script = script
    answer = await gateway.get("/v1/models", headers=BEARER)

    assert (answer.status, answer.headers["location"]) == (307, "/elsewhere")
    assert intelligence.call.target == "/v1/models"


async def test_internal_headers_from_outside_are_dropped(gateway: Gateway, intelligence: Upstream) -> None:
    forged = {
        **BEARER,
        "Cookie": "nc_session=stolen; other=1",
        "X-User-Id": "someone-else",
        "X-User-Role": "emperor",
        "X-Service-Token": "forged",
        "X-Request-Id": "chosen",
        "traceparent": "00-chosen",
        "tracestate": "a=b",
        "X-Forwarded-For": "10.0.0.1",
        "X-NovaCore-Stream": "2",
        "Idempotency-Key": "k1",
        "Last-Event-ID": "5",
    }
    answer = await gateway.get("/api/chat/providers", headers=forged)
    call = intelligence.call

    for name in ("authorization", "cookie", "traceparent", "tracestate", "x-forwarded-for"):
        assert call.header(name) is None, name
    assert call.header("x-user-id") not in {None, "someone-else"}
    assert call.header("x-user-role") == "admin"
    assert call.header("x-service-token") != "forged"
    assert call.header("x-request-id") == answer.headers["x-request-id"] != "chosen"
    assert (call.header("x-novacore-stream"), call.header("idempotency-key")) == ("2", "k1")
    assert call.header("last-event-id") == "5"


@pytest.mark.parametrize(("path", "audience"), [("/api/chat/providers", "intelligence"), ("/api/memory/x", "memory")])
async def test_the_call_carries_a_token_for_the_service_that_is_called(
    gateway: Gateway, intelligence: Upstream, memory: Upstream, path: str, audience: str
) -> None:
    await gateway.get(path, headers=BEARER)
    call = (memory if audience == "memory" else intelligence).call

    TokenVerifier(SECRET, audience=audience, wall=gateway.clock.wall).check(call.header("x-service-token"))


async def test_the_token_is_renewed_before_it_expires(gateway: Gateway, intelligence: Upstream) -> None:
    for _ in range(4):
        await gateway.get("/v1/models", headers=BEARER)
        gateway.clock.advance(90)
        verifier = TokenVerifier(SECRET, audience="intelligence", wall=lambda: gateway.clock.wall() - 90)
        verifier.check(intelligence.calls[-1].header("x-service-token"))


async def test_both_services_are_told_the_same_user(
    gateway: Gateway, intelligence: Upstream, memory: Upstream
) -> None:
    await gateway.get("/api/memory/facts", headers=BEARER)
    await gateway.get("/v1/models", headers=BEARER)
    me = (await gateway.get("/api/auth/me", headers=BEARER)).json()

    assert memory.call.header("x-user-id") == intelligence.call.header("x-user-id") == me["user_id"]


async def test_each_request_has_an_id_of_its_own(gateway: Gateway, intelligence: Upstream) -> None:
    first = await gateway.get("/v1/models", headers=BEARER)
    second = await gateway.get("/v1/models", headers=BEARER)
    sent = [call.header("x-request-id") for call in intelligence.calls]

    assert sent == [first.headers["x-request-id"], second.headers["x-request-id"]]
    assert sent[0] != sent[1]


async def test_headers_of_one_connection_do_not_cross(gateway: Gateway, intelligence: Upstream) -> None:
    async def script(call: Call) -> None:
        headers = b"Connection: X-Hop\r\nKeep-Alive: timeout=9\r\nX-Hop: 1\r\nX-End: 1\r\nServer: inner\r\n"
        await call.write(plain(b"{}", headers=headers))

    intelligence.script = script
    sent = {**BEARER, "Connection": "keep-alive, X-Mine", "X-Mine": "1", "TE": "trailers", "Keep-Alive": "timeout=5"}
    answer = await gateway.get("/v1/models", headers=sent)

    for name in ("x-mine", "te", "keep-alive"):
        assert intelligence.call.header(name) is None, name
    for name in ("x-hop", "keep-alive", "server"):
        assert name not in answer.headers
    assert answer.headers["x-end"] == "1"


async def test_the_upstream_is_not_told_under_which_name_the_gateway_was_reached(
    gateway: Gateway, intelligence: Upstream
) -> None:
    await gateway.get("/v1/models", headers=BEARER)

    assert intelligence.call.header("host") == intelligence.url.removeprefix("http://")


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
async def test_each_method_is_forwarded_as_itself(gateway: Gateway, intelligence: Upstream, method: str) -> None:
    answer = await gateway.ask(method, "/api/chat/sessions/7", BEARER)

    assert answer.status == 200
    assert (intelligence.call.method, intelligence.call.target) == (method, "/api/chat/sessions/7")


async def test_an_answer_to_head_has_the_length_and_no_body(gateway: Gateway, intelligence: Upstream) -> None:
    async def script(call: Call) -> None:
        await call.write(b"HTTP/1.1 200 OK\r\ncontent-length: 42\r\n\r\n")

    intelligence.script = script
    answer = await gateway.ask("HEAD", "/v1/models", BEARER)

    assert (intelligence.call.method, answer.headers["content-length"]) == ("HEAD", "42")
    assert answer.body == b""


async def test_an_answer_without_content_ends_at_once(gateway: Gateway, intelligence: Upstream) -> None:
    async def script(call: Call) -> None:
        await call.write(b"HTTP/1.1 204 No Content\r\n\r\n")

    intelligence.script = script
    answer = await gateway.ask("DELETE", "/api/chat/sessions/7", BEARER)

    assert (answer.status, answer.body) == (204, b"")


async def test_options_is_answered_here_and_trace_is_refused(gateway: Gateway, intelligence: Upstream) -> None:
    options = await gateway.ask("OPTIONS", "/api/chat/message")
    trace = await gateway.ask("TRACE", "/api/chat/message", BEARER)

    assert (options.status, trace.status) == (204, 405)
    assert options.headers["allow"] == trace.headers["allow"] == "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"
    assert "access-control-allow-origin" not in options.headers
    assert intelligence.calls == []


@pytest.mark.parametrize("path", ["/api/chat/../../metrics", "/v1/%2e%2e/metrics", "/api/memory/./preferences"])
async def test_a_path_cannot_climb_out_of_its_area(gateway: Gateway, intelligence: Upstream, path: str) -> None:
    status, writer, _ = await raw_request(gateway, f"GET {path} HTTP/1.1")
    writer.close()

    assert status == 404
    assert intelligence.calls == []


async def test_a_header_that_is_no_text_is_refused(gateway: Gateway, intelligence: Upstream) -> None:
    status, writer, _ = await raw_request(gateway, "GET /v1/models HTTP/1.1", b"X-Odd: \xff\r\n")
    writer.close()

    assert status == 400
    assert intelligence.calls == []


async def test_connections_to_the_upstream_are_used_again(gateway: Gateway, intelligence: Upstream) -> None:
    for _ in range(5):
        await gateway.get("/v1/models", headers=BEARER)

    assert intelligence.connections == 1


@pytest.mark.parametrize("announced", [True, False])
async def test_a_body_over_a_mebibyte_is_refused(gateway: Gateway, intelligence: Upstream, announced: bool) -> None:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(1025):
            yield b"x" * 1024

    body = io.BytesIO(b"x" * (1024 * 1024 + 1)) if announced else parts()
    answer = await gateway.post("/api/chat/message", headers=JSON, body=body)

    assert answer.status == 413
    assert answer.headers["content-type"] == "application/problem+json"
    assert intelligence.calls == []


async def test_a_body_that_announces_too_much_is_refused_before_it_comes(gateway: Gateway) -> None:
    async with asyncio.timeout(2):
        status, writer, _ = await raw_request(
            gateway, "POST /api/chat/message HTTP/1.1", b"Content-Length: 1048577\r\n"
        )
    writer.close()

    assert status == 413


async def test_a_body_of_exactly_a_mebibyte_is_forwarded(gateway: Gateway, intelligence: Upstream) -> None:
    answer = await gateway.post("/api/chat/message", headers=JSON, body=b"x" * 1024 * 1024)

    assert answer.status == 200
    assert len(intelligence.call.body) == 1024 * 1024


async def test_under_v1_an_error_has_openais_shape(gateway: Gateway) -> None:
    answer = await gateway.post("/v1/chat/completions", headers=JSON, body=io.BytesIO(b"x" * 2_000_000))
    error = answer.json()["error"]

    assert answer.status == 413
    assert set(error) == {"message", "type", "param", "code"}
    assert (error["type"], error["param"], error["code"]) == ("invalid_request_error", None, "request_too_large")


async def test_without_a_credential_nothing_is_forwarded(gateway: Gateway, intelligence: Upstream) -> None:
    plainly = await gateway.post("/api/chat/message", body=b"{}")
    openai = await gateway.post("/v1/chat/completions", body=b"{}")

    assert (plainly.status, openai.status) == (401, 401)
    assert plainly.headers["content-type"] == "application/problem+json"
    assert plainly.headers["www-authenticate"] == "Bearer"
    assert openai.json()["error"]["code"] == "invalid_api_key"
    assert intelligence.calls == []


async def test_an_address_with_a_path_is_kept(settings: Settings, clock: FakeClock, intelligence: Upstream) -> None:
    below = settings.model_copy(update={"intelligence_url": f"{intelligence.url}/inner"})
    async with running(below, clock) as gateway:
        await gateway.get("/v1/models", headers=BEARER)

    assert intelligence.call.target == "/inner/v1/models"


async def test_many_streams_run_side_by_side(gateway: Gateway, intelligence: Upstream) -> None:
    gate = asyncio.Event()

    async def script(call: Call) -> None:
        await call.write(STREAM_HEAD + chunk(call.body))
        await gate.wait()
        await call.write(chunk(b".") + chunk(b""))

    async def one(number: int) -> tuple[bytes, bytes]:
        async with gateway.stream(f"/api/chat/messages/{number}/stop", b"%d" % number) as answer:
            first = await answer.content.readany()
            started.release()
            return first, await answer.read()

    intelligence.script = script
    started = asyncio.Semaphore(0)
    running_streams = [asyncio.ensure_future(one(number)) for number in range(100)]
    for _ in running_streams:
        await asyncio.wait_for(started.acquire(), 5)
    gate.set()

    assert await asyncio.gather(*running_streams) == [(b"%d" % number, b".") for number in range(100)]


async def raw_request(
    gateway: Gateway, line: str, extra: bytes = b""
) -> tuple[int, asyncio.StreamWriter, asyncio.StreamReader]:
    """Send a request line that no client library would, and read the status."""
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    head = f"{line}\r\nHost: 127.0.0.1:{gateway.port}\r\nAuthorization: {BEARER['Authorization']}\r\n"
    writer.write(head.encode() + extra + b"\r\n")
    status = await reader.readline()
    return int(status.split(b" ")[1]), writer, reader
