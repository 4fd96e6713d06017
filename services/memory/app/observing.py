"""One log line and one count for each request."""

from typing import Any

from novakit import logs
from novakit.asgi import header
from novakit.clock import Clock
from novakit.identity import REQUEST_ID_HEADER
from novakit.logs import Logger
from novakit.pseudonyms import Pseudonyms
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .metrics import MemoryMetrics

_ROUTES = {
    "/api/memory/preferences": "preferences",
    "/api/memory/facts": "facts",
    "/internal/facts": "learning",
    "/internal/facts/recall": "recall",
    "/healthz": "health",
    "/readyz": "health",
    "/metrics": "metrics",
}
_ONE_FACT = "/api/memory/facts/"
# Asked every few seconds by machines: their lines would drown the others.
_QUIET = frozenset({"health", "metrics"})
_REQUEST_ID_CHARS = 64


class Observed:
    """The outermost layer, as pure ASGI: it looks at the answer's head and touches nothing."""

    def __init__(
        self, app: ASGIApp, *, metrics: MemoryMetrics, clock: Clock, log: Logger, pseudonym: Pseudonyms
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._clock = clock
        self._log = log
        self._pseudonym = pseudonym

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one ASGI scope on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = self._clock.now()
        status = 500

        async def look(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        state: dict[str, Any] = scope.setdefault("state", {})
        try:
            await self._app(scope, receive, look)
        except Exception as error:  # noqa: BLE001 (passed on, it would be logged with its message; it was answered)
            # Its place, not its message: that may quote what a user set.
            self._log.error("crashed", error=type(error).__name__, at=logs.where(error))
        finally:
            route = _route_of(scope["path"])
            seconds = self._clock.now() - started
            self._metrics.answered(route, status, seconds)
            write = self._log.debug if route in _QUIET else self._log.info
            write(
                "request",
                route=route,
                method=scope["method"],
                status=status,
                api_latency_ms=round(seconds * 1000, 1),
                request_id=_request_id(scope) if "user_id" in state else None,
                user=self._pseudonym(state.get("user_id") or "") or None,
            )


def _route_of(path: str) -> str:
    """One of a closed list, never a path with an id in it."""
    return "fact" if path.startswith(_ONE_FACT) else _ROUTES.get(path, "unknown")


def _request_id(scope: Scope) -> str:
    return (header(scope, REQUEST_ID_HEADER.encode()) or "")[:_REQUEST_ID_CHARS]
