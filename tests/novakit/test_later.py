"""What is told later: in its order, before whatever must come after it, and soon enough."""

import io
import json
import logging
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, cast

import pytest
from novakit import logs
from novakit.later import DELAY_SEC, MOST, Later, later
from novakit.metrics import Metrics

log = logs.get("chat")


class Timer:
    """Of a loop that stands still."""

    def __init__(self, call: Callable[[], None]) -> None:
        self.call = call
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Loop:
    """An event loop whose next turn and whose time the test makes come."""

    def __init__(self) -> None:
        self.soon: list[Callable[[], None]] = []
        self.timers: list[tuple[float, Timer]] = []

    def call_soon(self, call: Callable[[], None]) -> None:
        self.soon.append(call)

    def call_later(self, seconds: float, call: Callable[[], None]) -> Timer:
        self.timers.append((seconds, Timer(call)))
        return self.timers[-1][1]


@pytest.fixture
def out() -> io.StringIO:
    stream = io.StringIO()
    logs.setup("gateway", "info", stream)
    return stream


@pytest.fixture
def loop() -> Iterator[Loop]:
    """The one in whose turns this process tells."""
    stands = Loop()
    later.put_off(cast("Any", stands))
    yield stands
    later.at_once()


def events(out: io.StringIO) -> list[str]:
    return [json.loads(line)["event"] for line in out.getvalue().splitlines()]


def test_where_no_service_runs_all_is_told_at_once(out: io.StringIO) -> None:
    Later().tell(log.info, "turn")
    assert events(out) == ["turn"]


def test_a_line_waits_for_others_but_not_for_long(out: io.StringIO, loop: Loop) -> None:
    later.tell(log.info, "first")
    later.tell(log.info, "second")
    assert (events(out), loop.soon) == ([], [])
    [(seconds, timer)] = loop.timers
    assert seconds == DELAY_SEC

    timer.call()
    assert events(out) == ["first", "second"]


def test_so_many_wait_and_no_more(out: io.StringIO, loop: Loop) -> None:
    for number in range(MOST):
        assert loop.soon == []
        later.tell(log.info, str(number))
    loop.soon[0]()

    assert events(out) == [str(number) for number in range(MOST)]
    assert [timer.cancelled for _, timer in loop.timers] == [True]
    later.tell(log.info, "next")
    assert len(loop.timers) == 2


def test_what_needs_a_look_is_told_in_the_next_turn_with_what_came_before(out: io.StringIO, loop: Loop) -> None:
    later.tell(log.info, "before")
    later.tell(log.warning, "failed", soon=True)
    assert events(out) == []

    [turn] = loop.soon
    turn()
    assert events(out) == ["before", "failed"]


@pytest.mark.usefixtures("loop")
def test_no_line_overtakes_one_that_waits(out: io.StringIO) -> None:
    later.tell(log.info, "first")
    log.info("second")
    later.tell(log.info, "third")
    logging.getLogger("library").warning("fourth")
    assert events(out) == ["first", "second", "third", "fourth"]


@pytest.mark.usefixtures("loop")
def test_a_scrape_is_told_all_that_has_happened() -> None:
    metrics = Metrics()
    calls = metrics.counter("calls_total", "Calls.")()
    later.tell(calls.inc, 3)
    assert calls.value == 0
    assert "calls_total 3.0" in metrics.render()[0].decode()


@pytest.mark.usefixtures("loop")
def test_at_the_end_all_is_told_and_afterwards_at_once(out: io.StringIO) -> None:
    later.tell(log.info, "first")
    later.at_once()
    assert events(out) == ["first"]
    later.tell(log.info, "second")
    assert events(out) == ["first", "second"]


@pytest.mark.usefixtures("loop")
def test_what_cannot_be_told_keeps_nothing_else_from_being_told(out: io.StringIO) -> None:
    def breaks(_what: str) -> None:
        raise ValueError("what a person wrote")

    for tell in (log.info, breaks, log.info):
        later.tell(tell, "told")
    later.catch_up()
    assert events(out) == ["told", "not_told", "told"]
    assert "what a person wrote" not in out.getvalue()


@pytest.mark.usefixtures("loop")
def test_a_line_that_breaks_half_written_leaves_nothing_of_itself(out: io.StringIO) -> None:
    for fields in ({"number": 1}, {"number": 2, "name": "half a character: \ud800"}, {"number": 3}):
        later.tell(partial(log.info, "told", ready=fields))
    later.catch_up()
    assert events(out) == ["told", "not_told", "told"]


@pytest.mark.usefixtures("loop")
def test_another_thread_writes_its_own_line_alone(out: io.StringIO) -> None:
    later.tell(log.info, "of the loop")
    thread = threading.Thread(target=log.info, args=("of a thread",))
    thread.start()
    thread.join()
    assert events(out) == ["of a thread"]
    later.catch_up()
    assert events(out) == ["of a thread", "of the loop"]
