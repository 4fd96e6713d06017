"""Log lines of calls, turns and circuits. No prompt, no answer and no key is among what they are told.

Levels: *error* needs a person (a key, a bill, a model's name, nobody who answers); *warning* was dealt with here and
is worth a look where it goes on; *info* is the ordinary course.
"""

from novakit import logs
from novakit.pseudonyms import Pseudonyms

from ..domain.errors import Reason
from ..routing.breaker import Open
from ..services.observations import CallEnded, TurnEnded
from ..services.orchestrator.health_board import BreakerChanged

NEED_A_PERSON: frozenset[Reason] = frozenset({"auth", "billing", "model_missing"})

WARNED_OF: frozenset[str] = frozenset({"failed", "fallback"})
"""What turns and calls are that are no info lines: a warning or an error, for which nobody should wait."""

log = logs.get("chat")


def call(ended: CallEnded, at: float, pseudonym: Pseudonyms) -> None:
    """One line for each upstream call, which ended ``at`` (seconds since 1970)."""
    fields = {
        "attempt": ended.attempt,
        "provider": ended.provider,
        "model": ended.model,
        "locality": ended.locality,
        "reason": ended.reason,
        "detail": ended.detail,
        "api_latency_ms": round(ended.seconds * 1000),
        "ttft_ms": None if ended.ttft is None else round(ended.ttft * 1000),
        "tokens_in": ended.spent.input_tokens,
        "tokens_out": ended.spent.output_tokens,
        "request_id": ended.origin.request_id,
        "trace_id": ended.origin.trace_id,
        "user": pseudonym(ended.origin.user_id),
    }
    if ended.outcome == "succeeded":
        log.info("provider_answered", when=at, ready=fields)
    elif ended.outcome == "cancelled":
        log.info("provider_cancelled", when=at, ready=fields)
    elif ended.reason in NEED_A_PERSON:
        log.error("provider_failed", when=at, ready=fields)
    else:
        log.warning("provider_failed", when=at, ready=fields)


def turn(ended: TurnEnded, at: float, pseudonym: Pseudonyms) -> None:
    """One line for each turn, as its user saw it; ``at`` as for a call."""
    fields = {
        "endpoint": ended.endpoint,
        "status": ended.status,
        "provider": ended.provider,
        "model": ended.model,
        "locality": ended.locality,
        "fallback_from": ended.fallback_from,
        "fallback_reason": ended.fallback_reason,
        "api_latency_ms": round(ended.seconds * 1000),
        "ttft_ms": None if ended.ttft is None else round(ended.ttft * 1000),
        "tokens_in": ended.spent.input_tokens,
        "tokens_out": ended.spent.output_tokens,
        "cost_usd": ended.spent.cost_usd,
        "request_id": ended.origin.request_id,
        "trace_id": ended.origin.trace_id,
        "user": pseudonym(ended.origin.user_id),
        "end_user": pseudonym(ended.end_user) or None,
    }
    tell = log.warning if ended.status in WARNED_OF else log.info
    tell("chat_turn", when=at, ready=fields)


def circuit(change: BreakerChanged) -> None:
    """One line for each circuit that opens, half-opens or closes."""
    tell = log.warning if isinstance(change.state, Open) else log.info
    tell(
        "circuit",
        provider=change.provider,
        model=change.model,
        state=type(change.state).__name__.lower(),
        reason=change.reason,
    )
