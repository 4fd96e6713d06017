"""Bulkheads and their queues, and models that have to be loaded first."""

import asyncio
from itertools import pairwise

import pytest

from services.intelligence.app.domain.chat import Lock
from services.intelligence.app.domain.events import Finished, TextDelta
from services.intelligence.app.routing.trail import Queued
from services.intelligence.app.services.orchestrator.deadlines import Clocks
from services.intelligence.app.services.orchestrator.slots import QUEUE_LENGTH, Slots
from tests.intelligence.orchestrator.world import Told, World, asks
from tests.support.scripted import Hangs, Pause, Script, ScriptedProvider, fails, says
from tests.support.virtual_time import START, in_virtual_time, settle

LOCAL_ONLY: frozenset[Lock] = frozenset({"message"})
EIGHT_SECONDS: Script = (Pause(8), *says("An answer."))


class TestSlots:
    def test_so_many_are_taken_and_no_more(self) -> None:
        slots = Slots({"ollama": 2})
        assert [slots.take("ollama") for _ in range(3)] == [True, True, False]
        slots.give_back("ollama")
        assert slots.take("ollama")

    def test_a_provider_that_is_not_named_has_the_usual_limit(self) -> None:
        assert (Slots({"ollama": 2}).limit("ollama"), Slots({}).limit("gemini")) == (2, 32)

    @in_virtual_time
    async def test_first_come_first_served_and_nobody_overtakes(self) -> None:
        slots = Slots({"a": 1})
        slots.take("a")
        order: list[int] = []

        async def wait(number: int) -> None:
            async for _place in slots.queue_up("a", 60):
                pass
            order.append(number)

        waiting = [asyncio.ensure_future(wait(number)) for number in range(3)]
        await settle()
        assert slots.waiting("a") == 3
        slots.give_back("a")
        assert not slots.take("a")
        for _ in range(2):
            await settle()
            slots.give_back("a")
        await asyncio.gather(*waiting)
        assert order == [0, 1, 2]

    @in_virtual_time
    async def test_places_are_told_as_they_change(self) -> None:
        slots = Slots({"a": 1})
        slots.take("a")
        first = slots.queue_up("a", 60)
        second = slots.queue_up("a", 60)
        assert (await anext(first), await anext(second)) == (1, 2)
        await first.aclose()
        assert await anext(second) == 1
        slots.give_back("a")
        assert [place async for place in second] == []
        slots.give_back("a")
        assert slots.take("a")

    @in_virtual_time
    async def test_whoever_has_waited_long_enough_gives_up_its_place(self) -> None:
        slots = Slots({"a": 1})
        slots.take("a")
        with pytest.raises(TimeoutError):
            [place async for place in slots.queue_up("a", 2)]
        assert asyncio.get_running_loop().time() == START + 2
        assert slots.waiting("a") == 0

    @in_virtual_time
    async def test_one_that_leaves_with_a_slot_just_granted_hands_it_on(self) -> None:
        slots = Slots({"a": 1})
        slots.take("a")
        waiting = slots.queue_up("a", 60)
        await anext(waiting)
        slots.give_back("a")
        await waiting.aclose()
        assert slots.take("a")

    @in_virtual_time
    async def test_a_full_queue_turns_away_at_once(self) -> None:
        slots = Slots({"a": 1})
        slots.take("a")
        queue = [slots.queue_up("a", 60) for _ in range(QUEUE_LENGTH)]
        for waiting in queue:
            await anext(waiting)
        with pytest.raises(TimeoutError):
            await anext(slots.queue_up("a", 60))
        assert asyncio.get_running_loop().time() == START
        for waiting in queue:
            await waiting.aclose()

    def test_its_crowd_is_who_waits_for_each_of_its_slots(self) -> None:
        slots = Slots({"a": 2})
        assert slots.take("a")
        assert slots.crowd("a") == 0.0
        assert slots.take("a")
        assert slots.crowd("a") == 0.5

    def test_the_expected_wait_is_that_of_those_ahead_by_measured_times(self) -> None:
        slots = Slots({"a": 2})
        assert slots.expected_wait("a") is None
        slots.measured("a", 8.0)
        assert (slots.expected_wait("a"), slots.expected_wait("a", 3)) == (4.0, 12.0)
        slots.measured("a", 18.0)
        assert slots.expected_wait("a", 2) == pytest.approx(11.0)


class TestSpillOver:
    def world(self, cloud: ScriptedProvider) -> tuple[World, ScriptedProvider]:
        ollama = ScriptedProvider("ollama", always=EIGHT_SECONDS)
        return World(ollama, cloud, limits={"ollama": 1}), ollama

    @in_virtual_time
    async def test_a_busy_local_model_is_waited_for_briefly_and_then_the_cloud_answers(self) -> None:
        world, ollama = self.world(ScriptedProvider("gemini", always=says("Cloud.")))
        first = asyncio.ensure_future(world.ask())
        await settle()
        second = await world.ask()
        assert asyncio.get_running_loop().time() == START + 2
        assert second.lines == [
            "queued ollama at 1",
            "skipped ollama: busy",
            "1 connecting gemini",
            "1 answering gemini",
            "1 succeeded gemini",
        ]
        assert (await first).answered_by == "ollama"
        assert len(ollama.calls) == 1
        assert world.nothing_left()

    @in_virtual_time
    async def test_not_at_all_where_the_measured_times_say_that_it_is_in_vain(self) -> None:
        world, _ = self.world(ScriptedProvider("gemini", always=says("Cloud.")))
        await world.ask()
        first = asyncio.ensure_future(world.ask())
        await settle()
        now = asyncio.get_running_loop().time()
        assert (await world.ask()).answered_by == "gemini"
        assert asyncio.get_running_loop().time() == now
        await first

    @in_virtual_time
    async def test_where_the_cloud_then_fails_the_local_model_is_waited_for_after_all(self) -> None:
        world, _ = self.world(ScriptedProvider("gemini", always=fails("auth")))
        first = asyncio.ensure_future(world.ask())
        await settle()
        second = await world.ask()
        assert second.answered_by == "ollama"
        assert asyncio.get_running_loop().time() == START + 16
        await first

    @pytest.mark.parametrize("measured", [True, False])
    @in_virtual_time
    async def test_where_all_are_busy_the_one_with_the_shorter_queue_is_waited_for(self, measured: bool) -> None:
        names = ["ollama", "gemini"]
        providers = [ScriptedProvider(name, always=EIGHT_SECONDS) for name in names]
        world = World(*providers, limits=dict.fromkeys(names, 1))
        for name in names if measured else ():
            world.slots.measured(name, 8.0)
        told = await asyncio.gather(*(world.ask() for _ in range(4)))
        assert sorted(str(one.answered_by) for one in told) == ["gemini"] * 2 + ["ollama"] * 2
        assert all(sum("busy" in line for line in one.lines) <= 2 for one in told)
        assert world.clock.now() == START + 16 + (0 if measured else 2)
        assert world.nothing_left()

    @in_virtual_time
    async def test_one_that_gets_no_slot_in_its_time_leaves_the_rest_of_it_to_the_next(self) -> None:
        ollama = ScriptedProvider("ollama")
        gemini = ScriptedProvider("gemini", always=says("Cloud."))
        world = World(ollama, gemini, limits={"ollama": 1, "gemini": 1}, request=20.0)
        assert all(world.slots.take(name) for name in ("ollama", "gemini"))
        asyncio.get_running_loop().call_later(18.0, world.slots.give_back, "gemini")
        told = await world.ask()
        assert told.answered_by == "gemini"
        assert told.lines.count("skipped ollama: busy") == 2
        assert world.clock.now() == START + 18

    @in_virtual_time
    async def test_a_lock_that_comes_while_it_waits_is_seen(self) -> None:
        gemini = ScriptedProvider("gemini", always=(Pause(5), *says("Cloud.")))
        world = World(gemini, limits={"gemini": 1})
        locks: set[Lock] = set()
        first = asyncio.ensure_future(world.ask())
        await settle()
        second = asyncio.ensure_future(world.ask(current=lambda _request: asks(locks=frozenset(locks))))
        await asyncio.sleep(1)
        locks.add("session")
        assert (await second).lines[-1] == "skipped gemini: local_only"
        await first
        assert len(gemini.calls) == 1
        assert world.slots.take("gemini")


class TestALocalModelOfOneSlot:
    @in_virtual_time
    async def test_six_chats_at_once_are_answered_one_after_the_other(self) -> None:
        ollama = ScriptedProvider("ollama", always=EIGHT_SECONDS)
        world = World(ollama, limits={"ollama": 1})
        told: list[Told] = await asyncio.gather(*(world.ask(asks(locks=LOCAL_ONLY)) for _ in range(6)))
        assert all(one.answered_by == "ollama" for one in told)
        spans = sorted((call.at, call.ended_at or 0.0) for call in ollama.calls)
        assert all(later[0] >= earlier[1] for earlier, later in pairwise(spans))
        assert sum(end - start for start, end in spans) / (spans[-1][1] - START) > 0.9
        assert [event.place for event in told[3].events if isinstance(event, Queued)] == [3, 2, 1]

    @pytest.mark.parametrize("private", [6, 3, 1])
    @in_virtual_time
    async def test_of_six_at_once_each_has_its_first_words_in_time_and_the_slot_is_never_idle(
        self, private: int
    ) -> None:
        """Those that may go to the cloud spill over; those that may not are served one after the other."""
        ollama = ScriptedProvider("ollama", always=EIGHT_SECONDS)
        world = World(ollama, ScriptedProvider("gemini", always=says("Cloud.")), limits={"ollama": 1})
        requests = [asks(locks=LOCAL_ONLY if number % 6 < private else frozenset()) for number in range(6)]
        told: list[Told] = await asyncio.gather(*(world.ask(request) for request in requests))
        by = [one.answered_by for one in told]
        assert by == ["ollama"] * private + ["gemini"] * (6 - private)
        spans = sorted((call.at, call.ended_at or 0.0) for call in ollama.calls)
        assert all(later[0] >= earlier[1] for earlier, later in pairwise(spans))
        assert sum(end - start for start, end in spans) >= 0.9 * (spans[-1][1] - START)
        assert world.clock.now() == START + 8 * private
        assert world.nothing_left()

    @in_virtual_time
    async def test_the_expected_wait_is_told_once_it_is_known(self) -> None:
        world = World(ScriptedProvider("ollama", always=EIGHT_SECONDS), limits={"ollama": 1})
        await world.ask()
        told = await asyncio.gather(*(world.ask() for _ in range(3)))
        assert [(event.place, event.expected_wait) for event in told[2].events if isinstance(event, Queued)] == [
            (2, 16.0),
            (1, 8.0),
        ]

    @in_virtual_time
    async def test_it_is_told_by_the_models_own_times_where_it_tells_them(self) -> None:
        last = Finished("stop", "stop", busy_seconds=3.0)
        world = World(ScriptedProvider("ollama", always=(Pause(8), TextDelta("Yes."), last)), limits={"ollama": 1})
        await world.ask()
        told = await asyncio.gather(*(world.ask() for _ in range(3)))
        assert [event.expected_wait for event in told[2].events if isinstance(event, Queued)] == [6.0, 3.0]

    @in_virtual_time
    async def test_the_time_that_a_model_took_to_load_is_not_expected_again(self) -> None:
        last = Finished("stop", "stop", busy_seconds=1.5)
        ollama = ScriptedProvider("ollama", always=(TextDelta("Yes."), last), cold=True, load_seconds=60)
        world = World(ollama, ScriptedProvider("gemini", always=says("Cloud.")), limits={"ollama": 1})
        assert (await world.ask(asks(locks=LOCAL_ONLY))).answered_by == "ollama"
        assert world.slots.expected_wait("ollama", 1) == 1.5

    @in_virtual_time
    async def test_whoever_cannot_be_served_in_its_deadline_is_told_so(self) -> None:
        world = World(ScriptedProvider("ollama", always=EIGHT_SECONDS), limits={"ollama": 1}, request=12.0)
        told = await asyncio.gather(*(world.ask() for _ in range(3)))
        assert [one.answered_by for one in told] == ["ollama", None, None]
        assert told[1].failures == [("ollama", "first_token_timeout")]
        assert told[2].lines[-1] == "skipped ollama: busy"
        assert asyncio.get_running_loop().time() == START + 12
        assert world.nothing_left()

    @in_virtual_time
    async def test_one_that_leaves_the_queue_leaves_nothing_behind(self) -> None:
        ollama = ScriptedProvider("ollama", always=EIGHT_SECONDS)
        world = World(ollama, limits={"ollama": 1})
        first = asyncio.ensure_future(world.ask())
        second = asyncio.ensure_future(world.ask())
        third = asyncio.ensure_future(world.ask())
        await settle()
        second.cancel()
        await asyncio.gather(first, third)
        assert len(ollama.calls) == 2
        assert world.slots.waiting("ollama") == 0
        assert world.slots.take("ollama")


class TestColdModels:
    @in_virtual_time
    async def test_the_cloud_answers_while_the_local_model_is_warmed_up_once(self) -> None:
        ollama = ScriptedProvider("ollama", always=says("Local."), cold=True, load_seconds=40)
        world = World(ollama, ScriptedProvider("gemini", always=says("Cloud.")))
        told = [await world.ask() for _ in range(3)]
        assert [one.answered_by for one in told] == ["gemini"] * 3
        assert told[0].lines[0] == "skipped ollama: cold"
        await settle()
        assert ollama.calls == []
        assert len(ollama.warmed_at) == 1
        await asyncio.sleep(41)
        assert (await world.ask()).answered_by == "ollama"

    @in_virtual_time
    async def test_where_nobody_else_may_answer_it_is_waited_for_with_more_patience(self) -> None:
        ollama = ScriptedProvider("ollama", always=says("Local."), cold=True, load_seconds=60)
        told = await World(ollama, ScriptedProvider("gemini")).ask(asks(locks=LOCAL_ONLY))
        assert told.answered_by == "ollama"
        assert told.lines[:2] == ["1 connecting ollama", "1 loading ollama"]

    @in_virtual_time
    async def test_that_patience_comes_on_top_of_all_other_waiting(self) -> None:
        ollama = ScriptedProvider("ollama", always=says("Local."), cold=True, load_seconds=500)
        told = await World(ollama, ScriptedProvider("gemini"), cold_start=600).ask(asks(locks=LOCAL_ONLY))
        assert told.answered_by == "ollama"
        ollama = ScriptedProvider("ollama", [fails("reset")], always=(Hangs(),), cold=True, load_seconds=30)
        ollama.cold = True
        world = World(ollama, clocks={"ollama": Clocks(first_token=500, stall=10, total=None)})
        assert (await world.ask(asks(locks=LOCAL_ONLY))).failures[-1] == ("ollama", "first_token_timeout")
        # Once, however often it is asked.
        assert world.clock.now() - START == pytest.approx(500 + 240)

    @in_virtual_time
    async def test_it_does_not_where_a_cloud_was_to_answer(self) -> None:
        ollama = ScriptedProvider("ollama", always=says("Local."), cold=True, load_seconds=500)
        world = World(ollama, ScriptedProvider("gemini", always=(Hangs(),)), cold_start=600)
        assert (await world.ask()).answered_by is None
        assert world.clock.now() - START == 120

    @in_virtual_time
    async def test_one_that_was_taken_for_loaded_and_failed_is_asked_about_anew(self) -> None:
        ollama = ScriptedProvider("ollama", always=says("Local."), load_seconds=40)
        world = World(ollama)
        assert (await world.ask()).answered_by == "ollama"
        ollama.cold = True
        assert (await world.ask()).failures == [("ollama", "first_token_timeout")]
        told = await world.ask()
        assert told.lines[:2] == ["1 connecting ollama", "1 loading ollama"]
        assert told.answered_by == "ollama"

    @in_virtual_time
    async def test_a_warm_one_has_its_usual_deadline(self) -> None:
        ollama = ScriptedProvider("ollama", always=(Pause(60), *says("Late.")))
        told = await World(ollama).ask()
        assert told.failures == [("ollama", "first_token_timeout")]
        assert ollama.last.ended_at == START + 20

    @in_virtual_time
    async def test_where_the_cloud_fails_the_cold_one_is_asked_after_all(self) -> None:
        ollama = ScriptedProvider("ollama", always=says("Local."), cold=True, load_seconds=30)
        told = await World(ollama, ScriptedProvider("gemini", always=fails("auth"))).ask()
        assert told.answered_by == "ollama"
        assert "1 failed gemini: auth" in told.lines

    @in_virtual_time
    async def test_a_local_one_can_be_warmed_up_by_hand_and_no_other(self) -> None:
        ollama = ScriptedProvider("ollama", always=says("Local."), cold=True, load_seconds=40)
        world = World(ollama, ScriptedProvider("gemini"))
        assert [world.orchestrator.warm_up(name) for name in ("ollama", "gemini", "nobody")] == [True, False, False]
        await asyncio.sleep(41)
        assert len(ollama.warmed_at) == 1
        assert (await world.ask()).lines[:2] == ["1 connecting ollama", "1 answering ollama"]

    @in_virtual_time
    async def test_closing_ends_a_warm_up(self) -> None:
        ollama = ScriptedProvider("ollama", cold=True, load_seconds=1000)
        world = World(ollama, ScriptedProvider("gemini", always=says("Cloud.")))
        await world.ask()
        await world.orchestrator.close()
        assert asyncio.get_running_loop().time() == START

    @in_virtual_time
    async def test_clocks_of_a_call_count_from_its_admission_not_from_its_queue(self) -> None:
        ollama = ScriptedProvider("ollama", always=EIGHT_SECONDS)
        clocks = {"ollama": Clocks(first_token=9.0, stall=10.0, total=None)}
        world = World(ollama, limits={"ollama": 1}, clocks=clocks)
        told = await asyncio.gather(*(world.ask() for _ in range(4)))
        assert [one.answered_by for one in told] == ["ollama"] * 4
