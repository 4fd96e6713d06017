"""How a call would find a provider, as far as that is known without asking it."""

import asyncio
from collections.abc import Awaitable

from services.intelligence.app.services.orchestrator.entrance import Outlook
from tests.intelligence.orchestrator.world import World, asks
from tests.support.scripted import Pause, Script, ScriptedProvider, says
from tests.support.virtual_time import in_virtual_time, settle

EIGHT_SECONDS: Script = (Pause(8), *says("An answer."))


def outlook(world: World, name: str = "ollama") -> Outlook:
    return world.orchestrator.outlook(next(one for one in world.orchestrator.candidates() if one.name == name))


async def ended(*requests: Awaitable[object]) -> None:
    """Return when these are over."""
    await asyncio.gather(*requests)


@in_virtual_time
async def test_before_anything_is_known_a_local_model_may_be_cold_and_a_cloud_one_is_not() -> None:
    world = World(ScriptedProvider("ollama"), ScriptedProvider("gemini"))
    assert outlook(world) == Outlook(busy=False, waiting=0, expected_wait=0.0, cold=None)
    assert outlook(world, "gemini") == Outlook(busy=False, waiting=0, expected_wait=0.0, cold=False)


@in_virtual_time
async def test_nobody_is_asked_or_checked_for_it() -> None:
    ollama = ScriptedProvider("ollama", cold=True)
    outlook(World(ollama))
    await settle()
    assert (ollama.calls, ollama.checked_at, ollama.warmed_at) == ([], [], [])


@in_virtual_time
async def test_a_model_that_has_just_answered_is_known_to_be_loaded_for_a_minute() -> None:
    world = World(ScriptedProvider("ollama", always=says("Local.")))
    await world.ask()
    assert outlook(world).cold is False
    await asyncio.sleep(59)
    assert outlook(world).cold is False
    await asyncio.sleep(1)
    assert outlook(world).cold is None


@in_virtual_time
async def test_a_model_that_is_being_loaded_is_known_to_be_cold() -> None:
    ollama = ScriptedProvider("ollama", always=says("Local."), cold=True, load_seconds=40)
    world = World(ollama, ScriptedProvider("gemini", always=says("Cloud.")))
    assert (await world.ask()).answered_by == "gemini"
    await settle()
    assert outlook(world).cold is True
    await asyncio.sleep(41)
    assert outlook(world).cold is None


@in_virtual_time
async def test_a_provider_whose_slots_are_all_taken_is_busy() -> None:
    world = World(ScriptedProvider("ollama", always=EIGHT_SECONDS), limits={"ollama": 2})
    requests = [asyncio.ensure_future(world.ask())]
    await settle()
    assert outlook(world) == Outlook(busy=False, waiting=0, expected_wait=0.0, cold=None)
    requests.append(asyncio.ensure_future(world.ask()))
    await settle()
    assert outlook(world) == Outlook(busy=True, waiting=0, expected_wait=None, cold=None)
    await ended(*requests)
    assert not outlook(world).busy


@in_virtual_time
async def test_whoever_waits_is_counted_and_the_wait_told_by_measured_times() -> None:
    world = World(ScriptedProvider("ollama", always=EIGHT_SECONDS), limits={"ollama": 1})
    await world.ask()
    requests = [asyncio.ensure_future(world.ask(asks(locks=frozenset({"message"})))) for _ in range(3)]
    await settle()
    assert outlook(world) == Outlook(busy=True, waiting=2, expected_wait=24.0, cold=False)
    await ended(*requests)
    assert outlook(world) == Outlook(busy=False, waiting=0, expected_wait=0.0, cold=False)
