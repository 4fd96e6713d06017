"""A caller that leaves: in every phase the upstream call is closed at once, and nothing is held against anyone."""

import asyncio
from collections.abc import AsyncGenerator, Callable

import pytest

from services.intelligence.app.domain.events import Finished, TextDelta
from services.intelligence.app.routing.breaker import BreakerPolicy, BreakerState, Closed, Open
from services.intelligence.app.routing.policy import RouteDecision
from services.intelligence.app.routing.trail import Answering, Connecting, Failed, RouteEvent, Succeeded
from services.intelligence.app.services.orchestrator.deadlines import Clocks
from tests.intelligence.orchestrator.world import World
from tests.support.scripted import Hangs, Pause, Script, ScriptedProvider, fails, says
from tests.support.virtual_time import START, in_virtual_time, settle

ONE_STRIKE = BreakerPolicy(threshold=1)
DOWN = fails("malformed")


async def until(events: AsyncGenerator[RouteEvent], kind: type[RouteEvent]) -> None:
    """Read up to the first event of this kind."""
    async for event in events:
        if isinstance(event, kind):
            return
    raise AssertionError(f"no {kind.__name__} came")


async def leave_after(seconds: float, world: World) -> None:
    """Ask, and be cancelled after so many seconds while waiting for the next event."""
    asking = asyncio.ensure_future(world.ask())
    await asyncio.sleep(seconds)
    asking.cancel()
    await asyncio.wait([asking])
    assert asking.cancelled()


class TestBetweenTwoEvents:
    """The reader holds an event and closes the stream."""

    @pytest.mark.parametrize("kind", [RouteDecision, Connecting, Answering, TextDelta])
    @in_virtual_time
    async def test_nothing_was_learnt_and_nothing_is_left(self, kind: type[RouteEvent]) -> None:
        ollama = ScriptedProvider("ollama", [(TextDelta("One "), Pause(5), *says("two"))])
        world = World(ollama)
        events = world.stream()
        await until(events, kind)
        await events.aclose()
        assert world.nothing_left()
        assert world.state("ollama") == world.state("ollama", "") == Closed()
        assert world.changes == []
        assert [call.closed_at for call in ollama.calls] == [START] * len(ollama.calls)

    @pytest.mark.parametrize("kind", [Succeeded, Finished])
    @in_virtual_time
    async def test_a_success_that_was_told_is_booked(self, kind: type[RouteEvent]) -> None:
        world = World(ScriptedProvider("ollama", [DOWN, says("Whole.")]))
        await world.ask()
        events = world.stream()
        await until(events, kind)
        await events.aclose()
        assert world.state("ollama") == Closed()
        assert world.nothing_left()

    @in_virtual_time
    async def test_a_failure_that_was_told_is_booked_and_nobody_else_is_asked(self) -> None:
        gemini = ScriptedProvider("gemini")
        world = World(ScriptedProvider("ollama", [DOWN]), gemini)
        events = world.stream()
        await until(events, Failed)
        await events.aclose()
        assert world.state("ollama") == Closed(failures=1)
        assert gemini.calls == []
        assert world.nothing_left()


class TestWhileWaiting:
    """The reader waits for the next event and is cancelled."""

    @pytest.mark.parametrize(
        "script",
        [(Hangs(),), (TextDelta("One "), Hangs()), (TextDelta("One "), Pause(2), TextDelta("two "), Hangs())],
        ids=["connecting", "streaming", "streaming on"],
    )
    @in_virtual_time
    async def test_the_upstream_call_is_closed_at_that_moment_and_nothing_counts(self, script: Script) -> None:
        ollama, gemini = ScriptedProvider("ollama", [script]), ScriptedProvider("gemini")
        world = World(ollama, gemini)
        await leave_after(5.0, world)
        assert ollama.last.closed_at == START + 5
        assert world.nothing_left()
        assert world.state("ollama") == world.state("ollama", "") == Closed()
        assert world.snapshot("ollama").fault is None
        assert gemini.calls == []

    @in_virtual_time
    async def test_between_two_tries_no_second_one_is_made(self) -> None:
        gemini = ScriptedProvider("gemini", [fails("rate_limited", retry_after=2.0)])
        world = World(gemini, ScriptedProvider("openai"))
        await leave_after(1.0, world)
        await asyncio.sleep(60)
        assert len(gemini.calls) == 1
        assert world.nothing_left()

    @in_virtual_time
    async def test_in_flight_is_one_as_long_as_the_call_runs(self) -> None:
        world = World(ScriptedProvider("ollama", [(Pause(5), *says("One"))]))
        asking = asyncio.ensure_future(world.ask())
        await settle()
        assert world.snapshot("ollama").in_flight == 1
        await asking
        assert world.snapshot("ollama").in_flight == 0

    @in_virtual_time
    async def test_a_second_provider_s_call_is_closed_as_well(self) -> None:
        gemini = ScriptedProvider("gemini", [(Hangs(),)])
        world = World(ScriptedProvider("ollama", [DOWN]), gemini)
        await leave_after(5.0, world)
        assert gemini.last.closed_at == START + 5
        assert world.state("gemini") == Closed()
        assert world.nothing_left()


class TestInEachPhase:
    """The client leaves while its request waits for something; DESIGN allows 250 ms, we take none."""

    @pytest.mark.parametrize("hedge_delay", [None, 0.5])
    @pytest.mark.parametrize("phase", ["loaded?", "queued", "loading", "first token", "answer", "pause", "check"])
    @in_virtual_time
    async def test_nothing_of_it_is_left_at_that_moment(self, phase: str, hedge_delay: float | None) -> None:
        near = ScriptedProvider(
            "near",
            [DOWN] if phase == "check" else [],
            always={
                "answer": (TextDelta("One "), Hangs()),
                "pause": fails("rate_limited", retry_after=2.0),
            }.get(phase, (Hangs(),)),
            checks=[(Hangs(),)] if phase == "check" else [],
            locality="local",
            cold=phase == "loading",
            load_seconds=60.0,
            loaded_seconds=60.0 if phase == "loaded?" else 0.0,
        )
        other = ScriptedProvider("other", always=(Hangs(),), locality="local")
        clocks = {name: Clocks(first_token=60.0, stall=60.0, total=None) for name in ("near", "other")}
        # Where another one may answer, a cold model is not waited for.
        providers = (near,) if hedge_delay is None or phase == "loading" else (near, other)
        world = World(
            *providers, policy=ONE_STRIKE, clocks=clocks, limits={"near": 1}, hedge_delay=hedge_delay, hedge_share=1.0
        )
        if phase == "check":
            asking = asyncio.ensure_future(world.ask())
            await asyncio.sleep(66.0)
            asking.cancel()
            await asyncio.wait([asking])
        if phase == "queued":
            assert world.slots.take("near")
        before = len(near.calls)
        await leave_after(0.9, world)
        assert world.nothing_left()
        assert len(near.calls) - before == (1 if phase in {"loading", "first token", "answer", "pause"} else 0)
        if phase == "queued":
            assert world.slots.waiting("near") == 0
            world.slots.give_back("near")
        assert world.slots.take("near")
        assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []
        left_at = world.clock.now()
        await asyncio.sleep(300)
        assert all(call.at <= left_at for provider in providers for call in provider.calls)

    @pytest.mark.parametrize("turns", range(8))
    @in_virtual_time
    async def test_at_the_moment_of_the_grant_the_slot_goes_to_the_next(self, turns: int) -> None:
        ollama = ScriptedProvider("ollama", always=(Pause(5), *says("Here.")))
        world = World(ollama, limits={"ollama": 1})
        assert world.slots.take("ollama")
        leaving = asyncio.ensure_future(world.ask())
        staying = asyncio.ensure_future(world.ask())
        await settle()
        assert world.orchestrator.waiting("ollama") == 2
        world.slots.give_back("ollama")
        for _ in range(turns):
            await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.wait([leaving])
        assert leaving.cancelled()
        assert (await staying).answered_by == "ollama"
        assert world.clock.now() == START + 5
        assert world.slots.take("ollama")
        assert world.nothing_left()

    @in_virtual_time
    async def test_at_the_moment_of_the_grant_one_that_has_waited_too_long_takes_none(self) -> None:
        ollama = ScriptedProvider("ollama", always=says("Here."))
        world = World(ollama, ScriptedProvider("gemini", always=says("Cloud.")), limits={"ollama": 1})
        assert world.slots.take("ollama")
        asyncio.get_running_loop().call_later(2.0, world.slots.give_back, "ollama")
        assert (await world.ask()).answered_by in {"ollama", "gemini"}
        assert world.clock.now() == START + 2
        assert world.slots.take("ollama")


class TestAProbe:
    """It is given back, due at once: the next caller may try."""

    async def _tripped(self, *scripts: Script, checks: tuple[tuple[Hangs], ...] = ()) -> World:
        world = World(ScriptedProvider("ollama", [DOWN, *scripts], checks=checks), policy=ONE_STRIKE)
        await world.ask()
        await asyncio.sleep(66.0)
        return world

    @staticmethod
    def _due(world: World) -> BreakerState:
        return Open(3, world.clock.now(), trips=1)

    @in_virtual_time
    async def test_during_its_free_check(self) -> None:
        world = await self._tripped(says("Back."), checks=((Hangs(),),))
        await leave_after(1.0, world)
        assert world.state("ollama") == self._due(world)
        assert (await world.ask()).text == "Back."

    @in_virtual_time
    async def test_before_its_first_words(self) -> None:
        world = await self._tripped((Hangs(),), says("Back."))
        await leave_after(1.0, world)
        assert world.state("ollama") == self._due(world)
        assert (await world.ask()).text == "Back."

    @in_virtual_time
    async def test_before_it_was_made(self) -> None:
        world = await self._tripped(says("Back."))
        events = world.stream()
        await until(events, Connecting)
        await events.aclose()
        assert world.state("ollama") == self._due(world)
        assert len(world.providers[0].calls) == 1

    @in_virtual_time
    async def test_after_its_first_words_the_parole_goes_on(self) -> None:
        world = await self._tripped((TextDelta("Back"), Hangs()))
        await leave_after(1.0, world)
        assert world.state("ollama") == Closed(epoch=2, failures=0, trips=1)
        assert world.nothing_left()


@pytest.mark.parametrize("seconds", [0.0, 0.1, 0.25, 1.0, 3.0, 19.9, 20.1, 21.0, 25.0, 34.0])
@pytest.mark.parametrize("shown", [True, False])
@in_virtual_time
async def test_whenever_it_leaves_everything_is_closed_within_that_moment(seconds: float, shown: bool) -> None:
    def scripts() -> Callable[[], World]:
        ollama = ScriptedProvider("ollama", [fails("reset"), (Hangs(),)])
        gemini = ScriptedProvider("gemini", [(Pause(1), TextDelta("a"), Pause(5), TextDelta("b"), Hangs())])
        openai = ScriptedProvider("openai", [(Pause(1), TextDelta("c"), Hangs())])
        return lambda: World(ollama, gemini, openai)

    world = scripts()()
    asking = asyncio.ensure_future(world.ask(shown=shown))
    await asyncio.sleep(seconds)
    left_at = world.clock.now()
    asking.cancel()
    await asyncio.wait([asking])
    assert world.clock.now() == left_at
    assert world.nothing_left()
