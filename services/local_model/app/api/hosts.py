"""Keeps web pages out: a page that a browser shows must not reach a model on its user's machine.

The rule is Ollama's: where a request comes in over loopback, its ``Host`` must name this machine or a private
network. A browser that was lured to a foreign name for 127.0.0.1 (DNS rebinding) is refused with 403, and so is one
that says in ``Origin`` that it asks for a page from elsewhere.
"""

import socket
from collections.abc import Callable
from ipaddress import ip_address
from urllib.parse import urlsplit

from novakit import asgi
from starlette.types import ASGIApp, Receive, Scope, Send

_LOCAL_DOMAINS = (".localhost", ".local", ".internal")


class LocalHostsOnly:
    """ASGI middleware that applies the rule."""

    def __init__(self, app: ASGIApp, hostname: Callable[[], str] = socket.gethostname) -> None:
        self._app = app
        self._own_name = hostname().lower()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer it with 403 and an empty body."""
        if scope["type"] == "http" and _is_loopback(scope) and not self._is_allowed(scope):
            await asgi.respond(send, b"", status=403, media_type="text/plain; charset=utf-8")
            return
        await self._app(scope, receive, send)

    def _is_allowed(self, scope: Scope) -> bool:
        origin = asgi.header(scope, b"origin")
        names = [asgi.header(scope, b"host") or ""]
        if origin is not None:
            # A page without an origin of its own ("null") is nobody's.
            names.append(origin.partition("://")[2] or "null")
        return all(is_local(host_of(name), self._own_name) for name in names)


def host_of(netloc: str) -> str:
    """The host of ``host``, ``host:port``, ``[v6]`` or ``[v6]:port``, in lower case; "invalid" where it is none."""
    try:
        return urlsplit(f"//{netloc}").hostname or ""
    except ValueError:
        return "invalid"


def is_local(host: str, own_name: str) -> bool:
    """Whether a host name or address means this machine or a private network; an empty one does."""
    try:
        address = ip_address(host)
    except ValueError:
        return host in {"", "localhost", own_name} or host.endswith(_LOCAL_DOMAINS)
    return address.is_loopback or address.is_private or address.is_unspecified


def _is_loopback(scope: Scope) -> bool:
    server = scope.get("server")
    try:
        return server is not None and ip_address(server[0]).is_loopback
    except ValueError:
        return False
