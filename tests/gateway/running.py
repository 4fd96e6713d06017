"""The gateway on a real socket, in this process."""

import asyncio
import hashlib
import io
import json
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any

import pytest
import uvicorn
from aiohttp import ClientResponse, ClientSession, DummyCookieJar
from fastapi import FastAPI
from multidict import CIMultiDictProxy
from novakit.clock import FakeClock
from yarl import URL

from services.gateway.app.auth.passwords import Passwords, Work
from services.gateway.app.config import Settings
from services.gateway.app.main import create_app
from tests.support.services import listening_socket

Body = bytes | io.BytesIO | AsyncIterator[bytes] | None

SECRET = "s" * 32
JWT_SECRET = "j" * 32
KEY = "nc_" + "x" * 40
LINK_TOKEN = "t" * 43
LINK_HASH = hashlib.sha256(LINK_TOKEN.encode()).hexdigest()
PASSWORD = "correct horse battery"
LIGHT = Work(memory=8, passes=1)
"""For hundreds of sign-ins that are about something else."""
AS_SERVED = pytest.mark.parametrize("work", [Work()], ids=["as_served"])
# How long a request may go on after its test is over, before it counts as leaked.
ENDS_WITHIN = 5
BEARER = {"Authorization": f"Bearer {KEY}"}


@asynccontextmanager
async def listening(app: FastAPI) -> AsyncIterator[int]:
    """Serve an app on loopback as the launcher does; the port."""
    config = uvicorn.Config(
        app,
        interface="asgi3",
        lifespan="on",
        loop="none",
        http="httptools",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    with listening_socket() as listener:
        await server.startup(sockets=[listener])
        assert server.started, "the app did not start"
        try:
            yield listener.getsockname()[1]
        finally:
            # As uvicorn's own shutdown, but without its pause.
            for running in server.servers:
                running.close()
            for connection in list(server.server_state.connections):
                connection.shutdown()
            async with asyncio.timeout(ENDS_WITHIN):
                await asyncio.gather(*server.server_state.tasks)
            await server.lifespan.shutdown()


@dataclass(frozen=True)
class Answer:
    """A whole answer."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def detail(self) -> str:
        """The sentence of a problem document."""
        assert self.headers["content-type"] == "application/problem+json"
        return str(self.json()["detail"])


@dataclass
class Gateway:
    """A running gateway, a client that keeps no cookies of its own, and the gateway's clock."""

    port: int
    client: ClientSession
    clock: FakeClock

    @property
    def url(self) -> str:
        """Its address, as a browser on this machine would name it."""
        return f"http://127.0.0.1:{self.port}"

    async def ask(self, method: str, path: str, headers: dict[str, str] | None = None, body: Body = None) -> Answer:
        """Send one request and read the whole answer."""
        target = URL(f"{self.url}{path}", encoded=True)
        asked = self.client.request(method, target, headers=headers, data=body, allow_redirects=False)
        async with asked as answer:
            return Answer(answer.status, answer.headers, await answer.read())

    async def get(self, path: str, headers: dict[str, str] | None = None) -> Answer:
        """GET a path."""
        return await self.ask("GET", path, headers)

    async def post(self, path: str, headers: dict[str, str] | None = None, body: Body = None) -> Answer:
        """POST to a path."""
        return await self.ask("POST", path, headers, body)

    async def post_json(self, path: str, headers: dict[str, str], body: object) -> Answer:
        """POST an object as JSON."""
        return await self.post(path, {"Content-Type": "application/json", **headers}, json.dumps(body).encode())

    def stream(
        self, path: str = "/api/chat/stream", body: bytes = b"{}"
    ) -> AbstractAsyncContextManager[ClientResponse]:
        """POST to a path and read the answer as it comes."""
        headers = {"Content-Type": "application/json", **BEARER}
        return self.client.post(f"{self.url}{path}", headers=headers, data=body)

    async def invited(self, name: str, role: str = "user") -> "Browser":
        """Register somebody whom the admin has invited whose key is KEY; the browser that they are signed in on."""
        invitation = await self.post_json("/api/admin/invitations", BEARER, {"role": role})
        assert invitation.status == 201, invitation.body
        browser = Browser(self)
        registration = {"name": name, "password": PASSWORD, "invitation": invitation.json()["token"]}
        registered = await browser.post("/api/auth/register", registration)
        assert registered.status == 201, registered.body
        return browser

    @property
    def own_page(self) -> dict[str, str]:
        """What a browser adds to a call that the gateway's own page makes."""
        return {"Origin": self.url}


@dataclass
class Browser:
    """A browser on the gateway's own page: it keeps cookies, and names the page on every call that changes something.

    A cookie goes where its path says.
    """

    gateway: Gateway
    cookies: dict[str, tuple[str, str]] = field(default_factory=dict)

    async def ask(self, method: str, path: str, body: object = None) -> Answer:
        """Send one request, and take in the cookies of its answer."""
        headers = {"Content-Type": "application/json", **self.gateway.own_page}
        held = [f"{name}={value}" for name, (value, place) in self.cookies.items() if path.startswith(place)]
        if held:
            headers["Cookie"] = "; ".join(held)
        answer = await self.gateway.ask(method, path, headers, None if body is None else json.dumps(body).encode())
        for text in answer.headers.getall("set-cookie", []):
            morsel = next(iter(SimpleCookie(text).values()))
            if morsel["max-age"] == "0":
                self.cookies.pop(morsel.key, None)
            else:
                self.cookies[morsel.key] = (morsel.value, morsel["path"])
        return answer

    async def get(self, path: str) -> Answer:
        """GET a path."""
        return await self.ask("GET", path)

    async def post(self, path: str, body: object) -> Answer:
        """POST an object as JSON."""
        return await self.ask("POST", path, body)

    def copy(self) -> "Browser":
        """Another browser with the same cookies: a second window that has not heard, or a thief."""
        return Browser(self.gateway, dict(self.cookies))


@asynccontextmanager
async def running(settings: Settings, clock: FakeClock, *, work: Work = LIGHT) -> AsyncIterator[Gateway]:
    """Start a gateway and stop it. ``work`` is what its hashes of passwords cost."""
    async with (
        listening(create_app(settings, clock=clock, passwords=Passwords(work))) as port,
        ClientSession(cookie_jar=DummyCookieJar(), auto_decompress=False) as client,
    ):
        yield Gateway(port, client, clock)
