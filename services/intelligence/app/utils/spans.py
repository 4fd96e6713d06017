"""A turn as spans of OpenTelemetry: one for the request, below it one for each upstream call. Pure.

Names are those of the GenAI conventions (open-telemetry/semantic-conventions-genai, ``client-inference.md``) and of
the HTTP ones; what they have no name for is under ``novacore.``. Nothing that a person wrote or a model answered is
in a span.
"""

from functools import lru_cache

from novakit import otlp
from novakit.otlp import CLIENT, SERVER, Value
from novakit.pseudonyms import Pseudonyms
from novakit.tracing import Trace

from ..services.observations import CallEnded, Story, TurnEnded

ROUTES = {"message": "/api/chat/message", "stream": "/api/chat/stream", "completions": "/v1/chat/completions"}
CONTINUED = "/api/chat/messages/{message_id}/continue"
PROVIDERS = {"gemini": "gcp.gemini"}
"""Where the conventions have a name of their own for a provider of ours."""
FAILED = frozenset({"failed", "fallback"})
_NS = 1_000_000_000
_request_id = otlp.text_attribute("novacore.request_id")
_user = otlp.text_attribute("enduser.pseudo.id")
_ttft = otlp.number_attribute("gen_ai.response.time_to_first_chunk")
_input_tokens = otlp.integer_attribute("gen_ai.usage.input_tokens")
_output_tokens = otlp.integer_attribute("gen_ai.usage.output_tokens")
_reasoning_tokens = otlp.integer_attribute("gen_ai.usage.reasoning.output_tokens")


def of_turn(turn: TurnEnded, trace: Trace, story: Story, at: float, pseudonym: Pseudonyms) -> bytes:
    """The span of a turn that ended ``at`` (seconds since 1970)."""
    began = at - story.began
    return otlp.encode_span(
        trace.trace_id,
        trace.span_id,
        trace.parent_id,
        round((began + story.earlier) * _NS),
        round(at * _NS),
        _kind_of_turn(
            CONTINUED if story.earlier else ROUTES[turn.endpoint],
            turn.status,
            turn.provider,
            turn.model,
            turn.locality,
            turn.fallback_from,
            turn.fallback_reason,
        ),
        _request_id(turn.origin.request_id),
        _user(pseudonym(turn.origin.user_id)),
        b"" if turn.ttft is None else _ttft(turn.ttft),
        *[otlp.encode_event(mark.name, round((began + mark.at) * _NS), mark.attributes) for mark in story.marks],
    )


def of_call(call: CallEnded, trace: Trace, at: float) -> bytes:
    """The span of an upstream call within the turn that has this place in a trace."""
    used = call.spent.tokens
    return otlp.encode_span(
        trace.trace_id,
        trace.child_id(call.attempt),
        trace.span_id,
        round((at - call.seconds) * _NS),
        round(at * _NS),
        _kind_of_call(
            call.provider,
            call.locality,
            call.attempt,
            call.outcome,
            call.asked_model,
            "" if call.ttft is None else call.model,
            call.reason or "other" if call.outcome == "failed" else "",
            call.finish or "",
            call.spent.estimated,
        ),
        b"" if call.ttft is None else _ttft(call.ttft),
        _input_tokens(call.spent.input_tokens) if used else b"",
        _output_tokens(call.spent.output_tokens) if used else b"",
        _reasoning_tokens(call.reasoning_tokens) if call.reasoning_tokens else b"",
    )


@lru_cache(1024)
def _kind_of_turn(
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
    attributes = {name: value for name, value in about.items() if value is not None}
    return otlp.encode_kind(f"POST {route}", SERVER, attributes, failed=status in FAILED)


@lru_cache(1024)
def _kind_of_call(
    provider: str,
    locality: str,
    attempt: int,
    outcome: str,
    asked_model: str,
    model: str,
    error: str,
    finish: str,
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
    return otlp.encode_kind(f"chat {asked_model}" if asked_model else "chat", CLIENT, found, failed=bool(error))
