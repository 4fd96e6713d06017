"""The story of one answer as it is stored, told to observers and used for the response."""

import pytest

from services.intelligence.app.domain.errors import Reason, SkipReason
from services.intelligence.app.domain.events import Finished, ReasoningDelta, Usage
from services.intelligence.app.routing.policy import Attempt, Candidate, RouteDecision, Skipped
from services.intelligence.app.routing.trail import (
    Answering,
    Cancelled,
    Failed,
    Succeeded,
)
from services.intelligence.app.services.metering import Spent
from services.intelligence.app.services.observations import CallEnded
from services.intelligence.app.services.stored_route import CallRecord, SkipRecord
from tests.support.scripted import error

from .story import GEMINI, NEAR, OLLAMA, ORIGIN, OTHER, USAGE, Story


@pytest.fixture
def story() -> Story:
    return Story()


class TestStored:
    def test_every_call_and_everyone_left_out_in_their_order_with_their_times(self, story: Story) -> None:
        story.record.take(RouteDecision((Attempt(OLLAMA), Attempt(GEMINI)), (Skipped(NEAR, "cooling_down"),)))
        story.clock.advance(0.1)
        story.begins(OLLAMA)
        story.fails("first_token_timeout", after=20.0)
        story.begins(GEMINI)
        story.speaks(after=0.5)
        story.succeeds(after=1.5)
        stored = story.record.stored()
        assert stored.attempts == [
            CallRecord(
                attempt=1, provider="ollama", model="llama3.2", locality="local", sent=False, started_ms=100,
                outcome="failed", reason="first_token_timeout", ended_ms=20100,
            ),
            CallRecord(
                attempt=2, provider="gemini", model="flash", locality="cloud", sent=True, started_ms=20100,
                outcome="succeeded", first_token_ms=20600, ended_ms=22100,
                input_tokens=12, output_tokens=34, cost_usd=46.0,
            ),
        ]  # fmt: skip
        assert stored.skipped == [SkipRecord("near", "qwen3", "local", "cooling_down")]
        assert stored.handoffs == []

    def test_the_rule_of_the_decision_is_there(self, story: Story) -> None:
        assert story.record.stored().rule is None
        story.record.take(RouteDecision((Attempt(GEMINI),), (), "long:gemini"))
        assert story.record.stored().rule == "long:gemini"

    def test_someone_skipped_on_the_way_is_there_too(self, story: Story) -> None:
        story.skipped(GEMINI, "local_only")
        assert story.record.stored().skipped == [SkipRecord("gemini", "flash", "cloud", "local_only")]

    def test_the_model_that_answered_is_the_one_that_the_provider_names(self, story: Story) -> None:
        story.begins(GEMINI)
        story.succeeds(finished=Finished("stop", model="flash-002"))
        assert story.record.stored().attempts[0].model == "flash-002"

    def test_a_refusal_is_a_success_with_its_reason(self, story: Story) -> None:
        story.begins(GEMINI)
        story.record.take(Succeeded(1, GEMINI, refusal=error("blocked")))
        [call] = story.record.stored().attempts
        assert (call.outcome, call.reason) == ("succeeded", "blocked")

    @pytest.mark.parametrize(
        ("candidates", "cost"),
        [
            ((), 0.0),
            ((OLLAMA,), 0.0),
            ((NEAR,), 0.0),
            ((OLLAMA, GEMINI), 46.0),
            ((GEMINI, GEMINI), 92.0),
            ((OTHER,), None),
            ((GEMINI, OTHER), None),
        ],
    )
    def test_local_calls_cost_nothing_and_a_price_that_is_not_known_is_not_made_up(
        self, story: Story, candidates: tuple[Candidate, ...], cost: float | None
    ) -> None:
        for candidate in candidates:
            story.begins(candidate)
            story.succeeds()
        assert story.record.stored().cost_usd == cost

    def test_a_cloud_call_that_never_connected_cost_nothing(self, story: Story) -> None:
        story.begins(GEMINI)
        story.fails("dns")
        assert story.record.stored().cost_usd == 0.0


def sent_by(story: Story) -> bool:
    """Whether bytes of the prompt left this machine."""
    return any(call.sent for call in story.record.stored().attempts)


class TestSent:
    def test_a_call_over_a_network_counts_as_sent_from_its_start(self, story: Story) -> None:
        assert not sent_by(story)
        story.begins(OLLAMA)
        assert not sent_by(story)
        story.begins(NEAR)
        assert sent_by(story)

    def test_one_that_got_no_connection_was_not(self, story: Story) -> None:
        story.begins(GEMINI)
        story.fails("connect_refused")
        assert not sent_by(story)

    @pytest.mark.parametrize(("candidate", "prompted", "sent"), [(GEMINI, True, True), (GEMINI, False, False),
                                                                (OLLAMA, True, False)])  # fmt: skip
    def test_one_that_was_ended_was_if_its_prompt_may_have_been(
        self, story: Story, candidate: Candidate, prompted: bool, sent: bool
    ) -> None:
        story.begins(candidate)
        story.record.take(Cancelled(1, candidate, prompted=prompted))
        assert sent_by(story) == sent


class TestFallback:
    def test_there_is_none_where_the_first_choice_answered(self, story: Story) -> None:
        story.record.take(RouteDecision((Attempt(OLLAMA),), ()))
        story.begins(OLLAMA)
        story.succeeds()
        assert story.record.fallback() == (None, None)

    def test_it_names_the_first_that_failed_and_why(self, story: Story) -> None:
        story.begins(OLLAMA)
        story.fails("stalled")
        story.begins(NEAR)
        story.fails("reset")
        assert story.record.fallback() == ("ollama", "stalled")

    def test_it_names_who_was_cooling_down(self, story: Story) -> None:
        story.record.take(RouteDecision((), (Skipped(GEMINI, "not_configured"), Skipped(OLLAMA, "cooling_down"))))
        assert story.record.fallback() == ("ollama", "cooling_down")

    def test_an_answer_at_the_second_try_is_no_fallback_from_the_same_provider(self, story: Story) -> None:
        story.record.take(RouteDecision((Attempt(OLLAMA),), ()))
        story.begins(OLLAMA)
        story.fails("reset")
        story.begins(OLLAMA)
        story.succeeds()
        assert story.record.fallback() == (None, None)

    @pytest.mark.parametrize(("place", "told"), [(0, ("gemini", "cooling_down")), (2, (None, None))])
    def test_only_who_would_have_been_asked_before_counts_as_passed_over(
        self, story: Story, place: int, told: tuple[str | None, str | None]
    ) -> None:
        skipped = Skipped(GEMINI, "cooling_down", place=place)
        story.record.take(RouteDecision((Attempt(OLLAMA, place=1),), (skipped,)))
        story.begins(OLLAMA)
        story.succeeds()
        assert story.record.fallback() == told

    def test_a_model_that_is_known_only_from_the_first_words_is_told(self, story: Story) -> None:
        story.begins(Candidate("ollama", "", "local", on_this_machine=True))
        story.candidate = OLLAMA
        story.speaks(0.1)
        [call] = story.record.stored().attempts
        assert call.model == OLLAMA.model

    @pytest.mark.parametrize("reason", ["not_configured", "cloud_disabled", "local_only", "preference", "disabled"])
    def test_whoever_was_never_to_be_asked_is_no_fallback(self, story: Story, reason: SkipReason) -> None:
        story.skipped(GEMINI, reason)
        assert story.record.fallback() == (None, None)


class TestCancel:
    def test_books_the_call_under_way_once(self, story: Story) -> None:
        story.begins(GEMINI)
        story.clock.advance(2.0)
        assert story.record.cancel()
        assert not story.record.cancel()
        [call] = story.record.stored().attempts
        assert (call.outcome, call.reason, call.ended_ms) == ("cancelled", "cancelled", 2000)

    def test_before_any_call_there_is_nothing_to_book(self, story: Story) -> None:
        assert not story.record.cancel()
        assert story.heard == []

    def test_a_call_that_is_over_stays_as_it_was(self, story: Story) -> None:
        story.begins(OLLAMA)
        story.fails("reset")
        assert not story.record.cancel()
        assert story.record.stored().attempts[0].outcome == "failed"


class TestTimeToTheFirstWords:
    def test_is_unknown_while_nobody_spoke(self, story: Story) -> None:
        story.begins(OLLAMA)
        story.fails("first_token_timeout", after=20.0)
        assert story.record.ttft_ms is None

    def test_counts_from_the_start_of_the_turn(self, story: Story) -> None:
        story.begins(OLLAMA)
        story.fails("first_token_timeout", after=20.0)
        story.begins(GEMINI)
        story.speaks(after=0.5)
        assert story.record.ttft_ms == 20500
        assert story.record.elapsed == 20.5

    def test_is_that_of_the_first_words_whoever_says_more_after_them(self, story: Story) -> None:
        story.begins(OLLAMA)
        story.speaks(after=1.0)
        story.fails("truncated", spoke=True)
        story.begins(OLLAMA)
        story.speaks(after=3.0)
        assert story.record.ttft_ms == 1000


class TestObservers:
    def test_hear_of_each_call_when_it_ends(self, story: Story) -> None:
        story.begins(OLLAMA)
        story.fails("reset", after=1.0)
        story.begins(GEMINI)
        story.speaks(after=0.5)
        assert len(story.calls_heard) == 1
        story.succeeds(after=2.0)
        assert story.calls_heard == [
            CallEnded(
                "ollama",
                "llama3.2",
                "local",
                "failed",
                "reset",
                "scripted: reset",
                False,
                1.0,
                None,
                Spent(),
                ORIGIN,
                asked_model="llama3.2",
            ),
            CallEnded(
                "gemini",
                "flash",
                "cloud",
                "succeeded",
                None,
                None,
                False,
                2.5,
                0.5,
                Spent(12, 34, cost_usd=46.0),
                ORIGIN,
                attempt=2,
                asked_model="flash",
                finish="stop",
            ),
        ]

    def test_hear_of_a_call_that_was_cut_off(self, story: Story) -> None:
        story.begins(GEMINI)
        story.speaks(after=0.5)
        story.record.cancel()
        assert story.calls_heard == [
            CallEnded(
                "gemini",
                "flash",
                "cloud",
                "cancelled",
                "cancelled",
                None,
                False,
                0.5,
                0.5,
                Spent(6, 2, True, 8.0),
                ORIGIN,
                asked_model="flash",
            )
        ]


class TestSpent:
    """Each call is billed to whoever produced its tokens, a failed one too."""

    def test_what_was_said_before_a_fault_is_estimated_with_its_prompt(self, story: Story) -> None:
        story.begins(GEMINI)
        story.speaks(after=0.5)
        story.fails("reset", spoke=True)
        [call] = story.record.stored().attempts
        assert (call.input_tokens, call.output_tokens, call.estimated, call.cost_usd) == (6, 2, True, 8.0)

    def test_what_a_provider_reported_before_its_fault_counts(self, story: Story) -> None:
        story.begins(GEMINI)
        story.speaks(after=0.5)
        fault = error("reset")
        fault.usage = Usage(input_tokens=100)
        story.record.take(Failed(1, GEMINI, fault, spoke=True))
        [call] = story.record.stored().attempts
        assert (call.input_tokens, call.output_tokens, call.estimated, call.cost_usd) == (100, 2, True, 102.0)

    def test_thoughts_are_tokens_too(self, story: Story) -> None:
        story.begins(GEMINI)
        story.record.take(Answering(1, GEMINI, 0.5))
        story.record.take(ReasoningDelta("Well, then"))
        story.record.cancel()
        assert story.record.spent() == Spent(6, 3, True, 9.0)

    def test_nothing_is_made_up_where_nothing_was_heard(self, story: Story) -> None:
        story.begins(OLLAMA)
        story.fails("first_token_timeout", after=15.0)
        assert story.record.spent() == Spent()

    def test_a_refusal_is_billed_as_reported(self, story: Story) -> None:
        story.begins(GEMINI)
        refusal = error("blocked")
        refusal.usage = USAGE
        story.record.take(Succeeded(1, GEMINI, refusal=refusal))
        assert story.record.spent() == Spent(12, 34, cost_usd=46.0)

    def test_two_calls_are_added_up_and_each_keeps_its_own(self, story: Story) -> None:
        story.begins(OLLAMA)
        story.speaks(after=0.5)
        story.fails("truncated", spoke=True)
        story.begins(GEMINI)
        story.succeeds()
        assert [call.cost_usd for call in story.record.stored().attempts] == [0.0, 46.0]
        assert story.record.spent() == Spent(18, 36, True, 46.0)


def test_the_candidate_is_whoever_was_asked_last(story: Story) -> None:
    assert (story.record.candidate, story.record.speaker()) == (None, None)
    story.begins(OLLAMA)
    story.fails("reset")
    story.begins(GEMINI)
    assert story.record.candidate == GEMINI
    call = story.record.speaker()
    assert call is not None
    assert call.provider == "gemini"


class TestCutWhileReading:
    """A prompt that was sent is read and charged for, also where nobody waits for its answer any more."""

    READ = Spent(input_tokens=6, output_tokens=0, estimated=True, cost_usd=6.0)

    @pytest.mark.parametrize("reason", ["first_token_timeout", "stalled", "total_timeout"])
    def test_one_that_was_given_up_is_estimated(self, story: Story, reason: Reason) -> None:
        story.begins(GEMINI)
        story.fails(reason)
        assert story.record.spent() == self.READ

    def test_so_is_one_that_lost_a_race(self, story: Story) -> None:
        story.begins(GEMINI)
        story.record.take(Cancelled(1, GEMINI))
        assert story.record.spent() == self.READ

    def test_so_is_one_whose_reader_left(self, story: Story) -> None:
        story.begins(GEMINI)
        story.record.cancel()
        assert story.record.spent() == self.READ
        assert story.calls_heard[0].spent == self.READ

    @pytest.mark.parametrize("reason", ["connect_timeout", "rate_limited", "server_error"])
    def test_one_that_was_turned_away_took_nothing(self, story: Story, reason: Reason) -> None:
        story.begins(GEMINI)
        story.fails(reason)
        assert story.record.spent() == Spent()

    def test_nor_did_one_whose_prompt_was_not_sent_or_that_is_local(self, story: Story) -> None:
        story.begins(GEMINI)
        story.record.take(Cancelled(1, GEMINI, prompted=False))
        story.begins(GEMINI)
        story.record.take(Failed(2, GEMINI, error("first_token_timeout"), spoke=False, prompted=False))
        story.begins(OLLAMA)
        story.fails("first_token_timeout")
        assert story.record.spent() == Spent()


def test_a_count_below_nothing_is_nothing(story: Story) -> None:
    story.begins(GEMINI)
    story.succeeds(finished=Finished("stop", usage=Usage(-5, 7, cached_tokens=-1)))
    assert story.record.spent() == Spent(0, 7, cost_usd=7.0)
