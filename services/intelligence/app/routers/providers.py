"""Who could answer, and how they are."""

from datetime import UTC, datetime

from fastapi import APIRouter, Request
from novakit.openapi import INNER_PROBLEMS
from pydantic import BaseModel

from ..domain.chat import Locality
from ..domain.errors import Reason
from ..routing.policy import Candidate
from ..services.parts import Parts
from .caller import CurrentCaller
from .sessions import parts_of

router = APIRouter(prefix="/api/chat", tags=["providers"], responses=INNER_PROBLEMS)


class ProviderState(BaseModel):
    """One provider of the priority list.

    ``ttft_ms`` is of its newest answer; ``limit`` null means none. ``last_error_detail`` is there for admins alone.
    """

    name: str
    model: str
    locality: Locality
    enabled: bool
    healthy: bool
    cooling_down: bool
    cooldown_until: datetime | None
    last_error: Reason | None
    last_error_detail: str | None = None
    supports_streaming: bool
    in_flight: int
    limit: int | None
    ttft_ms: int | None


class ProviderList(BaseModel):
    """All of them, in their priority."""

    providers: list[ProviderState]


@router.get("/providers", response_model_exclude_unset=True)
async def list_providers(request: Request, caller: CurrentCaller) -> ProviderList:
    """Every provider's state, from memory: nobody is called."""
    parts = parts_of(request)
    candidates = parts.orchestrator.candidates()
    return ProviderList(providers=[_state(parts, candidate, told=caller.is_admin) for candidate in candidates])


def _state(parts: Parts, candidate: Candidate, *, told: bool) -> ProviderState:
    snapshot = parts.health.snapshot(candidate)
    enabled = candidate.configured and (parts.cloud_enabled or candidate.locality == "local")
    until = None
    if snapshot.cooling_for is not None:
        until = datetime.fromtimestamp(parts.clock.wall() + snapshot.cooling_for, UTC)
    return ProviderState(
        name=candidate.name,
        model=candidate.model,
        locality=candidate.locality,
        enabled=enabled,
        healthy=enabled and snapshot.healthy,
        cooling_down=until is not None,
        cooldown_until=until,
        last_error=snapshot.fault.reason if snapshot.fault else None,
        supports_streaming=True,
        in_flight=snapshot.in_flight,
        limit=parts.orchestrator.limit(candidate.name),
        ttft_ms=None if snapshot.ttft is None else round(snapshot.ttft * 1000),
        **({"last_error_detail": snapshot.fault.detail} if told and snapshot.fault else {}),
    )
