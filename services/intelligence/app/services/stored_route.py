"""What is stored of an answer's way, and told by ``GET /api/chat/messages/{id}/route``. Values without behaviour."""

from typing import Literal

import msgspec

from ..domain.chat import Locality
from ..domain.errors import Reason, SkipReason

Outcome = Literal["succeeded", "failed", "cancelled"]


class CallRecord(msgspec.Struct):
    """One upstream call; times in milliseconds since the turn began. ``attempt`` counts from 1, retries too.

    The tokens are those that the provider reported, or ``estimated``; ``cost_usd`` is None where no price is known.
    ``prompt_cut``: the provider seems to have left out part of the conversation without saying so.
    """

    attempt: int
    provider: str
    model: str
    locality: Locality
    sent: bool
    started_ms: int
    outcome: Outcome | None = None
    reason: Reason | None = None
    first_token_ms: int | None = None
    ended_ms: int | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    estimated: bool = False
    cost_usd: float | None = 0.0
    prompt_cut: bool = False


class SkipRecord(msgspec.Struct):
    """One provider that was not asked, and why."""

    provider: str
    model: str
    locality: Locality
    reason: SkipReason


class HandoffRecord(msgspec.Struct, rename={"source": "from", "target": "to"}):
    """From here, ``at`` characters into the answer, ``to`` speaks; ``reason`` is why ``from`` did not go on."""

    source: str
    target: str
    at: int
    reason: Reason


class StoredRoute(msgspec.Struct):
    """What ``GET /api/chat/messages/{id}/route`` tells. ``cost_usd`` is None where no price is known.

    ``rule`` is the one of ``LLM_ROUTE_RULES`` that had a say in the order.
    """

    attempts: list[CallRecord]
    skipped: list[SkipRecord]
    handoffs: list[HandoffRecord] = msgspec.field(default_factory=list)
    cost_usd: float | None = None
    rule: str | None = None
