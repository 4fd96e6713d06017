"""The outermost layer: decides which part answers, and holds what is true of every answer."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from novakit import logs
from novakit.asgi import header
from novakit.clock import Clock
from novakit.ids import NewId
from novakit.logs import Logger
from novakit.problem import Problem
from starlette.types import ASGIApp, Receive, Scope, Send

from .errors import respond_error
from .exchange import Exchange, RawHeader
from .metrics import GatewayMetrics
from .network import names_loopback

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

# Answered often and by machines: their lines would drown the others.
_QUIET = frozenset({"health", "metrics", "page", "asset"})
_EXACT = {
    "/api/chat/message": "chat_message",
    "/api/chat/stream": "chat_stream",
    "/v1/chat/completions": "v1_chat_completions",
    # What concerns the cloud is intelligence's to keep, the wishes beside it are memory's.
    "/api/memory/preferences": "preferences",
    "/api/memory/facts": "facts",
    "/api/usage": "usage",
    "/api/admin/usage": "usage",
    "/healthz": "health",
    "/readyz": "health",
    "/metrics": "metrics",
}
# In this order: the first prefix that fits counts.
_AREAS = (
    ("/api/chat", "chat"),
    ("/api/memory", "memory"),
    ("/api/auth", "auth"),
    ("/api/admin/operations", "operations"),
    ("/api/admin", "admin"),
    ("/api", "api"),
    ("/v1", "v1"),
)
# What these answer is for one pair of eyes.
_PERSONAL = frozenset({"auth", "admin", "operations"})


def route_of(path: str) -> str:
    """The route's name in logs and metrics: one of a closed list, never a path with an id in it."""
    exact = _EXACT.get(path)
    if exact is not None:
        return exact
    for prefix, name in _AREAS:
        if path == prefix or path.startswith(f"{prefix}/"):
            return name
    return "asset" if path.startswith("/assets/") else "page"


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
        metrics: GatewayMetrics,
        log: Logger,
    ) -> None:
        self._parts = parts
        self._loopback_only = loopback_only
        self._clock = clock
        self._new_id = new_id
        self._metrics = metrics
        self._log = log

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
        exchange = Exchange(send, request_id, (*SECURITY_HEADERS, (b"x-request-id", request_id.encode())))
        if route in _PERSONAL:
            exchange.headers += (_NO_STORE,)
        try:
            await self._answer(route, scope, receive, exchange)
        except Exception as error:  # noqa: BLE001 (passed on, it would be logged with its message)
            await self._crashed(error, scope, exchange)
        finally:
            self._metrics.answered(route, exchange.status)
            self._write(route, scope["method"], exchange, self._clock.now() - started)

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
        # Its place, not its message: that may quote what a person wrote.
        self._log.error(
            "crashed", error=type(error).__name__, where=logs.where(error), request_id=exchange.request_id
        )
        if not exchange.answered:
            problem = Problem(500, "Something broke on our side; the gateway's log has the details.")
            await respond_error(exchange.send, scope["path"], problem)

    def _write(self, route: str, method: str, exchange: Exchange, seconds: float) -> None:
        write = self._log.debug if route in _QUIET else self._log.info
        write(
            "request",
            route=route,
            method=method,
            status=exchange.status,
            api_latency_ms=round(seconds * 1000, 1),
            request_id=exchange.request_id,
            user=exchange.user,
            cut=exchange.cut,
        )
