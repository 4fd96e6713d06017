"""The outermost layer: decides which part answers, and holds what is true of every answer."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from novakit.asgi import header
from novakit.clock import Clock
from novakit.ids import NewId
from novakit.problem import Problem
from starlette.types import ASGIApp, Receive, Scope, Send

from .errors import respond_error
from .exchange import Exchange, RawHeader
from .network import names_loopback
from .routes import PERSONAL, route_of
from .watch import Watch

_PAGE_POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    b"font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    b"require-trusted-types-for 'script'; trusted-types 'none'"
)
SECURITY_HEADERS: tuple[RawHeader, ...] = (
    (b"content-security-policy", _PAGE_POLICY),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
)
_NO_STORE = (b"cache-control", b"no-store")
OWNED_HEADERS = frozenset(name for name, _ in SECURITY_HEADERS)

Endpoint = Callable[[Scope, Receive, Exchange], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Parts:
    """Who answers: ``forwards`` by a route's name, ``local`` for the gateway's own API, ``page`` for the rest."""

    forwards: Mapping[str, Endpoint]
    local: ASGIApp
    page: Callable[[Scope, Exchange], Awaitable[None]]


class Edge:
    """The gateway as an ASGI app. Pure ASGI: a middleware that wraps the body costs more than the whole forward."""

    def __init__(
        self,
        parts: Parts,
        *,
        loopback_only: bool,
        clock: Clock,
        new_id: NewId,
        watch: Watch,
    ) -> None:
        self._parts = parts
        self._loopback_only = loopback_only
        self._clock = clock
        self._new_id = new_id
        self._watch = watch

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one ASGI scope."""
        if scope["type"] == "lifespan":
            await self._parts.local(scope, receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        else:
            await receive()
            await send({"type": "websocket.close", "code": 1008})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = self._clock.now()
        route = route_of(scope["path"])
        request_id = self._new_id()
        headers = (*SECURITY_HEADERS, (b"x-request-id", request_id.encode()))
        exchange = Exchange(send, request_id, headers, self._watch.begin(route))
        if route in PERSONAL:
            exchange.headers += (_NO_STORE,)
        try:
            await self._answer(route, scope, receive, exchange)
        except Exception as error:  # noqa: BLE001 (passed on, it would be logged with its message)
            await self._crashed(error, scope, exchange)
        finally:
            self._watch.end(route, scope["method"], exchange, self._clock.now() - started)

    async def _answer(self, route: str, scope: Scope, receive: Receive, exchange: Exchange) -> None:
        if self._loopback_only and not names_loopback(header(scope, b"host")):
            problem = Problem(
                403,
                "This gateway listens on this machine alone and answers to localhost and 127.0.0.1 only; "
                "behind a proxy, set TRUSTED_PROXIES to its address.",
            )
            await respond_error(exchange.send, scope["path"], problem)
            return
        forward = self._parts.forwards.get(route)
        if forward is not None:
            await forward(scope, receive, exchange)
        elif route in {"page", "asset"}:
            await self._parts.page(scope, exchange)
        else:
            # The server drops the body of an answer to HEAD by its own scope, so the copy may say GET.
            local = {**scope, "method": "GET"} if scope["method"] == "HEAD" else dict(scope)
            local["state"] = {**scope.get("state", {}), "exchange": exchange}
            await self._parts.local(local, receive, exchange.send)

    async def _crashed(self, error: Exception, scope: Scope, exchange: Exchange) -> None:
        self._watch.crashed(error, exchange)
        if not exchange.answered:
            problem = Problem(500, "Something broke on our side; the gateway's log has the details.")
            await respond_error(exchange.send, scope["path"], problem)
