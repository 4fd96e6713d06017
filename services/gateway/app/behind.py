"""Which of the inner services is asked for what."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Literal

from starlette.types import Receive, Scope

from .edge import Endpoint
from .exchange import Exchange
from .proxy.forward import Forwarder
from .proxy.upstream import Upstream
from .routes import route_of

Service = Literal["intelligence", "memory"]

_BEHIND: Mapping[str, Service] = {
    "chat_message": "intelligence",
    "chat_stream": "intelligence",
    "chat": "intelligence",
    "v1_chat_completions": "intelligence",
    "v1": "intelligence",
    "preferences": "intelligence",
    "usage": "intelligence",
    "operations": "intelligence",
    "facts": "memory",
    "memory": "memory",
}
"""By the names of routes; all others are the gateway's own."""


def service_of(method: str, path: str) -> Service | None:
    """Who is asked for a method of a path; None: nobody."""
    route = route_of(path)
    # Whether what is told may ever leave is intelligence's to know.
    return "intelligence" if (method, route) == ("POST", "facts") else _BEHIND.get(route)


def asked_of(service: Service, paths: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Those operations of these paths for which this service is asked."""
    asked = {
        path: {method: told for method, told in item.items() if service_of(method.upper(), path) == service}
        for path, item in paths.items()
    }
    return {path: item for path, item in asked.items() if item}


def forwards(forwarder: Forwarder, upstreams: Mapping[Service, Upstream]) -> Mapping[str, Endpoint]:
    """How each route is forwarded."""

    async def facts(scope: Scope, receive: Receive, exchange: Exchange) -> None:
        service = service_of(scope["method"], scope["path"]) or _BEHIND["facts"]
        await forwarder.forward(upstreams[service], scope, receive, exchange)

    fixed = {route: partial(forwarder.forward, upstreams[service]) for route, service in _BEHIND.items()}
    return {**fixed, "facts": facts}
