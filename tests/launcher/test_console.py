import io
import json

import pytest

from novacore.console import Console, harmless, log_entry, readable


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Closed(io.StringIO):
    def write(self, _text: str) -> int:
        raise BrokenPipeError


def entry(level: str, **more: object) -> str:
    return json.dumps({"event": "it happened", "level": level, "service": "memory", "timestamp": "t", **more})


def written(line: str, *, whole: bool) -> str:
    out = io.StringIO()
    Console(out, whole=whole, colour=False, width=8).relay("memory", line)
    return out.getvalue()


@pytest.mark.parametrize("level", ["debug", "info"])
def test_ordinary_log_lines_are_left_out_for_a_reader(level: str) -> None:
    assert written(entry(level), whole=False) == ""


@pytest.mark.parametrize("level", ["warning", "error", "critical"])
def test_warnings_and_errors_are_shown_in_a_short_form(level: str) -> None:
    assert written(entry(level, reason="dns", n=2), whole=False) == "memory   | it happened reason=dns n=2\n"


TRACEBACK = "Traceback (most recent call last):\n  File x\nValueError: it is\n"


def test_of_a_traceback_a_reader_gets_the_last_line() -> None:
    line = json.dumps({"event": TRACEBACK, "level": "error"})
    assert written(line, whole=False) == "memory   | ValueError: it is\n"


@pytest.mark.parametrize("line", ["Segmentation fault", "{not json", '{"level": 1}', '["event", "level"]'])
def test_a_line_that_is_no_log_entry_is_shown(line: str) -> None:
    assert written(line, whole=False) == f"memory   | {line}\n"


def test_every_line_is_passed_on_whole_where_nobody_reads_along() -> None:
    assert written(entry("info"), whole=True) == f"memory   | {entry('info')}\n"


def test_a_terminal_gets_the_short_form_and_everything_else_the_whole_lines() -> None:
    for out, expected in ((Terminal(), False), (io.StringIO(), True)):
        assert Console.for_stream(out, verbose=False).relay("memory", entry("info")) is expected
    assert Console.for_stream(Terminal(), verbose=True).relay("memory", entry("info")) is True


def test_colours_are_for_terminals_that_want_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert Console.for_stream(Terminal(), verbose=False).bold("x") == "\033[1mx\033[0m"
    assert Console.for_stream(io.StringIO(), verbose=False).bold("x") == "x"
    monkeypatch.setenv("NO_COLOR", "1")
    assert Console.for_stream(Terminal(), verbose=False).bold("x") == "x"


def test_a_terminal_that_is_gone_stops_nothing() -> None:
    console = Console(Closed(), whole=True, colour=False)
    console.say("anyone?")
    assert console.relay("memory", "line") is True


def test_control_characters_do_not_reach_the_terminal() -> None:
    assert harmless("a\x1b[2Jb\x07\tc\r\n\x9bd") == "a[2Jb\tc\nd"
    assert written("\x1b]0;title\x07", whole=False) == "memory   | ]0;title\n"


def test_a_log_entry_is_an_object_with_an_event_and_a_level() -> None:
    found = log_entry(entry("info"))
    assert found is not None
    assert readable(found) == "it happened"
    assert log_entry('{"event": "x"}') is None
