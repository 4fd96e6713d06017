"""Who is asked, with what, and what is told along the way."""

from services.intelligence.app.domain.chat import ChatTurn, ProviderRequest, Sampling
from services.intelligence.app.domain.events import Finished, TextDelta
from services.intelligence.app.routing.policy import Candidate, RouteDecision
from services.intelligence.app.routing.trail import Answering, Connecting, Succeeded
from tests.intelligence.orchestrator.world import World, asks
from tests.support import log_lines
from tests.support.scripted import Fails, LearnsModel, Pause, ScriptedProvider, error, fails, says
from tests.support.virtual_time import in_virtual_time

KEYLESS = Candidate("openai", "gpt-4.1", "cloud", configured=False)


@in_virtual_time
async def test_the_local_model_answers_first_and_nobody_else_is_asked() -> None:
    ollama, gemini = ScriptedProvider("ollama", [says("Hello ", "there.")]), ScriptedProvider("gemini")
    world = World(ollama, gemini)
    told = await world.ask()
    assert told.lines == ["1 connecting ollama", "1 answering ollama", "1 succeeded ollama"]
    assert told.text == "Hello there."
    assert told.error is None
    assert gemini.calls == []
    assert world.nothing_left()


@in_virtual_time
async def test_the_decision_is_told_before_anyone_is_asked_and_finished_is_the_last_word() -> None:
    ollama = ScriptedProvider("ollama", [(Pause(2), *says("Hello"))])
    world = World(ollama, missing=[KEYLESS])
    events = world.stream()
    assert await anext(events) == world.orchestrator.decide(asks())
    assert ollama.calls == []
    candidate = Candidate("ollama", "model-1", "local", on_this_machine=True)
    assert [event async for event in events] == [
        Connecting(1, candidate, asks().turns),
        Answering(1, candidate, after=2.0),
        TextDelta("Hello"),
        Succeeded(1, candidate, finished=Finished("stop", "stop")),
        Finished("stop", "stop"),
    ]


@in_virtual_time
async def test_an_explained_decision_calls_nobody() -> None:
    ollama, gemini = ScriptedProvider("ollama"), ScriptedProvider("gemini")
    decision = World(ollama, gemini, missing=[KEYLESS]).orchestrator.decide(asks(prefer="cloud"))
    assert [attempt.candidate.name for attempt in decision.attempts] == ["gemini", "ollama"]
    assert [(skip.candidate.name, skip.reason) for skip in decision.skipped] == [("openai", "not_configured")]
    assert ollama.calls == gemini.calls == []
    assert ollama.checked_at == gemini.checked_at == []


@in_virtual_time
async def test_a_wish_for_the_cloud_is_followed() -> None:
    ollama, gemini = ScriptedProvider("ollama"), ScriptedProvider("gemini", [says("Hello")])
    assert (await World(ollama, gemini).ask(asks(prefer="cloud"))).answered_by == "gemini"


@in_virtual_time
async def test_everybody_of_the_plan_is_asked_in_turn_until_one_answers() -> None:
    world = World(
        ScriptedProvider("ollama", [fails("connect_refused")]),
        ScriptedProvider("gemini", [fails("auth")]),
        ScriptedProvider("openai", [says("Here I am.")]),
    )
    told = await world.ask()
    assert told.lines == [
        "1 connecting ollama",
        "1 failed ollama: connect_refused",
        "2 connecting gemini",
        "2 failed gemini: auth",
        "3 connecting openai",
        "3 answering openai",
        "3 succeeded openai",
    ]
    assert told.text == "Here I am."
    assert world.nothing_left()


@in_virtual_time
async def test_when_nobody_answers_every_failure_and_everyone_left_out_is_named() -> None:
    world = World(
        ScriptedProvider("ollama", [fails("connect_refused")]),
        ScriptedProvider("gemini", [fails("auth")]),
        missing=[KEYLESS],
    )
    told = await world.ask()
    failed = told.all_failed
    assert [(call.candidate.name, call.error.reason, call.spoke) for call in failed.failures] == [
        ("ollama", "connect_refused", False),
        ("gemini", "auth", False),
    ]
    assert [(skip.candidate.name, skip.reason) for skip in failed.skipped] == [("openai", "not_configured")]
    assert told.text == ""
    assert world.nothing_left()


@in_virtual_time
async def test_with_nobody_to_ask_the_request_fails_without_a_call() -> None:
    told = await World(missing=[KEYLESS]).ask()
    assert isinstance(told.events[0], RouteDecision)
    assert told.all_failed.failures == ()


@in_virtual_time
async def test_without_failover_nobody_steps_in() -> None:
    ollama, gemini = ScriptedProvider("ollama", [fails("malformed")]), ScriptedProvider("gemini")
    told = await World(ollama, gemini, failover=False).ask()
    assert [(skip.candidate.name, skip.reason) for skip in told.all_failed.skipped] == [("gemini", "disabled")]
    assert gemini.calls == []


@in_virtual_time
async def test_each_provider_gets_the_part_of_the_conversation_that_it_may_and_can_be_given() -> None:
    turns = (
        ChatTurn("system", "Be brief."),
        ChatTurn("user", "long " * 400),
        ChatTurn("assistant", "Yes."),
        ChatTurn("user", "A secret.", local_only=True),
        ChatTurn("assistant", "Kept.", local_only=True),
        ChatTurn("user", "And now?"),
    )
    request = ProviderRequest(turns, sampling=Sampling(temperature=0.2, max_tokens=50, stop=("END",)))
    ollama = ScriptedProvider("ollama", [fails("malformed")], context_tokens=100)
    gemini = ScriptedProvider("gemini", [says("Well.")])
    await World(ollama, gemini).ask(request)
    assert ollama.last.request.turns == (turns[0], *turns[3:])
    assert gemini.last.request.turns == (*turns[:3], turns[5])
    assert ollama.last.request.sampling == gemini.last.request.sampling == request.sampling


@in_virtual_time
async def test_a_model_name_that_is_learnt_during_the_call_is_told_with_the_first_words() -> None:
    ollama = ScriptedProvider("ollama", [(LearnsModel("llama3.2"), *says("Hello"))], model="")
    told = await World(ollama).ask()
    models = {
        type(event): event.candidate.model
        for event in told.events
        if isinstance(event, Connecting | Answering | Succeeded)
    }
    assert models == {Connecting: "", Answering: "llama3.2", Succeeded: "llama3.2"}


@in_virtual_time
async def test_an_answer_without_words_that_its_provider_calls_whole_is_whole() -> None:
    told = await World(ScriptedProvider("ollama", [says()])).ask()
    assert told.lines == ["1 connecting ollama", "1 succeeded ollama"]


@in_virtual_time
async def test_a_defect_of_an_adapter_is_logged_by_its_place_and_costs_nobody_the_answer() -> None:
    class Defective(ScriptedProvider):
        def _next(self) -> tuple[()]:
            raise KeyError("what a person wrote")

    world = World(Defective("ollama"), ScriptedProvider("gemini", [says("From elsewhere.")]))
    with log_lines.captured() as logged:
        told = await world.ask()
    assert told.lines[1] == "1 failed ollama: malformed"
    assert (told.answered_by, told.text) == ("gemini", "From elsewhere.")
    assert world.nothing_left()
    [line] = logged
    assert (line["event"], line["error"]) == ("adapter_crashed", "KeyError")
    assert line["at"].endswith("_next")
    assert "what a person wrote" not in str(line)


@in_virtual_time
async def test_looking_around_asks_those_on_this_machine_for_their_model_and_harms_nobody() -> None:
    ollama = ScriptedProvider("ollama", checks=[(LearnsModel("llama3.2"),)], model="")
    near = ScriptedProvider("near", locality="local", on_this_machine=False)
    broken = ScriptedProvider("broken", checks=[(Fails(error("connect_refused")),)], locality="local")
    silent = ScriptedProvider("silent", checks=[(Pause(60),)], locality="local")
    gemini = ScriptedProvider("gemini")
    world = World(broken, silent, ollama, near, gemini)
    before = world.clock.now()
    await world.orchestrator.look_around()
    assert [len(provider.checked_at) for provider in world.providers] == [1, 1, 1, 0, 0]
    assert world.clock.now() - before == 2.0
    assert [candidate.model for candidate in world.orchestrator.candidates()][2] == "llama3.2"
    assert world.board.states == {}
    assert world.changes == []


@in_virtual_time
async def test_the_candidates_name_everyone_with_the_model_of_now() -> None:
    ollama = ScriptedProvider("ollama", model="llama3.2")
    near = ScriptedProvider("near", locality="local", on_this_machine=False)
    world = World(ollama, near, ScriptedProvider("gemini"), missing=[KEYLESS])
    assert world.orchestrator.candidates() == (
        Candidate("ollama", "llama3.2", "local", on_this_machine=True),
        Candidate("near", "model-1", "local"),
        Candidate("gemini", "model-1", "cloud"),
        KEYLESS,
    )
