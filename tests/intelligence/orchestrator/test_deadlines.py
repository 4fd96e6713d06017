"""How long anyone is waited for."""

import asyncio

import pytest

from services.intelligence.app.domain.events import ReasoningDelta, TextDelta
from services.intelligence.app.routing.breaker import Closed
from services.intelligence.app.routing.trail import AllProvidersFailed, Answering, Failed
from services.intelligence.app.services.orchestrator.deadlines import Clocks
from tests.intelligence.orchestrator.world import World
from tests.support.scripted import EndsBare, Hangs, Pause, ScriptedProvider, fails, says
from tests.support.virtual_time import START, in_virtual_time

SILENT = (Hangs(),)


class TestFirstToken:
    @in_virtual_time
    async def test_a_silent_provider_is_left_at_its_deadline_and_its_call_closed_at_that_moment(self) -> None:
        ollama, gemini = ScriptedProvider("ollama", [SILENT]), ScriptedProvider("gemini", [says("Here I am.")])
        world = World(ollama, gemini)
        told = await world.ask()
        assert told.failures == [("ollama", "first_token_timeout")]
        assert told.text == "Here I am."
        assert ollama.last.closed_at == START + 20
        assert gemini.last.at == START + 20
        assert world.nothing_left()

    @in_virtual_time
    async def test_each_provider_has_its_own_deadline(self) -> None:
        ollama, gemini = ScriptedProvider("ollama", [SILENT]), ScriptedProvider("gemini", [SILENT])
        await World(ollama, gemini).ask()
        assert (ollama.last.closed_at, gemini.last.closed_at) == (START + 20, START + 35)

    @in_virtual_time
    async def test_words_just_in_time_are_in_time_and_say_how_long_they_took(self) -> None:
        ollama = ScriptedProvider("ollama", [(Pause(19.9), *says("Hello"))])
        world = World(ollama)
        told = await world.ask()
        assert told.answered_by == "ollama"
        assert world.snapshot("ollama").ttft == pytest.approx(19.9)
        assert [event.after for event in told.events if isinstance(event, Answering)] == [pytest.approx(19.9)]

    @in_virtual_time
    async def test_the_failure_says_how_long_nothing_came(self) -> None:
        told = await World(ScriptedProvider("ollama", [SILENT])).ask()
        assert told.all_failed.failures[0].error.detail == "given up after 20.0 s, the last 20.0 s of them silent"


class TestStall:
    @in_virtual_time
    async def test_a_slow_healthy_answer_is_never_cut(self) -> None:
        ollama = ScriptedProvider("ollama", [(*_every(9, tokens=400), *says("end"))])
        world = World(ollama, ScriptedProvider("gemini"))
        told = await world.ask()
        assert told.text == "word " * 400 + "end"
        assert world.clock.now() == START + 3600
        assert told.error is None

    @in_virtual_time
    async def test_a_cloud_answer_has_a_total_and_is_cut_at_it(self) -> None:
        gemini = ScriptedProvider("gemini", [(*_every(9, tokens=400), EndsBare())])
        world = World(gemini)
        told = await world.ask()
        assert told.interrupted.error.reason == "total_timeout"
        assert gemini.last.closed_at == START + 300

    @in_virtual_time
    async def test_an_answer_that_stops_in_its_middle_has_stalled(self) -> None:
        ollama = ScriptedProvider("ollama", [(Pause(3), TextDelta("Let me"), Hangs())])
        told = await World(ollama).ask()
        assert told.interrupted.error.reason == "stalled"
        assert told.interrupted.error.detail == "given up after 13.0 s, the last 10.0 s of them silent"
        assert ollama.last.closed_at == START + 13

    @in_virtual_time
    async def test_thoughts_are_content_and_reset_the_clock(self) -> None:
        script = (Pause(15), ReasoningDelta("Hm"), Pause(9), ReasoningDelta("so"), Pause(9), *says("Yes"))
        told = await World(ScriptedProvider("ollama", [script])).ask()
        assert told.text == "Yes"

    @in_virtual_time
    async def test_a_slow_reader_is_not_the_providers_fault(self) -> None:
        ollama = ScriptedProvider("ollama", [says("one ", "two ", "three")])
        text = ""
        async for event in World(ollama).stream():
            await asyncio.sleep(60)
            if isinstance(event, TextDelta):
                text += event.text
        assert text == "one two three"

    @in_virtual_time
    async def test_a_total_shorter_than_the_first_token_deadline_is_named_as_what_it_is(self) -> None:
        clocks = {"gemini": Clocks(first_token=15, stall=10, total=5)}
        gemini = ScriptedProvider("gemini", [SILENT])
        told = await World(gemini, clocks=clocks).ask()
        assert told.failures == [("gemini", "total_timeout")]
        assert gemini.last.closed_at == START + 5


class TestTheRequest:
    @in_virtual_time
    async def test_one_deadline_spans_all_waiting_for_a_first_token(self) -> None:
        providers = [ScriptedProvider(name, always=SILENT) for name in ("ollama", "gemini", "openai")]
        world = World(*providers, request=30.0)
        told = await world.ask()
        assert [name for name, _ in told.failures] == ["ollama", "gemini", "openai"]
        assert world.clock.now() == START + 30
        assert world.nothing_left()

    @pytest.mark.parametrize("patience", [10.0, 20.0, 200.0])
    @in_virtual_time
    async def test_the_last_attempt_keeps_a_share_however_patient_the_others_are(self, patience: float) -> None:
        clocks = {name: Clocks(patience, 10, None) for name in ("ollama", "gemini")}
        gemini = ScriptedProvider("gemini", [(Pause(2.4), *says("Just in time."))])
        world = World(ScriptedProvider("ollama", [SILENT]), gemini, clocks=clocks, request=10.0)
        told = await world.ask()
        assert told.text == "Just in time."

    @in_virtual_time
    async def test_a_provider_that_is_asked_alone_has_the_whole_deadline(self) -> None:
        clocks = {"ollama": Clocks(500, 10, None)}
        ollama = ScriptedProvider("ollama", [(Pause(119), *says("At last."))])
        assert (await World(ollama, clocks=clocks).ask()).text == "At last."

    @in_virtual_time
    async def test_a_retry_that_could_only_come_too_late_is_not_waited_for(self) -> None:
        ollama = ScriptedProvider("ollama", [(Pause(8), *fails("overloaded", retry_after=2.5))])
        world = World(ollama, request=10.0)
        assert (await world.ask()).failures == [("ollama", "overloaded")]
        assert world.clock.now() == START + 8

    @in_virtual_time
    async def test_once_it_has_passed_nobody_else_is_asked(self) -> None:
        gemini = ScriptedProvider("gemini")
        world = World(ScriptedProvider("ollama", [fails("malformed")]), gemini, request=30.0)

        async def read_slowly() -> None:
            async for event in world.stream():
                if isinstance(event, Failed):
                    await asyncio.sleep(30)

        with pytest.raises(AllProvidersFailed):
            await read_slowly()
        assert gemini.calls == []

    @in_virtual_time
    async def test_nor_is_anyone_waited_for_who_does_not_say_whether_its_model_is_loaded(self) -> None:
        ollama = ScriptedProvider("ollama", always=fails("overloaded", retry_after=1.0), loaded_seconds=60.0)
        world = World(ollama, request=2.5)
        assert (await world.ask()).failures == [("ollama", "overloaded")]
        assert world.clock.now() == START + 2.5

    @in_virtual_time
    async def test_an_answer_under_way_is_not_cut_by_it(self) -> None:
        ollama = ScriptedProvider("ollama", [(*_every(9, tokens=40), *says("end"))])
        assert (await World(ollama, request=30.0).ask()).error is None

    @in_virtual_time
    async def test_nor_is_a_slot_waited_for_beyond_it(self) -> None:
        names = ["ollama", "gemini"]
        world = World(*(ScriptedProvider(name) for name in names), request=3.0, limits=dict.fromkeys(names, 1))
        assert all(world.slots.take(name) for name in names)
        assert [skip.reason for skip in (await world.ask()).all_failed.skipped] == ["busy"] * 4
        assert world.clock.now() == START + 3

    @pytest.mark.parametrize(("queued", "counted"), [(113.0, 0), (107.0, 1)])
    @in_virtual_time
    async def test_one_that_got_less_than_half_of_its_time_is_not_blamed_for_its_silence(
        self, queued: float, counted: int
    ) -> None:
        world = World(ScriptedProvider("ollama", [SILENT]), limits={"ollama": 1})
        assert world.slots.take("ollama")
        asyncio.get_running_loop().call_later(queued, world.slots.give_back, "ollama")
        told = await world.ask()
        assert told.failures == [("ollama", "first_token_timeout")]
        assert world.clock.now() == START + 120
        assert world.state("ollama") == Closed(failures=counted)
        assert world.nothing_left()

    @pytest.mark.parametrize("request_sec", [8.0, 120.0])
    @in_virtual_time
    async def test_one_that_is_asked_at_once_is_however_short_the_request_s_own_deadline(
        self, request_sec: float
    ) -> None:
        world = World(
            ScriptedProvider("ollama", [SILENT]), ScriptedProvider("gemini", [says("Here.")]), request=request_sec
        )
        await world.ask()
        assert world.state("ollama") == Closed(failures=1)

    @in_virtual_time
    async def test_while_an_answer_comes_its_clock_stands_still(self) -> None:
        ollama = ScriptedProvider("ollama", [(*_every(9, tokens=40), Hangs())])
        gemini = ScriptedProvider("gemini", [(Pause(5), *says("From the start."))])
        told = await World(ollama, gemini, request=30.0).ask(shown=False)
        assert told.answered_by == "gemini"

    @in_virtual_time
    async def test_what_was_waited_before_that_answer_still_counts(self) -> None:
        ollama = ScriptedProvider("ollama", [(Pause(19), TextDelta("Well, "), *_every(9, tokens=40), Hangs())])
        gemini = ScriptedProvider("gemini", [SILENT])
        await World(ollama, gemini, request=30.0).ask(shown=False)
        assert gemini.last.closed_at == pytest.approx(gemini.last.at + 11)


def _every(seconds: float, *, tokens: int) -> list[Pause | TextDelta]:
    return [step for _ in range(tokens) for step in (Pause(seconds), TextDelta("word "))]
