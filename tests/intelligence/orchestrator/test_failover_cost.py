"""What a failover costs in turns of the event loop; ``python -m bench.failover`` has it in milliseconds."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from services.intelligence.app.domain.chat import ProviderRequest
from services.intelligence.app.domain.events import Delta, TextDelta
from services.intelligence.app.routing.breaker import BreakerPolicy
from services.intelligence.app.services.orchestrator.deadlines import Clocks
from tests.intelligence.orchestrator.world import World, asks
from tests.support.scripted import Hangs, Pause, Script, ScriptedProvider, fails, says
from tests.support.virtual_time import VirtualLoop, in_virtual_time

CHATS = 100


class Counting(ScriptedProvider):
    """Notes the turn of the loop and the time at which it is asked each question, and at which that call ends."""

    def __init__(self, name: str, always: Script) -> None:
        super().__init__(name, always=always)
        self.asked: dict[str, tuple[int, float]] = {}
        self.left: dict[str, tuple[int, float]] = {}

    async def stream(self, request: ProviderRequest) -> AsyncGenerator[Delta]:
        """See Provider."""
        question = request.turns[0].text
        self.asked[question] = self._now()
        try:
            async with aclosing(super().stream(request)) as deltas:
                async for delta in deltas:
                    yield delta
        finally:
            self.left[question] = self._now()

    @staticmethod
    def _now() -> tuple[int, float]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        return loop.turns, loop.time()


@pytest.mark.parametrize("stagger", [0.0, 0.001, 0.05])
@pytest.mark.parametrize(
    "dead",
    [(Hangs(),), (TextDelta("It begins"), Hangs()), fails("connect_refused"), (Pause(1), *fails("malformed"))],
    ids=["silent", "stalls", "refuses", "breaks"],
)
@in_virtual_time
async def test_the_next_provider_is_asked_in_the_turn_in_which_the_first_is_given_up(
    dead: Script, stagger: float
) -> None:
    ollama, gemini = Counting("ollama", dead), Counting("gemini", (Pause(1), *says(" and ends.")))
    clocks = {name: Clocks(first_token=3.0, stall=2.0, total=None) for name in ("ollama", "gemini")}
    limits = dict.fromkeys(clocks, CHATS)
    world = World(ollama, gemini, clocks=clocks, limits=limits, policy=BreakerPolicy(threshold=CHATS + 1))

    async def chat(number: int) -> None:
        await asyncio.sleep(number * stagger)
        assert (await world.ask(asks(f"Question {number}?"))).answered_by == "gemini"

    await asyncio.gather(*(chat(number) for number in range(CHATS)))
    assert len(gemini.asked) == CHATS
    assert gemini.asked == ollama.left
