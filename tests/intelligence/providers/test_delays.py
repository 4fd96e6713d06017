"""How long a provider asks us to wait."""

import math
from email.utils import formatdate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.intelligence.app.services.providers.delays import asked_delay, go_duration, in_message

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after-ms": "250"}, 0.25),
        ({"retry-after": "1", "retry-after-ms": "0"}, 1.0),
        ({"retry-after": "1", "retry-after-ms": "2500"}, 2.5),
        ({"retry-after": formatdate(NOW + 90, usegmt=True)}, 90.0),
        ({"retry-after": formatdate(NOW - 90, usegmt=True)}, None),
        ({"retry-after": "0"}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "1e999"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after-ms": "nan", "retry-after": "3"}, 3.0),
    ],
)
def test_headers_name_the_delay(headers: dict[str, str], seconds: float | None) -> None:
    assert asked_delay(headers, NOW) == seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Rate limit reached. Please try again in 579ms. Visit our page.", 0.579),
        ("Please try again in 1m9.696s.", 69.696),
        ("Please try again in 2h0m5s.", 7205.0),
        ("Please retry in 48.939935699s.", 48.939935699),
        ("Please retry after 6 seconds.", 6.0),
        ("Please retry after 86400 seconds. Please contact support.", 86400.0),
        ("Try again in 20 milliseconds", 0.02),
        ("try again in 5 minutes", 300.0),
        ("retry after 1 day", 86400.0),
        ("Please try again later.", None),
        ("Please try again in a moment.", None),
        ("try again in 5 sheep", None),
        ("try again in 5sheep", None),
        ("", None),
    ],
)
def test_a_message_names_the_delay_where_nothing_else_does(text: str, seconds: float | None) -> None:
    assert in_message(text) == (None if seconds is None else pytest.approx(seconds))


def test_the_longest_of_all_named_delays_counts() -> None:
    said = "Please retry in 3s."
    assert asked_delay({"retry-after": "2"}, NOW, retry_info=["48s", "rubbish"], message=said) == 48.0
    assert asked_delay({"retry-after": "2"}, NOW, message=said) == 3.0


@pytest.mark.parametrize("text", ["", "5", "s", "5x", "-5s", "5s later", "1m 5s"])
def test_what_is_no_duration_has_no_length(text: str) -> None:
    assert go_duration(text) is None


@settings(deadline=None, derandomize=True)
@given(st.text() | st.from_regex(r"-?[0-9]{0,400}(\.[0-9]*)?(e[0-9]+)?", fullmatch=True))
def test_no_header_text_makes_a_delay_that_is_not_a_positive_number(text: str) -> None:
    delay = asked_delay(
        {"retry-after": text, "retry-after-ms": text}, NOW, retry_info=[text, f"{text}s"], message=text
    )
    assert delay is None or (delay > 0 and math.isfinite(delay))
