"""What a user adds to what is remembered: kept by memory, and marked here, where the user's locks are known."""

from fastapi import APIRouter, Request
from fastapi.responses import Response
from novakit.facts import FACTS_PATH, Fact, NewFact
from novakit.openapi import INNER_PROBLEMS, problems
from novakit.problem import Problem

from ..services.memory_client import MemoryClient, MemoryDownError, Reply
from .caller import Caller, CurrentCaller
from .sessions import parts_of

_TOLD_BY_MEMORY = frozenset({200, 201, 409, 422})

router = APIRouter(tags=["facts"], responses=INNER_PROBLEMS)


@router.post(
    FACTS_PATH,
    status_code=201,
    response_model=Fact,
    responses={
        200: {"model": Fact, "description": "These words were known."},
        **problems(
            {
                409: "As many facts are remembered as are kept for one user: delete some first.",
                502: "The memory service did not keep it.",
                503: "The memory service cannot be reached.",
            }
        ),
    },
)
async def remember_fact(wanted: NewFact, request: Request, caller: CurrentCaller) -> Response:
    """Remember something. The same words are kept once: 200 where they were known.

    While you do not allow the cloud, it is marked local for good.
    """
    allowed = await parts_of(request).repository.cloud_allowed(caller.user_id)
    marked = wanted.model_copy(update={"local_only": wanted.local_only or not allowed})
    reply = await _kept(request, caller, marked)
    if reply.status not in _TOLD_BY_MEMORY:
        raise Problem(502, "The memory service did not keep it; its log has the details.")
    return Response(reply.body, status_code=reply.status, media_type=reply.media_type)


async def _kept(request: Request, caller: Caller, fact: NewFact) -> Reply:
    memory: MemoryClient | None = request.app.state.memory
    if memory is not None:
        try:
            body = fact.model_dump_json().encode()
            return await memory.call("POST", FACTS_PATH, caller.user_id, body, caller.request_id)
        except MemoryDownError:
            pass
    raise Problem(503, "The memory service cannot be reached; try again.", headers={"Retry-After": "2"})
