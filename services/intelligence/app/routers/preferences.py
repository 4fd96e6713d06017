"""A user's preferences. What concerns the cloud is kept here, the wishes in the memory service.

So a memory service that is down never opens the cloud to anyone who has closed it.
"""

import json
from typing import Annotated

import msgspec
from fastapi import APIRouter, Request
from fastapi.responses import Response
from novakit.openapi import INNER_PROBLEMS, problems
from novakit.problem import Problem
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from ..services.memory_client import MemoryClient, MemoryDownError, Reply
from .caller import Caller, CurrentCaller
from .sessions import parts_of

router = APIRouter(
    prefix="/api/memory",
    tags=["preferences"],
    responses=INNER_PROBLEMS
    | problems(
        {
            502: "The memory service did not tell the preferences.",
            503: "The memory service cannot be reached.",
        }
    ),
)


# Held by the memory service.
_NAMES: JsonDict = {"items": {"type": "string", "pattern": "^[a-z0-9_-]{1,32}$"}, "uniqueItems": True}


class Preferences(BaseModel):
    """What a user may prefer. What is null is left to the configuration.

    ``cloud_allowed`` false: nothing of this user's is sent to a cloud provider. Left out, it stays as it is.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    provider_order: Annotated[list[str], Field(min_length=1, max_length=8, json_schema_extra=_NAMES)] | None = None
    cloud_allowed: bool | None = None
    hedging: bool | None = None


@router.get("/preferences")
async def read_preferences(request: Request, caller: CurrentCaller) -> Preferences:
    """Give the user's preferences."""
    kept = await _asked(request, caller, None)
    return await _together(request, caller.user_id, kept)


@router.put("/preferences", response_model=Preferences)
async def replace_preferences(body: Preferences, request: Request, caller: CurrentCaller) -> Preferences | Response:
    """Replace them, and give what is stored. Forbidding the cloud counts at once, whatever becomes of the rest."""
    parts = parts_of(request)
    told = "cloud_allowed" in body.model_fields_set
    allowed = body.cloud_allowed is not False
    if told and not allowed:
        await parts.conversations.allow_cloud(caller.user_id, allowed=False)
    # Not msgspec's: half a character, which JSON can write, is the memory service's to refuse like any other name.
    wishes = {"provider_order": body.provider_order, "hedging": body.hedging}
    kept = await _asked(request, caller, json.dumps(wishes, separators=(",", ":")).encode())
    if kept.status != 200:
        return Response(kept.body, status_code=kept.status, media_type=kept.media_type)
    if told and allowed:
        await parts.conversations.allow_cloud(caller.user_id, allowed=True)
    return await _together(request, caller.user_id, kept)


async def _asked(request: Request, caller: Caller, replacing: bytes | None) -> Reply:
    memory: MemoryClient | None = request.app.state.memory
    problem = Problem(503, "The memory service cannot be reached; try again.", headers={"Retry-After": "2"})
    if memory is None:
        raise problem
    try:
        return await memory.preferences(caller.user_id, caller.request_id, replacing)
    except MemoryDownError:
        raise problem from None


async def _together(request: Request, user_id: str, kept: Reply) -> Preferences:
    if kept.status != 200:
        raise Problem(502, "The memory service did not tell the preferences; its log has the details.")
    allowed = await parts_of(request).repository.cloud_allowed(user_id)
    return Preferences(**{**msgspec.json.decode(kept.body), "cloud_allowed": allowed})
