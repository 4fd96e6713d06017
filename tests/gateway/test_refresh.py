"""Access tokens are short, and refresh tokens are replaced at each use."""

import asyncio

import jwt
import pytest
from novakit.clock import FakeClock
from novakit.identity import sign

from services.gateway.app.auth.tokens import ACCESS_SECONDS, AccessTokens, RefreshTokens
from services.gateway.app.config import Settings
from services.gateway.app.store.sign_ins import SignIns
from tests.support.databases import BOTH

from .running import JWT_SECRET, PASSWORD, SECRET, Answer, Browser, Gateway, running

pytestmark = BOTH
ME = "/api/auth/me"
REFRESH = "/api/auth/refresh"
DAY = 86400


@pytest.fixture
async def ada(gateway: Gateway) -> Browser:
    return await gateway.invited("Ada")


async def program(gateway: Gateway) -> dict[str, str]:
    """What a program is given that signs in as Ada."""
    answer = await gateway.post_json("/api/auth/login", {}, {"name": "Ada", "password": PASSWORD})
    tokens: dict[str, str] = answer.json()
    return tokens


async def refreshed(gateway: Gateway, token: str) -> Answer:
    return await gateway.post_json(REFRESH, {}, {"refresh_token": token})


async def test_an_access_token_is_good_for_fifteen_minutes(ada: Browser) -> None:
    ada.gateway.clock.advance(ACCESS_SECONDS - 1)
    assert (await ada.get(ME)).status == 200

    ada.gateway.clock.advance(1)

    assert (await ada.get(ME)).status == 401


async def test_a_page_gets_new_cookies_for_its_old_one(ada: Browser) -> None:
    before = dict(ada.cookies)
    ada.gateway.clock.advance(ACCESS_SECONDS)
    answer = await ada.post(REFRESH, {})

    assert answer.status == 200
    assert set(answer.json()) == {"user_id", "name", "role", "expires_in"}
    assert {name: ada.cookies[name] != before[name] for name in before} == {"nc_access": True, "nc_refresh": True}
    assert (await ada.get(ME)).status == 200


async def test_a_program_gets_new_tokens_for_its_old_one(gateway: Gateway, ada: Browser) -> None:
    first = await program(gateway)
    gateway.clock.advance(ACCESS_SECONDS)
    second = (await refreshed(gateway, first["refresh_token"])).json()

    assert second["refresh_token"] != first["refresh_token"]
    assert (await gateway.get(ME, {"Authorization": f"Bearer {first['access_token']}"})).status == 401
    assert (await gateway.get(ME, {"Authorization": f"Bearer {second['access_token']}"})).status == 200


async def test_a_refresh_token_that_was_replaced_ends_its_whole_family(ada: Browser) -> None:
    thief = ada.copy()
    assert (await ada.post(REFRESH, {})).status == 200
    assert (await ada.get(ME)).status == 200
    ada.gateway.clock.advance(10)

    reused = await thief.post(REFRESH, {})

    assert (reused.status, "ended everywhere" in reused.detail) == (401, True)
    # Neither has anything left that works: not the newest refresh token, not the access token of a moment ago.
    assert (await ada.get(ME)).status == 401
    assert (await ada.post(REFRESH, {})).status == 401
    assert (await thief.post(REFRESH, {})).status == 401
    metrics = (await ada.gateway.get("/metrics")).body.decode()
    assert 'gateway_token_refreshes_total{service="gateway",outcome="reused"} 1.0' in metrics


async def test_it_is_the_owner_who_notices_where_the_thief_was_first(ada: Browser) -> None:
    thief = ada.copy()
    await thief.post(REFRESH, {})
    ada.gateway.clock.advance(3600)

    assert (await ada.post(REFRESH, {})).status == 401
    assert (await thief.post(REFRESH, {})).status == 401


async def test_any_older_token_ends_the_family_not_only_the_last(ada: Browser) -> None:
    thief = ada.copy()
    for _ in range(5):
        ada.gateway.clock.advance(ACCESS_SECONDS)
        await ada.post(REFRESH, {})

    assert (await thief.post(REFRESH, {})).status == 401
    assert (await ada.get(ME)).status == 401


async def test_other_sign_ins_of_the_same_user_go_on(ada: Browser) -> None:
    phone = Browser(ada.gateway)
    await phone.post("/api/auth/login", {"name": "Ada", "password": PASSWORD})
    thief = ada.copy()
    await ada.post(REFRESH, {})
    ada.gateway.clock.advance(10)
    await thief.post(REFRESH, {})

    assert (await phone.get(ME)).status == 200


async def test_two_windows_that_refresh_at_once_get_the_same_token(ada: Browser) -> None:
    other = ada.copy()
    ada.gateway.clock.advance(ACCESS_SECONDS)
    answers = await asyncio.gather(ada.post(REFRESH, {}), other.post(REFRESH, {}))

    assert [answer.status for answer in answers] == [200, 200]
    assert ada.cookies["nc_refresh"] == other.cookies["nc_refresh"]


async def test_a_lost_answer_can_be_asked_for_again_for_ten_seconds(ada: Browser) -> None:
    other = ada.copy()
    await ada.post(REFRESH, {})
    ada.gateway.clock.advance(9.9)
    assert (await other.post(REFRESH, {})).status == 200

    assert other.cookies["nc_refresh"] == ada.cookies["nc_refresh"]
    assert (await ada.get(ME)).status == 200


async def test_a_repeat_gives_nobody_a_second_line(ada: Browser) -> None:
    """Whoever repeats within the ten seconds has the same token as the first; the next use of it tells them apart."""
    thief = ada.copy()
    await ada.post(REFRESH, {})
    await thief.post(REFRESH, {})
    ada.gateway.clock.advance(60)
    assert (await ada.post(REFRESH, {})).status == 200
    ada.gateway.clock.advance(60)

    assert (await thief.post(REFRESH, {})).status == 401
    assert (await ada.get(ME)).status == 401


async def test_only_the_token_of_just_before_may_be_repeated(ada: Browser) -> None:
    thief = ada.copy()
    await ada.post(REFRESH, {})
    await ada.post(REFRESH, {})

    assert (await thief.post(REFRESH, {})).status == 401
    assert (await ada.get(ME)).status == 401


async def test_a_sign_in_ends_thirty_days_after_it_was_last_refreshed(ada: Browser) -> None:
    for _ in range(2):
        ada.gateway.clock.advance(30 * DAY - 1)
        assert (await ada.post(REFRESH, {})).status == 200

    ada.gateway.clock.advance(30 * DAY)

    assert (await ada.post(REFRESH, {})).status == 401


async def test_a_sign_in_outlives_a_restart(settings: Settings, clock: FakeClock) -> None:
    async with running(settings, clock) as gateway:
        browser = await gateway.invited("Ada")
    async with running(settings, clock) as gateway:
        browser = Browser(gateway, browser.cookies)
        assert (await browser.get(ME)).status == 200
        clock.advance(ACCESS_SECONDS)
        assert (await browser.post(REFRESH, {})).status == 200


@pytest.mark.parametrize("token", ["", "x", "a.b", "01890a5d-ac96-774b-bcce-b302099a8057.", "." * 5])
async def test_what_is_no_refresh_token_is_refused(gateway: Gateway, token: str) -> None:
    body = {"refresh_token": token} if token else {}
    answer = await gateway.post_json(REFRESH, {}, body)

    assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")


async def test_a_verified_access_token_asks_no_database_for_a_while(
    ada: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_up = []
    owner = SignIns.owner

    async def counted(self: SignIns, sign_in_id: str, wall: float) -> object:
        looked_up.append(sign_in_id)
        return await owner(self, sign_in_id, wall)

    monkeypatch.setattr(SignIns, "owner", counted)
    for _ in range(10):
        assert (await ada.get("/v1/models")).status == 200
    assert len(looked_up) == 1
    ada.gateway.clock.advance(30)
    await ada.get("/v1/models")

    assert len(looked_up) == 2


async def test_logging_out_everywhere_counts_at_once(ada: Browser) -> None:
    phone = Browser(ada.gateway)
    await phone.post("/api/auth/login", {"name": "Ada", "password": PASSWORD})
    key = (await ada.post("/api/auth/keys", {"name": "script"})).json()["key"]
    assert (await phone.get(ME)).status == 200

    answer = await ada.post("/api/auth/logout-everywhere", {})

    assert (answer.status, ada.cookies) == (204, {})
    assert (await phone.get(ME)).status == 401
    assert (await phone.post(REFRESH, {})).status == 401
    assert (await ada.gateway.get(ME, {"Authorization": f"Bearer {key}"})).status == 200


async def test_what_another_replica_ends_counts_within_half_a_minute(settings: Settings, clock: FakeClock) -> None:
    async with running(settings, clock) as gateway, running(settings, clock) as other:
        here = await gateway.invited("Ada")
        there = Browser(other, dict(here.cookies))
        assert (await there.get(ME)).status == 200
        await here.post("/api/auth/logout-everywhere", {})
        clock.advance(30)

        assert (await there.get(ME)).status == 401


def claims(**changed: object) -> str:
    wall = int(FakeClock().wall())
    told = {"aud": "gateway", "sub": "user", "sid": "sign-in", "iat": wall, "exp": wall + 60, **changed}
    return jwt.encode({name: value for name, value in told.items() if value is not None}, JWT_SECRET, "HS256")


def test_an_access_token_says_whose_it_is_of_which_sign_in_and_until_when() -> None:
    wall = FakeClock().wall()
    tokens = AccessTokens(JWT_SECRET)
    read = tokens.read(tokens.sign("user", "sign-in", wall), wall)

    assert read is not None
    assert (read.user_id, read.sign_in_id, read.expires_at) == ("user", "sign-in", wall + ACCESS_SECONDS)


@pytest.mark.parametrize(
    "token",
    [
        claims(aud="intelligence"),
        claims(aud=None),
        claims(exp=int(FakeClock().wall())),
        claims(exp=None),
        claims(sub=None),
        claims(sid=None),
        claims(sub=7),
        claims(exp="soon"),
        claims()[:-2] + "xx",
        jwt.encode({"aud": "gateway", "sub": "u", "sid": "s", "exp": 2_000_000_000}, "o" * 32, "HS256"),
        jwt.encode({"aud": "gateway", "sub": "u", "sid": "s", "exp": 2_000_000_000}, "", "none"),
        jwt.encode({"aud": "gateway", "sub": "u", "sid": "s", "exp": 2_000_000_000}, JWT_SECRET * 2, "HS512"),
        sign(JWT_SECRET, issuer="gateway", audience="intelligence", wall=FakeClock().wall()),
        "",
        "a.b.c",
        "\udce9",
    ],
)
def test_a_token_that_is_not_ours_or_not_whole_or_too_old_says_nothing(token: str) -> None:
    assert AccessTokens(JWT_SECRET).read(token, FakeClock().wall()) is None


async def test_a_service_token_is_no_access_token_though_both_secrets_were_the_same(
    settings: Settings, clock: FakeClock
) -> None:
    same = settings.model_copy(update={"jwt_secret": settings.service_jwt_secret})
    async with running(same, clock) as gateway:
        token = sign(SECRET, issuer="gateway", audience="intelligence", wall=clock.wall())
        assert (await gateway.get(ME, {"Authorization": f"Bearer {token}"})).status == 401


def test_a_successor_follows_from_the_token_and_our_secret_alone() -> None:
    tokens = RefreshTokens(JWT_SECRET)
    first = tokens.first("01890a5d-ac96-774b-bcce-b302099a8057")

    assert tokens.successors(first) == RefreshTokens(JWT_SECRET).successors(first) != (first,)
    assert RefreshTokens("o" * 32).successors(first) != tokens.successors(first)
    assert tokens.sign_in_of(*tokens.successors(first)) == "01890a5d-ac96-774b-bcce-b302099a8057"
