"""When the same provider is asked once more, and after which pause."""

import pytest

from services.intelligence.app.domain.errors import Reason
from services.intelligence.app.domain.events import TextDelta
from services.intelligence.app.routing.breaker import BreakerPolicy, Closed
from tests.intelligence.orchestrator.world import World, asks
from tests.support.scripted import CLASS_OF, EndsBare, Fails, Pause, ScriptedProvider, error, fails, says
from tests.support.virtual_time import START, in_virtual_time, run

ONCE_MORE: set[Reason] = {"connect_timeout", "reset", "truncated", "empty", "overloaded", "server_error"}


@pytest.mark.parametrize("reason", sorted(ONCE_MORE))
@in_virtual_time
async def test_a_passing_fault_is_retried_once_after_a_short_pause_and_then_well(reason: Reason) -> None:
    ollama, gemini = ScriptedProvider("ollama", [fails(reason), says("Now.")]), ScriptedProvider("gemini")
    world = World(ollama, gemini)
    told = await world.ask()
    assert told.lines == [
        "1 connecting ollama",
        f"1 failed ollama: {reason}",
        "2 connecting ollama",
        "2 answering ollama",
        "2 succeeded ollama",
    ]
    assert [call.at for call in ollama.calls] == [START, pytest.approx(START + 0.2, abs=0.01)]
    assert gemini.calls == []
    assert world.state("ollama") == world.state("ollama", "") == Closed()


@pytest.mark.parametrize("reason", sorted(ONCE_MORE))
@in_virtual_time
async def test_it_is_not_retried_twice(reason: Reason) -> None:
    ollama = ScriptedProvider("ollama", [fails(reason), fails(reason)])
    told = await World(ollama, ScriptedProvider("gemini", [says("Well.")])).ask()
    assert told.failures == [("ollama", reason)] * 2
    assert told.answered_by == "gemini"


@pytest.mark.parametrize("reason", sorted(set(CLASS_OF) - ONCE_MORE))
@in_virtual_time
async def test_any_other_failure_is_not_retried(reason: Reason) -> None:
    ollama = ScriptedProvider("ollama", [fails(reason)])
    await World(ollama, ScriptedProvider("gemini", always=says("Well."))).ask()
    assert len(ollama.calls) == 1


@pytest.mark.parametrize(("dice", "pause"), [(0.0, 0.0), (1.0, 0.4)])
@in_virtual_time
async def test_the_pause_is_drawn_up_to_four_tenths_of_a_second(dice: float, pause: float) -> None:
    ollama = ScriptedProvider("ollama", [fails("reset"), says("Now.")])
    await World(ollama, jitter=lambda: dice).ask()
    assert ollama.calls[1].at == pytest.approx(START + pause, abs=0.01)


@pytest.mark.parametrize("reason", ["rate_limited", "overloaded", "server_error"])
@pytest.mark.parametrize("named", [0.3, 1.0, 2.5])
@in_virtual_time
async def test_a_short_named_delay_is_waited_for_and_the_provider_asked_once_more(
    reason: Reason, named: float
) -> None:
    gemini = ScriptedProvider("gemini", [fails(reason, retry_after=named), says("Now.")])
    told = await World(gemini, ScriptedProvider("openai")).ask()
    assert told.answered_by == "gemini"
    assert gemini.calls[1].at == pytest.approx(START + named, abs=0.01)


@pytest.mark.parametrize("named", [0.3, 1.0, 2.5])
def test_timers_that_fire_a_moment_early_do_not_spoil_the_retry(named: float) -> None:
    async def story() -> None:
        gemini = ScriptedProvider("gemini", [fails("rate_limited", retry_after=named), says("Now.")])
        told = await World(gemini, ScriptedProvider("openai")).ask()
        assert told.answered_by == "gemini"

    run(story(), early=0.001)


@pytest.mark.parametrize("reason", ["rate_limited", "overloaded", "server_error"])
@in_virtual_time
async def test_a_longer_one_is_a_cooldown_and_the_next_provider_answers_at_once(reason: Reason) -> None:
    gemini = ScriptedProvider("gemini", [fails(reason, retry_after=2.6)])
    openai = ScriptedProvider("openai", [says("Here.")])
    world = World(gemini, openai)
    assert (await world.ask()).answered_by == "openai"
    assert openai.last.at == START
    assert world.snapshot("gemini").cooling_for == pytest.approx(2.6)


@in_virtual_time
async def test_a_rate_limit_without_a_time_is_not_retried() -> None:
    gemini = ScriptedProvider("gemini", [fails("rate_limited")])
    assert (await World(gemini, ScriptedProvider("openai", [says("Here.")])).ask()).answered_by == "openai"


@in_virtual_time
async def test_a_circuit_that_the_failure_opened_is_not_retried_into() -> None:
    gemini = ScriptedProvider("gemini", [fails("reset")])
    world = World(gemini, ScriptedProvider("openai", [says("Here.")]), policy=BreakerPolicy(threshold=1))
    told = await world.ask()
    assert told.lines[1:3] == ["1 failed gemini: reset", "skipped gemini: cooling_down"]
    assert told.answered_by == "openai"


@in_virtual_time
async def test_whoever_is_skipped_on_the_way_is_told_until_when() -> None:
    gemini = ScriptedProvider("gemini", [fails("reset")])
    told = await World(gemini, policy=BreakerPolicy(threshold=1)).ask()
    [skip] = told.all_failed.skipped
    assert (skip.reason, skip.until) == ("cooling_down", START + 66.0)


@in_virtual_time
async def test_a_provider_that_went_silent_is_not_retried() -> None:
    ollama = ScriptedProvider("ollama", [(Pause(21), *says("Too late."))])
    await World(ollama, ScriptedProvider("gemini", [says("Here.")])).ask()
    assert len(ollama.calls) == 1


@in_virtual_time
async def test_an_answer_that_nobody_saw_may_be_retried_from_the_start() -> None:
    ollama = ScriptedProvider("ollama", [(TextDelta("Hal"), EndsBare()), says("Hello.")])
    told = await World(ollama).ask(shown=False)
    assert told.lines[-1] == "2 succeeded ollama"


@in_virtual_time
async def test_one_that_says_that_a_retry_is_in_vain_is_not_asked_again() -> None:
    told_off = error("overloaded")
    told_off.may_retry = False
    ollama = ScriptedProvider("ollama", [(Fails(told_off),)])
    assert (await World(ollama, ScriptedProvider("gemini", [says("Cloud.")])).ask()).answered_by == "gemini"
    assert len(ollama.calls) == 1


def a_crash() -> Fails:
    crash = error("server_error")
    crash.retry_alone_after = 2.0
    return Fails(crash)


@in_virtual_time
async def test_one_that_needs_time_to_recover_is_not_waited_for_where_another_can_answer() -> None:
    gemini = ScriptedProvider("gemini", [says("Cloud.")])
    assert (await World(ScriptedProvider("ollama", [(a_crash(),)]), gemini).ask()).answered_by == "gemini"
    assert gemini.last.at == START


@in_virtual_time
async def test_where_it_is_alone_it_is_given_that_time_and_asked_once_more() -> None:
    ollama = ScriptedProvider("ollama", [(a_crash(),), says("Back again.")])
    told = await World(ollama, ScriptedProvider("gemini")).ask(asks(locks=frozenset({"message"})))
    assert told.answered_by == "ollama"
    assert [call.at for call in ollama.calls] == [START, pytest.approx(START + 2, abs=0.01)]


@in_virtual_time
async def test_but_not_longer_than_anyone_is_waited_for() -> None:
    ollama = ScriptedProvider("ollama", [(a_crash(),)])
    assert (await World(ollama, retry_wait_max=1.9).ask()).failures == [("ollama", "server_error")]
