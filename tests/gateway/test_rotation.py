"""A secret is replaced in its file, while people are signed in and metrics are read."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from novakit import secret_files
from novakit.clock import FakeClock
from novakit.signing import SPREAD_SECONDS
from pydantic import SecretStr

from services.gateway.app.auth.tokens import ACCESS_SECONDS, AccessTokens
from services.gateway.app.config import Settings

from .running import JWT_SECRET, PASSWORD, Browser, Gateway, running

NEW_SECRET = "n" * 32
ME = "/api/auth/me"
REFRESH = "/api/auth/refresh"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "jwt_secret"
    path.write_text(JWT_SECRET)
    return path


@pytest.fixture
async def gateway(
    settings: Settings, clock: FakeClock, file: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Gateway]:
    monkeypatch.setattr(secret_files, "LOOK_SECONDS", 0.001)
    async with running(settings.model_copy(update={"files": {"JWT_SECRET": file}}), clock) as started:
        yield started


@pytest.fixture
async def ada(gateway: Gateway) -> Browser:
    return await gateway.invited("Ada")


async def replaced(file: Path, ada: Browser) -> None:
    """Replace the secret, and return when the gateway knows: it takes a token that another one signed with it."""
    _write(file)
    claims = AccessTokens(JWT_SECRET).read(access_token(ada), ada.gateway.clock.wall())
    assert claims is not None
    token = AccessTokens(NEW_SECRET).sign(claims.user_id, claims.sign_in_id, ada.gateway.clock.wall())
    async with asyncio.timeout(10):
        while (await ada.gateway.get(ME, {"Authorization": f"Bearer {token}"})).status != 200:
            pass


def _write(file: Path) -> None:
    file.write_text(NEW_SECRET)


def access_token(browser: Browser) -> str:
    return browser.cookies["nc_access"][0]


async def test_who_is_signed_in_stays_signed_in(ada: Browser, file: Path, clock: FakeClock) -> None:
    before = ada.copy()
    await replaced(file, ada)
    clock.advance(SPREAD_SECONDS)
    assert (await ada.post(REFRESH, {})).status == 200
    assert AccessTokens(JWT_SECRET).read(access_token(ada), clock.wall()) is None
    assert AccessTokens(NEW_SECRET).read(access_token(ada), clock.wall()) is not None
    assert (await ada.get(ME)).status == 200
    clock.advance(ACCESS_SECONDS - SPREAD_SECONDS - 1)
    assert (await before.get(ME)).status == 200


async def test_what_the_old_secret_signs_counts_no_longer_once_all_of_it_has_expired(
    ada: Browser, file: Path, clock: FakeClock
) -> None:
    claims = AccessTokens(JWT_SECRET).read(access_token(ada), clock.wall())
    assert claims is not None
    await replaced(file, ada)
    clock.advance(2 * SPREAD_SECONDS + ACCESS_SECONDS)
    for secret, status in ((NEW_SECRET, 200), (JWT_SECRET, 401)):
        token = AccessTokens(secret).sign(claims.user_id, claims.sign_in_id, clock.wall())
        assert (await ada.gateway.get(ME, {"Authorization": f"Bearer {token}"})).status == status


async def test_an_answer_that_was_lost_while_the_secret_changed_can_still_be_asked_for_again(
    ada: Browser, file: Path, clock: FakeClock
) -> None:
    await replaced(file, ada)
    clock.advance(SPREAD_SECONDS - 1)
    other = ada.copy()
    assert (await ada.post(REFRESH, {})).status == 200
    clock.advance(2)
    assert (await other.post(REFRESH, {})).status == 200
    assert other.cookies["nc_refresh"] == ada.cookies["nc_refresh"]
    assert (await ada.post(REFRESH, {})).status == 200


async def test_signing_in_goes_on(ada: Browser, file: Path, clock: FakeClock) -> None:
    await replaced(file, ada)
    clock.advance(SPREAD_SECONDS)
    phone = Browser(ada.gateway)
    assert (await phone.post("/api/auth/login", {"name": "Ada", "password": PASSWORD})).status == 200
    assert (await phone.get(ME)).status == 200


async def test_metrics_are_read_with_the_new_token_alone_once_it_is_noticed(
    settings: Settings, clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secret_files, "LOOK_SECONDS", 0.001)
    file = tmp_path / "metrics_token"
    file.write_text("old-token")
    outside = {"novacore_host": "0.0.0.0", "metrics_token": SecretStr("old-token"), "files": {"METRICS_TOKEN": file}}
    old, new = {"Authorization": "Bearer old-token"}, {"Authorization": "Bearer new-token"}
    async with running(settings.model_copy(update=outside), clock) as gateway:
        assert (await gateway.get("/metrics", old)).status == 200
        assert (await gateway.get("/metrics", new)).status == 401
        file.write_text("new-token")
        async with asyncio.timeout(10):
            while (await gateway.get("/metrics", new)).status != 200:
                pass
        assert (await gateway.get("/metrics", old)).status == 401
