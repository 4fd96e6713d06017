"""The conversation layer over watched providers and a database in memory, all in virtual time."""

import asyncio
import json
import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from novakit import sse
from novakit.ids import id_source
from sqlalchemy.ext.asyncio import create_async_engine

from services.intelligence.app.routing.breaker import BreakerPolicy
from services.intelligence.app.services.answers.beginning import Question
from services.intelligence.app.services.answers.conversation import Conversations, Manner
from services.intelligence.app.services.answers.drain import Drain
from services.intelligence.app.services.answers.running import RunningTurns
from services.intelligence.app.services.answers.turn import Endpoint, Turn
from services.intelligence.app.services.memory_client import NO_WISHES
from services.intelligence.app.services.observations import Origin
from services.intelligence.app.services.quotas.books import Books
from services.intelligence.app.services.quotas.days import Days
from services.intelligence.app.services.quotas.users import UserQuotas
from services.intelligence.app.services.route_record import RouteRecord
from services.intelligence.app.services.stored_route import StoredRoute
from services.intelligence.app.services.user_locks import UserLocks
from services.intelligence.app.store import privacy
from services.intelligence.app.store import sqlite_writer as writing
from services.intelligence.app.store.jobs import StoreClosedError
from services.intelligence.app.store.opening import Store
from services.intelligence.app.store.sql import SqliteSql
from services.intelligence.app.store.writer import Job, Result, Writer
from tests.intelligence.orchestrator.schedules import CLOCKS, COLD_START_SEC, LIMITS, Fleet, watched
from tests.intelligence.orchestrator.world import World
from tests.support.virtual_time import VirtualClock

USER = "user-1"
COMMIT_SEC = 0.02


class VirtualWriter(Writer):
    """A Writer without a thread: what waits is committed together, COMMIT_SEC after the first of it came.

    ``connection`` sees what is durable, and nothing else. Verified against the real one in ``test_virtual_writer``.
    """

    def __init__(self, template: Path | sqlite3.Connection) -> None:
        self.connection = sqlite3.connect(":memory:", isolation_level=None, factory=SqliteSql)
        with opened(template) as source:
            source.backup(self.connection)
        self.connection.execute("PRAGMA foreign_keys=ON")
        self._batch: list[writing._Waiting] = []
        self._closed = False

    async def run(self, job: Job[Result]) -> Result:
        """See Writer."""
        if self._closed:
            raise StoreClosedError
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        if not self._batch:
            loop.call_later(COMMIT_SEC, self._commit)
        self._batch.append(writing._Waiting(job, loop, future))
        return await future

    async def aclose(self) -> None:
        """See Writer."""
        self._closed = True
        self._commit()
        self.connection.close()

    def _commit(self) -> None:
        batch, self._batch = self._batch, []
        if batch:
            writing._commit(self.connection, batch)
            writing._settle(batch)


@contextmanager
def opened(template: Path | sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    if isinstance(template, sqlite3.Connection):
        yield template
        return
    connection = sqlite3.connect(template)
    try:
        yield connection
    finally:
        connection.close()


@dataclass(frozen=True, slots=True)
class Row:
    """A message as it is stored."""

    id: str
    status: str
    text: str
    asked: str


class Chat:
    """Everything behind the chat routes. ``forbidden`` says whose request no cloud provider may see."""

    def __init__(self, fleet: Fleet, template: sqlite3.Connection, forbidden: Callable[[int], bool]) -> None:
        self.clock = VirtualClock(fleet.steps)
        self.providers = watched(fleet, forbidden)
        self.world = World(
            *self.providers,
            clocks=CLOCKS,
            request=fleet.request,
            cold_start=COLD_START_SEC,
            midstream=fleet.midstream,
            hedge_delay=fleet.hedge_delay,
            limits=LIMITS,
            policy=BreakerPolicy(
                fleet.threshold, cooldown=10.0, cooldown_max=40.0, probe_lease=fleet.request + COLD_START_SEC + 1
            ),
            clock=self.clock,
        )
        self.world.board._states.update(fleet.circuits)
        self.writer = VirtualWriter(template)
        self.running = RunningTurns(self.clock.now)
        new_id = id_source(self.clock, random.Random(0).getrandbits)
        days = Days(ZoneInfo("UTC"))
        self.conversations = Conversations(
            self.world.orchestrator,
            Store(self.writer, create_async_engine("sqlite+aiosqlite://"), "this one", shared=False),
            self.running,
            Manner("Be brief.", "Nobody answered.", cloud_enabled=True),
            self.clock,
            new_id,
            self._new_record,
            lambda _observation: None,
            Drain(),
            Books(UserQuotas({}, days, self.clock.wall, new_id), days, self.clock.wall),
            UserLocks(self._cloud_allowed, self.clock.now),
            lambda: None,
        )

    async def ask(
        self, text: str, session: str | None, *, local_only: bool, endpoint: Endpoint, rewinds: bool
    ) -> Turn:
        """Begin a turn."""
        question = Question(
            user_id=USER,
            request_id=text,
            text=text,
            session_id=session,
            parent_id=None,
            local_only=local_only,
            prefer=None,
            endpoint=endpoint,
            rewinds=rewinds,
        )
        turn = await self.conversations.begin(question)
        assert isinstance(turn, Turn)
        return turn

    async def go_on(self, message_id: str, *, rewinds: bool) -> Turn:
        """Take up an answer that broke off."""
        return await self.conversations.go_on(message_id, USER, "again", NO_WISHES, rewinds=rewinds, keyed=False)

    async def lock(self, session: str) -> None:
        """What the sessions' route does for a lock."""
        await self.writer.run(
            lambda connection: connection.execute("UPDATE sessions SET local_only = TRUE WHERE id = ?", (session,))
        )
        await self.conversations.lock(session)

    async def forbid_the_cloud(self) -> None:
        """What the user's own route does."""
        await self.conversations.allow_cloud(USER, allowed=False)

    def stored(self) -> dict[str, Row]:
        """What is durable now, by message, the oldest first."""
        rows = self.writer.connection.execute(
            "SELECT id, status, output_text, input_text FROM prompts ORDER BY session_id, created_at, id"
        )
        return {row[0]: Row(*row) for row in rows}

    def ledger(self) -> list[tuple[int, int, int]]:
        """Of each message: its calls in the ledger, how many numbers they have, and the highest of these."""
        return self.writer.connection.execute(
            "SELECT count(*), count(DISTINCT attempt), max(attempt) FROM ledger GROUP BY message_id"
        ).fetchall()

    async def _cloud_allowed(self, user_id: str) -> bool:
        return await self.writer.run(lambda connection: privacy.cloud_allowed(connection, user_id))

    def _new_record(
        self,
        request_id: str,
        user_id: str,
        traceparent: str | None,
        earlier: StoredRoute | None = None,
        earlier_ms: int = 0,
    ) -> RouteRecord:
        origin = Origin(request_id, user_id)
        return RouteRecord(self.clock.now, origin, lambda _observation: None, lambda *_call: 0.0, earlier, earlier_ms)


class Watcher:
    """A reader of one answer: ``states`` are what it had on show, and since when; ``end`` is its last event."""

    def __init__(self, turn: Turn) -> None:
        self.turn = turn
        self.states: list[tuple[float, str]] = [(_now(), turn.left.text if turn.left is not None else "")]
        self.end: dict[str, object] | None = None
        self._decoder = sse.Decoder()
        self._goes_on = turn.left is not None

    @property
    def text(self) -> str:
        """What it has on show."""
        return self.states[-1][1]

    async def read(self) -> None:
        """Read to the end."""
        place = 0
        if self._goes_on:
            opening, place = self.turn.opening
            for event in self._decoder.feed(opening):
                self._take(event)
        reader = self.turn.reader(place, asyncio.get_running_loop().call_later)
        self.turn.join()
        async for chunk in reader.read():
            for event in self._decoder.feed(chunk):
                self._take(event)

    def shown_since(self, moment: float) -> set[str]:
        """Everything that it had on show at this moment or later."""
        first = max((place for place, (at, _) in enumerate(self.states) if at <= moment), default=0)
        return {text for _, text in self.states[first:]}

    def _take(self, event: sse.Event) -> None:
        data = json.loads(event.data)
        match event.name:
            case "message" if data["done"]:
                self.end = data
            case "message":
                self.states.append((_now(), self.text + data["content"]))
            case "replace":
                self.states.append((_now(), data["content"]))
            case "reset":
                self.states.append((_now(), ""))


def _now() -> float:
    return asyncio.get_running_loop().time()
