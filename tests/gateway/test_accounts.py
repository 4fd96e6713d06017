"""Registering, signing in with a password, changing it, and setting a new one by an admin's link."""

import asyncio
from threading import Barrier

import pytest
from novakit.clock import FakeClock

from services.gateway.app.auth.names import key_of
from services.gateway.app.auth.passwords import Work
from services.gateway.app.config import Settings
from tests.support.databases import BOTH

from .running import BEARER, ENDS_WITHIN, LINK_HASH, LINK_TOKEN, PASSWORD, Answer, Browser, Gateway, running

pytestmark = BOTH
ME = "/api/auth/me"
NEW = "a new and longer one"


@pytest.fixture
def open_settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"auth_registration": "open"})


async def invitation(gateway: Gateway, **wanted: object) -> str:
    answer = await gateway.post_json("/api/admin/invitations", BEARER, wanted)
    return str(answer.json()["token"])


async def register(gateway: Gateway, name: str, token: str | None, password: str = PASSWORD) -> Answer:
    return await Browser(gateway).post(
        "/api/auth/register", {"name": name, "password": password, "invitation": token}
    )


async def log_in(gateway: Gateway, name: str, password: str = PASSWORD) -> Answer:
    return await Browser(gateway).post("/api/auth/login", {"name": name, "password": password})


async def test_who_is_invited_registers_and_is_signed_in(gateway: Gateway) -> None:
    browser = Browser(gateway)
    registration = {"name": " Ada  Lovelace ", "password": PASSWORD, "invitation": await invitation(gateway)}
    answer = await browser.post("/api/auth/register", registration)
    me = (await browser.get(ME)).json()

    assert answer.status == 201
    assert (me["name"], me["role"], me["has_password"]) == ("Ada Lovelace", "user", True)
    assert answer.json() == {"user_id": me["user_id"], "name": "Ada Lovelace", "role": "user", "expires_in": 900}


async def test_an_invitation_may_make_an_admin(gateway: Gateway) -> None:
    grace = await gateway.invited("Grace", role="admin")

    assert (await grace.get("/api/admin/users")).status == 200


async def test_an_invitation_works_once(gateway: Gateway) -> None:
    token = await invitation(gateway)
    first = await register(gateway, "Ada", token)
    second = await register(gateway, "Grace", token)

    assert (first.status, second.status) == (201, 410)


async def test_of_two_that_use_an_invitation_at_once_one_gets_in(gateway: Gateway) -> None:
    token = await invitation(gateway)
    answers = await asyncio.gather(register(gateway, "Ada", token), register(gateway, "Grace", token))

    assert sorted(answer.status for answer in answers) == [201, 410]
    assert (await gateway.get("/api/admin/users", BEARER)).json()["total"] == 2


async def test_an_invitation_expires_and_can_be_revoked(gateway: Gateway) -> None:
    short = await invitation(gateway, expires_in_hours=1)
    revoked = await gateway.post_json("/api/admin/invitations", BEARER, {})
    await gateway.ask("DELETE", f"/api/admin/invitations/{revoked.json()['id']}", BEARER)
    gateway.clock.advance(3600)

    assert (await register(gateway, "Ada", short)).status == 410
    assert (await register(gateway, "Ada", revoked.json()["token"])).status == 410


async def test_a_name_that_is_taken_costs_no_invitation(gateway: Gateway) -> None:
    await gateway.invited("Ada")
    token = await invitation(gateway)
    taken = await register(gateway, "\uff21DA", token)

    assert (taken.status, "another" in taken.detail) == (409, True)
    assert (await register(gateway, "Grace", token)).status == 201


async def test_without_an_invitation_nobody_registers(gateway: Gateway) -> None:
    answer = await register(gateway, "Ada", None)

    assert (answer.status, "invitation" in answer.detail) == (403, True)
    assert (await register(gateway, "Ada", "guessed")).status == 410


async def test_where_registering_is_open_anyone_becomes_a_user(open_settings: Settings, clock: FakeClock) -> None:
    async with running(open_settings, clock) as gateway:
        answer = await register(gateway, "Ada", None)
        taken = await register(gateway, "ada", None)

    assert (answer.status, answer.json()["role"]) == (201, "user")
    assert taken.status == 409


async def test_open_or_not_the_first_account_is_the_one_of_link_or_key(
    open_settings: Settings, clock: FakeClock
) -> None:
    nobody = {"novacore_bootstrap_api_key": None, "novacore_signin_token_hash": LINK_HASH}
    async with running(open_settings.model_copy(update=nobody), clock) as gateway:
        early = await register(gateway, "Mallory", None)
        await Browser(gateway).post("/api/auth/link", {"token": LINK_TOKEN})
        late = await register(gateway, "Ada", None)

    assert (early.status, "make up" in early.detail) == (403, True)
    assert (late.status, late.json()["role"]) == (201, "user")


@pytest.mark.parametrize(
    ("name", "password", "named"),
    [
        ("", PASSWORD, "name"),
        ("   ", PASSWORD, "name"),
        ("x" * 65, PASSWORD, "name"),
        ("\u0958" * 40, PASSWORD, "name"),
        ("a\u0000b", PASSWORD, "name"),
        ("a\u202eb", PASSWORD, "name"),
        ("\ufdfa" * 10, PASSWORD, "name"),
        ("Ada", "eleven char", "password"),
        ("Ada", "x" * 257, "password"),
        ("Ada Lovelace", "ada lovelace", "password"),
    ],
)
async def test_a_name_is_printable_and_a_password_long_and_another(
    gateway: Gateway, name: str, password: str, named: str
) -> None:
    token = await invitation(gateway)
    answer = await register(gateway, name, token, password)

    assert (answer.status, answer.detail.partition(":")[0]) == (422, named)
    assert password not in answer.detail
    assert (await register(gateway, "Grace", token)).status == 201


async def test_a_short_password_is_told_how_long_it_has_to_be(gateway: Gateway) -> None:
    answer = await register(gateway, "Grace", await invitation(gateway), "short")

    assert answer.detail == "password: it must have 12 to 256 characters"


@pytest.mark.parametrize("name", ["Zoë", "ZOË", "zoe\u0308", " Zoë ", "\uff3aoë"])
async def test_a_name_is_known_however_it_is_written(gateway: Gateway, name: str) -> None:
    await gateway.invited("Zoë")

    assert (await log_in(gateway, name)).status == 200


@pytest.mark.parametrize(("one", "other"), [("STRASSE", "straße"), ("ﬁn", "FIN"), ("a  b", "A B"), ("\u017f", "s")])
def test_names_are_compared_without_case_width_and_spaces(one: str, other: str) -> None:
    assert key_of(one) == key_of(other) == key_of(key_of(one))


async def test_the_right_password_signs_in(gateway: Gateway) -> None:
    await gateway.invited("Ada")
    browser = Browser(gateway)
    answer = await browser.post("/api/auth/login", {"name": "Ada", "password": PASSWORD})
    listed = (await gateway.get("/api/admin/users?q=ada", BEARER)).json()["users"]

    assert (answer.status, answer.json()["name"]) == (200, "Ada")
    assert (await browser.get(ME)).status == 200
    assert listed[0]["last_sign_in_at"] == "2023-11-14T22:13:20Z"


async def test_what_is_wrong_with_a_sign_in_is_not_told(gateway: Gateway) -> None:
    ada = await gateway.invited("Ada")
    await gateway.invited("Gone")
    gone = (await gateway.get("/api/admin/users?q=gone", BEARER)).json()["users"][0]["id"]
    disabled = await gateway.ask(
        "PATCH", f"/api/admin/users/{gone}", {**BEARER, "Content-Type": "application/json"}, b'{"disabled": true}'
    )
    answers = [await log_in(gateway, "Nobody"), await log_in(gateway, "Ada", NEW), await log_in(gateway, "Gone")]

    assert disabled.status == 200
    assert [answer.status for answer in answers] == [401] * 3
    assert len({answer.body for answer in answers}) == 1
    assert len({tuple(sorted(set(answer.headers) - {"Date"})) for answer in answers}) == 1
    assert (await ada.get(ME)).status == 200


async def test_an_admin_who_came_by_link_chooses_a_name_and_a_password(settings: Settings, clock: FakeClock) -> None:
    async with running(settings.model_copy(update={"novacore_signin_token_hash": LINK_HASH}), clock) as gateway:
        browser = Browser(gateway)
        await browser.post("/api/auth/link", {"token": LINK_TOKEN})
        nameless = await browser.post("/api/auth/password", {"new_password": PASSWORD})
        chosen = await browser.post("/api/auth/password", {"name": "Ada", "new_password": PASSWORD})
        me = (await browser.get(ME)).json()
        signed_in = await log_in(gateway, "Ada")

    assert (nameless.status, nameless.detail.partition(":")[0]) == (422, "name")
    assert (chosen.status, me["name"], me["has_password"], me["role"]) == (204, "Ada", True, "admin")
    assert signed_in.status == 200


async def test_a_name_that_somebody_has_is_not_given_to_the_admin(gateway: Gateway) -> None:
    await gateway.invited("Ada")
    answer = await gateway.post_json("/api/auth/password", BEARER, {"name": "ADA", "new_password": PASSWORD})

    assert answer.status == 409
    assert (await gateway.get(ME, BEARER)).json()["has_password"] is False


async def test_changing_a_password_needs_the_present_one_and_ends_the_other_sign_ins(gateway: Gateway) -> None:
    ada = await gateway.invited("Ada")
    phone = Browser(gateway)
    await phone.post("/api/auth/login", {"name": "Ada", "password": PASSWORD})
    assert (await phone.get(ME)).status == 200
    without = await ada.post("/api/auth/password", {"new_password": NEW})
    wrong = await ada.post("/api/auth/password", {"new_password": NEW, "current_password": NEW})
    right = await ada.post("/api/auth/password", {"new_password": NEW, "current_password": PASSWORD})

    assert (without.status, wrong.status, right.status) == (422, 403, 204)
    assert (await phone.get(ME)).status == 401
    assert (await ada.get(ME)).status == 200
    assert (await log_in(gateway, "Ada")).status == 401
    assert (await log_in(gateway, "Ada", NEW)).status == 200


async def test_a_name_is_not_changed(gateway: Gateway) -> None:
    ada = await gateway.invited("Ada")
    change = {"name": "Grace", "new_password": NEW, "current_password": PASSWORD}

    assert (await ada.post("/api/auth/password", change)).status == 422
    assert (await ada.post("/api/auth/password", {**change, "name": "Ada"})).status == 204


async def test_of_two_changes_at_once_one_counts(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = await gateway.invited("Ada")
    verify, both = Work.verify, Barrier(2)

    def verify_both(work: Work, password: str, hashed: str) -> tuple[bool, str | None]:
        both.wait(ENDS_WITHIN)
        return verify(work, password, hashed)

    # Each has read what the other is about to change.
    monkeypatch.setattr(Work, "verify", verify_both)
    changes = [{"new_password": f"{NEW} {number}", "current_password": PASSWORD} for number in range(2)]
    answers = await asyncio.gather(*(ada.copy().post("/api/auth/password", change) for change in changes))

    assert sorted(answer.status for answer in answers) == [204, 409]


async def test_a_stolen_session_cannot_try_many_present_passwords(gateway: Gateway) -> None:
    ada = await gateway.invited("Ada")
    guesses = [{"new_password": NEW, "current_password": f"guess {number}"} for number in range(6)]
    statuses = [(await ada.post("/api/auth/password", guess)).status for guess in guesses]

    assert statuses == [403] * 5 + [429]


async def reset_of(gateway: Gateway, name: str) -> str:
    user = (await gateway.get(f"/api/admin/users?q={name}", BEARER)).json()["users"][0]
    answer = await gateway.post(f"/api/admin/users/{user['id']}/reset", BEARER)
    assert answer.status == 201, answer.body
    assert answer.json()["path"] == f"/#reset={answer.json()['token']}"
    return str(answer.json()["token"])


async def test_a_reset_sets_a_new_password_and_ends_every_sign_in(gateway: Gateway) -> None:
    ada = await gateway.invited("Ada")
    assert (await ada.get(ME)).status == 200
    token = await reset_of(gateway, "ada")
    assert (await ada.get(ME)).status == 401
    assert (await ada.post("/api/auth/refresh", {})).status == 401
    browser = Browser(gateway)
    answer = await browser.post("/api/auth/reset", {"token": token, "password": NEW})

    assert (answer.status, answer.json()["name"]) == (200, "Ada")
    assert (await browser.get(ME)).status == 200
    assert (await log_in(gateway, "Ada", NEW)).status == 200
    assert (await log_in(gateway, "Ada")).status == 401


async def test_a_reset_works_once_within_a_day_and_the_newest_alone(gateway: Gateway) -> None:
    await gateway.invited("Ada")
    older, newer = await reset_of(gateway, "ada"), await reset_of(gateway, "ada")
    late = await reset_of(gateway, "ada")

    async def use(token: str) -> int:
        return (await Browser(gateway).post("/api/auth/reset", {"token": token, "password": NEW})).status

    assert (await use(older), await use(newer), await use(late), await use(late)) == (410, 410, 200, 410)
    late = await reset_of(gateway, "ada")
    gateway.clock.advance(24 * 3600)
    assert await use(late) == 410


async def use(gateway: Gateway, reset: str) -> int:
    return (await Browser(gateway).post("/api/auth/reset", {"token": reset, "password": NEW})).status


async def test_a_reset_does_not_outlive_a_change_of_the_password(gateway: Gateway) -> None:
    await gateway.invited("Ada")
    token = await reset_of(gateway, "ada")
    ada = Browser(gateway)
    await ada.post("/api/auth/login", {"name": "Ada", "password": PASSWORD})
    changed = await ada.post("/api/auth/password", {"current_password": PASSWORD, "new_password": NEW + "!"})

    assert changed.status == 204
    assert await use(gateway, token) == 410
    assert (await log_in(gateway, "Ada", NEW + "!")).status == 200


async def test_a_reset_does_not_come_back_with_its_user(gateway: Gateway) -> None:
    await gateway.invited("Ada")
    token = await reset_of(gateway, "ada")
    user = (await gateway.get("/api/admin/users?q=ada", BEARER)).json()["users"][0]["id"]
    json = {**BEARER, "Content-Type": "application/json"}
    for disabled in (b"true", b"false"):
        await gateway.ask("PATCH", f"/api/admin/users/{user}", json, b'{"disabled": %s}' % disabled)

    assert await use(gateway, token) == 410


async def test_an_invitation_is_no_reset_and_a_reset_no_invitation(gateway: Gateway) -> None:
    await gateway.invited("Ada")
    reset, invited = await reset_of(gateway, "ada"), await invitation(gateway)

    assert (await register(gateway, "Grace", reset)).status == 410
    assert (await Browser(gateway).post("/api/auth/reset", {"token": invited, "password": NEW})).status == 410


async def test_a_disabled_user_sets_no_password(gateway: Gateway) -> None:
    await gateway.invited("Ada")
    token = await reset_of(gateway, "ada")
    user = (await gateway.get("/api/admin/users?q=ada", BEARER)).json()["users"][0]["id"]
    json = {**BEARER, "Content-Type": "application/json"}
    await gateway.ask("PATCH", f"/api/admin/users/{user}", json, b'{"disabled": true}')
    answer = await Browser(gateway).post("/api/auth/reset", {"token": token, "password": NEW})

    assert answer.status == 410
