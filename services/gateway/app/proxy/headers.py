"""Which headers cross the gateway, in each direction. Pure."""

from collections.abc import Sequence

from novakit.identity import INTERNAL_HEADERS
from novakit.problem import Problem

from ..exchange import RawHeader

# RFC 9110 section 7.6.1: these speak of one connection, never of the message.
HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)

_SECRETS = {b"authorization", b"cookie"}
# The client of the inner connection writes these itself.
_REWRITTEN = {b"host", b"content-length", b"expect"}
# Judged here, by TRUSTED_PROXIES; nobody behind the gateway has a reason to believe them.
_PROXY_CLAIMS = {
    b"forwarded",
    b"x-forwarded-for",
    b"x-forwarded-host",
    b"x-forwarded-port",
    b"x-forwarded-prefix",
    b"x-forwarded-proto",
    b"x-real-ip",
}
_INTERNAL = {name.encode() for name in INTERNAL_HEADERS} | {b"traceparent", b"tracestate"}

NOT_PASSED_IN = HOP_BY_HOP | _SECRETS | _REWRITTEN | _PROXY_CLAIMS | _INTERNAL
# Our own server writes date and server; the request id is the gateway's; the gateway alone signs people in.
NOT_PASSED_OUT = HOP_BY_HOP | {b"date", b"server", b"x-request-id", b"set-cookie"}


def inward(headers: Sequence[RawHeader]) -> list[tuple[str, str]]:
    """A request's headers (lower-case names) as an inner service gets them; raises Problem 400."""
    passed: list[tuple[str, str]] = []
    named = _named_by_connection(headers)
    for name, value in headers:
        if name in NOT_PASSED_IN or name in named:
            continue
        try:
            passed.append((name.decode("ascii"), value.decode()))
        except UnicodeDecodeError:
            raise Problem(400, "A header of the request is not UTF-8 text.") from None
    return passed


def outward(headers: Sequence[RawHeader], owned: frozenset[bytes]) -> list[RawHeader]:
    """An inner service's answer headers as the client gets them; ``owned`` are those that the gateway sets."""
    lowered = [(name.lower(), value) for name, value in headers]
    barred = _named_by_connection(lowered) | owned
    return [header for header in lowered if header[0] not in NOT_PASSED_OUT and header[0] not in barred]


def _named_by_connection(headers: Sequence[RawHeader]) -> frozenset[bytes]:
    """The headers that the Connection header declares hop-by-hop."""
    values = [value for name, value in headers if name == b"connection"]
    return frozenset(token.strip().lower() for value in values for token in value.split(b","))
