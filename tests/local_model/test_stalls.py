"""Noticing an engine that hangs."""

from novakit.clock import FakeClock

from services.local_model.app.engine.stalls import STALL_SECONDS, Progress


def test_an_answer_without_progress_for_two_minutes_is_stalled() -> None:
    clock = FakeClock()
    progress = Progress(clock.now)
    progress.mark("a")
    clock.advance(STALL_SECONDS - 1)

    assert not progress.stalled()
    clock.advance(1)
    assert progress.stalled()
    assert STALL_SECONDS == 120


def test_progress_starts_the_time_anew() -> None:
    clock = FakeClock()
    progress = Progress(clock.now)
    progress.mark("a")
    clock.advance(STALL_SECONDS - 1)
    progress.mark("a")
    clock.advance(STALL_SECONDS - 1)

    assert not progress.stalled()


def test_one_answer_that_gets_on_does_not_hide_another_that_hangs() -> None:
    clock = FakeClock()
    progress = Progress(clock.now)
    progress.mark("hangs")
    clock.advance(STALL_SECONDS)
    progress.mark("gets on")

    assert progress.stalled()


def test_an_answer_that_is_over_cannot_stall() -> None:
    clock = FakeClock()
    progress = Progress(clock.now)
    progress.mark("a")
    progress.end("a")
    progress.end("a")
    clock.advance(STALL_SECONDS * 2)

    assert not progress.stalled()
