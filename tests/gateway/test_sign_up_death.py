"""Whenever the gateway is killed while an account is made, at its next start there is a whole one or none."""

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path

from novakit.clock import FakeClock

from tests.support.databases import MadeDatabase
from tests.support.dying import killed_at_each_moment

from .dying import CASES, INVITATION, settings_of
from .running import BEARER, PASSWORD, Gateway, running


async def killed_at_each_statement(case: str, folder: Path) -> list[Path]:
    """The data folders of gateways that were killed at one statement each; the last one lived."""
    return await killed_at_each_moment("tests.gateway.dying", folder, case)


async def whole_or_nothing_registered(gateway: Gateway) -> bool:
    """Whether the account was there."""
    status = await CASES["register"](gateway)
    login = await gateway.post_json("/api/auth/login", {}, {"name": "Ada", "password": PASSWORD})
    assert (status, login.status) in {(201, 200), (410, 200)}
    assert (await gateway.get("/api/admin/users", BEARER)).json()["total"] == 2
    return status == 410


async def test_an_invitation_is_used_with_its_account_or_not_at_all(database: MadeDatabase) -> None:
    async with running(settings_of("register", database.folder), FakeClock()):
        pass
    with closing(sqlite3.connect(database.folder / "gateway.db")) as connection, connection:
        connection.execute(
            "INSERT INTO tickets (id, kind, hash, role, created_by, created_at, expires_at) "
            "VALUES ('1', 'invitation', ?, 'user', '2', 0, 2e9)",
            [hashlib.sha256(INVITATION.encode()).hexdigest()],
        )
    found = []
    for folder in await killed_at_each_statement("register", database.folder):
        async with running(settings_of("register", folder), FakeClock()) as gateway:
            found.append(await whole_or_nothing_registered(gateway))

    assert len(found) > 4
    assert found == [False] * (len(found) - 1) + [True]


async def test_the_link_is_used_with_its_admin_or_not_at_all(database: MadeDatabase) -> None:
    found = []
    for folder in await killed_at_each_statement("link", database.folder):
        async with running(settings_of("link", folder), FakeClock()) as gateway:
            found.append(await CASES["link"](gateway) == 410)
        another = hashlib.sha256(b"another").hexdigest()
        async with running(settings_of("link", folder, another), FakeClock()) as gateway:
            tokens = (await gateway.post_json("/api/auth/link", {}, {"token": "another"})).json()
            bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
            users = (await gateway.get("/api/admin/users", bearer)).json()
        assert [user["role"] for user in users["users"]] == ["admin"]

    assert len(found) > 4
    # From its commit on it is used, whatever else is cut short.
    assert found == sorted(found)
    assert (found[0], found[-1]) == (False, True)


async def test_the_bootstrap_key_is_there_with_its_admin_or_not_at_all(database: MadeDatabase) -> None:
    folders = await killed_at_each_statement("key", database.folder)
    for folder in folders:
        async with running(settings_of("key", folder), FakeClock()) as gateway:
            users = (await gateway.get("/api/admin/users", BEARER)).json()
        assert [user["role"] for user in users["users"]] == ["admin"]

    assert len(folders) > 4
