"""An answer that breaks after its first words is handed on: one answer, its reader misses nothing."""

import pytest

from services.intelligence.app.domain.chat import ChatTurn, ProviderRequest
from services.intelligence.app.domain.errors import Reason
from services.intelligence.app.domain.events import TextDelta
from services.intelligence.app.routing.trail import Handoff, Replaced, Reset
from services.intelligence.app.services.orchestrator.walk import GO_ON
from tests.intelligence.orchestrator.world import World, asks
from tests.support.scripted import CLASS_OF, EndsBare, Hangs, Script, ScriptedProvider, error, fails, says
from tests.support.virtual_time import START, in_virtual_time

BREAKS = sorted(set(CLASS_OF) - {"blocked", "refused"})
QUESTION = asks().turns
HALF_SAID = "A circuit breaker watches the calls to one provider and"
REST = " opens after three failures."


def breaks(reason: Reason = "truncated", text: str = HALF_SAID) -> Script:
    return fails(reason, after=[TextDelta(text)])


@pytest.mark.parametrize("shown", [True, False])
@pytest.mark.parametrize("reason", BREAKS)
@in_virtual_time
async def test_the_next_provider_goes_on_whatever_broke_it(reason: Reason, shown: bool) -> None:
    ollama = ScriptedProvider("ollama", [breaks(reason)], context_tokens=100)
    gemini = ScriptedProvider("gemini", [says(REST)], context_tokens=100_000)
    world = World(ollama, gemini)
    told = await world.ask(shown=shown)
    assert told.text == HALF_SAID + REST
    assert told.lines == [
        "1 connecting ollama",
        "1 answering ollama",
        f"1 failed ollama: {reason}",
        "2 connecting gemini",
        "2 answering gemini",
        f"handoff ollama > gemini at {len(HALF_SAID)}: {reason}",
        "2 succeeded gemini",
    ]
    assert told.error is None
    assert world.nothing_left()


class TestWhatTheNextOneIsAsked:
    @in_virtual_time
    async def test_one_that_prefills_gets_the_answer_so_far_as_the_last_message(self) -> None:
        gemini = ScriptedProvider("gemini", [says(REST)], prefills=True)
        await World(ScriptedProvider("ollama", [breaks()]), gemini).ask()
        assert gemini.last.request.turns == (*QUESTION, ChatTurn("assistant", HALF_SAID))

    @in_virtual_time
    async def test_any_other_is_asked_in_words_to_go_on_with_it(self) -> None:
        gemini = ScriptedProvider("gemini", [says(REST)])
        request = ProviderRequest((ChatTurn("system", "Be brief."), *QUESTION))
        await World(ScriptedProvider("ollama", [breaks()]), gemini).ask(request)
        assert gemini.last.request.turns == (
            ChatTurn("system", "Be brief."),
            *QUESTION,
            ChatTurn("assistant", HALF_SAID),
            ChatTurn("user", GO_ON),
        )

    @in_virtual_time
    async def test_one_that_refuses_the_prefill_is_asked_in_words_at_once(self) -> None:
        gemini = ScriptedProvider("gemini", [fails("invalid_request"), says(REST)], prefills=True)
        world = World(ScriptedProvider("ollama", [breaks()]), gemini)
        told = await world.ask()
        assert told.text == HALF_SAID + REST
        assert [call.request.turns[-1] for call in gemini.calls] == [
            ChatTurn("assistant", HALF_SAID),
            ChatTurn("user", GO_ON),
        ]
        assert [call.at for call in gemini.calls] == [START, START]

    @in_virtual_time
    async def test_a_refusal_of_both_forms_leaves_the_answer_as_it_was(self) -> None:
        gemini = ScriptedProvider("gemini", always=fails("invalid_request"), prefills=True)
        told = await World(ScriptedProvider("ollama", [breaks()]), gemini).ask()
        assert told.interrupted.error.reason == "truncated"
        assert len(gemini.calls) == 2

    @in_virtual_time
    async def test_the_question_and_the_answer_so_far_are_never_cut_off(self) -> None:
        history = [ChatTurn("user", "old " * 400), ChatTurn("assistant", "older " * 400)]
        gemini = ScriptedProvider("gemini", [says(REST)], context_tokens=200)
        await World(ScriptedProvider("ollama", [breaks()]), gemini).ask(ProviderRequest((*history, *QUESTION)))
        assert gemini.last.request.turns == (*QUESTION, ChatTurn("assistant", HALF_SAID), ChatTurn("user", GO_ON))


class TestTheSeam:
    @in_virtual_time
    async def test_words_that_are_said_again_are_said_once(self) -> None:
        gemini = ScriptedProvider("gemini", [(TextDelta("one provider"), *says(" and opens."))])
        told = await World(ScriptedProvider("ollama", [breaks()]), gemini).ask()
        assert told.text == HALF_SAID + " opens."

    @in_virtual_time
    async def test_an_answer_that_begins_again_and_says_something_else_takes_the_place_of_the_first(self) -> None:
        other = "A circuit breaker watches the calls of everyone. It opens early."
        told = await World(ScriptedProvider("ollama", [breaks()]), ScriptedProvider("gemini", [says(other)])).ask()
        assert told.text == other
        assert [event for event in told.events if isinstance(event, Handoff | Replaced)] == [
            Handoff("ollama", "gemini", 0, "truncated"),
            Replaced(other),
        ]

    @in_virtual_time
    async def test_what_is_held_back_comes_with_the_end(self) -> None:
        gemini = ScriptedProvider("gemini", [says("provider")])
        ollama = ScriptedProvider("ollama", [breaks(text="one provider watches")])
        told = await World(ollama, gemini).ask()
        assert told.text == "one provider watchesprovider"

    @in_virtual_time
    async def test_what_is_held_back_of_one_that_breaks_was_never_said(self) -> None:
        gemini = ScriptedProvider("gemini", always=(TextDelta("one provider"), EndsBare()))
        openai = ScriptedProvider("openai", [says(REST)])
        told = await World(ScriptedProvider("ollama", [breaks()]), gemini, openai).ask()
        assert told.text == HALF_SAID + REST
        assert told.lines[-2:] == [f"handoff ollama > openai at {len(HALF_SAID)}: truncated", "4 succeeded openai"]


class TestHowOften:
    @in_virtual_time
    async def test_an_answer_is_handed_on_twice(self) -> None:
        world = World(
            ScriptedProvider("a", [breaks()]),
            ScriptedProvider("b", [(TextDelta(" opens"), EndsBare())]),
            ScriptedProvider("c", [says(" after three failures.")]),
        )
        told = await world.ask()
        assert told.text == HALF_SAID + REST
        assert [line for line in told.lines if line.startswith("handoff")] == [
            f"handoff a > b at {len(HALF_SAID)}: truncated",
            f"handoff b > c at {len(HALF_SAID + ' opens')}: truncated",
        ]

    @in_virtual_time
    async def test_and_not_a_third_time(self) -> None:
        words = ["One ", "two ", "three "]
        providers = [ScriptedProvider(f"p{word}", [(TextDelta(word), EndsBare())]) for word in words]
        fourth = ScriptedProvider("fourth")
        told = await World(*providers, fourth).ask()
        assert told.text == "One two three "
        assert told.interrupted.error.reason == "truncated"
        assert fourth.calls == []

    @in_virtual_time
    async def test_one_that_fails_without_a_word_does_not_count(self) -> None:
        world = World(
            ScriptedProvider("a", [breaks()]),
            *(ScriptedProvider(name, always=fails("auth")) for name in ("b", "c", "d")),
            ScriptedProvider("e", [says(REST)]),
        )
        assert (await world.ask()).text == HALF_SAID + REST

    @in_virtual_time
    async def test_the_last_one_may_go_on_with_its_own_answer_where_its_fault_invites_that(self) -> None:
        ollama = ScriptedProvider("ollama", [breaks("reset"), says(REST)])
        told = await World(ollama).ask()
        assert told.text == HALF_SAID + REST
        assert not any(isinstance(event, Handoff) for event in told.events)

    @in_virtual_time
    async def test_with_nobody_left_the_answer_stays_as_it_is_with_its_first_fault(self) -> None:
        world = World(ScriptedProvider("ollama", [breaks("stalled")]), ScriptedProvider("gemini", [fails("auth")]))
        told = await world.ask()
        assert told.text == HALF_SAID
        assert told.interrupted.error.reason == "stalled"

    @in_virtual_time
    async def test_a_reader_of_whole_answers_gets_none_of_one_that_nobody_finished(self) -> None:
        world = World(ScriptedProvider("ollama", [breaks("stalled")]), ScriptedProvider("gemini", [fails("auth")]))
        told = await world.ask(shown=False)
        assert told.all_failed.failures

    @in_virtual_time
    async def test_without_failover_nobody_goes_on(self) -> None:
        gemini = ScriptedProvider("gemini")
        told = await World(ScriptedProvider("ollama", [breaks("stalled")]), gemini, failover=False).ask()
        assert told.interrupted.error.reason == "stalled"
        assert gemini.calls == []


class TestPrivacy:
    @in_virtual_time
    async def test_an_answer_is_not_handed_across_a_lock_that_came_meanwhile(self) -> None:
        gemini = ScriptedProvider("gemini")
        locks = iter([frozenset(), frozenset({"session"})])
        world = World(ScriptedProvider("ollama", [breaks()]), gemini)
        told = await world.ask(current=lambda _request: asks(locks=next(locks)))  # type: ignore[arg-type]
        assert gemini.calls == []
        assert told.lines[-1] == "skipped gemini: local_only"
        assert told.interrupted.error.reason == "truncated"

    @in_virtual_time
    async def test_an_answer_made_of_what_was_marked_local_goes_to_no_cloud(self) -> None:
        secret = ChatTurn("user", "My secret is 42.", local_only=True)
        gemini = ScriptedProvider("gemini")
        local = ScriptedProvider("near", [says(REST)], locality="local")
        world = World(ScriptedProvider("ollama", [breaks()]), gemini, local)
        told = await world.ask(ProviderRequest((secret, ChatTurn("assistant", "Noted."), *QUESTION)))
        assert gemini.calls == []
        assert told.text == HALF_SAID + REST
        assert "skipped gemini: local_only" in told.lines


class TestRestart:
    @in_virtual_time
    async def test_all_begins_anew(self) -> None:
        gemini = ScriptedProvider("gemini", [says("Whole.")])
        told = await World(ScriptedProvider("ollama", [breaks()]), gemini, midstream="restart").ask()
        assert told.text == "Whole."
        assert gemini.last.request == asks()
        assert [event for event in told.events if isinstance(event, Reset | Handoff)] == [Reset()]

    @in_virtual_time
    async def test_when_nobody_answers_after_it_all_have_failed(self) -> None:
        world = World(ScriptedProvider("ollama", always=breaks("malformed")), midstream="restart")
        assert (await world.ask()).all_failed.failures


@in_virtual_time
async def test_a_client_that_leaves_is_not_handed_on() -> None:
    gemini = ScriptedProvider("gemini")
    world = World(ScriptedProvider("ollama", [(TextDelta(HALF_SAID), Hangs())]), gemini)
    events = world.stream()
    async for event in events:
        if isinstance(event, TextDelta):
            break
    await events.aclose()
    assert gemini.calls == []
    assert world.nothing_left()


@in_virtual_time
async def test_the_fault_counts_for_the_one_that_broke_and_the_other_is_well() -> None:
    world = World(ScriptedProvider("ollama", [breaks()]), ScriptedProvider("gemini", [says(REST)]))
    await world.ask()
    fault = world.snapshot("ollama").fault
    assert fault is not None
    assert fault.reason == error("truncated").reason
    assert world.snapshot("gemini").fault is None
