"""What signing in takes and gives: to our page in cookies that it cannot read, to a program in the answer's body.

A browser always names the page that a POST comes from, in its Origin; a program names none.
"""

from collections.abc import Collection
from typing import Annotated

from fastapi import Request, Response
from novakit.asgi import header
from novakit.problem import Problem
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from ..credentials import ACCESS_COOKIE, REFRESH_COOKIE
from ..exchange import Exchange
from ..network import Network, came_by_https
from .names import GivenName, GivenPassword, NewName, NewPassword
from .origin import is_own
from .sessions import SignedIn
from .tokens import ACCESS_SECONDS, REFRESH_SECONDS

REFRESH_PATH = "/api/auth"


Token = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Link(_Body):
    """The token of a one-time sign-in link."""

    token: Token


class Login(_Body):
    """A name and its password."""

    name: GivenName
    password: GivenPassword


class Registration(_Body):
    """A new account. Where registering is not open to all, an admin's invitation belongs to it."""

    name: NewName
    password: NewPassword
    invitation: Token | None = None


class Reset(_Body):
    """A new password, by a link that an admin gave."""

    token: Token
    password: NewPassword


class Refresh(_Body):
    """A program's refresh token. A page sends none: it is in its cookie."""

    refresh_token: Token | None = None


class SignIn(BaseModel):
    """Who has signed in. The tokens are there for programs alone: a page has them in cookies."""

    user_id: str
    name: str | None
    role: str
    expires_in: int = Field(description="seconds for which the access token is good")
    access_token: str | None = Field(default=None, description="for Authorization: Bearer")
    refresh_token: str | None = Field(default=None, description="for POST /api/auth/refresh, once")


def from_own_page(request: Request) -> bool:
    """Whether our page asks, and not a program; raises Problem 403 for any other page."""
    origin = header(request.scope, b"origin")
    if origin is None:
        return False
    if not is_own(origin, header(request.scope, b"host")):
        raise Problem(403, "This page is not the gateway's own, so it cannot sign anyone in.")
    return True


class HandOver:
    """Writes a sign-in into an answer. ``trusted`` are the proxies that are believed about https."""

    def __init__(self, trusted: Collection[Network]) -> None:
        self._trusted = trusted

    def give(self, signed_in: SignedIn, request: Request, response: Response, *, to_page: bool) -> SignIn:
        """The answer to whoever signed in."""
        exchange: Exchange = request.state.exchange
        exchange.user = signed_in.user_id
        session = SignIn(
            user_id=signed_in.user_id, name=signed_in.name, role=signed_in.role, expires_in=signed_in.expires_in
        )
        if not to_page:
            session.access_token, session.refresh_token = signed_in.access_token, signed_in.refresh_token
            return session
        self._set(response, request, ACCESS_COOKIE, signed_in.access_token, ACCESS_SECONDS, path="/")
        self._set(response, request, REFRESH_COOKIE, signed_in.refresh_token, REFRESH_SECONDS, path=REFRESH_PATH)
        return session

    def take_back(self, request: Request, response: Response) -> None:
        """Let the browser forget its tokens."""
        self._set(response, request, ACCESS_COOKIE, "", 0, path="/")
        self._set(response, request, REFRESH_COOKIE, "", 0, path=REFRESH_PATH)

    def _set(self, response: Response, request: Request, name: str, value: str, seconds: int, *, path: str) -> None:
        secure = came_by_https(request.scope, self._trusted)
        response.set_cookie(name, value, max_age=seconds, path=path, secure=secure, httponly=True, samesite="strict")
