"""When everybody cools down, a local model is tried all the same."""

import asyncio
from typing import Any

import pytest

from services.intelligence.app.domain.chat import Lock
from services.intelligence.app.domain.errors import Reason
from services.intelligence.app.domain.events import TextDelta
from services.intelligence.app.routing.breaker import BreakerPolicy, Closed, Open
from tests.intelligence.orchestrator.world import World, asks
from tests.support.scripted import EndsBare, Hangs, Pause, Script, ScriptedProvider, fails, says
from tests.support.virtual_time import in_virtual_time, settle

ONE_STRIKE = BreakerPolicy(threshold=1)
DOWN = fails("malformed")


async def all_cooling(*scripts: Script) -> World:
    """Both providers have failed; ``scripts`` are what the local one does when it is asked again."""
    ollama = ScriptedProvider("ollama", [DOWN, *scripts])
    world = World(ollama, ScriptedProvider("gemini", [DOWN]), policy=ONE_STRIKE)
    await world.ask()
    assert isinstance(world.state("ollama"), Open)
    assert isinstance(world.state("gemini"), Open)
    return world


@in_virtual_time
async def test_the_local_one_is_checked_and_asked_and_may_answer() -> None:
    world = await all_cooling(says("Still here."))
    told = await world.ask()
    assert told.text == "Still here."
    assert len(world.providers[0].checked_at) == 1
    assert world.state("ollama") == Closed(epoch=2)
    assert len(world.providers[1].calls) == 1


@in_virtual_time
async def test_it_is_asked_by_one_request_at_a_time() -> None:
    world = await all_cooling((Pause(5), *says("Still here.")))
    first = asyncio.ensure_future(world.ask())
    await settle()
    told = await world.ask()
    assert {(skip.candidate.name, skip.reason) for skip in told.all_failed.skipped} == {
        ("ollama", "cooling_down"),
        ("gemini", "cooling_down"),
    }
    assert (await first).text == "Still here."
    assert len(world.providers[0].calls) == 2


@in_virtual_time
async def test_a_dead_one_costs_half_a_deadline_and_is_tried_by_the_next_request_too() -> None:
    world = await all_cooling((Hangs(),), says("Still here."))
    began = world.clock.now()
    assert (await world.ask()).failures == [("ollama", "first_token_timeout")]
    assert world.clock.now() == began + 10
    assert (await world.ask()).text == "Still here."


@in_virtual_time
async def test_a_passing_fault_is_retried_there_too() -> None:
    world = await all_cooling(fails("server_error"), says("Still here."))
    assert (await world.ask()).text == "Still here."


@pytest.mark.parametrize("lock", ["deployment", "user", "session", "message"])
@in_virtual_time
async def test_a_lock_makes_a_local_model_the_only_one_there_is(lock: Lock) -> None:
    ollama = ScriptedProvider("ollama", [DOWN, says("Still here.")])
    gemini = ScriptedProvider("gemini")
    world = World(ollama, gemini, policy=ONE_STRIKE)
    request = asks(locks=frozenset({lock}))
    await world.ask(request)
    assert (await world.ask(request)).text == "Still here."
    assert gemini.calls == []


@in_virtual_time
async def test_one_that_needs_setting_up_is_not_tried() -> None:
    ollama = ScriptedProvider("ollama", [fails("model_missing")])
    world = World(ollama, ScriptedProvider("gemini", [DOWN]), policy=ONE_STRIKE)
    await world.ask()
    assert (await world.ask()).all_failed.failures == ()
    assert len(ollama.calls) == 1


@in_virtual_time
async def test_thousands_of_tries_do_not_wear_it_out() -> None:
    ollama = ScriptedProvider("ollama", always=DOWN)
    world = World(ollama)
    for _ in range(1100):
        assert (await world.ask()).failures == [("ollama", "malformed")]
    assert len(ollama.calls) == 1100


class TestWhenEverybodyElseHasFailed:
    """The local one was left out of the plan, since others were well; then all of those failed."""

    @staticmethod
    async def _cooling(*scripts: Script, cloud: Script = DOWN, **more: Any) -> World:
        """The local one cools down; ``cloud`` is what the other one does from now on."""
        ollama = ScriptedProvider("ollama", [DOWN, *scripts])
        gemini = ScriptedProvider("gemini", [says("Cloud.")], always=cloud)
        world = World(ollama, gemini, policy=BreakerPolicy(threshold=1, cooldown=600.0), **more)
        assert (await world.ask()).answered_by == "gemini"
        return world

    @pytest.mark.parametrize("cloud", [DOWN, fails("auth"), fails("rate_limited"), (Hangs(),), (EndsBare(),)])
    @pytest.mark.parametrize("hedge_delay", [None, 2.0])
    @in_virtual_time
    async def test_the_local_one_is_asked_as_the_last(self, cloud: Script, hedge_delay: float | None) -> None:
        world = await self._cooling(says("Still here."), cloud=cloud, hedge_delay=hedge_delay)
        told = await world.ask()
        assert (told.text, told.error) == ("Still here.", None)
        assert told.lines[-3:] == ["3 connecting ollama", "3 answering ollama", "3 succeeded ollama"] or (
            told.lines[-3:] == ["2 connecting ollama", "2 answering ollama", "2 succeeded ollama"]
        )
        assert world.state("ollama") == Closed(epoch=2)

    @in_virtual_time
    async def test_its_cooldown_and_its_call_are_both_told(self) -> None:
        told = await (await self._cooling(DOWN)).ask()
        assert [(skip.candidate.name, skip.reason) for skip in told.all_failed.skipped] == [
            ("ollama", "cooling_down")
        ]
        assert told.failures == [("gemini", "malformed"), ("ollama", "malformed")]

    @in_virtual_time
    async def test_it_goes_on_with_a_broken_answer(self) -> None:
        broken = (TextDelta("It begins"), *DOWN)
        world = await self._cooling(says(" and ends."), cloud=broken)
        assert (await world.ask()).text == "It begins and ends."

    @in_virtual_time
    async def test_the_time_is_shared_so_that_it_gets_some(self) -> None:
        world = await self._cooling((Pause(1), *says("Still here.")), cloud=(Hangs(),), request=12.0)
        assert (await world.ask()).text == "Still here."

    @in_virtual_time
    async def test_it_is_asked_by_one_request_at_a_time(self) -> None:
        world = await self._cooling((Pause(5), *says("Still here.")), cloud=(Pause(1), *DOWN))
        first, second = await asyncio.gather(world.ask(), world.ask())
        assert first.text == "Still here."
        assert second.failures == [("gemini", "malformed")]
        assert second.lines[-1] == "skipped ollama: cooling_down"
        assert len(world.providers[0].calls) == 2

    @in_virtual_time
    async def test_one_whose_circuit_was_opened_by_others_on_the_way_is_tried_too(self) -> None:
        ollama = ScriptedProvider("ollama", [DOWN, says("Still here.")])
        gemini = ScriptedProvider("gemini", [(Pause(5), *DOWN)])
        world = World(gemini, ollama, policy=ONE_STRIKE)
        late = asyncio.ensure_future(world.ask())
        await settle()
        await world.ask(asks(locks=frozenset({"message"})))
        told = await late
        assert told.lines[2:] == [
            "skipped ollama: cooling_down",
            "2 connecting ollama",
            "2 answering ollama",
            "2 succeeded ollama",
        ]

    @in_virtual_time
    async def test_one_that_has_failed_in_this_request_is_not_tried_again(self) -> None:
        ollama = ScriptedProvider("ollama", [fails("reset")])
        told = await World(ollama, ScriptedProvider("gemini", [DOWN]), policy=ONE_STRIKE).ask()
        assert told.failures == [("ollama", "reset"), ("gemini", "malformed")]
        assert "skipped ollama: cooling_down" in told.lines

    @in_virtual_time
    async def test_one_that_somebody_has_to_set_up_by_then_is_not(self) -> None:
        ollama = ScriptedProvider("ollama", [DOWN, fails("model_missing")])
        gemini = ScriptedProvider("gemini", [says("Cloud.")], always=(Pause(5), *DOWN))
        world = World(ollama, gemini, policy=ONE_STRIKE)
        await world.ask()
        late = asyncio.ensure_future(world.ask())
        await settle()
        await world.ask(asks(locks=frozenset({"message"})))
        assert (await late).failures == [("gemini", "malformed")]
        assert len(ollama.calls) == 2

    @in_virtual_time
    async def test_one_that_is_busy_or_cold_and_well_comes_after_it(self) -> None:
        world = await self._cooling(says("Still here."), cloud=(Pause(8), *says("Cloud.")), limits={"gemini": 1})
        first = asyncio.ensure_future(world.ask())
        await settle()
        assert (await world.ask()).text == "Still here."
        assert (await first).text == "Cloud."

    @pytest.mark.parametrize("reason", ["invalid_request", "refused"])
    @in_virtual_time
    async def test_what_nobody_else_may_answer_it_may_not_either(self, reason: Reason) -> None:
        world = await self._cooling(cloud=fails(reason))
        assert (await world.ask()).error is not None
        assert len(world.providers[0].calls) == 1

    @in_virtual_time
    async def test_without_failover_it_is_not_tried(self) -> None:
        ollama = ScriptedProvider("ollama", [DOWN])
        gemini = ScriptedProvider("gemini", always=DOWN)
        world = World(gemini, ollama, policy=ONE_STRIKE, failover=False)
        await world.ask()
        await world.ask(asks(prefer="local"))
        assert len(ollama.calls) == 1
