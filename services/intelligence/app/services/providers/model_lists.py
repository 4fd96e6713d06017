"""What the lists of models tell that servers with OpenAI's API give under ``/models``. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

_NAMES = ("max_model_len", "context_length", "context_window", "max_context_length")
"""What a model's context is called by vLLM and SGLang, by OpenRouter and Together, by Groq, and by Mistral."""


@dataclass(frozen=True, slots=True)
class Context:
    """How many tokens a conversation with a model may have, its answer included.

    ``at_most``: the model could read so many, and the server may have been started with fewer.
    """

    tokens: int
    at_most: bool = False


def context_of(model: str, listing: Any) -> Context | None:
    """What the list tells of this model's context, None where it is silent.

    Servers of one model answer to any name: what they list is taken for it.
    """
    if isinstance(listing, Mapping):
        listing = listing.get("data")
    cards = [card for card in listing if isinstance(card, Mapping)] if isinstance(listing, list) else []
    named = [card for card in cards if card.get("id") == model] or (cards if len(cards) == 1 else [])
    return _context(named[0]) if named else None


def _context(card: Mapping[str, Any]) -> Context | None:
    meta = card.get("meta")
    llama_cpp = meta if isinstance(meta, Mapping) else {}
    tokens = _first([*(card.get(name) for name in _NAMES), llama_cpp.get("n_ctx")])
    if tokens is not None:
        return Context(tokens)
    trained = _first([llama_cpp.get("n_ctx_train")])
    return Context(trained, at_most=True) if trained is not None else None


def _first(values: Iterable[Any]) -> int | None:
    return next((value for value in values if isinstance(value, int) and value > 1), None)
