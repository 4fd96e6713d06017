"""Keep-alive times."""

import pytest

from services.local_model.app.api.durations import FOREVER, DurationError, from_setting, keep_alive, seconds


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5m", 300),
        ("1h30m", 5400),
        ("1.5h", 5400),
        ("300ms", 0.3),
        ("2us", 2e-6),
        ("2µs", 2e-6),
        ("7ns", 7e-9),
        (".5s", 0.5),
        ("1.s", 1),
        ("+3s", 3),
        ("-1m", -60),
        ("0", 0),
        ("-0", 0),
        ("0s", 0),
    ],
)
def test_a_go_duration_is_read_as_go_reads_it(text: str, expected: float) -> None:
    assert seconds(text) == pytest.approx(expected)


@pytest.mark.parametrize("text", ["", "-", "5", "5 m", "m", "five", "5d", "5m3", "1h-3m", "--5m", "5M", "."])
def test_a_text_that_is_no_go_duration_is_refused(text: str) -> None:
    with pytest.raises(DurationError):
        seconds(text)


@pytest.mark.parametrize("value", [-1, -0.5, "-1m", "-1ns", 1e30])
def test_a_negative_keep_alive_is_for_ever(value: float | str) -> None:
    assert keep_alive(value) == FOREVER


@pytest.mark.parametrize(("value", "expected"), [(0, 0), (90, 90), (1.5, 1.5), ("0", 0), ("2m", 120)])
def test_a_number_is_seconds_and_a_text_a_duration(value: float | str, expected: float) -> None:
    assert keep_alive(value) == expected


@pytest.mark.parametrize(("text", "expected"), [("300", 300), ("-1", FOREVER), ("5m", 300), ("0", 0)])
def test_a_setting_may_be_a_bare_number_of_seconds(text: str, expected: float) -> None:
    assert from_setting(text) == expected
