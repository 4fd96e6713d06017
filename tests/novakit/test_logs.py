"""Log lines: one JSON object each, whole, at once, and without what a person wrote."""

import hashlib
import io
import json
import logging
import re
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from novakit import logs
from novakit.pseudonyms import MOST_KEPT, Pseudonyms

SOURCE = Path(logs.__file__).parents[1]


def lines(out: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().split("\n")[:-1]]


@pytest.fixture
def out() -> io.StringIO:
    stream = io.StringIO()
    logs.setup("gateway", "info", stream)
    return stream


def test_a_line_is_a_json_object_with_its_service_component_level_and_time(out: io.StringIO) -> None:
    logs.get("chat").info("turn", provider="ollama", seconds=0.5, nothing=None)
    [line] = lines(out)
    assert datetime.fromisoformat(line.pop("timestamp")).utcoffset() is not None
    assert line == {
        "event": "turn",
        "component": "chat",
        "service": "gateway",
        "level": "info",
        "provider": "ollama",
        "seconds": 0.5,
        "nothing": None,
    }


def test_a_line_never_breaks(out: io.StringIO) -> None:
    logs.get("chat").info("a\nb\u2028c", value="d\r\ne")
    assert out.getvalue().count("\n") == 1
    assert lines(out)[0]["event"] == "a\nb\u2028c"


def test_what_json_does_not_know_is_told_as_text(out: io.StringIO) -> None:
    logs.get("chat").info("started", path=Path("here"), kinds=frozenset({1}), error=ValueError)
    assert lines(out)[0]["path"] == "here"
    assert lines(out)[0]["error"] == "<class 'ValueError'>"


def test_libraries_write_the_same_kind_of_line(out: io.StringIO) -> None:
    logging.getLogger("uvicorn.error").warning("closed %s", "it")
    [line] = lines(out)
    assert (line["event"], line["logger"], line["service"], line["level"]) == (
        "closed it",
        "uvicorn.error",
        "gateway",
        "warning",
    )


def test_libraries_chatter_is_left_out_at_every_level() -> None:
    for level in ("debug", "info"):
        stream = io.StringIO()
        logs.setup("gateway", level, stream)
        logging.getLogger("aiosqlite").info("executing")
        assert stream.getvalue() == ""


LEVELS = ["debug", "info", "warning", "error"]


@pytest.mark.parametrize("level", LEVELS)
def test_what_is_below_the_level_is_not_written(level: str) -> None:
    stream = io.StringIO()
    logs.setup("gateway", level, stream)
    logger = logs.get("chat")
    for name in LEVELS:
        getattr(logger, name)(name)
        logging.getLogger("library").log(getattr(logging, name.upper()), name)
    heard = LEVELS[LEVELS.index(level) :]
    assert [line["event"] for line in lines(stream) if "component" in line] == heard
    assert [line["event"] for line in lines(stream) if "logger" in line] == [
        name for name in heard if name in {"warning", "error"}
    ]


def broken(words: str) -> None:
    raise ValueError(words)


@pytest.mark.parametrize("of", ["ours", "a library's"])
def test_of_an_exception_the_line_has_its_type_and_place_and_not_its_words(out: io.StringIO, of: str) -> None:
    try:
        broken("what a person wrote")
    except ValueError:
        if of == "ours":
            logs.get("chat").error("crashed", exc_info=True)
        else:
            logging.getLogger("uvicorn.error").exception("crashed")
    [line] = lines(out)
    assert line["error"] == "ValueError"
    assert re.search(r"test_logs\.py:\d+ broken$", line["at"])
    assert "person" not in out.getvalue()


def test_an_exception_that_is_handed_over_is_told_too(out: io.StringIO) -> None:
    logs.get("chat").error("crashed", exc_info=ValueError("what a person wrote"))
    logs.get("chat").error("not crashed", exc_info=True)
    logs.get("chat").error("not crashed", exc_info=False)
    assert [line.get("error") for line in lines(out)] == ["ValueError", None, None]
    assert "person" not in out.getvalue()


def test_the_place_is_where_it_broke_innermost_last() -> None:
    try:
        broken("words")
    except ValueError as error:
        place = logs.where(error)
    steps = place.split(" > ")
    assert [step.split(" ")[-1] for step in steps] == ["test_the_place_is_where_it_broke_innermost_last", "broken"]
    assert logs.where(ValueError()) == ""


def test_setting_up_anew_replaces_what_was_there(out: io.StringIO) -> None:
    second = io.StringIO()
    logger = logs.get("chat")
    logs.setup("memory", "info", second)
    logger.info("hello")
    logging.getLogger("library").error("hello")
    assert out.getvalue() == ""
    assert [line["service"] for line in lines(second)] == ["memory", "memory"]


def test_each_line_leaves_the_process_at_once() -> None:
    """Through a pipe, as the launcher reads it, and though the process dies without a goodbye."""
    program = "import os; from novakit import logs; logs.setup('x'); logs.get('y').info('said'); os._exit(0)"
    done = subprocess.run(
        [sys.executable, "-c", program], env={"PYTHONPATH": str(SOURCE)}, capture_output=True, check=True, text=True
    )
    assert json.loads(done.stdout)["event"] == "said"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_a_line_is_written_to_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    screen = Terminal()
    logs.setup("intelligence", "info", screen)
    logs.get("chat").info("chat_turn", provider="ollama", model="a b", user=None, tokens_in=0, cost_usd=0.5)
    logging.getLogger("uvicorn.error").warning("closed %s", "it")
    ours, theirs = screen.getvalue().splitlines()

    assert re.fullmatch(
        r'\d\d:\d\d:\d\d info    chat_turn {12}component=chat provider=ollama model="a b" tokens_in=0 cost_usd=0.5',
        ours,
    )
    assert re.fullmatch(r"\d\d:\d\d:\d\d warning closed it {12}logger=uvicorn.error", theirs)


def test_no_value_can_steer_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    screen = Terminal()
    logs.setup("intelligence", "info", screen)
    logs.get("chat").error("broken", model="\x1b[2Jgone\nnext", other="\x9b1m")
    [line] = screen.getvalue().splitlines()

    assert line.count("\x1b") == 2, "our own colour, and its end"
    assert "model=[2Jgonenext" in line
    assert "\x9b" not in line


def test_lines_that_are_written_together_leave_together() -> None:
    """Through a buffer, as standard output has one where it is a pipe."""
    under = io.BytesIO()
    logs.setup("gateway", "info", io.TextIOWrapper(io.BufferedWriter(under), encoding="utf-8"))
    with logs.together():
        logs.get("chat").info("first")
        logs.get("chat").warning("second")
        held = under.getvalue()

    assert held == b""
    assert [json.loads(line)["event"] for line in under.getvalue().splitlines()] == ["first", "second"]


def test_a_line_may_be_of_something_earlier(out: io.StringIO) -> None:
    logs.get("chat").info("turn", when=1_700_000_000.5, ready={"provider": "ollama"})
    [line] = lines(out)
    assert (line["timestamp"], line["provider"]) == ("2023-11-14T22:13:20.500000Z", "ollama")


def test_a_user_has_one_name_in_all_services_and_nobody_gets_back_from_it() -> None:
    one, same, other = Pseudonyms("s" * 32), Pseudonyms("s" * 32), Pseudonyms("t" * 32)
    names = {one(f"user-{number}") for number in range(1000)}

    assert len(names) == 1000
    assert all(re.fullmatch("[0-9a-f]{12}", name) for name in names)
    assert one("user-1") == same("user-1") != other("user-1")
    assert one("user-1") != hashlib.sha256(b"user-1").hexdigest()[:12]
    assert (one(""), one("\ud800")) == ("", same("\ud800"))
    for number in range(2 * MOST_KEPT):
        one(str(number))
    assert len(one._known) <= MOST_KEPT


class Gone(io.StringIO):
    """A pipe whose reader has died."""

    def write(self, _text: str) -> int:
        raise BrokenPipeError


def test_where_nobody_reads_any_more_nothing_breaks() -> None:
    closed = io.StringIO()
    logs.setup("gateway", "info", closed)
    closed.close()
    logs.get("chat").info("said")
    logs.setup("gateway", "info", Gone())
    logs.get("chat").info("said")
