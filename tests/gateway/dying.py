"""A gateway that is killed within the making of an account, once at each statement. Run as a program of its own.

``python -m tests.gateway.dying CASE FOLDER``: FOLDER/gateway.db is copied to FOLDER/0, FOLDER/1, … and there a
gateway makes the account; the one in folder n is killed before its statement or commit n. The last one lives.
"""

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from novakit.clock import FakeClock
from pydantic import SecretStr
from sqlalchemy import event
from sqlalchemy.engine import Engine

from services.gateway.app.config import Settings

from .running import JWT_SECRET, KEY, LINK_HASH, LINK_TOKEN, PASSWORD, SECRET, Gateway, running

INVITATION = "invitation-of-the-test"


class Fuse:
    """Kills this process before its n-th statement or commit, once it is lit."""

    def __init__(self, left: int) -> None:
        self._left = left
        self._lit = False
        event.listen(Engine, "before_cursor_execute", self.burn)
        event.listen(Engine, "commit", self.burn)

    def light(self) -> None:
        """From now on it counts."""
        self._lit = True

    def burn(self, *_event: object) -> None:
        """One statement or commit is about to be done."""
        if not self._lit:
            return
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self._left -= 1


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


async def _make(case: str, folder: Path, fuse: Fuse) -> None:
    if case == "key":
        fuse.light()
    async with running(settings_of(case, folder), FakeClock()) as gateway:
        fuse.light()
        assert await CASES[case](gateway) in {200, 201}


def main(case: str, folder: Path) -> None:
    """All of them, one after the other."""
    number, status = 0, -1
    while status != 0:
        place = folder / str(number)
        place.mkdir()
        shutil.copy(folder / "gateway.db", place / "gateway.db")
        child = os.fork()
        if child == 0:
            asyncio.run(_make(case, place, Fuse(number)))
            os._exit(0)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert status in {0, -signal.SIGKILL}, f"it ended by itself, with {status}"
        number += 1


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
