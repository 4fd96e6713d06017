"""What a credential looks like, and what is kept of it. Pure.

Credentials are long and random, so a plain SHA-256 of one cannot be guessed back, and no slow hash is needed.
"""

import hashlib
import re
from dataclasses import dataclass
from typing import Literal

from starlette.types import Scope

API_KEY_PREFIX = "nc_"
API_KEY_FORM = re.compile(r"nc_[A-Za-z0-9_-]{32,200}")
SESSION_COOKIE = "nc_session"

Kind = Literal["api_key", "browser"]


@dataclass(frozen=True, slots=True)
class Presented:
    """A credential as a request carries it, unverified."""

    token: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a verified credential belongs to. ``expires_at`` is seconds since 1970, None for never.

    ``log_name`` stands for the user in logs.
    """

    user_id: str
    role: str
    kind: Kind
    credential_id: str
    expires_at: float | None
    log_name: str


def digest(token: str) -> str:
    """The SHA-256 under which a credential is stored, in hexadecimal."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def log_name(user_id: str) -> str:
    """A short name for a user that says nothing of them but is the same on each line."""
    return hashlib.sha256(user_id.encode()).hexdigest()[:12]


def presented(scope: Scope) -> Presented | None:
    """The request's credential: the Authorization header counts, the cookie only where there is none."""
    cookies = ""
    for key, value in scope["headers"]:
        if key == b"authorization":
            kind, _, token = str(value, "latin-1").partition(" ")
            return Presented(token.strip(), "api_key") if kind.lower() == "bearer" and token.strip() else None
        if key == b"cookie":
            cookies = str(value, "latin-1")
    for part in cookies.split(";"):
        name, _, value = part.strip().partition("=")
        if name == SESSION_COOKIE and value:
            return Presented(value, "browser")
    return None
