"""What a reader saw is stored, whenever it leaves, stops, locks or the process dies.

For how schedules are chosen and replayed see ``orchestrator.schedules``.
"""

import asyncio
import sqlite3
from dataclasses import dataclass, replace

from services.intelligence.app.services.answers.keeper import KEEP_PARTIAL_EVERY_SEC
from services.intelligence.app.services.answers.turn import Endpoint, Turn
from services.intelligence.app.store.unfinished import NotUnfinishedError
from tests.intelligence.conversation.world import COMMIT_SEC, Chat, Row, Watcher
from tests.intelligence.orchestrator.schedules import FLEET, SECONDS, VISIT, Fleet, Trace, any_schedule, fleet, moment
from tests.support import log_lines
from tests.support.dice import Dice
from tests.support.virtual_time import run, settle

SCHEDULES = 1200
KEPT_WITHIN = KEEP_PARTIAL_EVERY_SEC + COMMIT_SEC + 0.001
ENDPOINTS: list[Endpoint] = ["stream", "stream", "message"]


@dataclass(frozen=True)
class Visit:
    """One message to one of two conversations, and what its reader does so many seconds after it was taken.

    ``for_all``: it locks the cloud for all of its conversations.
    """

    comes: float
    talk: int
    local_only: bool
    endpoint: Endpoint
    rewinds: bool
    leaves: float | None
    stops: float | None
    locks: float | None
    for_all: bool
    goes_on: bool


Death = tuple[float, int]
"""When the process is killed: seconds after START, and turns of the loop after that."""
Schedule = tuple[Fleet, list[Visit], Death | None]
SIZE = 5 + FLEET + (1 + 4 * 13)


def schedule_of(dice: Dice) -> Schedule:
    killed = dice.either()
    at = dice.one_of(SECONDS) if dice.either() else round(40 * dice.fraction(), 3)
    death = (at, dice.below(6)) if killed else None
    return fleet(dice), dice.some(a_visit, 1, 4, 13), death


def a_visit(dice: Dice) -> Visit:
    return Visit(
        comes=dice.one_of([0.0, 0.0, 0.5, 3.0, 13.0]),
        talk=dice.below(2),
        local_only=dice.either(),
        endpoint=dice.one_of(ENDPOINTS),
        rewinds=dice.either(),
        leaves=moment(dice),
        stops=moment(dice),
        locks=moment(dice),
        for_all=dice.either(),
        goes_on=dice.either(),
    )


class Scene:
    """What happens, and what was seen of it."""

    def __init__(self, fleet: Fleet, template: sqlite3.Connection) -> None:
        self.chat = Chat(fleet, template, self.forbidden)
        self.watchers: list[Watcher] = []
        self.begun: list[str] = []
        self.locked: set[str] = set()
        self.locked_for_all = False
        self.sessions: dict[int, str] = {}
        self.private: dict[int, bool] = {}
        self.in_session: dict[int, str] = {}

    def forbidden(self, number: int) -> bool:
        """Whether the cloud may not see the message of this visit."""
        return self.locked_for_all or self.private[number] or self.in_session.get(number, "") in self.locked

    async def visit(self, number: int, plan: Visit) -> None:
        VISIT.set(number)
        await asyncio.sleep(plan.comes)
        session = self.sessions.get(plan.talk)
        self.private[number] = plan.local_only or session in self.locked
        turn = await self.chat.ask(
            f"Question {number}?", session, local_only=plan.local_only, endpoint=plan.endpoint, rewinds=plan.rewinds
        )
        self.begun.append(turn.message_id)
        self.sessions.setdefault(plan.talk, turn.session_id)
        self.in_session[number] = turn.session_id
        await self._attend(plan, turn, number)
        if plan.goes_on:
            try:
                again = await self.chat.go_on(turn.message_id, rewinds=plan.rewinds)
            except NotUnfinishedError:
                return
            await self._attend(
                replace(plan, endpoint="stream", leaves=None, stops=None, locks=None, goes_on=False), again, number
            )

    async def _attend(self, plan: Visit, turn: Turn, number: int) -> None:
        watcher = Watcher(turn)
        self.watchers.append(watcher)
        loop = asyncio.get_running_loop()
        reading = asyncio.ensure_future(watcher.read())
        if plan.leaves is not None:
            loop.call_later(plan.leaves, turn.leave)
        if plan.stops is not None:
            loop.call_later(plan.stops, turn.cut, "stopped")
        if plan.locks is not None:
            await asyncio.sleep(plan.locks)
            if plan.for_all:
                await self.chat.forbid_the_cloud()
                self.locked_for_all = True
            else:
                await self.chat.lock(turn.session_id)
                self.locked.add(turn.session_id)
            await settle()
            assert not self.forbidden_calls(), "a cloud call went on under the lock"
        await reading
        await turn.over()

    def forbidden_calls(self) -> list[Trace]:
        """The cloud's calls under way that must not be."""
        return [
            trace
            for provider in self.chat.providers
            if provider.locality == "cloud"
            for trace in provider.traces
            if trace.ended is None and self.forbidden(trace.visit)
        ]


async def life(schedule: Schedule, template: sqlite3.Connection) -> None:
    drawn, plans, death = schedule
    scene = Scene(drawn, template)
    living = [asyncio.ensure_future(scene.visit(number, plan)) for number, plan in enumerate(plans)]
    await asyncio.wait(living, timeout=None if death is None else death[0])
    for _ in range(0 if death is None else death[1]):
        await asyncio.sleep(0)
    stored = scene.chat.stored()
    kept(scene, stored)
    if death is None:
        over(scene, stored)
    for task in living:
        if task.done():
            task.result()
        task.cancel()
    await asyncio.wait(living)
    await scene.chat.conversations.close()
    await scene.chat.world.orchestrator.close()
    assert scene.chat.world.nothing_left()
    assert scene.chat.running.everyone() == []
    for provider in scene.chat.providers:
        assert not provider.trespassed, f"{provider.name} was called under a lock"
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    assert not others, f"left behind: {others}"
    await scene.chat.writer.aclose()


def kept(scene: Scene, stored: dict[str, Row]) -> None:
    """Nothing that a reader saw is missing from what is stored at this moment."""
    now = asyncio.get_running_loop().time()
    newest = {watcher.turn.message_id: watcher for watcher in scene.watchers}
    for message_id, watcher in newest.items():
        assert message_id in stored, "its message was taken, and is not stored"
        row = stored[message_id]
        if watcher.turn.endpoint == "message":
            outcome = watcher.turn.outcome
            assert outcome is None or (row.text, row.status) == (outcome.text, outcome.status)
        elif watcher.end is not None:
            whole = "error" not in watcher.end
            assert row.text == watcher.text, "the reader was told the end of another text than the stored one"
            assert (row.status in {"complete", "fallback", "stopped"}) == whole, f"told as whole: {whole}"
        else:
            allowed = watcher.shown_since(now - KEPT_WITHIN) | {watcher.turn.text}
            assert row.text in allowed, f"stored {row.text!r}, on show since then {allowed}"


def over(scene: Scene, stored: dict[str, Row]) -> None:
    """All turns are over, and nobody was killed."""
    assert len(stored) == len(scene.begun)
    of_session: dict[str, list[str]] = {}
    for watcher in scene.watchers:
        ids = of_session.setdefault(watcher.turn.session_id, [])
        if watcher.turn.message_id not in ids:
            ids.append(watcher.turn.message_id)
    for ids in of_session.values():
        assert [message_id for message_id in stored if message_id in ids] == [
            message_id for message_id in scene.begun if message_id in ids
        ], "a conversation is stored in the order in which it was held, whatever the wall clock did"
    for row in stored.values():
        assert row.status != "running"
        if row.status == "complete":
            number = int(row.asked.removeprefix("Question ").removesuffix("?"))
            traces = [trace for provider in scene.chat.providers for trace in provider.traces]
            assert any(trace.whole for trace in traces if trace.visit == number), "whole without a terminal mark"
    for calls, different, last in scene.chat.ledger():
        assert calls == different == last, "each upstream call of an answer is in the ledger, once"


def test_what_a_reader_saw_is_stored(template: sqlite3.Connection) -> None:
    with log_lines.captured():
        any_schedule(SCHEDULES, schedule_of, SIZE, lambda schedule: run(life(schedule, template)))
