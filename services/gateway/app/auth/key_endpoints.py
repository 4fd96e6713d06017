"""The routes of API keys, under /api/auth/keys."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from novakit.openapi import problems
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from ..credentials import Caller, KeyScope
from ..store.api_keys import KeyRow
from .callers import FOR_CALLERS, Callers
from .keys import KeyService

LONGEST_LIFE_DAYS = 3650


def _whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


WHOLE = BeforeValidator(_whole)
"""For a strict int: it takes what JSON Schema calls whole, 2.0 too."""


class KeyWanted(BaseModel):
    """What to call a new API key, what it may do, and how long it works; for ever, if that is not said."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80, pattern=r"\S")]
    scope: KeyScope = "chat"
    expires_in_days: Annotated[int, Field(ge=1, le=LONGEST_LIFE_DAYS), WHOLE] | None = None


class ApiKey(BaseModel):
    """An API key without the key itself."""

    id: str
    name: str
    scope: KeyScope
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


class ApiKeys(BaseModel):
    """All API keys of the caller that were not revoked."""

    keys: list[ApiKey]


class CreatedKey(BaseModel):
    """A new API key. ``key`` is shown this once."""

    id: str
    name: str
    scope: KeyScope
    key: str = Field(description="shown this once")
    created_at: datetime
    expires_at: datetime | None


def router(service: KeyService, callers: Callers) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/api/auth/keys", tags=["accounts"])
    Manager = Annotated[Caller, Depends(callers.manager)]  # noqa: N806 (a type)

    @routes.post("", status_code=201, responses=FOR_CALLERS)
    async def create_key(caller: Manager, wanted: KeyWanted) -> CreatedKey:
        """Make an API key."""
        row, key = await service.create(caller, wanted.name, wanted.scope, wanted.expires_in_days)
        return CreatedKey(
            id=row.id,
            name=row.name,
            scope=row.scope,
            key=key,
            created_at=moment(row.created_at),
            expires_at=moment_or_none(row.expires_at),
        )

    @routes.get("", responses=FOR_CALLERS)
    async def list_keys(caller: Manager) -> ApiKeys:
        """List the caller's API keys, oldest first."""
        return ApiKeys(keys=[_shown(row) for row in await service.of(caller)])

    @routes.delete(
        "/{key_id}",
        status_code=204,
        responses=FOR_CALLERS | problems({404: "The caller has no API key with this id."}),
    )
    async def revoke_key(caller: Manager, key_id: UUID) -> None:
        """Revoke an API key, at once."""
        await service.revoke(caller, str(key_id))

    return routes


def moment(wall: float) -> datetime:
    """Seconds since 1970 as they are shown."""
    return datetime.fromtimestamp(wall, UTC)


def moment_or_none(wall: float | None) -> datetime | None:
    """The same of what may not have happened."""
    return None if wall is None else moment(wall)


def _shown(row: KeyRow) -> ApiKey:
    return ApiKey(
        id=row.id,
        name=row.name,
        scope=row.scope,
        created_at=moment(row.created_at),
        expires_at=moment_or_none(row.expires_at),
        last_used_at=moment_or_none(row.last_used_at),
    )
