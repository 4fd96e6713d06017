"""The account routes, under /api/auth."""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from novakit.asgi import header
from novakit.openapi import problems
from novakit.problem import Problem
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from ..credentials import SESSION_COOKIE, Caller, Kind
from ..exchange import Exchange
from ..limits.limiter import Limiter
from ..metrics import GatewayMetrics
from ..network import Network, came_by_https, client_address
from ..store.accounts import KeyRow
from .access import CALLER_PROBLEMS, Access
from .origin import is_own
from .service import SESSION_SECONDS, AccountService


class Link(BaseModel):
    """The token of a one-time sign-in link."""

    model_config = ConfigDict(extra="forbid", strict=True)

    token: Annotated[str, StringConstraints(min_length=1, max_length=200)]


class KeyName(BaseModel):
    """What to call a new API key."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80, pattern=r"\S")]


class Me(BaseModel):
    """Who the caller is, and how it is known."""

    user_id: str
    role: str
    signed_in_by: Kind


class ApiKey(BaseModel):
    """An API key without the key itself."""

    id: str
    name: str
    created_at: datetime
    last_used_at: datetime | None


class ApiKeys(BaseModel):
    """All API keys of the caller that were not revoked."""

    keys: list[ApiKey]


class CreatedKey(BaseModel):
    """A new API key. ``key`` is shown this once."""

    id: str
    name: str
    key: str = Field(description="shown this once")
    created_at: datetime


FOR_CALLERS = problems(CALLER_PROBLEMS)


def router(
    service: AccountService,
    access: Access,
    *,
    metrics: GatewayMetrics,
    link_limiter: Limiter,
    trusted: Collection[Network],
) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/api/auth", tags=["accounts"])

    async def signed_in(request: Request) -> Caller:
        caller = await access.caller(request.scope)
        exchange: Exchange = request.state.exchange
        exchange.user = caller.log_name
        return caller

    SignedIn = Annotated[Caller, Depends(signed_in)]  # noqa: N806 (a type)

    @routes.post(
        "/link",
        status_code=204,
        responses=problems(
            {
                410: "The link is not valid: it works once, within 10 minutes.",
                429: "There were too many attempts to sign in.",
            }
        ),
    )
    async def sign_in(link: Link, request: Request, response: Response) -> None:
        """Sign this browser in with the one-time link that `make up` printed."""
        _refuse_foreign_page(request)
        seconds = link_limiter.wait(client_address(request.scope, trusted))
        if seconds:
            metrics.signed_in("throttled")
            raise Problem(
                429, f"Too many attempts to sign in; try again in {seconds} s.", headers={"Retry-After": str(seconds)}
            )
        try:
            session = await service.exchange_link(link.token)
        except Problem:
            metrics.signed_in("refused")
            raise
        metrics.signed_in("accepted")
        _set_cookie(response, session, SESSION_SECONDS, secure=came_by_https(request.scope, trusted))

    @routes.get("/me", responses=FOR_CALLERS)
    async def who_am_i(caller: SignedIn) -> Me:
        """Say who the caller is."""
        return Me(user_id=caller.user_id, role=caller.role, signed_in_by=caller.kind)

    @routes.post(
        "/logout",
        status_code=204,
        responses=FOR_CALLERS | problems({400: "The call came with an API key, not from a browser."}),
    )
    async def log_out(caller: SignedIn, request: Request, response: Response) -> None:
        """End this browser's session."""
        await service.log_out(caller)
        _set_cookie(response, "", 0, secure=came_by_https(request.scope, trusted))

    @routes.post("/keys", status_code=201, responses=FOR_CALLERS)
    async def create_key(caller: SignedIn, wanted: KeyName) -> CreatedKey:
        """Make an API key."""
        row, key = await service.create_key(caller, wanted.name)
        return CreatedKey(id=row.id, name=row.name, key=key, created_at=_time(row.created_at))

    @routes.get("/keys", responses=FOR_CALLERS)
    async def list_keys(caller: SignedIn) -> ApiKeys:
        """List the caller's API keys, oldest first."""
        return ApiKeys(keys=[_shown(row) for row in await service.keys(caller)])

    @routes.delete(
        "/keys/{key_id}",
        status_code=204,
        responses=FOR_CALLERS | problems({404: "The caller has no API key with this id."}),
    )
    async def revoke_key(caller: SignedIn, key_id: UUID) -> None:
        """Revoke an API key, at once."""
        await service.revoke_key(caller, str(key_id))

    return routes


def _refuse_foreign_page(request: Request) -> None:
    # A program sends no Origin, and may sign in.
    origin = header(request.scope, b"origin")
    if origin is not None and not is_own(origin, header(request.scope, b"host")):
        raise Problem(403, "This page is not the gateway's own, so it cannot sign anyone in.")


def _set_cookie(response: Response, value: str, seconds: int, *, secure: bool) -> None:
    response.set_cookie(
        SESSION_COOKIE, value, max_age=seconds, path="/", secure=secure, httponly=True, samesite="strict"
    )


def _shown(row: KeyRow) -> ApiKey:
    used = None if row.last_used_at is None else _time(row.last_used_at)
    return ApiKey(id=row.id, name=row.name, created_at=_time(row.created_at), last_used_at=used)


def _time(wall: float) -> datetime:
    return datetime.fromtimestamp(wall, UTC)
