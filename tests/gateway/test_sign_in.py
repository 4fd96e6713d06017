import asyncio
import hashlib
import re
from collections.abc import AsyncIterator

import pytest
from novakit.clock import FakeClock

from services.gateway.app.config import Settings
from tests.support.databases import BOTH, MadeDatabase

from .running import BEARER, LINK_HASH, LINK_TOKEN, Answer, Browser, Gateway, running

pytestmark = BOTH

REFRESH_FORM = r"[0-9a-f-]{36}\.[A-Za-z0-9_-]{43}"


@pytest.fixture
def with_link(settings: Settings) -> Settings:
    """A fresh start with a link and no bootstrap key: nobody has an account yet."""
    changed = {"novacore_signin_token_hash": LINK_HASH, "novacore_bootstrap_api_key": None}
    return settings.model_copy(update=changed)


@pytest.fixture
async def linked(with_link: Settings, clock: FakeClock) -> AsyncIterator[Gateway]:
    async with running(with_link, clock) as gateway:
        yield gateway


async def exchange(gateway: Gateway, token: str = LINK_TOKEN) -> Answer:
    return await Browser(gateway).post("/api/auth/link", {"token": token})


async def signed_in(gateway: Gateway, token: str = LINK_TOKEN) -> Browser:
    browser = Browser(gateway)
    assert (await browser.post("/api/auth/link", {"token": token})).status == 200
    return browser


async def test_the_link_signs_the_browser_in_as_admin(linked: Gateway) -> None:
    browser = Browser(linked)
    answer = await browser.post("/api/auth/link", {"token": LINK_TOKEN})
    me = (await browser.get("/api/auth/me")).json()

    assert answer.status == 200
    assert answer.json() == {"user_id": me["user_id"], "role": "admin", "expires_in": 900}
    assert (me["role"], me["name"], me["has_password"]) == ("admin", None, False)
    assert (me["signed_in_by"], me["scope"]) == ("session", None)


async def test_the_cookies_are_out_of_reach_of_scripts_and_other_sites(linked: Gateway) -> None:
    cookies = (await exchange(linked)).headers.getall("set-cookie")
    (access, *of_access), (refresh, *of_refresh) = (cookie.split("; ") for cookie in cookies)

    assert re.fullmatch(r"nc_access=[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", access)
    assert re.fullmatch(rf"nc_refresh={REFRESH_FORM}", refresh)
    assert {part.lower() for part in of_access} == {"httponly", "samesite=strict", "path=/", "max-age=900"}
    assert {part.lower() for part in of_refresh} == {
        "httponly",
        "samesite=strict",
        "path=/api/auth",
        "max-age=2592000",
    }


async def test_a_page_is_given_no_token_that_it_could_read(linked: Gateway) -> None:
    answer = await exchange(linked)

    assert "token" not in answer.body.decode()


async def test_a_program_is_given_its_tokens_in_the_body_and_no_cookies(linked: Gateway) -> None:
    answer = await linked.post_json("/api/auth/link", {}, {"token": LINK_TOKEN})
    tokens = answer.json()
    me = await linked.get("/api/auth/me", {"Authorization": f"Bearer {tokens['access_token']}"})

    assert "set-cookie" not in answer.headers
    assert re.fullmatch(REFRESH_FORM, tokens["refresh_token"])
    assert (me.status, me.json()["signed_in_by"]) == (200, "session")


@pytest.mark.parametrize(
    ("proxies", "proto", "secure"), [("127.0.0.1", "https", True), ("127.0.0.1", "http", False), ("", "https", False)]
)
async def test_the_cookies_are_secure_where_a_trusted_proxy_says_https(
    with_link: Settings, clock: FakeClock, proxies: str, proto: str, secure: bool
) -> None:
    async with running(with_link.model_copy(update={"trusted_proxies": proxies}), clock) as gateway:
        headers = {**gateway.own_page, "X-Forwarded-Proto": proto}
        answer = await gateway.post_json("/api/auth/link", headers, {"token": LINK_TOKEN})

    assert ["Secure" in cookie for cookie in answer.headers.getall("set-cookie")] == [secure, secure]


async def test_the_link_works_once(linked: Gateway) -> None:
    assert (await exchange(linked)).status == 200

    again = await exchange(linked)

    assert again.status == 410
    assert "make up" in again.detail
    assert "set-cookie" not in again.headers


async def test_of_two_exchanges_at_once_one_wins(linked: Gateway) -> None:
    answers = await asyncio.gather(exchange(linked), exchange(linked))

    assert sorted(answer.status for answer in answers) == [200, 410]


async def test_the_link_works_once_over_restarts_of_the_gateway(with_link: Settings, clock: FakeClock) -> None:
    async with running(with_link, clock) as gateway:
        assert (await exchange(gateway)).status == 200
    async with running(with_link, clock) as gateway:
        assert (await exchange(gateway)).status == 410


async def test_a_wrong_token_is_refused_and_leaves_the_link_as_it_was(linked: Gateway) -> None:
    assert (await exchange(linked, "u" * 43)).status == 410
    assert (await exchange(linked)).status == 200


@pytest.mark.parametrize(("seconds", "status"), [(599, 200), (600, 410)])
async def test_the_link_works_within_ten_minutes(linked: Gateway, seconds: int, status: int) -> None:
    linked.clock.advance(seconds)

    assert (await exchange(linked)).status == status


async def test_a_restart_gives_the_link_no_more_time(with_link: Settings, clock: FakeClock) -> None:
    async with running(with_link, clock):
        clock.advance(400)
    async with running(with_link, clock) as gateway:
        clock.advance(400)

        assert (await exchange(gateway)).status == 410


async def test_a_new_link_signs_in_the_same_admin(with_link: Settings, clock: FakeClock) -> None:
    async with running(with_link, clock) as gateway:
        first = (await exchange(gateway)).json()
    hashed = hashlib.sha256(b"another").hexdigest()
    async with running(with_link.model_copy(update={"novacore_signin_token_hash": hashed}), clock) as gateway:
        second = (await exchange(gateway, "another")).json()

    assert first["user_id"] == second["user_id"]


async def test_a_new_link_ends_the_one_before(with_link: Settings, clock: FakeClock) -> None:
    async with running(with_link, clock):
        pass
    hashed = hashlib.sha256(b"another").hexdigest()
    async with running(with_link.model_copy(update={"novacore_signin_token_hash": hashed}), clock) as gateway:
        assert (await exchange(gateway)).status == 410


async def test_without_a_link_nobody_signs_in(gateway: Gateway) -> None:
    assert (await exchange(gateway)).status == 410


async def test_attempts_are_throttled_and_counted(linked: Gateway) -> None:
    answers = [await exchange(linked, f"wrong-{number}") for number in range(6)]
    metrics = (await linked.get("/metrics")).body.decode()

    assert [answer.status for answer in answers] == [410] * 5 + [429]
    assert answers[-1].headers["retry-after"] == "12"
    assert 'gateway_sign_ins_total{service="gateway",outcome="refused",way="link"} 5.0' in metrics
    assert 'gateway_sign_ins_total{service="gateway",outcome="throttled",way="link"} 1.0' in metrics
    linked.clock.advance(12)
    assert (await exchange(linked)).status == 200


async def test_a_foreign_page_cannot_sign_anyone_in(linked: Gateway) -> None:
    answer = await linked.post_json("/api/auth/link", {"Origin": "http://evil.example"}, {"token": LINK_TOKEN})

    assert (answer.status, "set-cookie" in answer.headers) == (403, False)
    assert (await exchange(linked)).status == 200


async def test_the_token_travels_as_json_alone(linked: Gateway) -> None:
    form = {"Content-Type": "text/plain"}
    answer = await linked.post("/api/auth/link", form, f'{{"token": "{LINK_TOKEN}"}}'.encode())

    assert answer.status == 422
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("body", [{}, {"token": ""}, {"token": "x" * 201}, {"token": 1}, {"token": "x", "more": 1}])
async def test_another_body_is_refused_without_repeating_it(linked: Gateway, body: object) -> None:
    answer = await linked.post_json("/api/auth/link", {}, body)

    assert answer.status == 422
    assert "xx" not in answer.detail


async def test_logging_out_ends_the_sign_in_at_once(linked: Gateway) -> None:
    browser = await signed_in(linked)
    stolen = browser.copy()
    assert (await stolen.get("/api/auth/me")).status == 200

    answer = await browser.post("/api/auth/logout", {})

    assert (answer.status, answer.body) == (204, b"")
    assert browser.cookies == {}
    assert (await stolen.get("/api/auth/me")).status == 401
    assert (await stolen.post("/api/auth/refresh", {})).status == 401


async def test_logging_out_leaves_the_other_devices_signed_in(linked: Gateway) -> None:
    laptop = await signed_in(linked)
    await laptop.post("/api/auth/password", {"name": "Ada", "new_password": "correct horse battery"})
    phone = Browser(linked)
    await phone.post("/api/auth/login", {"name": "Ada", "password": "correct horse battery"})
    await laptop.post("/api/auth/logout", {})

    assert (await phone.get("/api/auth/me")).status == 200


async def test_a_key_cannot_be_logged_out(gateway: Gateway) -> None:
    answer = await gateway.post("/api/auth/logout", BEARER)

    assert answer.status == 400
    assert (await gateway.get("/api/auth/me", BEARER)).status == 200


async def test_a_key_is_no_cookie(linked: Gateway) -> None:
    browser = await signed_in(linked)
    key = (await browser.post("/api/auth/keys", {"name": "one"})).json()["key"]
    assert (await linked.get("/api/auth/me", {"Authorization": f"Bearer {key}"})).status == 200

    assert (await linked.get("/api/auth/me", {"Cookie": f"nc_access={key}"})).status == 401


async def test_a_bad_key_is_not_made_good_by_a_cookie(linked: Gateway) -> None:
    browser = await signed_in(linked)
    cookie = {"Cookie": f"nc_access={browser.cookies['nc_access'][0]}"}
    assert (await linked.get("/api/auth/me", cookie)).status == 200

    for authorization in ("Bearer nc_unknown", "Bearer ", "Basic abc", "Bearer a.b.c"):
        answer = await linked.get("/api/auth/me", {**cookie, "Authorization": authorization})
        assert answer.status == 401, authorization


async def test_tokens_are_stored_as_their_hash_alone(
    with_link: Settings, database: MadeDatabase, clock: FakeClock
) -> None:
    async with running(with_link, clock) as gateway:
        browser = await signed_in(gateway)
    stored = database.stored()
    access, refresh = (browser.cookies[name][0] for name in ("nc_access", "nc_refresh"))

    for secret in (access, refresh, refresh.partition(".")[2], LINK_TOKEN):
        assert secret.encode() not in stored
    assert hashlib.sha256(refresh.encode()).hexdigest().encode() in stored
