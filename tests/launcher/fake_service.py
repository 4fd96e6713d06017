"""A service without FastAPI, copied to where ``serve`` looks for a real one: starts fast and tells what it was given.

``FAKE_FAULTS`` names what goes wrong, as ``service:fault`` with commas; the faults are ``settings``, ``crash``,
``hang``, and for a start that has begun already ``database`` and ``secret``.
"""

import asyncio
import fcntl
import gc
import json
import os
import sys
import time
import weakref
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from novakit import logs
from novakit.later import later
from novakit.settings import SettingsError

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

NAME = __name__.split(".")[1]
log = logs.get("fake")
PROVIDERS = {
    "providers": [
        {"name": "ollama", "model": "tiny", "locality": "local", "enabled": True, "healthy": True},
        {"name": "gemini", "model": None, "locality": "cloud", "enabled": False, "healthy": False},
    ]
}


class App:
    def __init__(self) -> None:
        self.alive = Path(f"{NAME}.alive").open("w", encoding="utf-8")  # noqa: SIM115 (held for the process's life)
        fcntl.flock(self.alive, fcntl.LOCK_EX)
        self.faults = os.environ.get("FAKE_FAULTS", "").split(",")
        self.litter = litter()
        logs.setup(NAME)
        session = os.getsid(0) == os.getpid()
        seen = {"environ": dict(os.environ), "pid": os.getpid(), "own_session": session, "argv": sys.argv}
        Path(f"{NAME}.json").write_text(json.dumps(seen), encoding="utf-8")

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["path"] == "/slow":
            await self._slow(send)
        elif scope["path"] == "/told":
            later.tell(log.info, "told")
            await self._answer(scope, send)
        elif scope["path"] == "/litter":
            self.litter = litter()
            await self._answer(scope, send)
        else:
            await self._answer(scope, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            kind = message["type"].removeprefix("lifespan.")
            note(kind)
            if kind == "startup" and f"{NAME}:database" in self.faults:
                raise SettingsError("FAKE_DATABASE: it does not answer.")
            if kind == "startup" and f"{NAME}:secret" in self.faults:
                await send({"type": "lifespan.startup.failed", "message": "a traceback with a secret"})
                raise RuntimeError("a secret")
            if kind == "shutdown" and f"{NAME}:hang" in self.faults:
                await asyncio.Event().wait()
            await send({"type": f"lifespan.{kind}.complete"})
            if kind == "shutdown":
                return

    async def _slow(self, send: Send) -> None:
        """Half an answer at once, and the rest when the file ``go`` is there."""
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"first ", "more_body": True})
        await asyncio.to_thread(wait_for_file, Path("go"))
        await send({"type": "http.response.body", "body": b"last"})

    async def _answer(self, scope: dict[str, Any], send: Send) -> None:
        known: dict[str, Any] = {
            "/readyz": {"status": "ready", "checks": {"database": "ok"}},
            "/api/chat/providers": PROVIDERS,
            "/garbage": {
                "frozen": gc.get_freeze_count(),
                "automatic": gc.isenabled(),
                "left": self.litter() is not None,
            },
        }
        body = json.dumps(known.get(scope["path"], {"client": scope["client"][0]})).encode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})


class Litter:
    """Something that holds itself, so that only the garbage collector can take it away."""

    def __init__(self) -> None:
        self.itself = self


def litter() -> weakref.ref[Litter]:
    return weakref.ref(Litter())


def wait_for_file(path: Path) -> None:
    while not path.exists():
        time.sleep(0.01)


def note(what: str) -> None:
    with Path("journal").open("a", encoding="utf-8") as journal:
        journal.write(f"{NAME} {what}\n")


def create_app() -> App:
    if f"{NAME}:settings" in os.environ.get("FAKE_FAULTS", ""):
        raise SettingsError("FAKE_SETTING: 'x' cannot be used: it must be y.")
    if f"{NAME}:crash" in os.environ.get("FAKE_FAULTS", ""):
        raise RuntimeError("it broke")
    for entry in ({"event": "quiet news", "level": "info"}, {"event": "loud news", "level": "warning"}):
        sys.stdout.write(json.dumps(entry) + "\n")
        sys.stdout.flush()
    return App()
