"""The routes of admins, under /api/admin."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from novakit.openapi import problems
from pydantic import BaseModel, ConfigDict, Field

from ..credentials import Caller, Role
from ..store.users import User
from .administration import Administration, Issued
from .callers import FOR_CALLERS, Callers
from .key_endpoints import WHOLE, moment, moment_or_none
from .names import PartOfName

LONGEST_INVITATION_HOURS = 30 * 24
PAGE = 50
USER = problems({404: "There is no account with this id.", 409: "The account is not in a state for that."})
LARGEST_PAGE = 200


class Account(BaseModel):
    """A user, as an admin sees them."""

    id: str
    name: str | None
    role: str
    created_at: datetime
    disabled_at: datetime | None
    last_sign_in_at: datetime | None
    has_password: bool


class Accounts(BaseModel):
    """A page of users, oldest first; ``next_cursor`` is where the next begins, null after the last."""

    users: list[Account]
    total: int
    next_cursor: str | None


class AccountChange(BaseModel):
    """What to change of a user; what is not named stays."""

    model_config = ConfigDict(extra="forbid", strict=True)

    role: Role | None = None
    disabled: bool | None = None


class InvitationWanted(BaseModel):
    """As what somebody may register, and for how long."""

    model_config = ConfigDict(extra="forbid", strict=True)

    role: Role = "user"
    expires_in_hours: Annotated[int, Field(ge=1, le=LONGEST_INVITATION_HOURS), WHOLE] = 72


class Ticket(BaseModel):
    """Something to hand to a person. ``token`` is shown this once; ``path``, after the gateway's address, uses it."""

    id: str
    token: str = Field(description="shown this once")
    path: str
    expires_at: datetime


class InvitationShown(BaseModel):
    """An invitation that can still be used, without its token."""

    id: str
    role: str
    created_by: str
    created_at: datetime
    expires_at: datetime


class Invitations(BaseModel):
    """All of them."""

    invitations: list[InvitationShown]


def router(service: Administration, callers: Callers) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/api/admin", tags=["administration"])
    Admin = Annotated[Caller, Depends(callers.admin)]  # noqa: N806 (a type)

    @routes.get("/users", responses=FOR_CALLERS)
    async def list_users(
        _admin: Admin,
        q: Annotated[PartOfName, Query(description="what a name must hold")] = "",
        limit: Annotated[int, Query(ge=1, le=LARGEST_PAGE)] = PAGE,
        cursor: Annotated[UUID | None, Query(description="next_cursor of the page before")] = None,
    ) -> Accounts:
        """List the users."""
        found, total = await service.users(q, "" if cursor is None else str(cursor), limit + 1)
        page = found[:limit]
        return Accounts(
            users=[_account(user) for user in page],
            total=total,
            next_cursor=page[-1].id if len(found) > limit else None,
        )

    @routes.patch("/users/{user_id}", responses=FOR_CALLERS | USER)
    async def change_user(admin: Admin, user_id: UUID, wanted: AccountChange) -> Account:
        """Change a user's role, disable or enable them. The last admin stays one."""
        return _account(await service.change(admin, str(user_id), role=wanted.role, disabled=wanted.disabled))

    @routes.post("/users/{user_id}/reset", status_code=201, responses=FOR_CALLERS | USER)
    async def reset_user(admin: Admin, user_id: UUID) -> Ticket:
        """Make a link with which a user sets a new password, once and within 24 hours. All their sign-ins end."""
        return _ticket(await service.reset(admin, str(user_id)), "reset")

    @routes.delete(
        "/users/{user_id}/keys",
        status_code=204,
        responses=FOR_CALLERS | problems({404: "There is no account with this id."}),
    )
    async def revoke_keys_of_user(admin: Admin, user_id: UUID) -> None:
        """Revoke all API keys of a user, at once."""
        await service.revoke_keys(admin, str(user_id))

    @routes.post("/invitations", status_code=201, responses=FOR_CALLERS)
    async def invite(admin: Admin, wanted: InvitationWanted) -> Ticket:
        """Make a link with which somebody registers, once."""
        return _ticket(await service.invite(admin, wanted.role, wanted.expires_in_hours), "invite")

    @routes.get("/invitations", responses=FOR_CALLERS)
    async def list_invitations(_admin: Admin) -> Invitations:
        """List the invitations that can still be used, oldest first."""
        return Invitations(
            invitations=[
                InvitationShown(
                    id=each.id,
                    role=each.role,
                    created_by=each.created_by,
                    created_at=moment(each.created_at),
                    expires_at=moment(each.expires_at),
                )
                for each in await service.invitations()
            ]
        )

    @routes.delete(
        "/invitations/{invitation_id}",
        status_code=204,
        responses=FOR_CALLERS | problems({404: "There is no invitation with this id."}),
    )
    async def revoke_invitation(_admin: Admin, invitation_id: UUID) -> None:
        """Revoke an invitation."""
        await service.revoke_invitation(str(invitation_id))

    return routes


def _account(user: User) -> Account:
    return Account(
        id=user.id,
        name=user.name,
        role=user.role,
        created_at=moment(user.created_at),
        disabled_at=moment_or_none(user.disabled_at),
        last_sign_in_at=moment_or_none(user.last_sign_in_at),
        has_password=user.has_password,
    )


def _ticket(issued: Issued, place: str) -> Ticket:
    return Ticket(
        id=issued.id,
        token=issued.token,
        path=f"/#{place}={issued.token}",
        expires_at=moment(issued.expires_at),
    )
