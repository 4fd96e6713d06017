"""Who is calling: a service of ours with a valid token, on behalf of a user."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from novakit.asgi import header
from novakit.identity import (
    ADMIN,
    REQUEST_ID_HEADER,
    ROLE_HEADER,
    TOKEN_HEADER,
    USER_HEADER,
    IdentityError,
    TokenVerifier,
)
from novakit.problem import Problem
from novakit.tracing import TRACEPARENT
from starlette.types import Scope

from ..routing.facts import Fact
from ..services.memory_client import Wishes

REQUEST_ID_CHARS = 64

WishesOf = Callable[[str, str], Awaitable[Wishes]]
"""What a user prefers, as the memory service knows it: by the user's id and the request's."""
RecallOf = Callable[[str, str, str], Awaitable[tuple[Fact, ...]]]
"""What a user asked to be remembered and a message reminds of: by the user's id, the message, the request's id."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The user, the id that this request has in every log, and whether the user may see what concerns all.

    ``traceparent`` is the gateway's span, where it has one.
    """

    user_id: str
    request_id: str
    is_admin: bool = False
    traceparent: str | None = None


def identify(scope: Scope, verifier: TokenVerifier) -> Caller:
    """The caller of an ASGI request; raises Problem 401."""
    try:
        verifier.check(header(scope, TOKEN_HEADER.encode()))
    except IdentityError as error:
        raise Problem(401, str(error)) from None
    user_id = header(scope, USER_HEADER.encode())
    if not user_id:
        raise Problem(401, f"The call names no user: {USER_HEADER} is missing.")
    request_id = (header(scope, REQUEST_ID_HEADER.encode()) or "")[:REQUEST_ID_CHARS]
    is_admin = header(scope, ROLE_HEADER.encode()) == ADMIN
    return Caller(user_id, request_id, is_admin, header(scope, TRACEPARENT.encode()))


async def caller_of(request: Request) -> Caller:
    """FastAPI's way to the same."""
    verifier: TokenVerifier = request.app.state.verifier
    return identify(request.scope, verifier)


async def admin_of(request: Request) -> Caller:
    """The same for routes of admins alone; raises Problem 403."""
    caller = await caller_of(request)
    if not caller.is_admin:
        raise Problem(403, "This is for admins alone.")
    return caller


CurrentCaller = Annotated[Caller, Depends(caller_of)]
CurrentAdmin = Annotated[Caller, Depends(admin_of)]
