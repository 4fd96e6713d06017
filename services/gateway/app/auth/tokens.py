"""The two tokens of a sign-in: a short access token (JWT), and a refresh token that is replaced at each use. Pure."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass

import jwt
from novakit.ids import is_uuid
from novakit.signing import SigningSecret, signing_secret

ACCESS_SECONDS = 15 * 60
REFRESH_SECONDS = 30 * 24 * 3600
# Two windows of one browser may refresh at once, and an answer may be lost on its way.
REPEAT_SECONDS = 10

NewToken = Callable[[], str]

_ALGORITHM = "HS256"
_AUDIENCE = "gateway"


def random_token() -> str:
    """43 characters that hold 256 random bits and are safe in a header, a cookie and a URL."""
    return secrets.token_urlsafe(32)


@dataclass(frozen=True, slots=True)
class Claims:
    """What an access token says: whose it is, of which sign-in, and until when (seconds since 1970)."""

    user_id: str
    sign_in_id: str
    expires_at: int


class AccessTokens:
    """Signs and reads access tokens.

    They carry no role: it is looked up with the sign-in, so that no token can say what is no longer true.
    """

    def __init__(self, secret: str | SigningSecret) -> None:
        self._secret = signing_secret(secret)

    def sign(self, user_id: str, sign_in_id: str, wall: float) -> str:
        """A token that is good for ACCESS_SECONDS."""
        issued = int(wall)
        claims = {
            "aud": _AUDIENCE,
            "sub": user_id,
            "sid": sign_in_id,
            "iat": issued,
            "exp": issued + ACCESS_SECONDS,
        }
        return jwt.encode(claims, self._secret.signing(), algorithm=_ALGORITHM)

    def read(self, token: str, wall: float) -> Claims | None:
        """What a token says; None for one that we did not sign, or that has expired."""
        claims = (_claims(token, secret) for secret in self._secret.accepted())
        found = next((said for said in claims if said is not None), None)
        return found if found is not None and found.expires_at > wall else None


def _claims(token: str, secret: str) -> Claims | None:
    try:
        claims = jwt.decode(
            token,
            secret,
            algorithms=[_ALGORITHM],
            audience=_AUDIENCE,
            options={"verify_exp": False, "verify_iat": False, "require": ["aud", "sub", "sid", "exp"]},
        )
        return Claims(claims["sub"], claims["sid"], int(claims["exp"]))
    except (jwt.PyJWTError, ValueError):
        return None


class RefreshTokens:
    """Makes refresh tokens: the id of the sign-in, a dot, and a secret.

    Every successor follows from its token and our secret, so that whoever repeats a refresh gets the same one: a
    sign-in never has two tokens that could be used.
    """

    def __init__(self, secret: str | SigningSecret, new_token: NewToken = random_token) -> None:
        self._secret = signing_secret(secret)
        self._new_token = new_token

    def first(self, sign_in_id: str) -> str:
        """A new sign-in's first token."""
        return f"{sign_in_id}.{self._new_token()}"

    def successors(self, token: str) -> tuple[str, ...]:
        """The token that takes this one's place; after it those that did while an earlier secret was in force."""
        return tuple(_successor(secret, token) for secret in self._secret.accepted())

    def sign_in_of(self, token: str) -> str | None:
        """The sign-in that a token says it is of; None for a text that is no token."""
        sign_in_id, dot, secret = token.partition(".")
        return sign_in_id if dot and secret and is_uuid(sign_in_id) else None


def _successor(secret: str, token: str) -> str:
    text = b"refresh token\0" + token.encode("utf-8", "surrogatepass")
    made = hmac.digest(secret.encode(), text, hashlib.sha256)
    return f"{token.partition('.')[0]}.{base64.urlsafe_b64encode(made).decode().rstrip('=')}"


def address_hash(secret: str, user_or_name: str, address: str) -> str:
    """Under what an address is remembered: without our secret nobody can try which one it is."""
    text = f"address\0{user_or_name}\0{address}".encode("utf-8", "surrogatepass")
    return hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()
