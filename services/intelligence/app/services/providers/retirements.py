"""When cloud models are switched off, as their providers have published it. Pure.

Only for what a provider's own list of models does not tell: Google's does not, and OpenAI's drops a model with its
end. Dates are the days from which a model is not to be relied on.
"""

from collections.abc import Mapping
from datetime import date

# https://developers.openai.com/api/docs/deprecations, as the official client repeats it (types/shared/chat_model.py);
# tests/intelligence/providers/test_retirements.py holds this to that.
_OPENAI = {
    date(2026, 10, 23): (
        "gpt-4.1-nano", "gpt-4.1-nano-2025-04-14", "o4-mini", "o4-mini-2025-04-16", "o3-mini", "o3-mini-2025-01-31",
        "o1", "o1-2024-12-17", "gpt-4o-2024-05-13", "gpt-4-turbo", "gpt-4-turbo-2024-04-09", "gpt-4-1106-preview",
        "gpt-4", "gpt-4-0613", "gpt-3.5-turbo", "gpt-3.5-turbo-0125",
    ),
    date(2026, 12, 11): (
        "gpt-5", "gpt-5-mini", "gpt-5-nano", "gpt-5-2025-08-07", "gpt-5-mini-2025-08-07", "gpt-5-nano-2025-08-07",
        "o3", "o3-2025-04-16",
    ),
    date(2027, 1, 14): (
        "gpt-4.1", "gpt-4.1-mini", "gpt-4.1-2025-04-14", "gpt-4.1-mini-2025-04-14", "gpt-4o", "gpt-4o-2024-11-20",
        "gpt-4o-2024-08-06", "gpt-4o-mini", "gpt-4o-mini-2024-07-18",
    ),
    date(2027, 4, 1): ("gpt-5.4-nano", "gpt-5.4-nano-2026-03-17", "gpt-5.1", "gpt-5.1-2025-11-13"),
}  # fmt: skip

# https://ai.google.dev/gemini-api/docs/deprecations and, for the preview of September 2025, the entry of 15 January
# 2026 in https://ai.google.dev/gemini-api/docs/changelog. From its day on, Google may answer with another model.
_GOOGLE = {
    date(2025, 12, 2): (
        "gemini-2.5-pro-preview-03-25", "gemini-2.5-pro-preview-05-06", "gemini-2.5-pro-preview-06-05",
    ),
    date(2026, 2, 17): ("gemini-2.5-flash-preview-09-2025",),
    date(2026, 3, 9): ("gemini-3-pro-preview",),
    date(2026, 5, 25): ("gemini-3.1-flash-lite-preview",),
    date(2026, 6, 1): (
        "gemini-2.0-flash", "gemini-2.0-flash-001", "gemini-2.0-flash-lite", "gemini-2.0-flash-lite-001",
    ),
    date(2026, 12, 1): ("gemini-2.5-flash", "gemini-2.5-pro"),
    date(2027, 5, 7): ("gemini-3.1-flash-lite",),
}  # fmt: skip


def _by_model(days: Mapping[date, tuple[str, ...]]) -> dict[str, date]:
    return {model: day for day, models in days.items() for model in models}


PUBLISHED: Mapping[str, Mapping[str, date]] = {"openai": _by_model(_OPENAI), "google": _by_model(_GOOGLE)}
"""By the provider's id (``Provider.priced_as``, so for the official services alone) and the model."""


def published(vendor: str, model: str) -> date | None:
    """The day that was published for a model; None where none is known here."""
    return PUBLISHED.get(vendor, {}).get(model)


def day_in(text: object) -> date | None:
    """The day in a list of models: a date, or a time that begins with one (RFC 3339); None for anything else."""
    try:
        return date.fromisoformat(str(text)[:10])
    except ValueError:
        return None
