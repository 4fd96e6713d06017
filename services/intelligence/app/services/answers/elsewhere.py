"""Answers of other processes that serve from the same database, and what those processes want of this one's."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any

from ...store import instances, learnt, privacy, unfinished
from ...store.opening import Store
from ...store.sql import Sql
from ...store.turns import EndedPrompt
from ..user_locks import CloudWork, UserLocks
from .drain import Drain
from .locking import cut_off_cloud, lock_turns
from .running import RunningTurns
from .turn import Turn

LOOK_SEC = 0.25
"""How often an answer that another process gives is looked at, while somebody waits for its end."""


@dataclass(frozen=True, slots=True)
class Abroad:
    """An answer that another process gives. ``over`` waits for its end, and tells it."""

    over: Callable[[], Coroutine[Any, Any, EndedPrompt]]


class Elsewhere:
    """``drain`` knows what else is answered here, and ``user_locks`` what that may do."""

    def __init__(self, store: Store, running: RunningTurns, drain: Drain, user_locks: UserLocks) -> None:
        self._writer = store.writer
        self._instance_id = store.instance_id
        self._running = running
        self._drain = drain
        self._user_locks = user_locks

    async def find(self, message_id: str, user_id: str) -> EndedPrompt | Abroad | None:
        """A user's message that is none of this process's turns."""
        found = await self._seen(message_id, user_id)
        if found is None or found.status != "running":
            return found
        running = found

        async def over() -> EndedPrompt:
            prompt = running
            while prompt.status == "running":
                await asyncio.sleep(LOOK_SEC)
                prompt = await self._seen(message_id, user_id) or replace(prompt, status="stopped")
            return prompt

        return Abroad(over)

    async def stop(self, message_id: str, user_id: str) -> None:
        """Have the process that answers this message end it."""
        await self._writer.run(lambda connection: instances.stop(connection, message_id, user_id))

    async def heed(self) -> None:
        """What others have stored reaches what this process answers: locks, and answers that are to end."""
        await self._heed_users()
        turns = self._running.everyone()
        if not turns:
            return
        await self._heed_locks_on_facts(turns)
        wanted = await self._writer.run(lambda connection: instances.running(connection, self._instance_id))
        for turn in turns:
            if turn.message_id in wanted:
                for lock in wanted[turn.message_id] - turn.request.locks:
                    lock_turns([turn], lock)
            else:
                stored = await self._stored(turn.message_id, turn.user_id)
                # Others take a process for dead that was not heard for long.
                turn.cut("interrupted" if stored is not None and stored.status == "interrupted" else "stopped")

    async def _heed_users(self) -> None:
        """Users whose calls are not stored: whoever forbids the cloud gets nothing more from it."""
        users = {work.user_id for work in self._drain.works() if isinstance(work, CloudWork)}
        if not users:
            return
        for user_id in await self._writer.run(lambda connection: privacy.forbidding(connection, users)):
            self._user_locks.set(user_id, locked=True)
            cut_off_cloud(self._drain, user_id)

    async def _heed_locks_on_facts(self, turns: list[Turn]) -> None:
        """Facts of sessions that are locked by now, or gone."""
        given = [turn for turn in turns if turn.fact_sessions]
        if not given:
            return

        def closed(connection: Sql) -> list[tuple[Turn, frozenset[str]]]:
            return [
                (turn, turn.fact_sessions - learnt.open_sessions(connection, turn.user_id, turn.fact_sessions))
                for turn in given
            ]

        for turn, sessions in await self._writer.run(closed):
            for session_id in sessions:
                turn.close_facts_of(session_id)

    async def _seen(self, message_id: str, user_id: str) -> EndedPrompt | None:
        """A message as it is stored; one of this process's that nobody answers any more broke off."""

        def look(connection: Sql) -> tuple[EndedPrompt | None, str | None]:
            return unfinished.find(connection, message_id, user_id), unfinished.answering(connection, message_id)

        prompt, answering = await self._writer.run(look)
        running = prompt is not None and prompt.status == "running" and answering == self._instance_id
        if prompt is not None and running and self._running.get(message_id, user_id) is None:
            return replace(prompt, status="interrupted")
        return prompt

    async def _stored(self, message_id: str, user_id: str) -> EndedPrompt | None:
        return await self._writer.run(lambda connection: unfinished.find(connection, message_id, user_id))
