"""The gateway's settings as they are in force, for admins."""

from typing import Annotated

from fastapi import APIRouter, Depends
from novakit.settings import Source
from pydantic import BaseModel

from .auth.callers import FOR_CALLERS, Callers
from .config import Settings
from .credentials import Caller


class GatewaySetting(BaseModel):
    """One variable as it is in force. A secret has no value; ``given`` says whether there is one."""

    name: str
    value: str | None
    source: Source
    secret: bool
    given: bool
    meaning: str


class GatewayConfiguration(BaseModel):
    """The settings of the gateway."""

    service: str
    settings: list[GatewaySetting]


def router(settings: Settings, callers: Callers) -> APIRouter:
    """The route."""
    routes = APIRouter(prefix="/api/admin", tags=["administration"])
    Admin = Annotated[Caller, Depends(callers.admin)]  # noqa: N806 (a type)

    @routes.get("/configuration", responses=FOR_CALLERS)
    async def gateway_configuration(_admin: Admin) -> GatewayConfiguration:
        """Give the gateway's settings as they are in force, each with where it came from; no secret's value."""
        shown = [
            GatewaySetting(
                name=each.name,
                value=each.value,
                source=each.source,
                secret=each.secret,
                given=each.given,
                meaning=each.meaning,
            )
            for each in settings.in_force()
        ]
        return GatewayConfiguration(service="gateway", settings=shown)

    return routes
