import asyncio
import json

import pytest
from novakit.clock import FakeClock
from novakit.ids import is_uuid
from novakit.pseudonyms import Pseudonyms
from starlette.types import Message

from services.gateway.app.config import Settings
from services.gateway.app.main import create_app
from services.gateway.app.page import Page
from services.gateway.app.routes import route_of
from services.gateway.app.store.api_keys import ApiKeys

from .running import BEARER, KEY, SECRET, Gateway, running
from .upstream import Call, Upstream, plain

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/assets/none.js", 404),
        ("GET", "/healthz", 200),
        ("GET", "/metrics", 200),
        ("GET", "/api/auth/me", 401),
        ("GET", "/api/nothing", 404),
        ("GET", "/v1/models", 401),
        ("POST", "/api/auth/me", 405),
        ("POST", "/", 405),
    ],
)
async def test_every_answer_carries_the_security_headers_and_an_id(
    gateway: Gateway, method: str, path: str, status: int
) -> None:
    answer = await gateway.ask(method, path)

    assert answer.status == status
    assert answer.headers["content-security-policy"] == POLICY
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert "microphone=()" in answer.headers["permissions-policy"]
    assert is_uuid(answer.headers["x-request-id"])


async def test_what_the_upstream_says_of_security_does_not_count(gateway: Gateway, intelligence: Upstream) -> None:
    async def script(call: Call) -> None:
        headers = b"Content-Security-Policy: default-src *\r\nX-Request-Id: inner\r\nSet-Cookie: nc_session=x\r\n"
        await call.write(plain(b"{}", headers=headers))

    intelligence.script = script
    answer = await gateway.get("/v1/models", BEARER)

    assert answer.headers.getall("content-security-policy") == [POLICY]
    assert len(answer.headers.getall("x-request-id")) == 1
    assert answer.headers["x-request-id"] != "inner"
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("host", ["localhost", "LocalHost:8080", "127.0.0.1", "127.0.0.1:1", "[::1]", "[::1]:8080"])
async def test_on_loopback_the_names_of_this_machine_are_answered(gateway: Gateway, host: str) -> None:
    assert (await gateway.get("/healthz", {"Host": host})).status == 200


@pytest.mark.parametrize("path", ["/", "/healthz", "/metrics", "/api/auth/me", "/v1/models"])
@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1", ""]
)
async def test_on_loopback_another_name_is_refused(gateway: Gateway, host: str, path: str) -> None:
    answer = await gateway.get(path, {"Host": host, **BEARER})

    assert answer.status == 403
    assert "TRUSTED_PROXIES" in answer.body.decode()


async def test_a_request_without_a_host_is_refused_on_loopback(gateway: Gateway) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(b"GET /healthz HTTP/1.0\r\n\r\n")
    head = await reader.readline()
    writer.close()

    assert b" 403 " in head


@pytest.mark.parametrize("change", [{"novacore_host": "0.0.0.0"}, {"trusted_proxies": "10.0.0.0/8"}])
async def test_elsewhere_any_name_is_answered(settings: Settings, clock: FakeClock, change: dict[str, str]) -> None:
    async with running(settings.model_copy(update=change), clock) as gateway:
        assert (await gateway.get("/healthz", {"Host": "chat.example.org"})).status == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api", 404),
        ("GET", "/api/", 404),
        ("GET", "/api/chatter", 404),
        ("GET", "/api/auth", 404),
        ("GET", "/api/auth/me/", 404),
        ("DELETE", "/api/auth/me", 405),
        ("POST", "/healthz", 405),
        ("PUT", "/api/auth/keys", 405),
    ],
)
async def test_what_is_not_there_is_a_problem_document(gateway: Gateway, method: str, path: str, status: int) -> None:
    answer = await gateway.ask(method, path, {**BEARER, "Accept": "text/html"})

    assert answer.status == status
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/api/auth/me"])
async def test_head_answers_as_get_without_the_body(gateway: Gateway, path: str) -> None:
    answer = await gateway.ask("HEAD", path, BEARER)

    assert (answer.status, answer.body) == (200, b"")


async def test_health_and_readiness(gateway: Gateway) -> None:
    assert (await gateway.get("/healthz")).json() == {"status": "ok"}
    assert (await gateway.get("/readyz")).json() == {"status": "ready", "checks": {"database": "ok"}}


async def test_a_request_is_one_log_line_without_what_it_was_about(
    settings: Settings, clock: FakeClock, intelligence: Upstream, capsys: pytest.CaptureFixture[str]
) -> None:
    async def script(call: Call) -> None:
        clock.advance(1.5)
        await call.write(plain(b'{"response": "the-answer"}'))

    intelligence.script = script
    async with running(settings, clock) as gateway:
        answer = await gateway.post("/api/chat/message", BEARER, b'{"message": "the-question"}')
        await gateway.get("/api/chat/sessions/session-7?q=searched", BEARER)
        me = (await gateway.get("/api/auth/me", BEARER)).json()
        for quiet in ("/", "/healthz", "/readyz", "/metrics", "/assets/x.js"):
            await gateway.get(quiet)
    out = capsys.readouterr().out
    lines = [json.loads(line) for line in out.splitlines()]
    requests = [line for line in lines if line["event"] == "request"]

    assert [line["route"] for line in requests] == ["chat_message", "chat", "auth"]
    assert requests[0]["status"] == 200
    assert requests[0]["api_latency_ms"] == 1500
    assert requests[0]["request_id"] == answer.headers["x-request-id"]
    assert {line["user"] for line in requests} == {Pseudonyms(SECRET)(me["user_id"])}
    for secret in ("the-question", "the-answer", "session-7", "searched", me["user_id"], KEY):
        assert secret not in out


async def test_a_websocket_is_closed(settings: Settings, clock: FakeClock) -> None:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    await create_app(settings, clock=clock)({"type": "websocket", "path": "/", "headers": []}, receive, send)

    assert sent == [{"type": "websocket.close", "code": 1008}]


async def test_what_breaks_inside_is_told_without_details_and_logged(
    settings: Settings, clock: FakeClock, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Page) -> object:
        raise ValueError("inside")

    monkeypatch.setattr(Page, "_current", broken)
    async with running(settings, clock) as gateway:
        answer = await gateway.get("/", {"Accept": "text/html"})
        again = await gateway.get("/healthz")

    assert (answer.status, again.status) == (500, 200)
    out = capsys.readouterr().out
    assert answer.headers["content-security-policy"] == POLICY
    assert "inside" not in answer.detail + out
    assert '"error":"ValueError"' in out


async def test_what_breaks_in_the_account_routes_is_told_and_logged_alike(
    settings: Settings, clock: FakeClock, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(self: ApiKeys, user_id: str) -> object:
        raise ValueError("inside")

    monkeypatch.setattr(ApiKeys, "of", broken)
    async with running(settings, clock) as gateway:
        answer = await gateway.get("/api/auth/keys", BEARER)

    out = capsys.readouterr().out
    assert answer.status == 500
    assert "inside" not in answer.detail + out
    assert out.count('"error":"ValueError"') == 1


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/api/chat/message", "chat_message"),
        ("/api/chat/stream", "chat_stream"),
        ("/api/chat/stream/0190", "chat"),
        ("/api/chat", "chat"),
        ("/api/chatter", "api"),
        ("/v1/chat/completions", "v1_chat_completions"),
        ("/v1/models", "v1"),
        ("/v1x", "page"),
        ("/api/memory/preferences", "preferences"),
        ("/api/memory/facts", "facts"),
        ("/api/memory/facts/7", "memory"),
        ("/internal/facts/recall", "page"),
        ("/api/usage", "usage"),
        ("/api/auth/keys/0190", "auth"),
        ("/api/admin/users/0190/reset", "admin"),
        ("/api", "api"),
        ("/assets/index-12345678.js", "asset"),
        ("/", "page"),
        ("/settings/anything", "page"),
    ],
)
def test_a_route_is_named_without_what_is_in_the_path(path: str, route: str) -> None:
    assert route_of(path) == route


async def test_what_is_told_to_memory_goes_by_way_of_whoever_knows_the_locks(
    gateway: Gateway, intelligence: Upstream, memory: Upstream
) -> None:
    path = "/api/memory/facts"
    await gateway.post(path, BEARER, b"{}")
    await gateway.get(path, headers=BEARER)
    await gateway.ask("DELETE", path, BEARER)

    assert [call.method for call in intelligence.calls] == ["POST"]
    assert [call.method for call in memory.calls] == ["GET", "DELETE"]
