import json

from novakit.findings import Finding

from novacore import verdict

OK = Finding("ok", "gateway", "page", "the page is built.")
SKIPPED = Finding("skipped", "clock", "clock", "was not compared.")
WARNING = Finding("warning", "openai", "retirement", "gpt-4.1 is switched off soon.", "Set OPENAI_MODEL.")
FAULT = Finding("fault", "gemini", "access", "does not accept the key.", "Set GEMINI_API_KEY.")


def test_a_finding_is_one_line_and_its_advice_stands_below() -> None:
    assert verdict.lines(OK) == ["ok        gateway       the page is built."]
    assert verdict.lines(FAULT) == [
        "fault     gemini        does not accept the key.",
        "                        → Set GEMINI_API_KEY.",
    ]


def test_with_a_width_both_are_broken_to_fit() -> None:
    assert verdict.lines(FAULT, width=40) == [
        "fault     gemini        does not accept the key.",
        "                        → Set GEMINI_API_KEY.",
    ]
    shown = verdict.lines(Finding("ok", "a", "b", "word " * 30), width=80)
    assert len(shown) > 2
    assert max(map(len, shown)) <= 80


def test_colour_changes_nothing_but_the_level() -> None:
    (plain,), (coloured,) = verdict.lines(OK), verdict.lines(OK, colour=True)
    assert coloured == plain.replace("ok      ", "\033[32mok      \033[0m")


def test_nothing_that_a_server_said_can_steer_the_terminal_or_break_a_line() -> None:
    (shown,) = verdict.lines(Finding("ok", "a", "b", "red \033[31m and\nmore"))
    assert shown == "ok        a             red [31m and more"


def test_the_summary_counts_what_matters() -> None:
    assert verdict.summary([OK, SKIPPED]) == "Nothing is wrong."
    assert verdict.summary([OK, WARNING]) == "No faults, 1 warning."
    assert verdict.summary([FAULT, FAULT, WARNING, WARNING]) == "2 faults, 2 warnings."


def test_the_exit_code_is_one_for_a_fault_alone() -> None:
    assert verdict.exit_code([OK, SKIPPED, WARNING]) == 0
    assert verdict.exit_code([OK, FAULT]) == 1


def test_the_document_holds_all_of_it() -> None:
    document = json.loads(verdict.document([OK, WARNING]))
    assert (document["faults"], document["warnings"]) == (0, 1)
    assert document["findings"][1] == {
        "level": "warning",
        "subject": "openai",
        "check": "retirement",
        "text": "gpt-4.1 is switched off soon.",
        "advice": "Set OPENAI_MODEL.",
    }
