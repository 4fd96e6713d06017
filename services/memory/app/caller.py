"""Who is calling: a service of ours with a valid token, on behalf of a user."""

from typing import Annotated

from fastapi import Depends, Request
from novakit.asgi import header
from novakit.identity import TOKEN_HEADER, USER_HEADER, IdentityError, TokenVerifier
from novakit.problem import Problem

LONGEST_USER_ID = 64


async def _user_of(request: Request) -> str:
    """The user's id; raises Problem 401."""
    verifier: TokenVerifier = request.app.state.verifier
    try:
        verifier.check(header(request.scope, TOKEN_HEADER.encode()))
    except IdentityError as error:
        raise Problem(401, str(error)) from None
    user_id = header(request.scope, USER_HEADER.encode()) or ""
    if not 1 <= len(user_id) <= LONGEST_USER_ID:
        raise Problem(401, f"The call names no user: {USER_HEADER} is missing or too long.")
    request.state.user_id = user_id
    return user_id


UserId = Annotated[str, Depends(_user_of)]
