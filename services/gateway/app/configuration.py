"""The gateway's settings as they are in force, for admins."""

from typing import Annotated

from fastapi import APIRouter, Depends
from novakit.settings import InForce
from pydantic import BaseModel

from .auth.callers import FOR_CALLERS, Callers
from .config import Settings
from .credentials import Caller


class GatewayConfiguration(BaseModel):
    """The settings of the gateway."""

    service: str
    settings: list[InForce]


def router(settings: Settings, callers: Callers) -> APIRouter:
    """The route."""
    routes = APIRouter(prefix="/api/admin", tags=["administration"])
    Admin = Annotated[Caller, Depends(callers.admin)]  # noqa: N806 (a type)

    @routes.get("/configuration", responses=FOR_CALLERS)
    async def gateway_configuration(_admin: Admin) -> GatewayConfiguration:
        """Give the gateway's settings as they are in force, each with where it came from; no secret's value."""
        return GatewayConfiguration(service="gateway", settings=list(settings.in_force()))

    return routes
