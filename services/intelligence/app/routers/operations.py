"""What the operator sees: how the providers do, what happened lately, and the settings in force. For admins alone."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request
from novakit.findings import Level
from novakit.openapi import INNER_PROBLEMS, problems
from novakit.problem import Problem
from novakit.settings import InForce
from pydantic import BaseModel

from ..domain.chat import Locality
from ..domain.errors import Reason, SkipReason
from ..routing.policy import Candidate
from ..services.activity import KEPT_MINUTES, Calls, Fallback, Span
from ..services.parts import Parts
from ..services.stored_route import CallRecord, SkipRecord
from .caller import CurrentAdmin
from .sessions import parts_of

NO_PROVIDER = "There is no such provider in LLM_PROVIDER_PRIORITY."
MOST_POINTS = 500
Minutes = Annotated[int, Query(ge=1, le=KEPT_MINUTES, description="how far back, in minutes")]

router = APIRouter(
    prefix="/api/admin/operations",
    tags=["operations"],
    responses={**INNER_PROBLEMS, **problems({403: "The caller is no admin."})},
)


class ProviderDetail(BaseModel):
    """One provider: its state now, and its calls of the last ``minutes``.

    ``waiting`` is the queue before its ``limit`` slots. ``cold``: its model has to be loaded first, null where that
    is not known without asking it. Times are null where nothing was measured.
    """

    name: str
    model: str
    locality: Locality
    configured: bool
    enabled: bool
    circuit: Literal["closed", "half_open", "open"]
    open_until: datetime | None
    last_error: Reason | None
    last_error_detail: str | None
    in_flight: int
    limit: int
    waiting: int
    cold: bool | None
    succeeded: int
    failed: int
    cancelled: int
    success: float | None
    ttft_p50_ms: int | None
    ttft_p95_ms: int | None
    latency_p50_ms: int | None
    latency_p95_ms: int | None


class ProviderDetails(BaseModel):
    """All of them, in their priority."""

    minutes: int
    providers: list[ProviderDetail]


class Look(BaseModel):
    """One thing that a look at a provider has found, in words; no key is among them."""

    level: Level
    text: str
    advice: str


class Looked(BaseModel):
    """What free questions to a provider have found. ``loaded``: its model is in memory; null: nobody can tell."""

    provider: str
    ok: bool
    model: str | None
    version: str | None
    loaded: bool | None
    took_ms: int
    findings: list[Look]


class ProviderPoint(BaseModel):
    """The calls of one provider in one step."""

    calls: int
    failed: int
    ttft_p50_ms: int | None
    ttft_p95_ms: int | None


class Point(BaseModel):
    """One step: turns by where they were answered, ``failed`` those that nobody answered whole."""

    at: datetime
    local: int
    cloud: int
    failed: int
    fallbacks: int
    input_tokens: int
    output_tokens: int
    cost_usd: float
    providers: dict[str, ProviderPoint]


class FallbackCall(BaseModel):
    """One call of a turn; times in milliseconds since the turn began.

    ``attempt`` counts from 1. The tokens are those that the provider reported, or ``estimated``.
    """

    attempt: int
    provider: str
    model: str
    locality: Locality
    outcome: str | None
    reason: Reason | None
    sent: bool
    started_ms: int
    first_token_ms: int | None
    ended_ms: int | None
    input_tokens: int
    output_tokens: int
    estimated: bool


class FallbackSkip(BaseModel):
    """One provider that was not asked in a turn, and why."""

    provider: str
    model: str
    locality: Locality
    reason: SkipReason


class FallbackTurn(BaseModel):
    """A turn that its first choice did not answer; ``provider`` null: nobody did.

    It tells nothing of what was said. ``request_id`` is the one in the logs. ``trace_id`` null: no trace of it was
    recorded. ``message_id`` null: it is stored nowhere. ``mine``: the caller's own. ``cost_usd`` null: no price is
    known.
    """

    at: datetime
    request_id: str
    trace_id: str | None
    message_id: str | None
    mine: bool
    status: str
    first_choice: str | None
    reason: Reason | SkipReason | None
    provider: str | None
    locality: Locality | None
    took_ms: int
    cost_usd: float | None
    attempts: list[FallbackCall]
    skipped: list[FallbackSkip]


class ActivityReport(BaseModel):
    """What this process has done since it started at ``since``, a day at most."""

    since: datetime
    step_minutes: int
    points: list[Point]
    fallbacks: list[FallbackTurn]


class Configuration(BaseModel):
    """The settings of this service."""

    service: str
    settings: list[InForce]


@router.get("/providers")
async def provider_details(request: Request, _caller: CurrentAdmin, minutes: Minutes = 60) -> ProviderDetails:
    """Tell of each provider how it is and how it did; nobody is called."""
    parts = parts_of(request)
    calls = parts.activity.calls(minutes)
    found = [_detail(parts, each, calls.get(each.name, Calls())) for each in parts.orchestrator.candidates()]
    return ProviderDetails(minutes=minutes, providers=found)


@router.post("/providers/{provider}/check", responses=problems({404: NO_PROVIDER}))
async def check_provider(
    provider: Annotated[str, Path(max_length=64)], request: Request, _caller: CurrentAdmin
) -> Looked:
    """Ask a provider free questions, which load no model and cost nothing, and say what came of it."""
    parts = parts_of(request)
    if provider not in parts.settings.llm_provider_priority:
        raise Problem(404, NO_PROVIDER)
    began = parts.clock.now()
    looked = await parts.examiner.look(provider)
    standing = looked.standing
    return Looked(
        provider=provider,
        ok=looked.well,
        model=standing.model if standing else None,
        version=(standing.version or None) if standing else None,
        loaded=standing.loaded if standing else None,
        took_ms=round((parts.clock.now() - began) * 1000),
        findings=[Look(level=found.level, text=found.text, advice=found.advice) for found in looked.findings],
    )


@router.post("/providers/{provider}/load", status_code=202, responses=problems({404: NO_PROVIDER}))
async def load_model(provider: Annotated[str, Path(max_length=64)], request: Request, _caller: CurrentAdmin) -> None:
    """Let a local provider's model be loaded into memory, beside everything else; a check tells when it is there."""
    if not parts_of(request).orchestrator.warm_up(provider):
        raise Problem(404, NO_PROVIDER)


@router.get("/activity")
async def activity(
    request: Request,
    caller: CurrentAdmin,
    minutes: Minutes = 180,
    step: Annotated[int, Query(ge=1, le=60, description="minutes in one point")] = 1,
) -> ActivityReport:
    """Tell what happened lately: requests, times, tokens and money step by step, and the newest fallbacks."""
    if minutes / step > MOST_POINTS:
        raise Problem(422, f"step: these are more than {MOST_POINTS} points; take a longer step.")
    record = parts_of(request).activity
    return ActivityReport(
        since=_time(record.since),
        step_minutes=step,
        points=[_point(span) for span in record.spans(minutes, step)],
        fallbacks=[_fallback(each, caller.user_id) for each in record.fallbacks()],
    )


@router.get("/configuration")
async def configuration(request: Request, _caller: CurrentAdmin) -> Configuration:
    """Give this service's settings as they are in force, each with where it came from; no secret's value."""
    return Configuration(service="intelligence", settings=list(parts_of(request).settings.in_force()))


def _detail(parts: Parts, candidate: Candidate, calls: Calls) -> ProviderDetail:
    snapshot = parts.health.snapshot(candidate)
    outlook = parts.orchestrator.outlook(candidate) if candidate.configured else None
    until = None if snapshot.cooling_for is None else _time(parts.clock.wall() + snapshot.cooling_for)
    return ProviderDetail(
        name=candidate.name,
        model=candidate.model,
        locality=candidate.locality,
        configured=candidate.configured,
        enabled=candidate.configured and (parts.cloud_enabled or candidate.locality == "local"),
        circuit="open" if until else "closed" if snapshot.healthy else "half_open",
        open_until=until,
        last_error=snapshot.fault.reason if snapshot.fault else None,
        last_error_detail=snapshot.fault.detail if snapshot.fault else None,
        in_flight=snapshot.in_flight,
        limit=parts.orchestrator.limit(candidate.name),
        waiting=outlook.waiting if outlook else 0,
        cold=outlook.cold if outlook and candidate.locality == "local" else None,
        succeeded=calls.succeeded,
        failed=calls.failed,
        cancelled=calls.cancelled,
        success=calls.success,
        ttft_p50_ms=_ms(calls.ttft.percentile(0.5)),
        ttft_p95_ms=_ms(calls.ttft.percentile(0.95)),
        latency_p50_ms=_ms(calls.whole.percentile(0.5)),
        latency_p95_ms=_ms(calls.whole.percentile(0.95)),
    )


def _point(span: Span) -> Point:
    return Point(
        at=_time(span.at),
        local=span.local,
        cloud=span.cloud,
        failed=span.failed,
        fallbacks=span.fallbacks,
        input_tokens=span.input_tokens,
        output_tokens=span.output_tokens,
        cost_usd=span.cost_usd,
        providers={
            name: ProviderPoint(
                calls=calls.succeeded + calls.failed + calls.cancelled,
                failed=calls.failed,
                ttft_p50_ms=_ms(calls.ttft.percentile(0.5)),
                ttft_p95_ms=_ms(calls.ttft.percentile(0.95)),
            )
            for name, calls in span.calls.items()
        },
    )


def _fallback(turn: Fallback, user_id: str) -> FallbackTurn:
    return FallbackTurn(
        at=_time(turn.at),
        request_id=turn.request_id,
        trace_id=turn.trace_id,
        message_id=turn.message_id,
        mine=turn.user_id == user_id,
        status=turn.status,
        first_choice=turn.first_choice,
        reason=turn.reason,
        provider=turn.provider,
        locality=turn.locality,
        took_ms=round(turn.seconds * 1000),
        cost_usd=turn.route.cost_usd,
        attempts=[_call(call) for call in turn.route.attempts],
        skipped=[_skip(skip) for skip in turn.route.skipped],
    )


def _call(call: CallRecord) -> FallbackCall:
    return FallbackCall(
        attempt=call.attempt,
        provider=call.provider,
        model=call.model,
        locality=call.locality,
        outcome=call.outcome,
        reason=call.reason,
        sent=call.sent,
        started_ms=call.started_ms,
        first_token_ms=call.first_token_ms,
        ended_ms=call.ended_ms,
        input_tokens=call.input_tokens,
        output_tokens=call.output_tokens,
        estimated=call.estimated,
    )


def _skip(skip: SkipRecord) -> FallbackSkip:
    return FallbackSkip(provider=skip.provider, model=skip.model, locality=skip.locality, reason=skip.reason)


def _ms(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)


def _time(wall: float) -> datetime:
    return datetime.fromtimestamp(wall, UTC)
