"""Findings cross from a service to the launcher as lines among other lines."""

import pytest
from novakit.findings import Finding, from_line, of_settings, to_line
from novakit.settings import SettingsError

FAULT = Finding("fault", "openai", "access", "does not accept\nthe key", "Set OPENAI_API_KEY.")


def test_a_finding_is_one_line_and_comes_back_from_it() -> None:
    assert "\n" not in to_line(FAULT)
    assert from_line(to_line(FAULT)) == FAULT


@pytest.mark.parametrize(
    "line",
    [
        "",
        "news",
        "{}",
        "[]",
        '{"event":"crashed","level":"error"}',
        '{"level":"fine","subject":"","check":"","text":""}',
    ],
)
def test_any_other_line_is_none(line: str) -> None:
    assert from_line(line) is None


def test_no_fault_is_without_advice() -> None:
    with pytest.raises(ValueError, match="without advice"):
        Finding("fault", "openai", "access", "it is broken.")


def test_every_setting_that_cannot_be_used_is_a_fault_in_the_words_of_the_start() -> None:
    found = of_settings("gateway", SettingsError("A: wrong.", ("B: wrong too.",)))
    assert [(one.level, one.subject, one.text) for one in found] == [
        ("fault", "gateway", "A: wrong."),
        ("fault", "gateway", "B: wrong too."),
    ]
