"""What observers hear of a request beside the ends of its calls (those: test_route_record.py)."""

from bisect import bisect_left

import pytest

from services.intelligence.app.domain.errors import SkipReason
from services.intelligence.app.domain.events import Finished, TextDelta
from services.intelligence.app.routing.trail import Answering, Cancelled, Handoff, Queued
from services.intelligence.app.services.observations import GAP_BOUNDS, PassedOver, QueueLeft

from .story import GEMINI, NEAR, OLLAMA, OTHER, USAGE, Story


@pytest.fixture
def story() -> Story:
    return Story()


def test_observers_hear_how_long_a_slot_was_waited_for_and_what_came_of_it(story: Story) -> None:
    story.record.take(Queued(OLLAMA, 2, None))
    story.clock.advance(1.5)
    story.record.take(Queued(OLLAMA, 1, None))
    story.clock.advance(0.5)
    story.begins(OLLAMA)
    story.fails("reset")
    story.begins(OLLAMA)
    story.fails("reset")
    story.skipped(NEAR, "busy")
    story.record.take(Queued(GEMINI, 1, None))
    story.clock.advance(3.0)
    story.skipped(GEMINI, "local_only")
    story.record.take(Queued(OTHER, 1, None))
    story.record.cancel()
    waits = [heard for heard in story.heard if isinstance(heard, QueueLeft)]
    assert waits == [
        QueueLeft("ollama", "admitted", 2.0),
        QueueLeft("ollama", "admitted", 0.0),
        QueueLeft("near", "turned_away", 0.0),
        QueueLeft("gemini", "left", 3.0),
        QueueLeft("other", "left", 0.0),
    ]


def test_observers_hear_who_was_passed_over_where_the_request_had_a_reason_for_it(story: Story) -> None:
    reasons: list[SkipReason] = ["cooling_down", "not_configured", "not_requested", "local_only"]
    for reason in reasons:
        story.skipped(GEMINI, reason)
    passed = [heard.reason for heard in story.heard if isinstance(heard, PassedOver)]
    assert passed == ["cooling_down", "local_only"]


def test_observers_hear_which_call_was_made_beside_another(story: Story) -> None:
    story.begins(OLLAMA)
    story.begins(GEMINI)
    story.speaks(after=0.1)
    story.succeeds()
    story.record.take(Cancelled(1, OLLAMA))
    story.begins(OLLAMA)
    story.fails("reset")
    heard = [(call.attempt, call.hedge) for call in story.calls_heard]
    assert heard == [(2, True), (1, False), (3, False)]


def test_observers_hear_who_broke_off_where_a_call_went_on(story: Story) -> None:
    story.begins(OLLAMA)
    story.speaks(after=0.1)
    story.fails("truncated", spoke=True)
    story.begins(GEMINI)
    story.record.take(Answering(2, GEMINI, 0.1))
    story.record.take(Handoff("ollama", "gemini", 5, "truncated"))
    story.succeeds(finished=Finished("stop", usage=USAGE, skipped_frames=2))
    heard = story.calls_heard
    assert [(call.handed_over_by, call.skipped_frames) for call in heard] == [(None, 0), ("ollama", 2)]


def test_observers_hear_the_times_between_the_pieces_of_each_answer(story: Story) -> None:
    story.begins(OLLAMA)
    story.speaks(after=1.0)
    for pause in (0.02, 0.02, 60.0):
        story.clock.advance(pause)
        story.record.take(TextDelta("more"))
    story.fails("truncated", spoke=True)
    story.begins(GEMINI)
    story.speaks(after=1.0)
    story.succeeds()
    first, second = (call.gaps for call in story.calls_heard)
    assert (first.counts[bisect_left(GAP_BOUNDS, 0.02)], first.counts[-1], sum(first.counts)) == (2, 1, 3)
    assert first.seconds == pytest.approx(60.04)
    assert (sum(second.counts), second.seconds) == (0, 0.0)
