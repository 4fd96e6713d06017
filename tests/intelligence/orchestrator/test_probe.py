"""How a provider whose circuit is open comes back."""

import asyncio
from itertools import pairwise

import pytest

from services.intelligence.app.domain.events import TextDelta
from services.intelligence.app.routing.breaker import BreakerPolicy, Closed, Open, Probing
from services.intelligence.app.routing.trail import Failed
from tests.intelligence.orchestrator.world import World, asks
from tests.support.scripted import EndsBare, Fails, Hangs, Pause, Script, ScriptedProvider, Step, error, fails, says
from tests.support.virtual_time import in_virtual_time, settle

ONE_STRIKE = BreakerPolicy(threshold=1)
COOLDOWN = 66.0
DOWN = fails("malformed")


async def tripped(world: World) -> None:
    """The first provider has failed once too often, and its cooldown is over."""
    await world.ask()
    assert isinstance(world.state("ollama"), Open)
    await asyncio.sleep(COOLDOWN)


async def tripped_cloud(world: World) -> None:
    await world.ask()
    await asyncio.sleep(COOLDOWN)


def world_with(
    *scripts: Script, always: Script | None = None, checks: list[tuple[Pause | Hangs | Fails, ...]]
) -> World:
    ollama = ScriptedProvider("ollama", [DOWN, *scripts], always=always, checks=checks)
    return World(ollama, ScriptedProvider("gemini", always=says("Cloud.")), policy=ONE_STRIKE)


@in_virtual_time
async def test_nobody_asks_before_the_cooldown_ends_and_somebody_right_after() -> None:
    world = world_with(always=says("Back."), checks=[])
    ollama = world.providers[0]
    await world.ask()
    await asyncio.sleep(COOLDOWN - 0.1)
    assert (await world.ask()).answered_by == "gemini"
    await asyncio.sleep(0.1)
    assert (await world.ask()).answered_by == "ollama"
    assert len(ollama.checked_at) == 1


@in_virtual_time
async def test_a_free_check_comes_first_and_then_one_real_request() -> None:
    world = world_with(says("Back."), checks=[(Pause(1),)])
    await tripped(world)
    ollama = world.providers[0]
    asked_at = world.clock.now()
    assert (await world.ask()).text == "Back."
    assert ollama.checked_at == [asked_at]
    assert ollama.last.at == asked_at + 1
    assert world.state("ollama") == Closed(epoch=2)


@in_virtual_time
async def test_a_healthy_provider_is_not_checked() -> None:
    ollama = ScriptedProvider("ollama", [says("Hello")])
    await World(ollama).ask()
    assert ollama.checked_at == []


@in_virtual_time
async def test_a_failed_check_costs_no_call_and_opens_for_longer() -> None:
    world = world_with(checks=[(Fails(error("connect_refused")),)])
    await tripped(world)
    told = await world.ask()
    assert told.failures == [("ollama", "connect_refused")]
    assert told.answered_by == "gemini"
    assert len(world.providers[0].calls) == 1
    assert isinstance(world.state("ollama", ""), Open)


@in_virtual_time
async def test_a_check_that_fails_like_the_answers_did_doubles_the_cooldown() -> None:
    world = world_with(checks=[(Fails(error("malformed")),)])
    await tripped(world)
    await world.ask()
    assert world.state("ollama") == Open(3, world.clock.now() + 2 * COOLDOWN, trips=2)


@in_virtual_time
async def test_a_check_that_the_provider_does_not_know_says_nothing_and_the_real_request_decides() -> None:
    world = world_with(says("Back."), checks=[(Fails(error("invalid_request")),)])
    await tripped(world)
    assert (await world.ask()).text == "Back."


@in_virtual_time
async def test_a_silent_check_is_left_after_half_the_usual_deadline() -> None:
    world = world_with(checks=[(Hangs(),)])
    await tripped(world)
    asked_at = world.clock.now()
    told = await world.ask()
    assert told.failures == [("ollama", "first_token_timeout")]
    assert world.clock.now() == asked_at + 10
    assert len(world.providers[0].calls) == 1


@in_virtual_time
async def test_a_probe_gets_half_the_usual_first_token_deadline() -> None:
    world = world_with((Hangs(),), checks=[])
    await tripped(world)
    asked_at = world.clock.now()
    assert (await world.ask()).failures == [("ollama", "first_token_timeout")]
    assert world.providers[0].last.closed_at == asked_at + 10


@in_virtual_time
async def test_a_probe_that_has_to_load_its_model_has_all_the_time_that_this_takes() -> None:
    ollama = ScriptedProvider("ollama", [fails("malformed")], always=says("Back."), load_seconds=100)
    world = World(ollama, policy=ONE_STRIKE)
    await tripped(world)
    ollama.cold = True
    assert (await world.ask(asks(locks=frozenset({"session"})))).answered_by == "ollama"


@in_virtual_time
async def test_nor_does_its_free_check_wait_for_the_model() -> None:
    ollama = ScriptedProvider("ollama", [fails("malformed")], checks=[(Hangs(),)], load_seconds=100)
    world = World(ollama, policy=ONE_STRIKE)
    await tripped(world)
    ollama.cold = True
    asked_at = world.clock.now()
    assert (await world.ask(asks(locks=frozenset({"session"})))).failures == [("ollama", "first_token_timeout")]
    assert world.clock.now() == asked_at + 10


@in_virtual_time
async def test_a_failed_check_has_sent_no_prompt_and_a_failed_call_may_have() -> None:
    gemini = ScriptedProvider("gemini", [DOWN, DOWN], checks=[(Fails(error("server_error")),), ()])
    world = World(gemini, policy=BreakerPolicy(threshold=1, cooldown_max=60.0))
    await tripped_cloud(world)
    [failed] = [event for event in (await world.ask()).events if isinstance(event, Failed)]
    assert (failed.error.reason, failed.sent) == ("server_error", False)
    await asyncio.sleep(COOLDOWN + 60)
    [failed] = [event for event in (await world.ask()).events if isinstance(event, Failed)]
    assert (failed.error.reason, failed.sent) == ("malformed", True)


@in_virtual_time
async def test_one_probe_at_a_time_and_all_others_go_elsewhere_at_once() -> None:
    world = world_with((Pause(5), *says("Back.")), checks=[])
    await tripped(world)
    probe = asyncio.ensure_future(world.ask())
    await settle()
    asked_at = world.clock.now()
    others = await asyncio.gather(*(world.ask() for _ in range(5)))
    assert {told.answered_by for told in others} == {"gemini"}
    assert world.clock.now() == asked_at
    skipped = world.orchestrator.decide(asks()).skipped
    assert [(skip.candidate.name, skip.reason) for skip in skipped] == [("ollama", "cooling_down")]
    assert (await probe).answered_by == "ollama"
    assert len(world.providers[0].calls) == 2


@in_virtual_time
async def test_two_requests_that_were_decided_at_once_make_one_probe() -> None:
    world = world_with((Pause(5), *says("Back.")), checks=[])
    await tripped(world)
    first, second = world.stream(), world.stream()
    for events in (first, second):
        await anext(events)
    await anext(first)
    line = await anext(second)
    assert getattr(line, "reason", None) == "cooling_down"
    await first.aclose()
    await second.aclose()


class TestParole:
    @in_virtual_time
    async def test_the_first_words_of_a_probe_let_everybody_back_in(self) -> None:
        world = world_with((TextDelta("Once "), Pause(9), *says("upon")), always=says("Back."), checks=[])
        await tripped(world)
        probe = asyncio.ensure_future(world.ask())
        await settle()
        assert (await world.ask()).text == "Back."
        assert (await probe).text == "Once upon"

    @in_virtual_time
    async def test_one_more_failure_opens_the_circuit_for_longer(self) -> None:
        dies = (TextDelta("Once "), Pause(1), EndsBare())
        ollama = ScriptedProvider("ollama", [DOWN, DOWN, DOWN, dies])
        world = World(ollama, ScriptedProvider("gemini", always=says("Cloud.")))
        for _ in range(3):
            await world.ask()
        await asyncio.sleep(COOLDOWN)
        await world.ask()
        assert world.state("ollama") == Open(3, world.clock.now() + 2 * COOLDOWN, trips=2)

    @in_virtual_time
    async def test_a_provider_that_always_dies_in_its_answer_is_asked_ever_more_rarely(self) -> None:
        ollama = ScriptedProvider("ollama", always=(TextDelta("Once "), EndsBare()))
        world = World(ollama, ScriptedProvider("gemini", always=says("Cloud.")), jitter=lambda: 0.0)
        for _ in range(300):
            await world.ask(shown=False)
            await asyncio.sleep(10)
        pauses = [later.at - call.at for call, later in pairwise(ollama.calls)]
        assert [pause for pause in pauses if pause > 11][:6] == pytest.approx([60, 120, 240, 480, 600, 600], abs=11)


@in_virtual_time
async def test_a_late_failure_from_before_a_recovery_does_not_open_the_circuit_again() -> None:
    more: list[Step] = [Pause(9), TextDelta("more ")]
    slow_death = (Pause(19), TextDelta("Once "), *more * 10, EndsBare())
    ollama = ScriptedProvider("ollama", [slow_death, DOWN, DOWN, DOWN], always=says("Back."))
    world = World(ollama, ScriptedProvider("gemini", always=says("Cloud.")), midstream="fail")
    late = asyncio.ensure_future(world.ask())
    await settle()
    for _ in range(3):
        await world.ask()
    await asyncio.sleep(COOLDOWN)
    assert (await world.ask()).text == "Back."
    changes = len(world.changes)
    assert (await late).interrupted.error.reason == "truncated"
    assert world.state("ollama") == Closed(epoch=2)
    assert world.snapshot("ollama").fault is None
    assert len(world.changes) == changes


@in_virtual_time
async def test_a_late_success_from_before_a_fall_does_not_close_the_circuit() -> None:
    slow_answer = (Pause(5), *says("Late."))
    ollama = ScriptedProvider("ollama", [slow_answer, DOWN, DOWN, DOWN])
    world = World(ollama, ScriptedProvider("gemini", always=says("Cloud.")))
    late = asyncio.ensure_future(world.ask())
    await settle()
    for _ in range(3):
        await world.ask()
    assert (await late).text == "Late."
    assert isinstance(world.state("ollama"), Open)
    fault = world.snapshot("ollama").fault
    assert fault is not None
    assert fault.reason == "malformed"


@in_virtual_time
async def test_a_probe_that_asks_too_much_gives_its_place_back() -> None:
    world = world_with(fails("context_too_long"), always=says("Back."), checks=[])
    await tripped(world)
    await world.ask()
    assert world.state("ollama") == Open(3, world.clock.now(), trips=1)
    assert (await world.ask()).text == "Back."


@in_virtual_time
async def test_observers_hear_of_each_step_once() -> None:
    world = world_with(says("Back."), checks=[])
    await tripped(world)
    await world.ask()
    assert [(type(change.state), change.model, change.reason) for change in world.changes] == [
        (Open, "model-1", "malformed"),
        (Probing, "model-1", None),
        (Closed, "model-1", None),
    ]


@in_virtual_time
async def test_with_another_key_a_provider_is_asked_at_once() -> None:
    class Keyed(ScriptedProvider):
        keys: tuple[tuple[str, str], ...] = ()

        def key_replaced(self, owner: str, key: str, /) -> None:
            self.keys += ((owner, key),)

    ollama = Keyed("ollama", [fails("auth")], always=says("Back."))
    world = World(ollama, ScriptedProvider("gemini", always=says("Cloud.")))
    assert (await world.ask()).answered_by == "gemini"
    assert (await world.ask()).lines[0] == "1 connecting gemini"
    world.orchestrator.key_replaced("ollama", "the next one")
    assert ollama.keys == (("ollama", "the next one"),)
    assert (await world.ask()).answered_by == "ollama"
