"""Log lines for calls and turns: an observer. No prompt, no answer and no key is among what it is told."""

import hashlib

from novakit import logs

from ..routing.breaker import Open
from .orchestrator.health_board import BreakerChanged
from .route_record import CallEnded, Observation, TurnEnded

log = logs.get("chat")


def observe(observation: Observation) -> None:
    """One line for each upstream call that failed, and one for each turn."""
    match observation:
        case CallEnded() if observation.outcome == "failed":
            _failed_call(observation)
        case TurnEnded():
            _turn(observation)


def circuit(change: BreakerChanged) -> None:
    """One line for each circuit that opens or closes."""
    tell = log.warning if isinstance(change.state, Open) else log.info
    tell("circuit", provider=change.provider, model=change.model, state=type(change.state).__name__.lower(),
         reason=change.reason)  # fmt: skip


def _failed_call(call: CallEnded) -> None:
    tell = log.error if call.reason in {"auth", "billing", "model_missing"} else log.warning
    tell(
        "provider_failed",
        provider=call.provider,
        model=call.model,
        locality=call.locality,
        reason=call.reason,
        detail=call.detail,
        api_latency_ms=round(call.seconds * 1000),
        request_id=call.request_id,
    )


def _turn(turn: TurnEnded) -> None:
    log.info(
        "chat_turn",
        endpoint=turn.endpoint,
        status=turn.status,
        provider=turn.provider,
        model=turn.model,
        locality=turn.locality,
        fallback_reason=turn.fallback_reason,
        api_latency_ms=round(turn.seconds * 1000),
        tokens_in=turn.spent.input_tokens,
        tokens_out=turn.spent.output_tokens,
        cost_usd=turn.spent.cost_usd,
        request_id=turn.request_id,
        user=_pseudonym(turn.user_id),
        **({"end_user": _pseudonym(turn.end_user)} if turn.end_user else {}),
    )


def _pseudonym(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:12]
