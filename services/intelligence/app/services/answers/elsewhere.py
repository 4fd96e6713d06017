"""Answers of other processes that serve from the same database, and what those processes want of this one's."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

from ...domain.chat import Lock
from ...store import instances, unfinished
from ...store.opening import Store
from ...store.turns import EndedPrompt
from .running import RunningTurns
from .turn import Turn

LOOK_SEC = 0.25
"""How often an answer that another process gives is looked at, while somebody waits for its end."""


class Elsewhere:
    """``lock`` puts turns of this process under a lock, and cuts off what the cloud is answering."""

    def __init__(self, store: Store, running: RunningTurns, lock: Callable[[list[Turn], Lock], object]) -> None:
        self._writer = store.writer
        self._instance_id = store.instance_id
        self._running = running
        self._lock = lock

    async def find(self, message_id: str, user_id: str) -> EndedPrompt | None:
        """A user's message in its end, for which is waited where another process answers it."""
        prompt = await self._stored(message_id, user_id)
        return None if prompt is None else await self.over(prompt, user_id)

    async def over(self, prompt: EndedPrompt, user_id: str) -> EndedPrompt:
        """The same, of a prompt that was found."""
        while prompt.status == "running":
            await asyncio.sleep(LOOK_SEC)
            prompt = await self._stored(prompt.prompt_id, user_id) or replace(prompt, status="stopped")
        return prompt

    async def stop(self, message_id: str, user_id: str) -> None:
        """Have the process that answers this message end it."""
        await self._writer.run(lambda connection: instances.stop(connection, message_id, user_id))

    async def heed(self) -> None:
        """What others have stored reaches the turns of this process: locks, and answers that are to end."""
        turns = self._running.everyone()
        if not turns:
            return
        wanted = await self._writer.run(lambda connection: instances.running(connection, self._instance_id))
        for turn in turns:
            if turn.message_id in wanted:
                for lock in wanted[turn.message_id] - turn.request.locks:
                    self._lock([turn], lock)
            else:
                stored = await self._stored(turn.message_id, turn.user_id)
                # Others take a process for dead that was not heard for long.
                turn.cut("interrupted" if stored is not None and stored.status == "interrupted" else "stopped")

    async def _stored(self, message_id: str, user_id: str) -> EndedPrompt | None:
        return await self._writer.run(lambda connection: unfinished.find(connection, message_id, user_id))
