"""Answers that break after their first words, where they are kept as they are, or begun anew."""

import pytest

from services.intelligence.app.domain.errors import Reason
from services.intelligence.app.domain.events import Finished, ReasoningDelta, TextDelta
from services.intelligence.app.routing.breaker import Closed
from services.intelligence.app.routing.trail import Failed, InterruptedAnswer
from services.intelligence.app.services.orchestrator.walk import Midstream
from tests.intelligence.orchestrator.world import World, asks
from tests.support.scripted import CLASS_OF, EndsBare, Fails, Hangs, ScriptedProvider, error, fails, says
from tests.support.virtual_time import START, in_virtual_time

BREAKS = sorted(set(CLASS_OF) - {"blocked", "refused"})


@pytest.mark.parametrize("reason", BREAKS)
@in_virtual_time
async def test_after_text_was_shown_nobody_else_goes_on_in_its_place(reason: Reason) -> None:
    ollama = ScriptedProvider("ollama", [fails(reason, after=[TextDelta("The answer "), TextDelta("is")])])
    gemini = ScriptedProvider("gemini")
    world = World(ollama, gemini, midstream="fail")
    told = await world.ask()
    assert told.text == "The answer is"
    assert told.lines == ["1 connecting ollama", "1 answering ollama", f"1 failed ollama: {reason}"]
    assert told.interrupted.error.reason == reason
    assert [event.spoke for event in told.events if isinstance(event, Failed)] == [True]
    assert len(ollama.calls) == 1
    assert gemini.calls == []
    assert world.nothing_left()


@in_virtual_time
async def test_text_is_taken_as_shown_unless_the_caller_says_otherwise() -> None:
    world = World(
        ScriptedProvider("ollama", [(TextDelta("The answer"), EndsBare())]),
        ScriptedProvider("gemini"),
        midstream="fail",
    )
    with pytest.raises(InterruptedAnswer):
        [event async for event in world.orchestrator.generate_streaming_response(asks())]


@in_virtual_time
async def test_what_was_said_is_told_before_it_is_known_that_it_broke() -> None:
    world = World(ScriptedProvider("ollama", [(TextDelta("The answer"), Hangs())]))
    events = world.stream()
    seen = [await anext(events) for _ in range(4)]
    assert seen[-1] == TextDelta("The answer")
    assert world.clock.now() == START
    await events.aclose()


@in_virtual_time
async def test_it_counts_as_the_providers_failure() -> None:
    world = World(ScriptedProvider("ollama", [(TextDelta("The answer"), EndsBare())]), midstream="fail")
    await world.ask()
    assert world.state("ollama") == Closed(failures=1)
    fault = world.snapshot("ollama").fault
    assert fault is not None
    assert fault.reason == "truncated"


@pytest.mark.parametrize("midstream", ["fail", "restart"])
@pytest.mark.parametrize("reason", sorted(set(BREAKS) - {"invalid_request"}))
@in_virtual_time
async def test_where_nothing_was_shown_the_next_provider_answers_from_the_start(
    reason: Reason, midstream: Midstream
) -> None:
    ollama = ScriptedProvider("ollama", always=fails(reason, after=[TextDelta("Never seen")]))
    gemini = ScriptedProvider("gemini", [says("Whole.")], context_tokens=100_000)
    world = World(ollama, gemini, midstream=midstream)
    told = await world.ask(shown=False)
    assert told.answered_by == "gemini"
    assert told.error is None
    assert gemini.last.request == asks()
    assert all(event.spoke for event in told.events if isinstance(event, Failed))
    assert world.nothing_left()


@in_virtual_time
async def test_a_stall_where_nothing_was_shown_costs_one_stall() -> None:
    ollama = ScriptedProvider("ollama", [(TextDelta("Never seen"), Hangs())])
    gemini = ScriptedProvider("gemini", [says("Whole.")])
    await World(ollama, gemini).ask(shown=False)
    assert gemini.last.at == START + 10


class TestThoughtsAlone:
    """No client is shown what a model thinks: as long as it has only thought, nobody has seen anything."""

    thinks = (ReasoningDelta("Hm, let me see."),)

    @in_virtual_time
    async def test_the_next_provider_answers(self) -> None:
        ollama = ScriptedProvider("ollama", [(*self.thinks, Hangs())])
        gemini = ScriptedProvider("gemini", [says("Whole.")])
        told = await World(ollama, gemini).ask()
        assert told.answered_by == "gemini"
        assert told.text == "Whole."
        assert [event.spoke for event in told.events if isinstance(event, Failed)] == [False]

    @in_virtual_time
    async def test_a_passing_fault_is_retried(self) -> None:
        ollama = ScriptedProvider("ollama", [(*self.thinks, EndsBare()), (*self.thinks, *says("Whole."))])
        told = await World(ollama).ask()
        assert told.lines[-1] == "2 succeeded ollama"

    @in_virtual_time
    async def test_they_are_the_first_words_for_every_clock(self) -> None:
        ollama = ScriptedProvider("ollama", [(*self.thinks, Hangs())])
        told = await World(ollama).ask()
        assert told.failures == [("ollama", "stalled")]
        assert told.lines[1] == "1 answering ollama"

    @in_virtual_time
    async def test_a_word_after_them_is_seen(self) -> None:
        ollama = ScriptedProvider("ollama", [(*self.thinks, TextDelta("So"), EndsBare())])
        assert (
            await World(ollama, ScriptedProvider("gemini"), midstream="fail").ask()
        ).interrupted.error.reason == "truncated"


class TestGenerate:
    """The plain answer is the fold of the stream."""

    @in_virtual_time
    async def test_it_holds_the_text_the_thoughts_and_the_provider_s_last_word(self) -> None:
        script = (ReasoningDelta("Hm, "), ReasoningDelta("yes."), TextDelta("One "), *says("two"))
        answer = await World(ScriptedProvider("ollama", [script])).orchestrator.generate_response(asks())
        assert (answer.text, answer.reasoning, answer.finished) == ("One two", "Hm, yes.", Finished("stop", "stop"))

    @in_virtual_time
    async def test_it_equals_what_the_stream_says(self) -> None:
        script = (TextDelta("One "), *says("two"))
        streamed = await World(ScriptedProvider("ollama", [script])).ask()
        plain = await World(ScriptedProvider("ollama", [script])).orchestrator.generate_response(asks())
        assert plain.text == streamed.text

    @in_virtual_time
    async def test_it_forgets_an_answer_that_broke(self) -> None:
        broken = (ReasoningDelta("Never "), TextDelta("seen"), Fails(error("malformed")))
        world = World(
            ScriptedProvider("ollama", [broken]),
            ScriptedProvider("gemini", [(ReasoningDelta("Hm"), *says("Whole."))]),
            midstream="restart",
        )
        answer = await world.orchestrator.generate_response(asks())
        assert (answer.text, answer.reasoning) == ("Whole.", "Hm")

    @in_virtual_time
    async def test_a_refusal_is_raised_as_what_it_is(self) -> None:
        world = World(ScriptedProvider("ollama", [fails("refused", after=[TextDelta("I ")])]))
        with pytest.raises(CLASS_OF["refused"]):
            await world.orchestrator.generate_response(asks())
        assert world.nothing_left()

    @in_virtual_time
    async def test_it_raises_what_the_stream_raises_when_nobody_answers(self) -> None:
        world = World(ScriptedProvider("ollama", [fails("auth")]))
        with pytest.raises(Exception, match="ollama: auth"):
            await world.orchestrator.generate_response(asks())
