"""The routes of one's own account, under /api/auth."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from novakit.clock import Clock
from novakit.openapi import problems
from pydantic import BaseModel, ConfigDict

from ..credentials import Caller, KeyScope, Kind
from ..limits.limiter import Limiter
from .accounts import AccountService, too_many_attempts
from .callers import FOR_CALLERS, Callers
from .names import GivenPassword, NewName, NewPassword
from .sessions import Sessions
from .signing_in import HandOver

PASSWORD_CHANGES_PER_MINUTE = 5
BY_KEY = problems({400: "The call came with an API key, which is no sign-in."})
PASSWORD = problems(
    {
        409: "Somebody has this name, or the password was changed by another call at the same time.",
        429: "There were too many attempts.",
    }
)


class PasswordChange(BaseModel):
    """A new password, and the present one where there is one; else the name to sign in with."""

    model_config = ConfigDict(extra="forbid", strict=True)

    new_password: NewPassword
    current_password: GivenPassword | None = None
    name: NewName | None = None


class Me(BaseModel):
    """Who the caller is, and how it is known. ``role`` is what this call may act as; ``scope`` is an API key's."""

    user_id: str
    name: str | None
    role: str
    has_password: bool
    signed_in_by: Kind
    scope: KeyScope | None


def router(
    service: AccountService, sessions: Sessions, callers: Callers, hand_over: HandOver, *, clock: Clock
) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/api/auth", tags=["accounts"])
    changes = Limiter(PASSWORD_CHANGES_PER_MINUTE, clock)
    Anyone = Annotated[Caller, Depends(callers.anyone)]  # noqa: N806 (a type)
    Manager = Annotated[Caller, Depends(callers.manager)]  # noqa: N806 (a type)

    @routes.get("/me", responses=FOR_CALLERS)
    async def me(caller: Anyone) -> Me:
        """Say who the caller is."""
        user = await service.me(caller)
        return Me(
            user_id=user.id,
            name=user.name,
            role=caller.role,
            has_password=user.has_password,
            signed_in_by=caller.kind,
            scope=caller.scope,
        )

    @routes.post("/logout", status_code=204, responses=FOR_CALLERS | BY_KEY)
    async def log_out(caller: Anyone, request: Request, response: Response) -> None:
        """End this sign-in."""
        await sessions.end(caller)
        hand_over.take_back(request, response)

    @routes.post("/logout-everywhere", status_code=204, responses=FOR_CALLERS | BY_KEY)
    async def log_out_everywhere(caller: Manager, request: Request, response: Response) -> None:
        """End all of the caller's sign-ins, on every device. API keys go on to work."""
        await sessions.end_all(caller)
        hand_over.take_back(request, response)

    @routes.post("/password", status_code=204, responses=FOR_CALLERS | PASSWORD)
    async def set_password(caller: Manager, wanted: PasswordChange) -> None:
        """Set the caller's password; the first one together with a name. All other sign-ins end."""
        if seconds := changes.wait(caller.user_id):
            raise too_many_attempts(seconds)
        current = wanted.current_password
        await service.set_password(
            caller,
            name=wanted.name,
            current=None if current is None else current.get_secret_value(),
            new=wanted.new_password.get_secret_value(),
        )

    return routes
