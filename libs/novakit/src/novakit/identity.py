"""Service-to-service tokens: short-lived JWTs whose audience is the service that is called.

The token says which service is calling. On whose behalf it calls stands in the headers ``X-User-Id`` and
``X-User-Role``, which are believed only beside a valid token, and which the gateway drops from the outside.
"""

from collections.abc import Callable
from contextlib import suppress

import jwt

from .signing import SigningSecret, signing_secret

TOKEN_HEADER = "x-service-token"  # noqa: S105 (a header's name)
USER_HEADER = "x-user-id"
ROLE_HEADER = "x-user-role"
ADMIN = "admin"
"""The role that may see and manage what concerns all users."""
REQUEST_ID_HEADER = "x-request-id"
INTERNAL_HEADERS = frozenset({TOKEN_HEADER, USER_HEADER, ROLE_HEADER, REQUEST_ID_HEADER})
TOKEN_SECONDS = 120
_ALGORITHM = "HS256"


class IdentityError(Exception):
    """The call carries no token, or one that is not valid for this service."""


def sign(secret: str, *, issuer: str, audience: str, wall: float, seconds: int = TOKEN_SECONDS) -> str:
    """A token with which ``issuer`` may call ``audience`` until ``wall + seconds``."""
    claims = {"iss": issuer, "aud": audience, "iat": int(wall), "exp": int(wall) + seconds}
    return jwt.encode(claims, secret, algorithm=_ALGORITHM)


def verify(token: str, secret: str, *, audience: str, wall: float) -> int:
    """When the token expires (seconds since 1970); raises IdentityError for a token that is not valid now."""
    try:
        claims = jwt.decode(
            token,
            secret,
            algorithms=[_ALGORITHM],
            audience=audience,
            options={"verify_exp": False, "verify_iat": False, "require": ["exp", "aud", "iss"]},
        )
    except jwt.PyJWTError as error:
        raise IdentityError(f"service token refused: {error}") from error
    expires = int(claims["exp"])
    if expires <= wall:
        raise IdentityError("service token refused: it has expired")
    return expires


class TokenSigner:
    """Signs for one audience, and signs again only when half of the last token's life is over."""

    def __init__(self, secret: str | SigningSecret, *, issuer: str, audience: str, wall: Callable[[], float]) -> None:
        self._secret = signing_secret(secret)
        self._issuer = issuer
        self._audience = audience
        self._wall = wall
        self._token = ""
        self._renew_at = 0.0

    def token(self) -> str:
        """A token that is valid for at least another half of its life."""
        wall = self._wall()
        if wall >= self._renew_at:
            self._token = sign(self._secret.signing(), issuer=self._issuer, audience=self._audience, wall=wall)
            self._renew_at = wall + TOKEN_SECONDS / 2
        return self._token


class TokenVerifier:
    """Verifies for one audience, and remembers the last token that it found valid."""

    def __init__(self, secret: str | SigningSecret, *, audience: str, wall: Callable[[], float]) -> None:
        self._secret = signing_secret(secret)
        self._audience = audience
        self._wall = wall
        self._known = ""
        self._known_until = 0.0

    def check(self, token: str | None) -> None:
        """Return for a valid token; raises IdentityError for any other."""
        if not token:
            raise IdentityError("service token refused: there is none")
        wall = self._wall()
        if token == self._known and wall < self._known_until:
            return
        self._known_until = self._verified(token, wall)
        self._known = token

    def _verified(self, token: str, wall: float) -> int:
        *others, last = self._secret.accepted()
        for secret in others:
            with suppress(IdentityError):
                return verify(token, secret, audience=self._audience, wall=wall)
        return verify(token, last, audience=self._audience, wall=wall)
