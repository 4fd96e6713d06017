"""The one stream grammar: ``(TextDelta | ReasoningDelta)* Finished``, or a ``ProviderError``.

A stream that ends without ``Finished`` broke the grammar: an answer is whole only with its provider's own
terminal mark.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

FinishReason = Literal["stop", "length", "content_filter", "other"]


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the provider reported them; None where it reported nothing.

    ``output_tokens`` includes ``reasoning_tokens``. ``input_tokens`` includes ``cached_tokens``, which were read from
    the provider's cache, and ``cache_write_tokens``, which were put there; one token is never both.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None

    def __add__(self, other: "Usage") -> "Usage":
        """What two calls used together. A count that only one of them reported is that one's."""
        return Usage(
            _sum(self.input_tokens, other.input_tokens),
            _sum(self.output_tokens, other.output_tokens),
            _sum(self.reasoning_tokens, other.reasoning_tokens),
            _sum(self.cached_tokens, other.cached_tokens),
            _sum(self.cache_write_tokens, other.cache_write_tokens),
        )


@dataclass(frozen=True, slots=True)
class TextDelta:
    """A piece of the answer, never empty."""

    text: str


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    """A piece of what the model thought before it answered, never empty."""

    text: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The provider's own word that the answer is whole.

    ``reason`` is ours, for logic; ``raw_reason`` is theirs, for people. ``model`` is the one that the provider
    says has answered, where it says so. ``skipped_frames`` counts bad frames in the otherwise good stream.
    ``prompt_cut``: the provider seems to have left out part of the prompt, and has not said so. ``busy_seconds`` is
    how long it says that it worked on this answer, without the time to load the model.
    """

    reason: FinishReason
    raw_reason: str | None = None
    usage: Usage | None = None
    model: str | None = None
    skipped_frames: int = 0
    prompt_cut: bool = False
    busy_seconds: float | None = None


Delta: TypeAlias = TextDelta | ReasoningDelta | Finished


@dataclass(frozen=True, slots=True)
class Completion:
    """A whole answer."""

    text: str
    reasoning: str
    finished: Finished


def _sum(one: int | None, other: int | None) -> int | None:
    return other if one is None else one + (other or 0)
