"""No password, key or token is found in anything that the gateway writes or says of itself."""

import json
import re

import pytest
from novakit.clock import FakeClock
from sqlalchemy.exc import OperationalError

from services.gateway.app.config import Settings
from services.gateway.app.store.tickets import Tickets
from services.gateway.app.store.users import Users
from tests.support.databases import BOTH

from .running import BEARER, JWT_SECRET, KEY, LINK_HASH, LINK_TOKEN, PASSWORD, SECRET, Browser, Gateway, running

pytestmark = BOTH

WRONG = "a wrong password"
NEW = "a new and longer one"


async def everything_that_is_done_with_secrets(gateway: Gateway) -> tuple[set[str], list[str]]:
    """What must be found nowhere, and the bodies of all errors meanwhile."""
    secrets = {PASSWORD, WRONG, NEW, KEY, LINK_TOKEN, LINK_HASH, SECRET, JWT_SECRET}
    errors = []
    admin = Browser(gateway)
    await admin.post("/api/auth/link", {"token": LINK_TOKEN})
    invitation = (await admin.post("/api/admin/invitations", {})).json()["token"]
    registration = {"name": "Ada", "password": PASSWORD, "invitation": invitation}
    ada = Browser(gateway)
    await ada.post("/api/auth/register", registration)
    user_id = (await ada.get("/api/auth/me")).json()["user_id"]
    key = (await ada.post("/api/auth/keys", {"name": "k"})).json()["key"]
    tokens = (await gateway.post_json("/api/auth/login", {}, {"name": "Ada", "password": PASSWORD})).json()
    first = ada.copy()
    await ada.post("/api/auth/refresh", {})
    gateway.clock.advance(60)
    reused = await first.post("/api/auth/refresh", {})
    reset = (await admin.post(f"/api/admin/users/{user_id}/reset", {})).json()["token"]
    for browser in (admin, ada, first):
        secrets |= {value for value, _path in browser.cookies.values()}
    secrets |= {invitation, key, reset, tokens["access_token"], tokens["refresh_token"]}
    for answer in (
        reused,
        await gateway.post_json("/api/auth/refresh", {}, {"refresh_token": tokens["refresh_token"] + "x"}),
        await gateway.get("/api/auth/me", {"Authorization": f"Bearer {key}x"}),
        await gateway.get("/api/auth/me", {"Authorization": f"Bearer {tokens['access_token']}x"}),
        await gateway.post_json("/api/auth/login", {}, {"name": "Ada", "password": WRONG}),
        await gateway.post_json("/api/auth/login", {}, {"name": "Ada", "password": [WRONG]}),
        await gateway.post_json("/api/auth/register", {}, registration),
        await gateway.post_json("/api/auth/register", {}, {**registration, "password": f"{PASSWORD}\ud800"}),
        await gateway.post("/api/auth/login", {"Content-Type": "application/json"}, f'{{"{WRONG}'.encode()),
        await gateway.post_json("/api/auth/reset", {}, {"token": f"{reset}x", "password": NEW}),
        await gateway.post_json("/api/auth/link", {}, {"token": LINK_TOKEN}),
        await admin.post("/api/auth/password", {"name": "Ada", "new_password": NEW}),
    ):
        assert answer.status >= 400
        errors.append(answer.body.decode())
    return secrets, errors


async def test_no_log_metric_or_error_holds_a_secret(
    settings: Settings, clock: FakeClock, capsys: pytest.CaptureFixture[str]
) -> None:
    with_link = settings.model_copy(update={"novacore_signin_token_hash": LINK_HASH, "log_level": "debug"})
    async with running(with_link, clock) as gateway:
        secrets, errors = await everything_that_is_done_with_secrets(gateway)
        metrics = (await gateway.get("/metrics")).body.decode()
    out = capsys.readouterr()
    found = [
        (place, secret[:6])
        for place, text in (("log", out.out + out.err), ("metrics", metrics), ("errors", "\n".join(errors)))
        for secret in secrets
        if secret in text
    ]

    assert len(secrets) > 15
    assert found == []
    assert "refresh_token_reused" in out.out
    assert "Ada" not in out.out + metrics


async def test_a_database_that_fails_quotes_nothing(
    settings: Settings, clock: FakeClock, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_arguments: object, **_more: object) -> object:
        raise OperationalError("INSERT", {"password": PASSWORD}, Exception(f"cannot write {PASSWORD}"))

    monkeypatch.setattr(Users, "login", broken)
    monkeypatch.setattr(Tickets, "works", broken)
    async with running(settings, clock) as gateway:
        login = await gateway.post_json("/api/auth/login", {}, {"name": "Ada", "password": PASSWORD})
        reset = await gateway.post_json("/api/auth/reset", {}, {"token": "token", "password": PASSWORD})
    out = capsys.readouterr()

    assert (login.status, reset.status, login.headers["retry-after"]) == (503, 503, "2")
    assert PASSWORD not in login.body.decode() + reset.body.decode() + out.out + out.err


async def test_what_is_logged_of_an_account_names_nobody(
    settings: Settings, clock: FakeClock, capsys: pytest.CaptureFixture[str]
) -> None:
    async with running(settings, clock) as gateway:
        ada = await gateway.invited("Ada")
        user_id = (await ada.get("/api/auth/me")).json()["user_id"]
        headers = {**BEARER, "Content-Type": "application/json"}
        await gateway.ask("PATCH", f"/api/admin/users/{user_id}", headers, b'{"disabled": true}')
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    changes = [line for line in lines if line["event"] == "account_changed"]

    assert len(changes) == 1
    assert changes[0]["disabled"] is True
    assert all(re.fullmatch(r"[0-9a-f]{12}", changes[0][name]) for name in ("account", "by"))
    assert not any(user_id in json.dumps(line) or "Ada" in json.dumps(line) for line in lines)
