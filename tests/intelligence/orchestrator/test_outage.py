"""A provider is down for a minute while requests go on coming: what that costs, and when it is asked again."""

import asyncio

import pytest

from tests.intelligence.orchestrator.world import Told, World, asks
from tests.support.scripted import Hangs, Script, ScriptedProvider, fails, says
from tests.support.virtual_time import START, in_virtual_time

OUTAGE_SEC = 60.0
REQUESTS = 20
MOST_ATTEMPTS = 4
COOLDOWN_SEC = 66.0
"""With the dice of these tests; it begins with the failure that opens the circuit."""


class Mortal(ScriptedProvider):
    """Does as ``dead`` says until the outage is over, and answers from then on."""

    def __init__(self, name: str, dead: Script) -> None:
        super().__init__(name, always=dead)

    def _next(self) -> Script:
        return super()._next() if self.last.at < START + OUTAGE_SEC else says("Back.")


@pytest.mark.parametrize(
    "dead",
    [
        fails("connect_refused"),
        fails("reset"),
        fails("server_error"),
        fails("overloaded", retry_after=1.0),
        fails("overloaded", retry_after=30.0),
        fails("auth"),
        (Hangs(),),
    ],
    ids=["refused", "reset", "500", "503 for 1 s", "503 for 30 s", "401", "silent"],
)
@in_virtual_time
async def test_a_dead_local_model_is_tried_four_times_in_a_minute_and_goes_first_again_once_it_is_back(
    dead: Script,
) -> None:
    ollama = Mortal("ollama", dead)
    world = World(ollama, ScriptedProvider("gemini", always=says("Cloud.")), limits={"ollama": 2})

    async def come(number: int) -> Told:
        await asyncio.sleep(number * OUTAGE_SEC / REQUESTS)
        return await world.ask()

    told = await asyncio.gather(*(come(number) for number in range(REQUESTS)))
    assert {one.answered_by for one in told} == {"gemini"}
    assert len(ollama.calls) <= MOST_ATTEMPTS
    skip = next(iter(world.orchestrator.decide(asks()).skipped))
    assert (skip.candidate.name, skip.reason) == ("ollama", "cooling_down")
    assert skip.until is not None
    await asyncio.sleep(skip.until - world.clock.now() - 0.1)
    calls = len(ollama.calls)
    assert (await world.ask()).answered_by == "gemini"
    assert len(ollama.calls) == calls
    await asyncio.sleep(0.1)
    assert (await world.ask()).text == "Back."
    assert (await world.ask()).text == "Back."
    assert world.nothing_left()


@in_virtual_time
async def test_a_provider_that_refuses_is_tried_three_times_until_its_circuit_opens_and_no_more() -> None:
    gemini = Mortal("gemini", fails("connect_refused"))
    world = World(gemini, ScriptedProvider("openai", always=says("Here.")))
    for _ in range(REQUESTS):
        assert (await world.ask()).answered_by == "openai"
        await asyncio.sleep(OUTAGE_SEC / REQUESTS)
    assert [call.at for call in gemini.calls] == [START, START + 3, START + 6]
    await asyncio.sleep(START + 6 + COOLDOWN_SEC - world.clock.now())
    assert (await world.ask()).text == "Back."
