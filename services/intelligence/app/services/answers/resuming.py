"""What is known of an answer that broke off, from what was stored of it. Pure."""

from collections.abc import Sequence

import msgspec

from ...domain.chat import ChatTurn
from ...routing.policy import Candidate
from ...store.turns import EndedPrompt
from ..orchestrator.walk import Unfinished
from ..stored_route import StoredRoute


def stored_route(route: str) -> StoredRoute:
    """The story as it was stored; empty where none was."""
    return msgspec.json.decode(route, type=StoredRoute) if route else StoredRoute([], [])


def unfinished_answer(left: EndedPrompt, route: StoredRoute, asked: Sequence[ChatTurn]) -> Unfinished:
    """What the orchestrator has to know to go on with it. ``asked`` are the turns that it answers."""
    broken = next((call.reason for call in reversed(route.attempts) if call.reason is not None), None)
    local = left.locality != "cloud"
    writer = None
    if left.provider is not None:
        writer = Candidate(left.provider, left.model or "", "local" if local else "cloud")
    return Unfinished(
        text=left.text,
        writer=writer,
        reason=broken or "cancelled",
        calls=len(route.attempts),
        # What a cloud provider wrote was made without what is marked local.
        private=local and any(turn.local_only for turn in asked),
    )
