"""What would become of a message, without sending it: whom it would ask, in which order, and why."""

from datetime import UTC, datetime
from typing import get_args

from fastapi import APIRouter, Request
from novakit.openapi import INNER_PROBLEMS, problems
from pydantic import BaseModel

from ..domain.chat import Locality, Lock
from ..domain.errors import SkipReason
from ..routing.policy import Attempt, Skipped
from ..routing.rules import Kind, classify
from ..services.parts import Parts
from .caller import CurrentCaller
from .chat import ChatEndpoints, ChatMessage
from .openapi import reference
from .sessions import parts_of

router = APIRouter(prefix="/api/chat", tags=["providers"], responses=INNER_PROBLEMS)

_BODY = {"required": True, "content": {"application/json": {"schema": reference(ChatMessage)}}}
_PROBLEMS = {
    404: "There is no such session, or it has no such parent message.",
    409: "The session has ended.",
    422: "The body cannot be used; the detail says why.",
}


class ExplainedAttempt(BaseModel):
    """One provider that would be asked if those before it did not answer, and how the call would find it.

    ``on_this_machine``: the call would go over no network, not even one's own. ``last_resort``: it is cooling down,
    and there is nobody else. ``busy``: all its slots are taken, and ``waiting`` calls stand before this one;
    ``expected_wait_ms`` and ``cold`` (its model has to be loaded first) are null where they are not known without
    asking the provider.
    """

    provider: str
    model: str
    locality: Locality
    on_this_machine: bool
    last_resort: bool
    busy: bool
    waiting: int
    expected_wait_ms: int | None
    cold: bool | None


class ExplainedSkip(BaseModel):
    """One provider that would not be asked, and why; ``until`` is when that ends, null where nobody knows."""

    provider: str
    model: str
    locality: Locality
    reason: SkipReason
    until: datetime | None


class Explained(BaseModel):
    """The decision. ``classes`` are the kinds of message that it is; ``rule`` is the one that has a say in the order.

    ``order`` and ``prefer`` are the user's wishes, which go before the rule; ``locks`` are who forbids the cloud.
    """

    classes: list[Kind]
    rule: str | None
    order: list[str]
    prefer: Locality | None
    locks: list[Lock]
    attempts: list[ExplainedAttempt]
    skipped: list[ExplainedSkip]


@router.post("/route/explain", openapi_extra={"requestBody": _BODY}, responses=problems(_PROBLEMS))
async def explain_route(request: Request, caller: CurrentCaller) -> Explained:
    """Tell what a message would get now. Nobody is called, and nothing is stored."""
    parts = parts_of(request)
    chat: ChatEndpoints = request.app.state.chat
    asked = await chat.foresee(await request.body(), caller)
    decision = parts.orchestrator.decide(asked)
    return Explained(
        classes=list(classify(asked.turns)),
        rule=decision.rule,
        order=list(asked.order),
        prefer=asked.prefer,
        locks=[lock for lock in get_args(Lock) if lock in asked.locks],
        attempts=[_attempt(parts, attempt) for attempt in decision.attempts],
        skipped=[_skip(parts, skip) for skip in decision.skipped],
    )


def _attempt(parts: Parts, attempt: Attempt) -> ExplainedAttempt:
    candidate = attempt.candidate
    outlook = parts.orchestrator.outlook(candidate)
    return ExplainedAttempt(
        provider=candidate.name,
        model=candidate.model,
        locality=candidate.locality,
        on_this_machine=candidate.on_this_machine,
        last_resort=attempt.last_resort,
        busy=outlook.busy,
        waiting=outlook.waiting,
        expected_wait_ms=None if outlook.expected_wait is None else round(outlook.expected_wait * 1000),
        cold=outlook.cold,
    )


def _skip(parts: Parts, skip: Skipped) -> ExplainedSkip:
    until = None
    if skip.until is not None:
        # Told in the clock's seconds, which are nobody else's.
        until = datetime.fromtimestamp(parts.clock.wall() + skip.until - parts.clock.now(), UTC)
    return ExplainedSkip(
        provider=skip.candidate.name,
        model=skip.candidate.model,
        locality=skip.candidate.locality,
        reason=skip.reason,
        until=until,
    )
