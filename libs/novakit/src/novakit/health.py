"""What every process says of itself: ``/healthz`` (alive) and ``/readyz`` (can do its work)."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Literal

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import BaseModel

Ping = Callable[[], Awaitable[None]]


class Readiness(BaseModel):
    """What works: ``ok``, or the kind of error, for each part."""

    status: Literal["ready", "not ready"]
    checks: dict[str, str]


def router(pings: Mapping[str, Ping]) -> APIRouter:
    """The two routes. A ping returns where its part works, and raises where it does not."""
    routes = APIRouter(tags=["health"])

    @routes.get("/healthz")
    async def healthz() -> dict[str, str]:
        """Say that the process is alive."""
        return {"status": "ok"}

    @routes.get(
        "/readyz",
        response_model=Readiness,
        responses={503: {"model": Readiness, "description": "A part that is needed does not work."}},
    )
    async def readyz() -> JSONResponse:
        """Say whether each part that this process needs works."""
        checks = {}
        for name, ping in pings.items():
            try:
                await ping()
                checks[name] = "ok"
            except Exception as error:  # noqa: BLE001 (any failure of a part is an answer here)
                checks[name] = type(error).__name__
        ready = all(value == "ok" for value in checks.values())
        return JSONResponse({"status": "ready" if ready else "not ready", "checks": checks}, 200 if ready else 503)

    return routes
