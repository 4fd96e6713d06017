"""A gateway that is killed within the making of an account, once before each statement and commit.

``python -m tests.gateway.dying FOLDER CASE``: see ``tests.support.dying``; the database is FOLDER/gateway.db.
"""

import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from novakit.clock import FakeClock
from pydantic import SecretStr
from sqlalchemy import event
from sqlalchemy.engine import Engine

from services.gateway.app.config import Settings
from tests.support.dying import Fuse, die_at_each_moment

from .running import JWT_SECRET, KEY, LINK_HASH, LINK_TOKEN, PASSWORD, SECRET, Gateway, running

INVITATION = "invitation-of-the-test"


async def register(gateway: Gateway) -> int:
    """By an invitation."""
    registration = {"name": "Ada", "password": PASSWORD, "invitation": INVITATION}
    return (await gateway.post_json("/api/auth/register", {}, registration)).status


async def exchange(gateway: Gateway) -> int:
    """By the one-time link."""
    return (await gateway.post_json("/api/auth/link", {}, {"token": LINK_TOKEN})).status


async def nothing(_gateway: Gateway) -> int:
    """By the bootstrap key: it has happened as soon as the gateway runs."""
    return 200


CASES: dict[str, Callable[[Gateway], Awaitable[int]]] = {"register": register, "link": exchange, "key": nothing}


def settings_of(case: str, folder: Path, link_hash: str = LINK_HASH) -> Settings:
    """A gateway that has no inner services."""
    return Settings(
        novacore_data_dir=folder,
        service_jwt_secret=SecretStr(SECRET),
        jwt_secret=SecretStr(JWT_SECRET),
        novacore_bootstrap_api_key=None if case == "link" else SecretStr(KEY),
        novacore_signin_token_hash=link_hash if case == "link" else None,
        log_level="error",
    )


async def make(case: str, folder: Path, fuse: Fuse) -> None:
    """One account."""
    event.listen(Engine, "before_cursor_execute", fuse.burn)
    event.listen(Engine, "commit", fuse.burn)
    if case == "key":
        fuse.light()
    async with running(settings_of(case, folder), FakeClock()) as gateway:
        fuse.light()
        assert await CASES[case](gateway) in {200, 201}


if __name__ == "__main__":
    die_at_each_moment(Path(sys.argv[1]), "gateway.db", partial(make, sys.argv[2]))
