"""The stream of an answer whose turn this process no longer has: made anew from what is stored. Pure."""

from ...store.turns import EndedPrompt
from . import frames
from .resuming import stored_route

BROKEN_OFF = "The answer broke off before its end. What was said so far is kept."
WHOLE_ANEW = "\n\n--- The connection was lost on the way; this is the whole answer: ---\n\n"
"""For readers who have part of the answer on show, and cannot take it back."""


def stream(prompt: EndedPrompt, *, place: int, rewinds: bool) -> bytes:
    """Every event that tells this answer to a reader who has ``place`` events of it, up to the last one.

    How much of the text those events held is not known here, so the reader is given all of it anew.
    """
    frame_id = place
    parts: list[bytes] = []

    def named(name: str, event: frames.NamedEvent) -> None:
        nonlocal frame_id
        frame_id += 1
        parts.append(frames.named(frame_id, name, event))

    named("start", frames.StartEvent(prompt.prompt_id, prompt.session_id))
    if place and rewinds:
        named("replace", frames.ReplaceEvent(prompt.text))
    elif prompt.text:
        frame_id += 1
        parts.append(frames.content(frame_id, f"{WHOLE_ANEW}{prompt.text}" if place else prompt.text))
    if prompt.status != "fallback":
        named("usage", _usage(prompt))
    parts.append(frames.default(frame_id + 1, last_event(prompt)))
    return b"".join(parts)


def anew(text: str, *, frame_id: int, rewinds: bool) -> bytes:
    """The answer so far, for a reader who knows another stream of it; its next event has the id after this one."""
    if rewinds:
        return frames.named(frame_id, "replace", frames.ReplaceEvent(text))
    return frames.content(frame_id, f"{WHOLE_ANEW}{text}")


def last_event(prompt: EndedPrompt) -> frames.DoneEvent | frames.ErrorEvent:
    """How its stream ends: an answer that broke off is never told as a whole one."""
    if prompt.status in {"interrupted", "failed", "running"}:
        return frames.ErrorEvent(BROKEN_OFF)
    return frames.DoneEvent(
        session_id=prompt.session_id,
        message_id=prompt.prompt_id,
        tokens_used=prompt.tokens_used,
        latency_ms=prompt.latency_ms,
    )


def _usage(prompt: EndedPrompt) -> frames.UsageEvent:
    route = stored_route(prompt.route)
    first = [call.first_token_ms for call in route.attempts if call.first_token_ms is not None]
    return frames.UsageEvent(
        input_tokens=sum(call.input_tokens for call in route.attempts),
        output_tokens=sum(call.output_tokens for call in route.attempts),
        cost_usd=route.cost_usd,
        estimated=any(call.estimated for call in route.attempts),
        ttft_ms=min(first, default=None),
        total_ms=prompt.latency_ms,
    )
