import asyncio
import hashlib
import re

import pytest
from novakit.clock import FakeClock
from pydantic import SecretStr
from sqlalchemy.exc import OperationalError

from services.gateway.app.auth.verified import Verified
from services.gateway.app.config import Settings
from services.gateway.app.credentials import Caller
from services.gateway.app.store.api_keys import ApiKeys, NewKey
from services.gateway.app.store.first_admin import FirstAdmin
from tests.support.databases import BOTH, MadeDatabase

from .running import BEARER, KEY, Answer, Gateway, running
from .upstream import Upstream

pytestmark = BOTH

CALLER = Caller("user", "admin", "api_key", "credential", None)


async def make_key(gateway: Gateway, name: str = "laptop", **more: object) -> Answer:
    return await gateway.post_json("/api/auth/keys", BEARER, {"name": name, **more})


def bearer(answer: Answer) -> dict[str, str]:
    return {"Authorization": f"Bearer {answer.json()['key']}"}


async def test_a_new_key_is_shown_once_and_works(gateway: Gateway) -> None:
    made = await make_key(gateway)
    listed = await gateway.get("/api/auth/keys", BEARER)

    assert made.status == 201
    assert set(made.json()) == {"id", "name", "scope", "key", "created_at", "expires_at"}
    assert re.fullmatch(r"nc_[A-Za-z0-9_-]{43}", made.json()["key"])
    assert (await gateway.get("/api/auth/me", bearer(made))).json()["signed_in_by"] == "api_key"
    assert made.json()["key"] not in listed.body.decode()
    assert made.headers["cache-control"] == listed.headers["cache-control"] == "no-store"


async def test_keys_are_listed_oldest_first_with_their_last_use(gateway: Gateway) -> None:
    gateway.clock.advance(1)
    made = await make_key(gateway, " phone ")
    listed = (await gateway.get("/api/auth/keys", BEARER)).json()["keys"]

    assert [key["name"] for key in listed] == ["bootstrap", "phone"]
    assert listed[1]["id"] == made.json()["id"]
    assert listed[1]["created_at"] == made.json()["created_at"] == "2023-11-14T22:13:21Z"
    assert (listed[0]["last_used_at"], listed[1]["last_used_at"]) == ("2023-11-14T22:13:21Z", None)


async def test_the_last_use_is_written_once_an_hour(gateway: Gateway) -> None:
    seen = []
    for _ in range(4):
        seen.append((await gateway.get("/api/auth/keys", BEARER)).json()["keys"][0]["last_used_at"])
        gateway.clock.advance(1500)

    assert seen == ["2023-11-14T22:13:20Z"] * 3 + ["2023-11-14T23:28:20Z"]


async def test_a_revoked_key_is_refused_at_once(gateway: Gateway, intelligence: Upstream) -> None:
    made = await make_key(gateway)
    assert (await gateway.get("/v1/models", bearer(made))).status == 200

    revoked = await gateway.ask("DELETE", f"/api/auth/keys/{made.json()['id']}", BEARER)

    assert revoked.status == 204
    assert (await gateway.get("/v1/models", bearer(made))).status == 401
    assert len(intelligence.calls) == 1
    assert [key["name"] for key in (await gateway.get("/api/auth/keys", BEARER)).json()["keys"]] == ["bootstrap"]


async def test_a_key_is_revoked_once(gateway: Gateway) -> None:
    path = f"/api/auth/keys/{(await make_key(gateway)).json()['id']}"
    await gateway.ask("DELETE", path, BEARER)

    assert (await gateway.ask("DELETE", path, BEARER)).status == 404


async def test_an_unknown_id_is_404_and_a_malformed_one_422(gateway: Gateway) -> None:
    unknown = await gateway.ask("DELETE", "/api/auth/keys/01890a5d-ac96-774b-bcce-b302099a8057", BEARER)
    malformed = await gateway.ask("DELETE", "/api/auth/keys/seven", BEARER)

    assert (unknown.status, malformed.status) == (404, 422)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": ""},
        {"name": "  "},
        {"name": "x" * 81},
        {"name": "a", "role": "b"},
        {"name": "a", "scope": "all"},
        {"name": "a", "expires_in_days": 0},
        {"name": "a", "expires_in_days": 3651},
    ],
)
async def test_a_key_needs_a_name_and_knows_two_scopes_and_ten_years(gateway: Gateway, body: object) -> None:
    assert (await gateway.post_json("/api/auth/keys", BEARER, body)).status == 422


@pytest.mark.parametrize(
    "authorization", ["Bearer nc_" + "y" * 40, f"Bearer {KEY}x", f"Bearer {KEY[:-1]}", f"Basic {KEY}", KEY, "Bearer"]
)
async def test_an_unknown_key_is_refused(gateway: Gateway, authorization: str) -> None:
    answer = await gateway.get("/api/auth/me", {"Authorization": authorization})

    assert answer.status == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert KEY[:-1] not in answer.detail


async def test_a_verified_key_asks_no_database_for_a_while(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up = []
    find = ApiKeys.find

    async def counted(self: ApiKeys, hashed: str) -> object:
        looked_up.append(hashed)
        return await find(self, hashed)

    monkeypatch.setattr(ApiKeys, "find", counted)
    for _ in range(10):
        assert (await gateway.get("/v1/models", BEARER)).status == 200
    assert len(looked_up) == 1

    gateway.clock.advance(30)
    await gateway.get("/v1/models", BEARER)

    assert len(looked_up) == 2


async def test_a_database_that_fails_is_no_wrong_key(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(self: ApiKeys, hashed: str) -> object:
        raise OperationalError("SELECT", {}, Exception("disk"))

    monkeypatch.setattr(ApiKeys, "find", broken)
    answer = await gateway.get("/v1/models", BEARER)

    assert (answer.status, answer.headers["retry-after"]) == (503, "2")


async def test_a_last_use_that_cannot_be_written_fails_no_call(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(self: ApiKeys, credential_id: str, wall: float) -> None:
        raise OperationalError("UPDATE", {}, Exception("disk"))

    monkeypatch.setattr(ApiKeys, "touch", broken)

    assert (await gateway.get("/v1/models", BEARER)).status == 200


async def test_the_bootstrap_key_makes_the_admin_at_the_first_start(gateway: Gateway) -> None:
    me = (await gateway.get("/api/auth/me", BEARER)).json()

    assert (me["role"], me["signed_in_by"]) == ("admin", "api_key")


async def test_of_several_gateways_that_start_at_once_one_makes_the_admin(
    settings: Settings, database: MadeDatabase
) -> None:
    engines = [database.database.engine() for _ in range(4)]

    def key(number: int) -> NewKey:
        return NewKey(f"key {number}", "first", "admin", f"hash {number}", 1.0)

    made = await asyncio.gather(
        *(
            FirstAdmin(database.database, engine).bootstrap(f"user {number}", key(number))
            for number, engine in enumerate(engines)
        )
    )
    for engine in engines:
        await engine.dispose()

    assert sorted(made) == [False, False, False, True]
    assert database.rows("SELECT count(*) FROM users") == [(1,)]


async def test_another_bootstrap_key_at_a_later_start_is_ignored(settings: Settings, clock: FakeClock) -> None:
    async with running(settings, clock):
        pass
    other = "nc_" + "y" * 40
    async with running(
        settings.model_copy(update={"novacore_bootstrap_api_key": SecretStr(other)}), clock
    ) as gateway:
        assert (await gateway.get("/api/auth/me", {"Authorization": f"Bearer {other}"})).status == 401
        assert (await gateway.get("/api/auth/me", BEARER)).status == 200


async def test_a_revoked_bootstrap_key_stays_revoked(settings: Settings, clock: FakeClock) -> None:
    async with running(settings, clock) as gateway:
        key = (await gateway.get("/api/auth/keys", BEARER)).json()["keys"][0]
        await gateway.ask("DELETE", f"/api/auth/keys/{key['id']}", BEARER)
    async with running(settings, clock) as gateway:
        assert (await gateway.get("/api/auth/me", BEARER)).status == 401


async def test_keys_are_stored_as_their_hash_alone(
    settings: Settings, database: MadeDatabase, clock: FakeClock
) -> None:
    async with running(settings, clock) as gateway:
        made = (await make_key(gateway)).json()["key"]
    stored = database.stored()

    for key in (KEY, made):
        assert key.encode() not in stored
        assert hashlib.sha256(key.encode()).hexdigest().encode() in stored


async def test_a_key_may_chat_and_read_its_own_data_but_manage_nothing(
    gateway: Gateway, intelligence: Upstream
) -> None:
    made = await make_key(gateway)
    key = bearer(made)
    me = (await gateway.get("/api/auth/me", key)).json()
    await gateway.post("/api/chat/message", key, b"{}")
    refused = [
        await gateway.get("/api/auth/keys", key),
        await gateway.post_json("/api/auth/keys", key, {"name": "more"}),
        await gateway.ask("DELETE", f"/api/auth/keys/{made.json()['id']}", key),
        await gateway.post_json("/api/auth/password", key, {"name": "a", "new_password": "x" * 12}),
        await gateway.post("/api/auth/logout-everywhere", key),
        await gateway.get("/api/admin/users", key),
    ]

    assert (made.json()["scope"], me["scope"], me["role"]) == ("chat", "chat", "user")
    assert intelligence.call.header("x-user-role") == "user"
    assert [answer.status for answer in refused] == [403] * 6


async def test_a_key_with_the_scope_admin_may_do_what_its_admin_may(gateway: Gateway, intelligence: Upstream) -> None:
    key = bearer(await make_key(gateway, scope="admin"))
    await gateway.get("/api/admin/usage", key)

    assert (await gateway.get("/api/auth/me", key)).json()["role"] == "admin"
    assert (await gateway.get("/api/auth/keys", key)).status == 200
    assert (await gateway.get("/api/admin/users", key)).status == 200
    assert intelligence.call.header("x-user-role") == "admin"


async def test_only_an_admin_makes_a_key_with_the_scope_admin(gateway: Gateway) -> None:
    ada = await gateway.invited("Ada")

    assert (await ada.post("/api/auth/keys", {"name": "a", "scope": "admin"})).status == 403
    assert (await ada.post("/api/auth/keys", {"name": "a", "scope": "chat"})).status == 201


async def test_a_key_works_until_it_expires(gateway: Gateway) -> None:
    made = await make_key(gateway, expires_in_days=2)
    assert made.json()["expires_at"] == "2023-11-16T22:13:20Z"
    gateway.clock.advance(2 * 86400 - 1)
    assert (await gateway.get("/v1/models", bearer(made))).status == 200

    gateway.clock.advance(1)

    assert (await gateway.get("/v1/models", bearer(made))).status == 401
    listed = (await gateway.get("/api/auth/keys", BEARER)).json()["keys"]
    assert {key["name"]: key["expires_at"] for key in listed} == {
        "bootstrap": None,
        "laptop": "2023-11-16T22:13:20Z",
    }


async def test_nobody_revokes_the_key_of_another(gateway: Gateway) -> None:
    made = await make_key(gateway)
    ada = await gateway.invited("Ada")

    assert (await ada.ask("DELETE", f"/api/auth/keys/{made.json()['id']}")).status == 404
    assert (await ada.get("/api/auth/keys")).json() == {"keys": []}
    assert (await gateway.get("/v1/models", bearer(made))).status == 200


def test_what_was_looked_up_before_a_revocation_is_not_remembered() -> None:
    verified = Verified(30)
    epoch = verified.epoch
    verified.forget("credential")
    verified.put("hash", CALLER, now=0, epoch=epoch)

    assert verified.get("hash", 0) is None


def test_what_is_remembered_is_bounded() -> None:
    verified = Verified(30, max_entries=2)
    for name in ("one", "two", "three"):
        verified.put(name, CALLER, now=0, epoch=verified.epoch)

    assert [verified.get(name, 0) for name in ("one", "two", "three")] == [None, CALLER, CALLER]
