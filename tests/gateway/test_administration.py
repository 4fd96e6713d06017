"""What an admin sees and changes of accounts."""

import asyncio
import json
from typing import Any

import pytest

from tests.support.databases import BOTH, MadeDatabase

from .running import AS_SERVED, BEARER, KEY, PASSWORD, Answer, Browser, Gateway
from .upstream import Upstream

pytestmark = BOTH

ME = "/api/auth/me"
USERS = "/api/admin/users"
SOME_ID = "01890a5d-ac96-774b-bcce-b302099a8057"


async def change(gateway: Gateway, user_id: str, **wanted: object) -> Answer:
    headers = {**BEARER, "Content-Type": "application/json"}
    return await gateway.ask("PATCH", f"{USERS}/{user_id}", headers, json.dumps(wanted).encode())


async def listed(gateway: Gateway, query: str = "") -> dict[str, Any]:
    answer = await gateway.get(f"{USERS}{query}", BEARER)
    page: dict[str, Any] = answer.json()
    return page


async def id_of(browser: Browser) -> str:
    return str((await browser.get(ME)).json()["user_id"])


async def test_users_are_listed_oldest_first(gateway: Gateway) -> None:
    gateway.clock.advance(1)
    await gateway.invited("Ada")
    page = await listed(gateway)

    assert (page["total"], page["next_cursor"]) == (2, None)
    assert [(user["name"], user["role"]) for user in page["users"]] == [(None, "admin"), ("Ada", "user")]
    assert page["users"][1] == {
        "id": page["users"][1]["id"],
        "name": "Ada",
        "role": "user",
        "created_at": "2023-11-14T22:13:21Z",
        "disabled_at": None,
        "last_sign_in_at": "2023-11-14T22:13:21Z",
        "has_password": True,
    }


async def test_users_are_searched_by_name_and_paged(gateway: Gateway) -> None:
    for name in ("Ada", "Adam", "Grace", "100%"):
        gateway.clock.advance(60)
        await gateway.invited(name)
    first = await listed(gateway, "?q=ADA&limit=1")
    second = await listed(gateway, f"?q=ADA&limit=1&cursor={first['next_cursor']}")

    assert [user["name"] for user in first["users"] + second["users"]] == ["Ada", "Adam"]
    assert (first["total"], second["total"], second["next_cursor"]) == (2, 2, None)
    assert [user["name"] for user in (await listed(gateway, "?q=%25"))["users"]] == ["100%"]
    assert (await listed(gateway, "?q=nobody"))["total"] == 0


@pytest.mark.parametrize("query", ["?limit=0", "?limit=201", "?cursor=x", f"?q={'x' * 129}", "?q=%00"])
async def test_a_page_that_cannot_be_is_refused(gateway: Gateway, query: str) -> None:
    assert (await gateway.get(f"{USERS}{query}", BEARER)).status == 422


async def test_a_disabled_user_is_out_at_once_with_all_devices_and_keys(
    gateway: Gateway, intelligence: Upstream
) -> None:
    ada = await gateway.invited("Ada")
    key = {"Authorization": f"Bearer {(await ada.post('/api/auth/keys', {'name': 'k'})).json()['key']}"}
    user_id = await id_of(ada)
    assert (await ada.get("/v1/models")).status == (await gateway.get("/v1/models", key)).status == 200

    disabled = await change(gateway, user_id, disabled=True)

    assert disabled.json()["disabled_at"] == "2023-11-14T22:13:20Z"
    assert (await ada.get("/v1/models")).status == (await gateway.get("/v1/models", key)).status == 401
    assert (await ada.post("/api/auth/refresh", {})).status == 401
    assert len(intelligence.calls) == 2


async def test_an_enabled_user_signs_in_again_and_keys_work_again(gateway: Gateway) -> None:
    ada = await gateway.invited("Ada")
    key = {"Authorization": f"Bearer {(await ada.post('/api/auth/keys', {'name': 'k'})).json()['key']}"}
    user_id = await id_of(ada)
    await change(gateway, user_id, disabled=True)
    enabled = await change(gateway, user_id, disabled=False)

    assert enabled.json()["disabled_at"] is None
    assert (await ada.get(ME)).status == 401
    assert (await gateway.get(ME, key)).status == 200
    assert (await Browser(gateway).post("/api/auth/login", {"name": "Ada", "password": PASSWORD})).status == 200


async def test_disabling_twice_keeps_the_first_time(gateway: Gateway) -> None:
    user_id = await id_of(await gateway.invited("Ada"))
    first = (await change(gateway, user_id, disabled=True)).json()
    gateway.clock.advance(60)

    assert (await change(gateway, user_id, disabled=True)).json() == first


async def test_a_role_counts_at_once(gateway: Gateway, intelligence: Upstream) -> None:
    ada = await gateway.invited("Ada")
    user_id = await id_of(ada)
    assert (await ada.get(USERS)).status == 403
    await change(gateway, user_id, role="admin")
    assert (await ada.get(USERS)).status == 200
    await ada.get("/v1/models")
    await change(gateway, user_id, role="user")
    assert (await ada.get(USERS)).status == 403
    await ada.get("/v1/models")

    assert [call.header("x-user-role") for call in intelligence.calls] == ["admin", "user"]


async def test_a_demoted_admins_keys_and_invitations_lose_their_power(gateway: Gateway) -> None:
    grace = await gateway.invited("Grace", role="admin")
    key = (await grace.post("/api/auth/keys", {"name": "k", "scope": "admin"})).json()["key"]
    invitation = (await grace.post("/api/admin/invitations", {"role": "admin"})).json()["token"]
    await change(gateway, await id_of(grace), role="user")
    registration = {"name": "Mallory", "password": PASSWORD, "invitation": invitation}

    assert (await gateway.get(USERS, {"Authorization": f"Bearer {key}"})).status == 403
    assert (await Browser(gateway).post("/api/auth/register", registration)).status == 410


@pytest.mark.parametrize("wanted", [{"disabled": True}, {"role": "user"}, {"disabled": True, "role": "user"}])
async def test_the_last_admin_stays(gateway: Gateway, wanted: dict[str, object]) -> None:
    me = (await gateway.get(ME, BEARER)).json()["user_id"]
    grace = await id_of(await gateway.invited("Grace", role="admin"))
    assert (await change(gateway, grace, disabled=True)).status == 200

    refused = await change(gateway, me, **wanted)

    assert (refused.status, "last admin" in refused.detail) == (409, True)
    assert (await gateway.get(USERS, BEARER)).status == 200


async def test_an_admin_may_go_where_another_stays(gateway: Gateway) -> None:
    grace = await gateway.invited("Grace", role="admin")
    me = (await gateway.get(ME, BEARER)).json()["user_id"]

    assert (await change(gateway, me, disabled=True)).status == 200
    assert (await gateway.get(USERS, BEARER)).status == 401
    assert (await grace.get(USERS)).status == 200


async def test_two_admins_who_demote_each_other_at_once_leave_one(gateway: Gateway) -> None:
    me = (await gateway.get(ME, BEARER)).json()["user_id"]
    other = await id_of(await gateway.invited("Grace", role="admin"))
    answers = await asyncio.gather(change(gateway, me, role="user"), change(gateway, other, role="user"))

    assert sorted(answer.status for answer in answers) in ([200, 403], [200, 409])


async def test_a_change_of_nothing_changes_nothing(gateway: Gateway) -> None:
    user_id = await id_of(await gateway.invited("Ada"))

    assert (await change(gateway, user_id)).json()["role"] == "user"


@pytest.mark.parametrize("wanted", [{"role": "emperor"}, {"disabled": 7}, {"name": "Eve"}])
async def test_nothing_else_can_be_changed(gateway: Gateway, wanted: dict[str, object]) -> None:
    assert (await change(gateway, await id_of(await gateway.invited("Ada")), **wanted)).status == 422


async def test_who_is_not_there_is_neither_changed_nor_reset(gateway: Gateway) -> None:
    assert (await change(gateway, SOME_ID, disabled=True)).status == 404
    assert (await gateway.post(f"{USERS}/{SOME_ID}/reset", BEARER)).status == 404
    assert (await gateway.ask("DELETE", f"/api/admin/invitations/{SOME_ID}", BEARER)).status == 404


async def test_an_admin_revokes_all_keys_of_a_user_and_of_nobody_else(gateway: Gateway) -> None:
    ada, grace = await gateway.invited("Ada"), await gateway.invited("Grace")
    made = [await browser.post("/api/auth/keys", {"name": "a key"}) for browser in (ada, ada, grace)]
    bearers = [{"Authorization": f"Bearer {answer.json()['key']}"} for answer in made]
    before = [(await gateway.get(ME, bearer)).status for bearer in bearers]
    revoked = await gateway.ask("DELETE", f"{USERS}/{await id_of(ada)}/keys", BEARER)
    after = [(await gateway.get(ME, bearer)).status for bearer in bearers]

    assert revoked.status == 204
    assert (before, after) == ([200] * 3, [401, 401, 200])
    assert (await ada.get("/api/auth/keys")).json() == {"keys": []}
    assert (await gateway.ask("DELETE", f"{USERS}/{SOME_ID}/keys", BEARER)).status == 404


async def test_an_account_without_a_name_is_not_reset(gateway: Gateway) -> None:
    me = (await gateway.get(ME, BEARER)).json()["user_id"]

    assert (await gateway.post(f"{USERS}/{me}/reset", BEARER)).status == 409


async def test_an_invitation_is_listed_without_its_token_until_it_is_used(gateway: Gateway) -> None:
    made = (await gateway.post_json("/api/admin/invitations", BEARER, {"expires_in_hours": 2})).json()
    before = await gateway.get("/api/admin/invitations", BEARER)
    registration = {"name": "Ada", "password": PASSWORD, "invitation": made["token"]}
    await Browser(gateway).post("/api/auth/register", registration)
    after = await gateway.get("/api/admin/invitations", BEARER)
    [shown] = before.json()["invitations"]

    assert made["path"] == f"/#invite={made['token']}"
    assert (shown["id"], shown["role"]) == (made["id"], "user")
    assert shown["expires_at"] == made["expires_at"] == "2023-11-15T00:13:20Z"
    assert made["token"] not in before.body.decode()
    assert before.headers["cache-control"] == "no-store"
    assert after.json() == {"invitations": []}


@AS_SERVED
async def test_passwords_and_tokens_are_stored_as_hashes_alone(gateway: Gateway, database: MadeDatabase) -> None:
    ada = await gateway.invited("Ada")
    invitation = (await gateway.post_json("/api/admin/invitations", BEARER, {})).json()["token"]
    reset = (await gateway.post(f"{USERS}/{await id_of(ada)}/reset", BEARER)).json()["token"]
    stored = database.stored()

    for secret in (PASSWORD, KEY, invitation, reset):
        assert secret.encode() not in stored
    assert b"$argon2id$v=19$m=19456,t=2,p=1$" in stored


async def test_the_settings_in_force_are_told_to_an_admin_and_no_secret_among_them(gateway: Gateway) -> None:
    answer = await gateway.get("/api/admin/configuration", BEARER)
    told = {each["name"]: each for each in answer.json()["settings"]}

    assert answer.json()["service"] == "gateway"
    assert (told["AUTH_REGISTRATION"]["value"], told["AUTH_REGISTRATION"]["source"]) == ("invite", "default")
    assert (told["JWT_SECRET"]["value"], told["JWT_SECRET"]["secret"]) == (None, True)
    assert "NOVACORE_SIGNIN_TOKEN_HASH" not in told
    assert KEY not in answer.body.decode()
    assert answer.headers["cache-control"] == "no-store"
    guest = await gateway.invited("Ada")
    assert (await guest.get("/api/admin/configuration")).status == 403
