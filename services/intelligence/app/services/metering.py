"""What an upstream call used, in tokens and money: as the provider reported it, else estimated. Pure."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from ..domain.chat import ChatTurn
from ..domain.events import Usage
from ..routing.history import estimated_tokens

Price: TypeAlias = Callable[[str, str, Usage], float | None]
"""(provider, model, usage) -> US dollars; None where no price is known."""


@dataclass(frozen=True, slots=True)
class Spent:
    """Tokens, whether any of them are estimated, and US dollars; ``cost_usd`` None where a price is not known."""

    input_tokens: int = 0
    output_tokens: int = 0
    estimated: bool = False
    cost_usd: float | None = 0.0

    @property
    def tokens(self) -> int:
        """All of them."""
        return self.input_tokens + self.output_tokens


def metered(
    reported: Usage | None, asked: Sequence[ChatTurn], said: str, *, read: bool = False
) -> tuple[Usage, bool]:
    """(usage without gaps, whether some of it is estimated). A count below 0, which means nothing, is 0.

    Where nothing was reported and nothing was said, nothing is known to have been used: both counts are then 0.
    ``read``: what was asked was probably read, and is charged for, all the same.
    """
    known = Usage(*(None if count is None else max(0, count) for count in _counts(reported or Usage())))
    if known.input_tokens is None and known.output_tokens is None and not (said or read):
        return Usage(0, 0), False
    gaps = known.input_tokens is None or known.output_tokens is None
    return Usage(
        sum(estimated_tokens(turn.text) for turn in asked) if known.input_tokens is None else known.input_tokens,
        estimated_tokens(said) if known.output_tokens is None else known.output_tokens,
        known.reasoning_tokens,
        known.cached_tokens,
        known.cache_write_tokens,
    ), gaps


def _counts(usage: Usage) -> tuple[int | None, ...]:
    return (
        usage.input_tokens,
        usage.output_tokens,
        usage.reasoning_tokens,
        usage.cached_tokens,
        usage.cache_write_tokens,
    )


def total(parts: Iterable[Spent]) -> Spent:
    """The sum; its cost is unknown where that of a part is."""
    parts = list(parts)
    costs = [part.cost_usd for part in parts]
    return Spent(
        sum(part.input_tokens for part in parts),
        sum(part.output_tokens for part in parts),
        any(part.estimated for part in parts),
        None if None in costs else sum(cost or 0.0 for cost in costs),
    )
