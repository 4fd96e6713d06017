"""Hedged requests: a second provider beside a first that is slow to speak, and the first voice wins."""

import asyncio
from dataclasses import replace

import pytest
from novakit.clock import FakeClock

from services.intelligence.app.domain.chat import Lock
from services.intelligence.app.domain.events import Finished, TextDelta
from services.intelligence.app.routing.breaker import BreakerPolicy, Closed
from services.intelligence.app.services.orchestrator.hedging import ALWAYS_PER_WINDOW, HedgeBudget
from tests.intelligence.orchestrator.world import Told, World, asks
from tests.support.scripted import EndsBare, Fails, Hangs, Pause, Script, ScriptedProvider, error, fails, says
from tests.support.virtual_time import START, in_virtual_time

SLOW = (Pause(5), *says("Slow."))


def hedged(*providers: ScriptedProvider, share: float = 1.0) -> World:
    return World(*providers, hedge_delay=2.0, hedge_share=share)


@in_virtual_time
async def test_one_that_speaks_in_time_is_alone() -> None:
    gemini = ScriptedProvider("gemini")
    told = await hedged(ScriptedProvider("ollama", [(Pause(1), *says("Quick."))]), gemini).ask()
    assert told.text == "Quick."
    assert gemini.calls == []


@in_virtual_time
async def test_the_second_is_started_after_the_delay_and_the_first_voice_wins() -> None:
    ollama = ScriptedProvider("ollama", [SLOW])
    gemini = ScriptedProvider("gemini", [(Pause(1), *says("Cloud."))])
    world = hedged(ollama, gemini)
    told = await world.ask()
    assert told.lines == [
        "1 connecting ollama",
        "2 connecting gemini",
        "1 cancelled ollama",
        "2 answering gemini",
        "2 succeeded gemini",
    ]
    assert told.text == "Cloud."
    assert (gemini.last.at, ollama.last.closed_at) == (START + 2, START + 3)
    assert world.nothing_left()


@in_virtual_time
async def test_the_first_may_still_win() -> None:
    gemini = ScriptedProvider("gemini", [(Pause(9), *says("Cloud."))])
    told = await hedged(ScriptedProvider("ollama", [SLOW]), gemini).ask()
    assert (told.text, gemini.last.closed_at) == ("Slow.", START + 5)


@in_virtual_time
async def test_of_two_that_speak_at_the_same_moment_one_is_heard() -> None:
    both = (ScriptedProvider("ollama", [(Pause(3), *says("One", " voice."))]),
            ScriptedProvider("gemini", [(Pause(1), *says("Other", " voice."))]))  # fmt: skip
    world = hedged(*both)
    told = await world.ask()
    assert told.text in {"One voice.", "Other voice."}
    assert len([line for line in told.lines if "answering" in line]) == 1
    assert world.nothing_left()


@in_virtual_time
async def test_a_first_that_fails_before_the_delay_is_followed_at_once() -> None:
    gemini = ScriptedProvider("gemini", [says("Cloud.")])
    told = await hedged(ScriptedProvider("ollama", [fails("auth")]), gemini).ask()
    assert (told.text, gemini.last.at) == ("Cloud.", START)


@pytest.mark.parametrize("second", [fails("auth"), (Pause(1), *fails("auth"))])
@in_virtual_time
async def test_a_second_that_fails_leaves_the_first_alone(second: tuple[()]) -> None:
    told = await hedged(ScriptedProvider("ollama", [SLOW]), ScriptedProvider("gemini", [second])).ask()
    assert told.text == "Slow."


@in_virtual_time
async def test_when_both_fail_the_third_is_asked() -> None:
    openai = ScriptedProvider("openai", [says("Third.")])
    world = hedged(
        ScriptedProvider("ollama", [(Pause(3), *fails("auth"))]),
        ScriptedProvider("gemini", [(Pause(2), *fails("auth"))]),
        openai,
    )
    assert (await world.ask()).text == "Third."
    assert openai.last.at == START + 4


@in_virtual_time
async def test_a_winner_that_breaks_is_gone_on_with_by_the_loser() -> None:
    ollama = ScriptedProvider("ollama", [SLOW, says(" and ends.")])
    gemini = ScriptedProvider("gemini", [(TextDelta("It begins"), EndsBare())])
    told = await hedged(ollama, gemini).ask()
    assert told.text == "It begins and ends."
    assert [line for line in told.lines if "handoff" in line] == ["handoff gemini > ollama at 9: truncated"]


@in_virtual_time
async def test_a_lock_keeps_the_second_away() -> None:
    locks: frozenset[Lock] = frozenset({"message"})
    gemini = ScriptedProvider("gemini")
    assert (await hedged(ScriptedProvider("ollama", [SLOW]), gemini).ask(asks(locks=locks))).text == "Slow."
    assert gemini.calls == []


@in_virtual_time
async def test_a_lock_that_comes_before_the_delay_is_over_keeps_it_away_too() -> None:
    locks: list[frozenset[Lock]] = [frozenset(), frozenset({"session"})]
    gemini = ScriptedProvider("gemini")
    world = hedged(ScriptedProvider("ollama", [SLOW]), gemini)
    told = await world.ask(current=lambda _request: asks(locks=locks.pop(0)))
    assert told.text == "Slow."
    assert gemini.calls == []


@in_virtual_time
async def test_a_refusal_of_the_first_voice_is_the_answer() -> None:
    world = hedged(ScriptedProvider("ollama", [(Pause(3), *fails("refused"))]), ScriptedProvider("gemini", [SLOW]))
    assert getattr((await world.ask()).error, "reason", None) == "refused"
    assert world.nothing_left()


@in_virtual_time
async def test_a_client_that_leaves_ends_both() -> None:
    world = hedged(ScriptedProvider("ollama", [(Hangs(),)]), ScriptedProvider("gemini", [(Hangs(),)]))
    asking = asyncio.ensure_future(world.ask())
    await asyncio.sleep(3)
    assert not world.nothing_left()
    asking.cancel()
    await asyncio.wait([asking])
    assert world.nothing_left()


@in_virtual_time
async def test_beyond_the_budget_the_first_is_waited_for() -> None:
    ollama = ScriptedProvider("ollama", always=SLOW)
    gemini = ScriptedProvider("gemini", always=says("Cloud."))
    world = World(ollama, gemini, hedge_delay=2.0, hedge_share=0.0, limits={"ollama": 50})
    told = await asyncio.gather(*(world.ask() for _ in range(ALWAYS_PER_WINDOW + 5)))
    assert sorted(one.text for one in told) == ["Cloud."] * ALWAYS_PER_WINDOW + ["Slow."] * 5


class TestTwoEndsAtOneMoment:
    """Both are under way, and at one moment one of them speaks and the other comes to its end."""

    @staticmethod
    async def _both(first: Script, second: Script) -> tuple[World, Told]:
        world = hedged(ScriptedProvider("ollama", [first]), ScriptedProvider("gemini", [second]))
        return world, await world.ask()

    @pytest.mark.parametrize(
        "others", [(Pause(1), *says("Cloud.")), (Pause(1), *says()), (Pause(9), *says("Cloud."))]
    )
    @in_virtual_time
    async def test_a_whole_answer_without_words_is_the_only_answer(self, others: Script) -> None:
        world, told = await self._both((Pause(3), *says()), others)
        assert told.error is None
        assert told.lines == [
            "1 connecting ollama",
            "2 connecting gemini",
            "2 cancelled gemini",
            "1 succeeded ollama",
        ]
        assert isinstance(told.events[-1], Finished)
        assert told.text == ""
        assert world.nothing_left()

    @in_virtual_time
    async def test_a_refusal_that_comes_with_the_other_one_s_first_words_is_not_heard(self) -> None:
        world, told = await self._both((Pause(3), *says("Local.")), (Pause(1), *fails("refused")))
        assert (told.text, told.error, told.answered_by) == ("Local.", None, "ollama")
        assert [line for line in told.lines if "succeeded" in line] == ["1 succeeded ollama"]
        assert world.nothing_left()

    @in_virtual_time
    async def test_words_that_come_with_the_other_one_s_refusal_are_not_heard(self) -> None:
        world, told = await self._both((Pause(3), *fails("refused")), (Pause(1), *says("Cloud.")))
        assert (told.text, getattr(told.error, "reason", None)) == ("", "refused")
        assert told.lines[-2:] == ["2 cancelled gemini", "1 succeeded ollama"]
        assert world.nothing_left()

    @in_virtual_time
    async def test_a_failure_that_comes_with_them_is_told_and_counts(self) -> None:
        world, told = await self._both((Pause(3), *fails("malformed")), (Pause(1), *says("Cloud.")))
        assert (told.text, told.failures) == ("Cloud.", [("ollama", "malformed")])
        assert world.state("ollama") == Closed(failures=1)

    @pytest.mark.parametrize("turns", range(12))
    @in_virtual_time
    async def test_words_that_come_as_the_second_is_started_are_all_told(self, turns: int) -> None:
        again = (Pause(0), TextDelta("again "))
        script = (Pause(2), *(Pause(0),) * turns, TextDelta("again "), *again * 5, *says("end."))
        world, told = await self._both(script, (Hangs(),))
        assert told.text == "again " * 6 + "end."
        assert told.lines[-1] == "1 succeeded ollama"
        assert world.nothing_left()

    @pytest.mark.parametrize("earlier", range(4))
    @pytest.mark.parametrize("turns", range(6))
    @in_virtual_time
    async def test_one_that_breaks_as_the_second_is_started_is_gone_on_with_by_it(
        self, turns: int, earlier: int
    ) -> None:
        script: Script = (Pause(2), *(Pause(0),) * earlier, TextDelta("It begins"), EndsBare())
        ollama = ScriptedProvider("ollama", [script])
        gemini = ScriptedProvider("gemini", always=(*(Pause(0),) * (earlier + turns), *says(" and ends.")))
        world = hedged(ollama, gemini)
        told = await world.ask()
        assert told.text == "It begins and ends."
        assert told.lines[-2] == "handoff ollama > gemini at 9: truncated"
        assert [line for line in told.lines if "succeeded" in line] == told.lines[-1:]
        assert isinstance(told.events[-1], Finished)
        assert world.nothing_left()


class TestHandoff:
    """A race has been won, and then the winner breaks."""

    @in_virtual_time
    async def test_the_loser_comes_before_those_that_were_not_asked_yet(self) -> None:
        openai = ScriptedProvider("openai")
        world = hedged(
            ScriptedProvider("ollama", [SLOW, says(" and ends.")]),
            ScriptedProvider("gemini", [(TextDelta("It begins"), EndsBare())]),
            openai,
        )
        assert (await world.ask()).text == "It begins and ends."
        assert openai.calls == []

    @in_virtual_time
    async def test_whoever_goes_on_is_not_hedged(self) -> None:
        openai = ScriptedProvider("openai")
        world = hedged(
            ScriptedProvider("ollama", [(TextDelta("It begins"), Fails(error("auth")))]),
            ScriptedProvider("gemini", [(Pause(9), *says(" and ends."))]),
            openai,
        )
        assert (await world.ask()).text == "It begins and ends."
        assert openai.calls == []

    @in_virtual_time
    async def test_a_lock_that_comes_while_the_winner_speaks_keeps_the_cloud_from_going_on(self) -> None:
        locks: list[frozenset[Lock]] = [frozenset(), frozenset(), frozenset({"session"})]
        gemini = ScriptedProvider("gemini", [SLOW])
        ollama = ScriptedProvider("ollama", [(Pause(3), TextDelta("It begins"), Fails(error("auth")))])
        told = await hedged(ollama, gemini).ask(current=lambda _request: asks(locks=locks.pop(0)))
        assert told.interrupted.error.reason == "auth"
        assert told.lines[-1] == "skipped gemini: local_only"
        assert len(gemini.calls) == 1

    @in_virtual_time
    async def test_both_break_and_the_third_ends_it(self) -> None:
        world = hedged(
            ScriptedProvider("ollama", [SLOW, (TextDelta(" and goes on"), Fails(error("auth")))]),
            ScriptedProvider("gemini", [(TextDelta("It begins"), Fails(error("auth")))]),
            ScriptedProvider("openai", [says(" and ends.")]),
        )
        told = await world.ask()
        assert told.text == "It begins and goes on and ends."
        assert [line for line in told.lines if "handoff" in line] == [
            "handoff gemini > ollama at 9: auth",
            "handoff ollama > openai at 21: auth",
        ]
        assert world.nothing_left()


@in_virtual_time
async def test_one_that_cools_down_is_not_asked_beside_one_that_is_merely_slow() -> None:
    ollama = ScriptedProvider("ollama", [fails("malformed")])
    gemini = ScriptedProvider("gemini", always=SLOW)
    world = World(ollama, gemini, hedge_delay=2.0, hedge_share=1.0, policy=BreakerPolicy(threshold=1))
    await world.ask()
    assert (await world.ask()).text == "Slow."
    assert len(ollama.calls) == 1


class TestBudget:
    def test_ten_a_minute_are_always_fine(self) -> None:
        clock = FakeClock(now=0.0)
        budget = HedgeBudget(0.0, clock.now)
        assert [budget.spend() for _ in range(11)] == [True] * 10 + [False]
        clock.advance(60)
        assert budget.spend()

    def test_above_that_a_share_of_the_requests_is(self) -> None:
        clock = FakeClock(now=0.0)
        budget = HedgeBudget(0.1, clock.now)
        for _ in range(200):
            budget.request()
        assert [budget.spend() for _ in range(21)] == [True] * 20 + [False]


@pytest.mark.parametrize("mode", ["hedged", "sequential"])
@pytest.mark.parametrize("wish", [True, False])
@in_virtual_time
async def test_a_users_own_wish_comes_before_the_mode(mode: str, wish: bool) -> None:
    ollama, gemini = ScriptedProvider("ollama", [SLOW]), ScriptedProvider("gemini", [says("Quick.")])
    world = hedged(ollama, gemini) if mode == "hedged" else World(ollama, gemini)
    told = await world.ask(replace(asks(), hedging=wish))
    assert told.text == ("Quick." if wish else "Slow.")


@in_virtual_time
async def test_without_failover_nobody_is_asked_beside_the_first_whatever_the_wish() -> None:
    ollama, gemini = ScriptedProvider("ollama", [SLOW]), ScriptedProvider("gemini", [says("Quick.")])
    told = await World(ollama, gemini, failover=False).ask(replace(asks(), hedging=True))
    assert told.text == "Slow."
