"""When models go: what is written down here, and what the official client's types say."""

import inspect
import re
from datetime import date

import pytest
from openai.types.shared import chat_model

from services.intelligence.app.services.providers.retirements import PUBLISHED, day_in, published

ANNOUNCED = re.compile(r"- ((?:\"[^\"]+\",? ?\n? *)+):\s+Announced shutdown\s+date:\s+(\d{4}-\d\d-\d\d)")


def announced() -> dict[str, date]:
    """The dates in the documentation of the official client's list of chat models."""
    text = inspect.getsource(chat_model)
    return {
        model: date.fromisoformat(day)
        for models, day in ANNOUNCED.findall(text)
        for model in re.findall(r'"([^"]+)"', models)
    }


def test_the_dates_of_openai_are_those_that_its_official_client_repeats() -> None:
    theirs = announced()
    assert len(theirs) > 50
    assert {model: theirs.get(model) for model in PUBLISHED["openai"]} == PUBLISHED["openai"]


def test_no_text_model_that_openai_ends_from_here_on_is_missing() -> None:
    first = min(PUBLISHED["openai"].values())
    missing = {model for model, day in announced().items() if day >= first and "audio" not in model}
    assert missing <= set(PUBLISHED["openai"])


def test_a_date_is_known_for_the_official_services_alone() -> None:
    assert published("openai", "gpt-4.1") == date(2027, 1, 14)
    assert published("google", "gemini-2.5-flash") == date(2026, 12, 1)
    assert published("azure", "gpt-4.1") is None
    assert published("https://router.example/v1", "gpt-4.1") is None
    assert published("openai", "unheard-of") is None


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2027-01-14", date(2027, 1, 14)),
        ("2026-11-30T00:00:00Z", date(2026, 11, 30)),
        ("", None),
        ("soon", None),
        (None, None),
        (5, None),
    ],
)
def test_a_day_is_read_from_a_date_or_a_time(text: object, day: date | None) -> None:
    assert day_in(text) == day
