"""Prices of cloud models, and how much they read, from the data that genai-prices carries. Nothing is fetched.

The data costs some megabytes and a moment to load, so they are loaded only where a cloud provider is configured, and
not in the event loop.
"""

import gc
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from ..domain.events import Usage

if TYPE_CHECKING:
    from genai_prices.types import PriceCalculation

REMEMBERED_MODELS = 256


class Prices:
    """``priced_as`` is how genai-prices knows each provider: its id there, or the address of its API."""

    def __init__(self, priced_as: Mapping[str, str]) -> None:
        self._priced_as = {provider: vendor for provider, vendor in priced_as.items() if vendor}

    def load(self) -> None:
        """Have the data at hand, where anybody's price may be asked for. It takes a moment."""
        if self._priced_as:
            _is_priced("openai", "gpt-4.1")
            # They stay: the collector need not look through them again, with every answer standing still meanwhile.
            gc.freeze()

    def __call__(self, provider: str, model: str, usage: Usage) -> float | None:
        """US dollars for this usage; None where no price is known."""
        vendor = self._priced_as.get(provider, "")
        if not vendor or not model or not _is_priced(vendor, model):
            return None
        return float(_calculated(vendor, model, usage).total_price)


def is_deprecated(vendor: str, model: str) -> bool:
    """Whether the data mark a model as one that its provider is about to drop; false where they do not know it."""
    try:
        return bool(_calculated(vendor, model, Usage(1, 1)).model.deprecated)
    except LookupError:
        return False


class ContextWindows:
    """How many tokens models read. Until ``load`` was called nothing is known, so that nobody waits for the data."""

    def __init__(self) -> None:
        self._loaded = False

    def load(self) -> None:
        """Have the data at hand. It takes a moment."""
        _window("openai", "gpt-4.1")
        self._loaded = True

    def __call__(self, vendor: str, model: str) -> int | None:
        """The tokens of a conversation with its answer; None where they are not known. ``vendor``: as in Prices."""
        return _window(vendor, model) if self._loaded and vendor and model else None


@lru_cache(REMEMBERED_MODELS)
def _window(vendor: str, model: str) -> int | None:
    from genai_prices.data_snapshot import get_snapshot  # noqa: PLC0415 (see the module)

    at = (None, vendor) if "://" in vendor else (vendor, None)
    try:
        return get_snapshot().find_provider_model(model, None, *at)[1].context_window
    except LookupError:
        return None


@lru_cache(REMEMBERED_MODELS)
def _is_priced(vendor: str, model: str) -> bool:
    try:
        _calculated(vendor, model, Usage(1, 1))
    except LookupError:
        return False
    return True


def _calculated(vendor: str, model: str, usage: Usage) -> "PriceCalculation":
    from genai_prices import Usage as PricedUsage  # noqa: PLC0415 (see the module)
    from genai_prices import calc_price  # noqa: PLC0415

    inputs = usage.input_tokens or 0
    read = min(usage.cached_tokens or 0, inputs)
    counts = PricedUsage(
        input_tokens=inputs,
        output_tokens=usage.output_tokens or 0,
        cache_read_tokens=read,
        cache_write_tokens=min(usage.cache_write_tokens or 0, inputs - read),
    )
    if "://" in vendor:
        return calc_price(counts, model_ref=model, provider_api_url=vendor)
    return calc_price(counts, model_ref=model, provider_id=vendor)
