"""A turn as spans of OpenTelemetry: one for the request, below it one for each upstream call. Pure.

Names are those of the GenAI conventions (open-telemetry/semantic-conventions-genai, ``client-inference.md``) and of
the HTTP ones; what they have no name for is under ``novacore.``. Nothing that a person wrote or a model answered is
in a span.
"""

from functools import lru_cache

from novakit.otlp import CLIENT, SERVER, Span, SpanEvent, Value, encode_attributes
from novakit.pseudonyms import Pseudonyms
from novakit.tracing import Trace

from ..services.observations import TracedCall, TurnEnded

ROUTES = {"message": "/api/chat/message", "stream": "/api/chat/stream", "completions": "/v1/chat/completions"}
CONTINUED = "/api/chat/messages/{message_id}/continue"
PROVIDERS = {"gemini": "gcp.gemini"}
"""Where the conventions have a name of their own for a provider of ours."""
FAILED = frozenset({"failed", "fallback"})
_NS = 1_000_000_000
_NS_IN_MS = 1_000_000


def of_turn(turn: TurnEnded, wall: float, pseudonym: Pseudonyms) -> list[Span]:
    """The spans of a turn that has ended now, at ``wall`` seconds since 1970; none where it is not traced."""
    trace, story = turn.origin.trace, turn.story
    if trace is None or story is None:
        return []
    began = round((wall - story.began) * _NS)
    route = CONTINUED if story.earlier else ROUTES[turn.endpoint]
    attributes: dict[str, Value] = {
        "novacore.request_id": turn.origin.request_id,
        "enduser.pseudo.id": pseudonym(turn.origin.user_id),
    }
    if turn.ttft is not None:
        attributes["gen_ai.response.time_to_first_chunk"] = turn.ttft
    request = Span(
        trace_id=trace.trace_id,
        span_id=trace.span_id,
        parent_id=trace.parent_id,
        name=f"POST {route}",
        kind=SERVER,
        start_ns=began + story.earlier * _NS_IN_MS,
        end_ns=round(wall * _NS),
        attributes=attributes,
        events=[SpanEvent(mark.name, began + round(mark.at * _NS), mark.attributes) for mark in story.marks],
        error=turn.status if turn.status in FAILED else "",
        encoded=_of_turn(
            route,
            turn.status,
            turn.provider,
            turn.model,
            turn.locality,
            turn.fallback_from,
            turn.fallback_reason,
        ),
    )
    return [request, *(_call(trace, call, began) for call in story.calls)]


def _call(trace: Trace, call: TracedCall, began: int) -> Span:
    record, place = call.record, trace.child(call.record.attempt)
    failed = record.outcome == "failed"
    attributes: dict[str, Value] = {}
    spoke = record.first_token_ms is not None
    if record.first_token_ms is not None:
        attributes["gen_ai.response.time_to_first_chunk"] = (record.first_token_ms - record.started_ms) / 1000
    if record.input_tokens or record.output_tokens:
        attributes["gen_ai.usage.input_tokens"] = record.input_tokens
        attributes["gen_ai.usage.output_tokens"] = record.output_tokens
    if call.reasoning_tokens:
        attributes["gen_ai.usage.reasoning.output_tokens"] = call.reasoning_tokens
    error = record.reason or "other" if failed else ""
    return Span(
        trace_id=place.trace_id,
        span_id=place.span_id,
        parent_id=place.parent_id,
        name=f"chat {call.asked_model}" if call.asked_model else "chat",
        kind=CLIENT,
        start_ns=began + record.started_ms * _NS_IN_MS,
        end_ns=began + (record.started_ms if record.ended_ms is None else record.ended_ms) * _NS_IN_MS,
        attributes=attributes,
        error=error,
        encoded=_of_call(
            record.provider,
            record.locality,
            record.attempt,
            record.outcome or "cancelled",
            call.asked_model,
            record.model if spoke else "",
            error,
            call.finish or "",
            estimated=record.estimated,
        ),
    )


@lru_cache(1024)
def _of_turn(
    route: str,
    status: str,
    provider: str | None,
    model: str | None,
    locality: str | None,
    fallback_from: str | None,
    fallback_reason: str | None,
) -> bytes:
    about = {
        "http.request.method": "POST",
        "http.route": route,
        "novacore.status": status,
        "gen_ai.provider.name": None if provider is None else PROVIDERS.get(provider, provider),
        "gen_ai.response.model": model,
        "novacore.locality": locality,
        "novacore.fallback_from": fallback_from,
        "novacore.fallback_reason": fallback_reason,
    }
    return encode_attributes({name: value for name, value in about.items() if value is not None})


@lru_cache(1024)
def _of_call(
    provider: str,
    locality: str,
    attempt: int,
    outcome: str,
    asked_model: str,
    model: str,
    error: str,
    finish: str,
    *,
    estimated: bool,
) -> bytes:
    found: dict[str, Value] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": PROVIDERS.get(provider, provider),
        "gen_ai.request.stream": True,
        "novacore.provider": provider,
        "novacore.locality": locality,
        "novacore.attempt": attempt,
        "novacore.outcome": outcome,
        "novacore.usage.estimated": estimated,
    }
    words = {"gen_ai.request.model": asked_model, "gen_ai.response.model": model, "error.type": error}
    found |= {name: value for name, value in words.items() if value}
    if finish:
        found["gen_ai.response.finish_reasons"] = (finish,)
    return encode_attributes(found)
