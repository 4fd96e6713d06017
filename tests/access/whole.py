"""Gateway, intelligence and memory on sockets of their own in this process, before fake providers."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from fastapi import FastAPI
from novakit.identity import ADMIN, ROLE_HEADER, TOKEN_HEADER, USER_HEADER, sign
from pydantic import SecretStr

from services.gateway.app import main as gateway
from services.gateway.app.auth.tokens import AccessTokens
from services.gateway.app.config import Settings as GatewaySettings
from services.intelligence.app import main as intelligence
from services.intelligence.app.config import Settings as IntelligenceSettings
from services.memory.app import main as memory
from services.memory.app.config import Settings as MemorySettings
from tests.intelligence.api.world import SECRET, World
from tests.support.databases import in_folder
from tests.support.laid_out import laid_out
from tests.support.services import serving

from .table import INNER_CALLERS, PASSWORD, SOME_ID, Row

BOOTSTRAP = "nc_" + "x" * 40
JWT_SECRET = "j" * 32
OTHER_SECRET = "o" * 32


@dataclass(frozen=True)
class Whole:
    """The addresses of the services, and a client."""

    urls: dict[str, str]
    client: aiohttp.ClientSession


@asynccontextmanager
async def whole(folder: Path) -> AsyncIterator[Whole]:
    """Start everything in an empty folder."""
    (folder / "page").mkdir()
    (folder / "page" / "index.html").write_text("<!doctype html>")
    async with (
        World(in_folder(laid_out(folder))) as world,
        serving(memory_app(folder)) as wishes,
        aiohttp.ClientSession() as client,
    ):
        settings = IntelligenceSettings.load(world.environ(MEMORY_URL=wishes, LOG_LEVEL="error"))
        async with (
            serving(intelligence.create_app(settings, jitter=lambda: 0.0)) as inner,
            serving(gateway_app(folder, intelligence_url=inner, memory_url=wishes)) as door,
        ):
            yield Whole({"gateway": door, "intelligence": inner, "memory": wishes}, client)


def memory_app(folder: Path) -> FastAPI:
    """The memory service's app."""
    settings = MemorySettings(novacore_data_dir=folder, service_jwt_secret=SecretStr(SECRET), log_level="error")
    return memory.create_app(settings)


def intelligence_app(folder: Path) -> FastAPI:
    """The intelligence service's app, which asks nobody."""
    environ = {"SERVICE_JWT_SECRET": SECRET, "NOVACORE_DATA_DIR": str(folder), "LOG_LEVEL": "error"}
    return intelligence.create_app(IntelligenceSettings.load(environ))


def gateway_app(folder: Path, **urls: str) -> FastAPI:
    """The gateway's app."""
    settings = GatewaySettings(
        novacore_data_dir=folder,
        novacore_bootstrap_api_key=SecretStr(BOOTSTRAP),
        service_jwt_secret=SecretStr(SECRET),
        jwt_secret=SecretStr(JWT_SECRET),
        metrics_token=SecretStr("m" * 32),
        rate_limit_per_minute=100_000,
        # Each call names the address that it comes from, so that none is throttled for the others.
        trusted_proxies="127.0.0.1",
        page_dir=folder / "page",
        log_level="error",
    )
    return gateway.create_app(settings.model_copy(update=urls))


def routes_of(app: FastAPI) -> set[str]:
    """Every route that an app describes, as "METHOD /path"."""
    return {f"{method.upper()} {path}" for path, item in app.openapi()["paths"].items() for method in item}


@dataclass
class People:
    """The callers of the gateway, with what each sends; and what belongs to the user."""

    whole: Whole
    _ids: dict[str, str] = field(default_factory=dict)
    _headers: dict[str, dict[str, str]] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: iter(range(1, 100_000)))

    async def arrive(self) -> None:
        """Let the user, another one, a bystander and an admin register."""
        for name, role in (("user", "user"), ("other user", "user"), ("bystander", "user"), ("admin", "admin")):
            ticket = await self.ask("POST", "/api/admin/invitations", _bearer(BOOTSTRAP), {"role": role})
            registration = {"name": name, "password": PASSWORD, "invitation": ticket[1]["token"]}
            status, registered = await self.ask("POST", "/api/auth/register", {}, registration)
            assert status == 201, registered
            self._ids[name] = registered["user_id"]

    async def headers(self, caller: str) -> dict[str, str]:
        """What a caller sends."""
        if caller not in self._headers:
            self._headers[caller] = await self._new_headers(caller)
        return self._headers[caller]

    async def _new_headers(self, caller: str) -> dict[str, str]:
        if caller.endswith("'s chat key"):
            made = await self.ask(
                "POST", "/api/auth/keys", await self.headers(caller.removesuffix("'s chat key")), {"name": "chat"}
            )
            return _bearer(made[1]["key"])
        wall = time.time()
        match caller:
            case "nobody":
                return {}
            case "wrong key":
                return _bearer("nc_" + "y" * 40)
            case "forged token":
                return _bearer(AccessTokens(OTHER_SECRET).sign(self._ids["user"], SOME_ID, wall))
            case "expired token":
                begun = await self.log_in("user")
                sign_in_id = begun["refresh_token"].partition(".")[0]
                return _bearer(AccessTokens(JWT_SECRET).sign(begun["user_id"], sign_in_id, wall - 3600))
            case "service":
                token = sign(SECRET, issuer="gateway", audience="intelligence", wall=wall)
                user_id = self._ids["user"]
                return {TOKEN_HEADER: token, USER_HEADER: user_id, ROLE_HEADER: ADMIN, **_bearer(token)}
        return _bearer((await self.log_in(caller))["access_token"])

    def sign_in_anew(self) -> None:
        """Forget what was sent by those whose sign-ins have ended."""
        self._headers = {caller: sent for caller, sent in self._headers.items() if caller.endswith("key")}

    async def log_in(self, name: str) -> Any:
        """A program's tokens."""
        status, tokens = await self.ask("POST", "/api/auth/login", {}, {"name": name, "password": PASSWORD})
        assert status == 200, tokens
        return tokens

    async def path(self, template: str) -> str:
        """A path to something new of the user's."""
        for placeholder in re.findall(r"{(\w+)}", template):
            template = template.replace(f"{{{placeholder}}}", await self._made(placeholder))
        return template

    async def _made(self, placeholder: str) -> str:
        user = await self.headers("user")
        match placeholder:
            case "session_id":
                return str((await self.ask("POST", "/api/chat/sessions", user, {}))[1]["id"])
            case "message_id":
                said = (await self.ask("POST", "/api/chat/message", user, {"message": "Hello?"}))[1]
                history = (await self.ask("GET", f"/api/chat/history/{said['session_id']}", user))[1]
                return str(history["prompts"][0]["id"])
            case "key_id":
                return str((await self.ask("POST", "/api/auth/keys", user, {"name": "x"}))[1]["id"])
            case "user_id":
                return self._ids["bystander"]
            case "invitation_id":
                admin = await self.headers("admin")
                return str((await self.ask("POST", "/api/admin/invitations", admin, {}))[1]["id"])
            case "fact_id":
                fact = {"text": f"The number is {next(self._numbers)}."}
                return str((await self.ask("POST", "/api/memory/facts", user, fact))[1]["id"])
            case "model":
                return "auto"
            case "provider":
                return "ollama"
        raise AssertionError(f"nobody knows how to make {placeholder}")

    async def ask(self, method: str, path: str, headers: dict[str, str], body: Any = None) -> tuple[int, Any]:
        """One call to the gateway, from an address of its own: status, and the body where it is JSON."""
        number = next(self._numbers)
        from_somewhere = {"X-Forwarded-For": f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", **headers}
        return await asked(self.whole, "gateway", method, path, from_somewhere, body)


async def asked(
    whole: Whole, service: str, method: str, path: str, headers: dict[str, str], body: Any = None
) -> tuple[int, Any]:
    """One call to a service: status, and the body where it is JSON."""
    data = None if body is None else json.dumps(body).encode()
    sent = {"Content-Type": "application/json", **headers}
    async with (
        asyncio.timeout(20),
        whole.client.request(method, whole.urls[service] + path, data=data, headers=sent) as answer,
    ):
        text = await answer.read()
        is_json = text and "json" in answer.headers.get("Content-Type", "")
        return answer.status, json.loads(text) if is_json else None


def inner_headers(service: str, caller: str) -> dict[str, str]:
    """What a caller of an inner service sends."""
    wall = time.time()
    good = sign(SECRET, issuer="gateway", audience=service, wall=wall)
    user = {USER_HEADER: SOME_ID}
    sent = {
        "nothing": user,
        "forged token": {TOKEN_HEADER: sign(OTHER_SECRET, issuer="gateway", audience=service, wall=wall), **user},
        "token for another service": {
            TOKEN_HEADER: sign(SECRET, issuer="gateway", audience="elsewhere", wall=wall),
            **user,
        },
        "expired token": {TOKEN_HEADER: sign(SECRET, issuer="gateway", audience=service, wall=wall - 600), **user},
        "token without a user": {TOKEN_HEADER: good},
        "user": {TOKEN_HEADER: good, ROLE_HEADER: "user", **user},
        "admin": {TOKEN_HEADER: good, ROLE_HEADER: ADMIN, **user},
    }
    return sent[caller]


async def differences_inside(whole: Whole, service: str, rows: dict[str, Row]) -> list[str]:
    """Where an inner service answers otherwise than its table says."""
    found = []
    for route, row in rows.items():
        method, _, template = route.partition(" ")
        path = re.sub(r"{\w+}", SOME_ID, template)
        for caller in INNER_CALLERS:
            status, _ = await asked(whole, service, method, path, inner_headers(service, caller), row.body)
            if status != row.statuses[caller]:
                found.append(f"{service}: {route} for {caller}: {status} and not {row.statuses[caller]}")
    return found


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
