import asyncio
import hashlib
import re
from collections.abc import AsyncIterator

import pytest
from novakit.clock import FakeClock

from services.gateway.app.config import Settings
from tests.support.databases import BOTH

from .running import BEARER, Answer, Gateway, running

TOKEN = "t" * 43


@pytest.fixture
def with_link(settings: Settings) -> Settings:
    """A fresh start with a link and no bootstrap key: nobody has an account yet."""
    hashed = hashlib.sha256(TOKEN.encode()).hexdigest()
    return settings.model_copy(update={"novacore_signin_token_hash": hashed, "novacore_bootstrap_api_key": None})


@pytest.fixture
async def linked(with_link: Settings, clock: FakeClock) -> AsyncIterator[Gateway]:
    async with running(with_link, clock) as gateway:
        yield gateway


async def exchange(gateway: Gateway, token: str = TOKEN, **headers: str) -> Answer:
    return await gateway.post_json("/api/auth/link", headers, {"token": token})


def cookie_of(answer: Answer) -> dict[str, str]:
    return {"Cookie": answer.headers["set-cookie"].partition(";")[0]}


@BOTH
async def test_the_link_signs_the_browser_in_as_admin(linked: Gateway) -> None:
    answer = await exchange(linked, Origin=linked.url)
    me = await linked.get("/api/auth/me", cookie_of(answer))

    assert (answer.status, answer.body) == (204, b"")
    assert me.json()["role"] == "admin"
    assert me.json()["signed_in_by"] == "browser"


async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(linked: Gateway) -> None:
    cookie = (await exchange(linked)).headers["set-cookie"]
    name, *attributes = cookie.split("; ")

    assert re.fullmatch(r"nc_session=[A-Za-z0-9_-]{43}", name)
    assert {part.lower() for part in attributes} == {"httponly", "samesite=strict", "path=/", "max-age=2592000"}


@pytest.mark.parametrize(
    ("proxies", "proto", "secure"), [("127.0.0.1", "https", True), ("127.0.0.1", "http", False), ("", "https", False)]
)
async def test_the_cookie_is_secure_where_a_trusted_proxy_says_https(
    with_link: Settings, clock: FakeClock, proxies: str, proto: str, secure: bool
) -> None:
    async with running(with_link.model_copy(update={"trusted_proxies": proxies}), clock) as gateway:
        answer = await exchange(gateway, **{"X-Forwarded-Proto": proto})

    assert ("Secure" in answer.headers["set-cookie"]) == secure


@BOTH
async def test_the_link_works_once(linked: Gateway) -> None:
    assert (await exchange(linked)).status == 204

    again = await exchange(linked)

    assert again.status == 410
    assert "make up" in again.detail
    assert "set-cookie" not in again.headers


@BOTH
async def test_of_two_exchanges_at_once_one_wins(linked: Gateway) -> None:
    answers = await asyncio.gather(exchange(linked), exchange(linked))

    assert sorted(answer.status for answer in answers) == [204, 410]


@BOTH
async def test_the_link_works_once_over_restarts_of_the_gateway(with_link: Settings, clock: FakeClock) -> None:
    async with running(with_link, clock) as gateway:
        assert (await exchange(gateway)).status == 204
    async with running(with_link, clock) as gateway:
        assert (await exchange(gateway)).status == 410


async def test_a_wrong_token_is_refused_and_leaves_the_link_as_it_was(linked: Gateway) -> None:
    assert (await exchange(linked, "u" * 43)).status == 410
    assert (await exchange(linked)).status == 204


@pytest.mark.parametrize(("seconds", "status"), [(599, 204), (600, 410)])
async def test_the_link_works_within_ten_minutes(linked: Gateway, seconds: int, status: int) -> None:
    linked.clock.advance(seconds)

    assert (await exchange(linked)).status == status


@BOTH
async def test_a_restart_gives_the_link_no_more_time(with_link: Settings, clock: FakeClock) -> None:
    async with running(with_link, clock):
        clock.advance(400)
    async with running(with_link, clock) as gateway:
        clock.advance(400)

        assert (await exchange(gateway)).status == 410


@BOTH
async def test_a_new_link_signs_in_the_same_admin(with_link: Settings, clock: FakeClock) -> None:
    async with running(with_link, clock) as gateway:
        first = await gateway.get("/api/auth/me", cookie_of(await exchange(gateway)))
    hashed = hashlib.sha256(b"another").hexdigest()
    async with running(with_link.model_copy(update={"novacore_signin_token_hash": hashed}), clock) as gateway:
        second = await gateway.get("/api/auth/me", cookie_of(await exchange(gateway, "another")))

    assert first.json()["user_id"] == second.json()["user_id"]


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
    assert 'gateway_sign_ins_total{outcome="refused"} 5.0' in metrics
    assert 'gateway_sign_ins_total{outcome="throttled"} 1.0' in metrics
    linked.clock.advance(12)
    assert (await exchange(linked)).status == 204


async def test_a_foreign_page_cannot_sign_anyone_in(linked: Gateway) -> None:
    answer = await exchange(linked, Origin="http://evil.example")

    assert (answer.status, "set-cookie" in answer.headers) == (403, False)
    assert (await exchange(linked)).status == 204


async def test_the_token_travels_as_json_alone(linked: Gateway) -> None:
    form = {"Content-Type": "text/plain"}
    answer = await linked.post("/api/auth/link", form, f'{{"token": "{TOKEN}"}}'.encode())

    assert answer.status == 422
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("body", [{}, {"token": ""}, {"token": "x" * 201}, {"token": 1}, {"token": "x", "more": 1}])
async def test_another_body_is_refused_without_repeating_it(linked: Gateway, body: object) -> None:
    answer = await linked.post_json("/api/auth/link", {}, body)

    assert answer.status == 422
    assert "xx" not in answer.detail


async def test_a_session_ends_after_thirty_days(linked: Gateway) -> None:
    cookie = cookie_of(await exchange(linked))
    linked.clock.advance(30 * 24 * 3600 - 1)
    assert (await linked.get("/api/auth/me", cookie)).status == 200

    linked.clock.advance(1)

    assert (await linked.get("/api/auth/me", cookie)).status == 401


@BOTH
async def test_a_session_outlives_a_restart(with_link: Settings, clock: FakeClock) -> None:
    async with running(with_link, clock) as gateway:
        cookie = cookie_of(await exchange(gateway))
    async with running(with_link, clock) as gateway:
        assert (await gateway.get("/api/auth/me", cookie)).status == 200


@BOTH
async def test_logging_out_ends_the_session_at_once(linked: Gateway) -> None:
    cookie = cookie_of(await exchange(linked))
    assert (await linked.get("/api/auth/me", cookie)).status == 200

    answer = await linked.post("/api/auth/logout", {**cookie, **linked.own_page})

    assert answer.status == 204
    assert "nc_session=" in answer.headers["set-cookie"]
    assert "Max-Age=0" in answer.headers["set-cookie"]
    assert (await linked.get("/api/auth/me", cookie)).status == 401


async def test_a_key_cannot_be_logged_out(gateway: Gateway) -> None:
    answer = await gateway.post("/api/auth/logout", BEARER)

    assert answer.status == 400
    assert (await gateway.get("/api/auth/me", BEARER)).status == 200


async def test_a_cookie_is_no_key_and_a_key_is_no_cookie(linked: Gateway) -> None:
    cookie = cookie_of(await exchange(linked))
    session = cookie["Cookie"].partition("=")[2]
    made = await linked.post_json("/api/auth/keys", {**cookie, **linked.own_page}, {"name": "one"})
    key = made.json()["key"]

    assert (await linked.get("/api/auth/me", {"Authorization": f"Bearer {session}"})).status == 401
    assert (await linked.get("/api/auth/me", {"Cookie": f"nc_session={key}"})).status == 401


async def test_a_bad_key_is_not_made_good_by_a_cookie(linked: Gateway) -> None:
    cookie = cookie_of(await exchange(linked))

    for authorization in ("Bearer nc_unknown", "Bearer ", "Basic abc"):
        answer = await linked.get("/api/auth/me", {**cookie, "Authorization": authorization})
        assert answer.status == 401, authorization


async def test_the_session_is_stored_as_its_hash_alone(with_link: Settings, clock: FakeClock) -> None:
    async with running(with_link, clock) as gateway:
        session = cookie_of(await exchange(gateway))["Cookie"].partition("=")[2]
    stored = b"".join(path.read_bytes() for path in with_link.novacore_data_dir.iterdir())

    assert session.encode() not in stored
    assert TOKEN.encode() not in stored
    assert hashlib.sha256(session.encode()).hexdigest().encode() in stored
