"""What a call must show that relies on the browser's cookie, so that no foreign page can make it. Pure."""

from novakit.asgi import header
from novakit.problem import Problem
from starlette.types import Scope

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


def require_own_page(scope: Scope) -> None:
    """Return for a call that our own page made or that changes nothing; raises Problem 403."""
    if scope["method"] in SAFE_METHODS:
        return
    origin = header(scope, b"origin")
    if origin is None or not is_own(origin, header(scope, b"host")):
        raise Problem(403, "A call with the browser's cookie must carry an Origin header that names this very host.")
    if has_body(scope) and not is_json(scope):
        raise Problem(403, "A call with the browser's cookie must have the content type application/json.")


def is_own(origin: str, host: str | None) -> bool:
    """Whether an Origin names the host that the request was sent to.

    The scheme is not compared: behind a proxy that ends TLS it is not known here.
    """
    scheme, mark, name = origin.lower().partition("://")
    if not mark or not name or not host:
        return False
    port = _DEFAULT_PORTS.get(scheme, "")
    return name.removesuffix(port) == host.lower().removesuffix(port)


def is_json(scope: Scope) -> bool:
    """Whether the body is declared as JSON."""
    declared = header(scope, b"content-type") or ""
    return declared.partition(";")[0].strip().lower() == "application/json"


def has_body(scope: Scope) -> bool:
    """Whether the request announces a body."""
    length = header(scope, b"content-length")
    return header(scope, b"transfer-encoding") is not None or (length is not None and length.strip("0 ") != "")
