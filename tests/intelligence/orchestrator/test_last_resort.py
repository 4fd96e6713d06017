"""When everybody cools down, a local model is tried all the same."""

import asyncio

import pytest

from services.intelligence.app.domain.chat import Lock
from services.intelligence.app.routing.breaker import BreakerPolicy, Closed, Open
from tests.intelligence.orchestrator.world import World, asks
from tests.support.scripted import Hangs, Pause, Script, ScriptedProvider, fails, says
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
