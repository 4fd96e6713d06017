"""What a call must show that relies on the browser's cookie."""

from collections.abc import AsyncIterator

import pytest
from novakit.clock import FakeClock

from services.gateway.app.auth.origin import is_own
from services.gateway.app.config import Settings

from .running import BEARER, LINK_HASH, LINK_TOKEN, Browser, Gateway, running
from .upstream import Upstream

JSON = {"Content-Type": "application/json"}
SOME_ID = "01890a5d-ac96-774b-bcce-b302099a8057"


@pytest.fixture
async def signed_in(settings: Settings, clock: FakeClock) -> AsyncIterator[tuple[Gateway, dict[str, str]]]:
    async with running(settings.model_copy(update={"novacore_signin_token_hash": LINK_HASH}), clock) as gateway:
        browser = Browser(gateway)
        await browser.post("/api/auth/link", {"token": LINK_TOKEN})
        held = "; ".join(f"{name}={value}" for name, (value, _path) in browser.cookies.items())
        yield gateway, {"Cookie": held}


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_the_own_page_may_change_things(
    signed_in: tuple[Gateway, dict[str, str]], intelligence: Upstream, method: str
) -> None:
    gateway, cookie = signed_in
    answer = await gateway.ask(method, "/api/chat/sessions/7", {**cookie, **gateway.own_page, **JSON}, b"{}")

    assert (answer.status, len(intelligence.calls)) == (200, 1)


@pytest.mark.parametrize(
    "origin", [None, "null", "http://evil.example", "http://127.0.0.1:1", "https://127.0.0.1", ""]
)
async def test_a_foreign_page_may_not(
    signed_in: tuple[Gateway, dict[str, str]], intelligence: Upstream, origin: str | None
) -> None:
    gateway, cookie = signed_in
    named = {} if origin is None else {"Origin": origin}
    answer = await gateway.post("/api/chat/message", {**cookie, **named, **JSON}, b"{}")

    assert answer.status == 403
    assert "Origin" in answer.detail
    assert intelligence.calls == []


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
async def test_a_body_must_be_json(
    signed_in: tuple[Gateway, dict[str, str]], intelligence: Upstream, media_type: str
) -> None:
    gateway, cookie = signed_in
    headers = {**cookie, **gateway.own_page, "Content-Type": media_type}
    answer = await gateway.post("/api/chat/message", headers, b"{}")

    assert answer.status == 403
    assert "application/json" in answer.detail
    assert intelligence.calls == []


async def test_json_may_name_its_charset(signed_in: tuple[Gateway, dict[str, str]]) -> None:
    gateway, cookie = signed_in
    headers = {**cookie, **gateway.own_page, "Content-Type": "Application/JSON; charset=utf-8"}

    assert (await gateway.post("/api/chat/message", headers, b"{}")).status == 200


@pytest.mark.parametrize("method", ["DELETE", "POST"])
async def test_without_a_body_the_origin_is_enough(
    signed_in: tuple[Gateway, dict[str, str]], intelligence: Upstream, method: str
) -> None:
    gateway, cookie = signed_in
    without = await gateway.ask(method, "/api/chat/sessions/7/end", cookie)
    with_origin = await gateway.ask(method, "/api/chat/sessions/7/end", {**cookie, **gateway.own_page})

    assert (without.status, with_origin.status) == (403, 200)
    assert len(intelligence.calls) == 1


async def test_a_body_without_a_length_is_a_body(signed_in: tuple[Gateway, dict[str, str]]) -> None:
    async def parts() -> AsyncIterator[bytes]:
        yield b"{}"

    gateway, cookie = signed_in
    headers = {**cookie, **gateway.own_page, "Content-Type": "text/plain"}

    assert (await gateway.post("/api/chat/message", headers, parts())).status == 403


async def test_reading_needs_no_origin(signed_in: tuple[Gateway, dict[str, str]]) -> None:
    gateway, cookie = signed_in

    assert (await gateway.get("/api/chat/sessions", cookie)).status == 200


CHANGES = [
    ("POST", "/api/auth/keys"),
    ("DELETE", f"/api/auth/keys/{SOME_ID}"),
    ("POST", "/api/auth/logout"),
    ("POST", "/api/auth/logout-everywhere"),
    ("POST", "/api/auth/password"),
    ("POST", "/api/auth/refresh"),
    ("PATCH", f"/api/admin/users/{SOME_ID}"),
    ("POST", f"/api/admin/users/{SOME_ID}/reset"),
    ("POST", "/api/admin/invitations"),
    ("DELETE", f"/api/admin/invitations/{SOME_ID}"),
]


@pytest.mark.parametrize(("method", "path"), CHANGES)
async def test_no_foreign_page_changes_anything_with_a_cookie(
    signed_in: tuple[Gateway, dict[str, str]], method: str, path: str
) -> None:
    gateway, cookie = signed_in
    for origin in ({}, {"Origin": "http://evil.example"}, {"Origin": "null"}):
        answer = await gateway.ask(method, path, {**cookie, **origin, **JSON}, b"{}")
        # A call without an Origin is a program's, and a program's refresh token is not in a cookie.
        assert answer.status == (401 if path == "/api/auth/refresh" and not origin else 403), origin

    assert (await gateway.get("/api/auth/me", cookie)).status == 200


@pytest.mark.parametrize(("method", "path"), CHANGES)
async def test_no_form_of_our_own_page_changes_anything(
    signed_in: tuple[Gateway, dict[str, str]], method: str, path: str
) -> None:
    gateway, cookie = signed_in
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await gateway.ask(method, path, {**cookie, **gateway.own_page, **form}, b"a=b")

    assert answer.status in {403, 422}
    assert (await gateway.get("/api/auth/me", cookie)).status == 200


@pytest.mark.parametrize("path", ["/api/auth/login", "/api/auth/register", "/api/auth/reset", "/api/auth/link"])
async def test_no_foreign_page_signs_anyone_in(signed_in: tuple[Gateway, dict[str, str]], path: str) -> None:
    gateway, _cookie = signed_in
    bodies = {
        "/api/auth/login": {"name": "a", "password": "x" * 12},
        "/api/auth/register": {"name": "a", "password": "x" * 12},
        "/api/auth/reset": {"token": "a", "password": "x" * 12},
        "/api/auth/link": {"token": "a"},
    }
    answer = await gateway.post_json(path, {"Origin": "http://evil.example"}, bodies[path])

    assert answer.status == 403


async def test_the_own_page_may_change_its_account(signed_in: tuple[Gateway, dict[str, str]]) -> None:
    gateway, cookie = signed_in
    own = await gateway.post_json("/api/auth/keys", {**cookie, **gateway.own_page}, {"name": "x"})

    assert own.status == 201


async def test_under_v1_the_refusal_has_openais_shape(signed_in: tuple[Gateway, dict[str, str]]) -> None:
    gateway, cookie = signed_in
    answer = await gateway.post("/v1/chat/completions", {**cookie, **JSON}, b"{}")

    assert (answer.status, answer.json()["error"]["type"]) == (403, "permission_error")


async def test_a_key_needs_neither_origin_nor_json(gateway: Gateway) -> None:
    headers = {**BEARER, "Origin": "http://evil.example", "Content-Type": "text/plain"}

    assert (await gateway.post("/api/chat/message", headers, b"{}")).status == 200


@pytest.mark.parametrize(
    ("origin", "host", "own"),
    [
        ("http://127.0.0.1:8080", "127.0.0.1:8080", True),
        ("http://localhost:8080", "LOCALHOST:8080", True),
        ("https://chat.example.org", "chat.example.org", True),
        ("https://chat.example.org", "chat.example.org:443", True),
        ("http://chat.example.org", "chat.example.org:80", True),
        ("http://[::1]:8080", "[::1]:8080", True),
        ("http://127.0.0.1:8080", "localhost:8080", False),
        ("http://127.0.0.1:8081", "127.0.0.1:8080", False),
        ("https://chat.example.org:8443", "chat.example.org", False),
        ("https://chat.example.org.evil.example", "chat.example.org", False),
        ("chat.example.org", "chat.example.org", False),
        ("null", "null", False),
        ("http://", "", False),
        ("http://chat.example.org", None, False),
    ],
)
def test_an_origin_is_own_where_it_names_the_host(origin: str, host: str | None, own: bool) -> None:
    assert is_own(origin, host) == own
