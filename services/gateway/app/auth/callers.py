"""What a route asks of its caller, as FastAPI's dependencies."""

from fastapi import Request
from novakit.openapi import problems
from novakit.problem import Problem

from ..credentials import Caller
from ..exchange import Exchange
from .access import CALLER_PROBLEMS, Access

FOR_CALLERS = problems(CALLER_PROBLEMS)
"""What each of their routes may answer beside its own."""


class Callers:
    """The dependencies: signed in at all, managing their own account, or an admin."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def anyone(self, request: Request) -> Caller:
        """Whoever is signed in; raises Problem 401, and 403 for a call that a foreign page may have made."""
        caller = await self._access.caller(request.scope)
        exchange: Exchange = request.state.exchange
        exchange.user = caller.user_id
        return caller

    async def manager(self, request: Request) -> Caller:
        """Who may manage their own account; raises Problem 403 for a key that is for chats alone."""
        caller = await self.anyone(request)
        if caller.scope == "chat":
            raise Problem(403, "This API key has the scope chat: it may chat, but manage neither keys nor accounts.")
        return caller

    async def admin(self, request: Request) -> Caller:
        """An admin; raises Problem 403 for everybody else, and for an admin's key that is for chats alone."""
        caller = await self.manager(request)
        if caller.role != "admin":
            raise Problem(403, "This is for admins alone.")
        return caller
