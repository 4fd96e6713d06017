"""The privacy locks: with any of them no cloud provider is called, whatever happens."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace

import pytest

from services.intelligence.app.domain.chat import ChatTurn, Lock, ProviderRequest
from services.intelligence.app.domain.errors import Reason
from services.intelligence.app.domain.events import TextDelta
from services.intelligence.app.routing.breaker import Open
from services.intelligence.app.routing.policy import Candidate, Skipped
from tests.intelligence.orchestrator.world import World, asks
from tests.support.scripted import CLASS_OF, EndsBare, Hangs, Pause, ScriptedProvider, fails, says
from tests.support.virtual_time import in_virtual_time

LOCKS: tuple[Lock, ...] = ("deployment", "user", "session", "message")
GEMINI = Candidate("gemini", "model-1", "cloud")


class Session:
    """A session that can be locked while its answer is under way."""

    def __init__(self) -> None:
        self.locks: frozenset[Lock] = frozenset()
        self.asked = 0

    def current(self, request: ProviderRequest) -> ProviderRequest:
        self.asked += 1
        return replace(request, locks=request.locks | self.locks)


class SlowBudgets:
    """Budgets with room for everyone, which take a second to be read. ``held`` are those not given back."""

    over: Mapping[str, float] = {}

    def __init__(self) -> None:
        self.held: list[str] = []

    def limited(self, provider: str) -> bool:
        return provider == "gemini"

    async def reserve(self, candidate: Candidate, request: ProviderRequest) -> str:
        self.held.append("hold")
        await asyncio.sleep(1)
        return "hold"

    def release(self, hold_id: str) -> None:
        self.held.remove(hold_id)


@pytest.mark.parametrize("lock", LOCKS)
@pytest.mark.parametrize("reason", sorted(CLASS_OF))
@in_virtual_time
async def test_no_fault_of_a_local_provider_opens_a_lock(lock: Lock, reason: Reason) -> None:
    ollama = ScriptedProvider("ollama", always=fails(reason))
    clouds = ScriptedProvider("gemini"), ScriptedProvider("openai")
    world = World(ollama, *clouds)
    for shown in (True, False):
        for _ in range(4):
            await world.ask(asks(locks=frozenset({lock}), prefer="cloud", order=("openai", "gemini")), shown=shown)
    for cloud in clouds:
        assert cloud.calls == []
        assert cloud.checked_at == []


@pytest.mark.parametrize("script", [(Hangs(),), (TextDelta("One"), Hangs()), (TextDelta("One"), EndsBare())])
@in_virtual_time
async def test_no_silence_and_no_broken_answer_does_either(script: tuple[TextDelta | Hangs | EndsBare, ...]) -> None:
    gemini = ScriptedProvider("gemini")
    world = World(ScriptedProvider("ollama", always=script), gemini)
    await world.ask(asks(locks=frozenset({"message"})), shown=False)
    assert gemini.calls == []


@pytest.mark.parametrize(
    ("lock", "reason"),
    [("deployment", "cloud_disabled"), ("user", "preference"), ("session", "local_only"), ("message", "local_only")],
)
@in_virtual_time
async def test_a_request_that_fails_for_a_lock_says_which_and_that_nothing_was_sent(lock: Lock, reason: str) -> None:
    world = World(ScriptedProvider("ollama", [fails("connect_refused")]), ScriptedProvider("gemini"))
    failed = (await world.ask(asks(locks=frozenset({lock})))).all_failed
    assert [(skip.candidate.name, skip.reason) for skip in failed.skipped] == [("gemini", reason)]
    assert failed.locked_out
    assert not failed.sent


class TestALockThatComesLate:
    @in_virtual_time
    async def test_stops_the_cloud_call_that_would_have_been_next(self) -> None:
        session = Session()
        gemini = ScriptedProvider("gemini")
        world = World(ScriptedProvider("ollama", [(Hangs(),)]), gemini)
        asking = asyncio.ensure_future(world.ask(current=session.current))
        await asyncio.sleep(10)
        session.locks = frozenset({"session"})
        told = await asking
        assert told.events[-1] == Skipped(GEMINI, "local_only")
        assert gemini.calls == []
        assert told.all_failed.locked_out
        assert told.all_failed.skipped == (Skipped(GEMINI, "local_only"),)

    @in_virtual_time
    async def test_stops_a_retry_in_the_cloud(self) -> None:
        session = Session()
        gemini = ScriptedProvider("gemini", [fails("rate_limited", retry_after=2.0)])
        near = ScriptedProvider("near", [says("Here.")], locality="local")
        world = World(gemini, near)
        asking = asyncio.ensure_future(world.ask(current=session.current))
        await asyncio.sleep(1)
        session.locks = frozenset({"session"})
        told = await asking
        assert len(gemini.calls) == 1
        assert told.answered_by == "near"

    @in_virtual_time
    async def test_stops_a_probe_before_its_free_check(self) -> None:
        session = Session()
        gemini = ScriptedProvider("gemini", [fails("rate_limited", retry_after=30.0)], checks=[(Hangs(),)])
        world = World(gemini)
        await world.ask(current=session.current)
        await asyncio.sleep(30)
        assert session.asked == 1
        session.locks = frozenset({"user"})
        told = await world.ask(current=session.current)
        assert told.all_failed.skipped == (Skipped(GEMINI, "preference"),)
        assert gemini.checked_at == []

    @pytest.mark.parametrize("check", [(Pause(2),), (Pause(2), *fails("invalid_request"))])
    @in_virtual_time
    async def test_stops_a_probe_during_its_free_check(self, check: tuple[Pause, ...]) -> None:
        session = Session()
        gemini = ScriptedProvider("gemini", [fails("rate_limited", retry_after=30.0)], checks=[check])
        near = ScriptedProvider("near", [says("There."), says("Here.")], locality="local")
        world = World(gemini, near)
        await world.ask()
        await asyncio.sleep(30)
        asking = asyncio.ensure_future(world.ask(current=session.current))
        await asyncio.sleep(1)
        session.locks = frozenset({"session"})
        told = await asking
        assert len(gemini.calls) == 1
        assert told.lines[:3] == ["1 connecting gemini", "1 cancelled gemini", "skipped gemini: local_only"]
        assert told.answered_by == "near"
        assert world.state("gemini") == Open(3, world.clock.now(), trips=0)
        assert world.nothing_left()

    @in_virtual_time
    async def test_stops_a_call_whose_budget_is_being_read(self) -> None:
        session, budgets = Session(), SlowBudgets()
        gemini = ScriptedProvider("gemini")
        near = ScriptedProvider("near", [says("Here.")], locality="local")
        world = World(gemini, near, budgets=budgets)
        asking = asyncio.ensure_future(world.ask(current=session.current))
        await asyncio.sleep(0.5)
        session.locks = frozenset({"user"})
        told = await asking
        assert gemini.calls == []
        assert told.lines[0] == "skipped gemini: preference"
        assert told.answered_by == "near"
        assert budgets.held == []
        assert world.nothing_left()

    @in_virtual_time
    async def test_the_request_is_read_anew_before_every_call(self) -> None:
        session = Session()
        world = World(
            ScriptedProvider("ollama", [fails("reset"), fails("reset")]), ScriptedProvider("gemini", [says("Here.")])
        )
        await world.ask(current=session.current)
        assert session.asked == 3

    @in_virtual_time
    async def test_the_call_gets_the_request_as_it_is_now(self) -> None:
        ollama = ScriptedProvider("ollama", [says("Here.")])
        session = Session()
        session.locks = frozenset({"session"})
        await World(ollama).ask(current=session.current)
        assert ollama.last.request.locks == {"session"}


class TestWhatWasMarkedLocal:
    talk = (
        ChatTurn("user", "A secret.", local_only=True),
        ChatTurn("assistant", "Kept.", local_only=True),
        ChatTurn("user", "And now?"),
    )

    @in_virtual_time
    async def test_is_not_in_what_the_cloud_gets_later(self) -> None:
        gemini = ScriptedProvider("gemini", [says("Well.")])
        await World(gemini).ask(ProviderRequest(self.talk))
        assert gemini.last.request.turns == (ChatTurn("user", "And now?"),)

    @in_virtual_time
    async def test_is_in_what_a_local_model_gets(self) -> None:
        near = ScriptedProvider("near", [says("Well.")], locality="local", on_this_machine=False)
        await World(near).ask(ProviderRequest(self.talk))
        assert near.last.request.turns == self.talk
