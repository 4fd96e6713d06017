"""What a credential looks like, and what is kept of it. Pure.

API keys, refresh tokens and the tokens of links are long and random, so a plain SHA-256 of one cannot be guessed
back, and no slow hash is needed. Passwords are another matter: ``auth/passwords.py``.
"""

import hashlib
import re
from dataclasses import dataclass
from typing import Literal

from starlette.types import Scope

API_KEY_PREFIX = "nc_"
API_KEY_FORM = re.compile(r"nc_[A-Za-z0-9_-]{32,200}")
ACCESS_COOKIE = "nc_access"
REFRESH_COOKIE = "nc_refresh"

Kind = Literal["api_key", "session"]
"""How a caller is known: by a key, or by having signed in."""

Role = Literal["admin", "user"]
KeyScope = Literal["chat", "admin"]
"""What an API key may be used for: its owner's chats and data, or all that its owner may do."""


@dataclass(frozen=True, slots=True)
class Presented:
    """A credential as a request carries it, unverified."""

    token: str
    kind: Kind
    by_cookie: bool = False


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a verified credential belongs to. ``expires_at`` is seconds since 1970, None for never.

    ``role`` is what this credential may act as: an admin's key with the scope ``chat`` acts as a user. ``scope`` is
    an API key's, None for a session.
    """

    user_id: str
    role: str
    kind: Kind
    credential_id: str
    expires_at: float | None
    scope: KeyScope | None = None


def digest(token: str) -> str:
    """The SHA-256 under which a credential is stored, in hexadecimal."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def presented(scope: Scope) -> Presented | None:
    """The request's credential: the Authorization header counts, the cookie only where there is none."""
    for key, value in scope["headers"]:
        if key == b"authorization":
            scheme, _, token = str(value, "latin-1").partition(" ")
            token = token.strip()
            if scheme.lower() != "bearer" or not token:
                return None
            return Presented(token, "api_key" if token.startswith(API_KEY_PREFIX) else "session")
    token = cookie(scope, ACCESS_COOKIE)
    return Presented(token, "session", by_cookie=True) if token else None


def cookie(scope: Scope, wanted: str) -> str:
    """One cookie of the request; empty where it did not come."""
    for key, value in scope["headers"]:
        if key == b"cookie":
            for part in str(value, "latin-1").split(";"):
                name, _, content = part.strip().partition("=")
                if name == wanted and content:
                    return content
    return ""
