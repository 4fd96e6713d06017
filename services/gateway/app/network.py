"""Who is calling, and under which name: pure questions about addresses and hosts."""

import ipaddress
from collections.abc import Collection

from novakit.asgi import header
from starlette.types import Scope

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})


def networks(text: str) -> tuple[Network, ...]:
    """The networks that a comma list names; raises ValueError with a sentence."""
    try:
        return tuple(ipaddress.ip_network(part.strip(), strict=False) for part in text.split(",") if part.strip())
    except ValueError:
        raise ValueError("it must be addresses or networks with commas, such as 10.0.0.2,172.16.0.0/12.") from None


def is_loopback(host: str) -> bool:
    """Whether a server bound to this host is reached from its own machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def names_loopback(host_header: str | None) -> bool:
    """Whether a Host header names this machine itself, with any port.

    Anything else that reaches a server on loopback is a page of someone else whose name was pointed at it.
    """
    if not host_header:
        return False
    name = host_header.lower()
    if name in LOOPBACK_NAMES:
        return True
    name, colon, port = name.rpartition(":")
    return bool(colon) and port.isdecimal() and name in LOOPBACK_NAMES


def client_address(scope: Scope, trusted: Collection[Network]) -> str:
    """The caller's address: the last one in X-Forwarded-For that no trusted proxy has, else the peer's own."""
    peer = _peer(scope)
    if not _is_trusted(peer, trusted):
        return peer
    named = ",".join(str(value, "latin-1") for key, value in scope["headers"] if key == b"x-forwarded-for")
    for address in reversed([_without_port(part.strip()) for part in named.split(",") if part.strip()]):
        peer = address
        if not _is_trusted(address, trusted):
            break
    return peer


def neighbourhood(address: str) -> str:
    """What to count an address as: whoever has one of IPv6 has the 2^64 beside it too."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return address
    return str(parsed.ipv4_mapped or ipaddress.ip_network((parsed, 64), strict=False))


def came_by_https(scope: Scope, trusted: Collection[Network]) -> bool:
    """Whether the browser spoke https: to this process, or to a trusted proxy that says so."""
    if scope.get("scheme") == "https":
        return True
    return _is_trusted(_peer(scope), trusted) and header(scope, b"x-forwarded-proto") == "https"


def _without_port(named: str) -> str:
    """Some proxies name a caller's port too, which is another one for each connection."""
    if named.startswith("["):
        return named[1:].partition("]")[0]
    return named.partition(":")[0] if named.count(":") == 1 else named


def _peer(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""


def _is_trusted(address: str, trusted: Collection[Network]) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in trusted)
