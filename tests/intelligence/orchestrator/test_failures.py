"""What each failure before the first words does: to the request, and to the provider's health."""

import pytest

from services.intelligence.app.domain.chat import ProviderRequest, Target
from services.intelligence.app.domain.errors import Reason, Refused
from services.intelligence.app.domain.events import TextDelta
from services.intelligence.app.routing.breaker import BreakerPolicy, Closed, Open
from services.intelligence.app.routing.trail import Failed, Succeeded
from tests.intelligence.orchestrator.world import World, asks
from tests.support.scripted import (
    CLASS_OF,
    EndsBare,
    Fails,
    Hangs,
    LearnsContext,
    Script,
    ScriptedProvider,
    error,
    fails,
    says,
)
from tests.support.virtual_time import START, in_virtual_time

STOP: set[Reason] = {"invalid_request", "blocked", "refused"}
TRIED_TWICE: set[Reason] = {"connect_timeout", "reset", "truncated", "empty", "overloaded", "server_error"}
COUNTED_FOR_THE_PROVIDER: set[Reason] = {"connect_refused", "connect_timeout", "dns", "tls", "reset"}
COUNTED_FOR_THE_MODEL: set[Reason] = {
    "first_token_timeout", "stalled", "total_timeout", "truncated", "empty", "malformed", "overloaded",
    "server_error",
}  # fmt: skip


@pytest.mark.parametrize("reason", sorted(set(CLASS_OF) - STOP))
@in_virtual_time
async def test_the_next_provider_answers(reason: Reason) -> None:
    ollama = ScriptedProvider("ollama", always=fails(reason))
    gemini = ScriptedProvider("gemini", [says("Here I am.")], context_tokens=100_000)
    world = World(ollama, gemini)
    told = await world.ask()
    assert told.answered_by == "gemini"
    assert told.text == "Here I am."
    assert told.failures == [("ollama", reason)] * (2 if reason in TRIED_TWICE else 1)
    assert world.nothing_left()


@pytest.mark.parametrize("reason", sorted(COUNTED_FOR_THE_PROVIDER | COUNTED_FOR_THE_MODEL))
@in_virtual_time
async def test_every_failed_call_is_counted_on_the_record_that_it_concerns(reason: Reason) -> None:
    world = World(ScriptedProvider("ollama", always=fails(reason)))
    await world.ask()
    counted = Closed(failures=2 if reason in TRIED_TWICE else 1)
    of_provider = reason in COUNTED_FOR_THE_PROVIDER
    assert world.state("ollama", "") == (counted if of_provider else Closed())
    assert world.state("ollama") == (Closed() if of_provider else counted)
    assert world.changes == []


@pytest.mark.parametrize("reason", sorted(COUNTED_FOR_THE_PROVIDER | COUNTED_FOR_THE_MODEL))
@in_virtual_time
async def test_the_third_failure_in_a_row_opens_the_circuit_and_nobody_calls_any_more(reason: Reason) -> None:
    gemini = ScriptedProvider("gemini", always=fails(reason))
    world = World(gemini)
    for _ in range(5):
        await world.ask()
    assert len(gemini.calls) == 3
    [change] = world.changes
    assert isinstance(change.state, Open)
    assert (change.provider, change.reason) == ("gemini", reason)
    assert change.model == ("" if reason in COUNTED_FOR_THE_PROVIDER else "model-1")
    assert change.state.until == pytest.approx(gemini.calls[2].at + 66.0)


@pytest.mark.parametrize("reason", ["auth", "billing", "model_missing"])
@in_virtual_time
async def test_a_fault_of_set_up_opens_at_once_for_the_longest_time(reason: Reason) -> None:
    ollama = ScriptedProvider("ollama", [fails(reason)])
    world = World(ollama)
    await world.ask()
    await world.ask()
    assert len(ollama.calls) == 1
    [change] = world.changes
    assert change.state == Open(1, START + 600.0, trips=0, setup=True)
    assert change.model == ("model-1" if reason == "model_missing" else "")


@pytest.mark.parametrize(
    ("reason", "named", "seconds"),
    [
        ("rate_limited", 30.0, 30.0),
        ("rate_limited", None, 22.5),
        ("rate_limited", 86400.0, 3600.0),
        ("quota_exhausted", None, 600.0),
        ("quota_exhausted", 6.0, 600.0),
        ("quota_exhausted", 1800.0, 1800.0),
    ],
)
@in_virtual_time
async def test_a_limit_is_no_failure_and_sets_a_time(reason: Reason, named: float | None, seconds: float) -> None:
    gemini = ScriptedProvider("gemini", [fails(reason, retry_after=named)])
    world = World(gemini)
    await world.ask()
    assert world.state("gemini") == Open(1, START + seconds, trips=0)
    assert world.state("gemini", "") == Closed()
    skipped = world.orchestrator.decide(asks()).skipped
    assert [(skip.reason, skip.until) for skip in skipped] == [("cooling_down", START + seconds)]


@in_virtual_time
async def test_an_overload_that_names_a_long_delay_counts_and_is_waited_out() -> None:
    gemini = ScriptedProvider("gemini", [fails("overloaded", retry_after=45.0)])
    world = World(gemini)
    await world.ask()
    assert world.state("gemini") == Open(1, START + 45.0, trips=0)


@in_virtual_time
async def test_an_invalid_request_stops_and_harms_nobody() -> None:
    ollama, gemini = ScriptedProvider("ollama", always=fails("invalid_request")), ScriptedProvider("gemini")
    world = World(ollama, gemini)
    for _ in range(4):
        assert (await world.ask()).all_failed.failures[0].error.reason == "invalid_request"
    assert len(ollama.calls) == 4
    assert gemini.calls == []
    assert world.state("ollama") == world.state("ollama", "") == Closed()
    assert world.snapshot("ollama").fault is None


class TestContextTooLong:
    @in_virtual_time
    async def test_a_provider_with_more_room_answers_and_health_is_unchanged(self) -> None:
        ollama = ScriptedProvider("ollama", always=fails("context_too_long"), context_tokens=4096)
        gemini = ScriptedProvider("gemini", always=says("I have room."), context_tokens=1_000_000)
        world = World(ollama, gemini)
        for _ in range(4):
            assert (await world.ask()).answered_by == "gemini"
        assert len(ollama.calls) == 4
        assert world.state("ollama") == Closed()

    @pytest.mark.parametrize("window", [4096, 2048])
    @in_virtual_time
    async def test_one_whose_window_is_no_larger_is_not_asked_and_the_next_is(self, window: int) -> None:
        ollama = ScriptedProvider("ollama", [fails("context_too_long")], context_tokens=4096)
        gemini = ScriptedProvider("gemini", context_tokens=window)
        openai = ScriptedProvider("openai", [says("I have room.")], context_tokens=4097)
        told = await World(ollama, gemini, openai).ask()
        assert told.lines[2] == "skipped gemini: prompt_too_long"
        assert told.answered_by == "openai"
        assert gemini.calls == []

    @pytest.mark.parametrize(("window", "asked"), [(8192, True), (4096, False)])
    @in_virtual_time
    async def test_the_window_that_the_complaint_tells_is_the_one_that_others_are_held_against(
        self, window: int, asked: bool
    ) -> None:
        script = fails("context_too_long", after=[LearnsContext(4096)])
        row = ScriptedProvider("row", [script], context_tokens=128_000)
        gemini = ScriptedProvider("gemini", always=says("I have room."), context_tokens=window)
        told = await World(row, gemini).ask()
        assert told.answered_by == ("gemini" if asked else None)
        assert len(gemini.calls) == int(asked)

    @in_virtual_time
    async def test_with_no_larger_window_anywhere_the_request_fails_and_says_why(self) -> None:
        ollama = ScriptedProvider("ollama", [fails("context_too_long")])
        told = await World(ollama, ScriptedProvider("gemini")).ask()
        assert [(skip.candidate.name, skip.reason) for skip in told.all_failed.skipped] == [
            ("gemini", "prompt_too_long")
        ]


class TestRefusal:
    @pytest.mark.parametrize("reason", ["blocked", "refused"])
    @in_virtual_time
    async def test_it_is_told_as_an_answer_and_never_taken_elsewhere(self, reason: Reason) -> None:
        ollama, gemini = ScriptedProvider("ollama", [fails(reason)]), ScriptedProvider("gemini")
        world = World(ollama, gemini)
        told = await world.ask()
        assert isinstance(told.error, Refused)
        assert told.lines == ["1 connecting ollama", "1 succeeded ollama"]
        succeeded = told.events[-1]
        assert isinstance(succeeded, Succeeded)
        assert (succeeded.finished, succeeded.refusal) == (None, told.error)
        assert gemini.calls == []
        assert world.nothing_left()

    @in_virtual_time
    async def test_it_is_the_providers_success(self) -> None:
        ollama = ScriptedProvider("ollama", [fails("malformed"), fails("malformed"), fails("blocked")])
        world = World(ollama)
        for _ in range(3):
            await world.ask()
        assert world.state("ollama") == Closed()
        assert world.snapshot("ollama").fault is None

    @in_virtual_time
    async def test_one_after_some_words_is_still_no_failure(self) -> None:
        ollama = ScriptedProvider("ollama", [(TextDelta("Well, "), Fails(error("blocked")))])
        gemini = ScriptedProvider("gemini")
        told = await World(ollama, gemini).ask()
        assert told.text == "Well, "
        assert isinstance(told.error, Refused)
        assert gemini.calls == []


@in_virtual_time
async def test_a_stream_that_ends_without_its_mark_is_no_answer() -> None:
    ollama = ScriptedProvider("ollama", always=(EndsBare(),))
    world = World(ollama, ScriptedProvider("gemini", [says("Whole.")]))
    told = await world.ask()
    assert told.failures == [("ollama", "truncated")] * 2
    assert told.answered_by == "gemini"


@in_virtual_time
async def test_one_success_forgets_the_failures_before_it() -> None:
    ollama = ScriptedProvider(
        "ollama", [fails("malformed"), fails("malformed"), says("Well."), fails("malformed"), fails("malformed")]
    )
    world = World(ollama)
    for _ in range(5):
        await world.ask()
    assert world.state("ollama") == Closed(failures=2)


@in_virtual_time
async def test_answers_that_always_die_open_the_circuit_though_each_began_well() -> None:
    gemini = ScriptedProvider("gemini", always=(TextDelta("Let me"), Fails(error("malformed"))))
    world = World(gemini)
    for _ in range(5):
        await world.ask()
    assert len(gemini.calls) == 3
    assert isinstance(world.state("gemini"), Open)


@in_virtual_time
async def test_the_threshold_is_the_operators() -> None:
    gemini = ScriptedProvider("gemini", always=fails("malformed"))
    world = World(gemini, policy=BreakerPolicy(threshold=1, cooldown=5.0))
    await world.ask()
    assert world.state("gemini") == Open(1, START + 5.5, trips=1)


@in_virtual_time
async def test_a_model_without_a_name_yet_has_each_failure_counted_once() -> None:
    ollama = ScriptedProvider("ollama", always=fails("connect_refused"), model="")
    world = World(ollama)
    await world.ask()
    assert world.state("ollama", "") == Closed(failures=1)
    await world.ask()
    await world.ask()
    assert isinstance(world.state("ollama", ""), Open)


@pytest.mark.parametrize(
    "script", [fails("reset"), (Hangs(),), (TextDelta("Well, "), EndsBare()), (TextDelta("W"), Hangs())]
)
@in_virtual_time
async def test_a_failure_holds_nothing_of_its_call_so_that_both_are_freed_without_the_collector(
    script: Script,
) -> None:
    told = await World(ScriptedProvider("ollama", always=script)).ask()
    failures = [event.error for event in told.events if isinstance(event, Failed)]
    assert failures
    assert [(failure.__traceback__, failure.__context__, failure.__cause__) for failure in failures] == (
        [(None, None, None)] * len(failures)
    )


class TestAMissingModel:
    """A caller named a model that the provider does not have; its others are as they were."""

    named = ProviderRequest(asks().turns, chain=(Target("ollama", "nope"),))

    @in_virtual_time
    async def test_the_other_models_of_the_provider_are_asked_as_before(self) -> None:
        ollama = ScriptedProvider("ollama", [fails("model_missing"), says("Hello.")])
        world = World(ollama, ScriptedProvider("gemini"))
        assert (await world.ask(self.named)).failures == [("ollama", "model_missing")]
        assert world.state("ollama", "nope") == Open(1, START + 600.0, trips=0, setup=True)
        assert (await world.ask()).answered_by == "ollama"
        assert world.state("ollama") == world.state("ollama", "") == Closed()

    @in_virtual_time
    async def test_and_it_is_not_asked_for_again_not_even_as_the_last_resort(self) -> None:
        ollama = ScriptedProvider("ollama", [fails("model_missing")])
        world = World(ollama)
        await world.ask(self.named)
        told = await world.ask(self.named)
        assert told.all_failed.failures == ()
        assert len(ollama.calls) == 1

    @in_virtual_time
    async def test_a_chain_with_another_model_of_the_same_provider_goes_on_to_it(self) -> None:
        ollama = ScriptedProvider("ollama", [fails("model_missing"), says("Hello.")])
        chain = ProviderRequest(asks().turns, chain=(Target("ollama", "nope"), Target("ollama")))
        assert (await World(ollama).ask(chain)).text == "Hello."
