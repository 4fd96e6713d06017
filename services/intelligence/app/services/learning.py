"""Brings what users asked to be remembered from the store to the memory service, beside the chat."""

import asyncio

import msgspec
from novakit import logs

from ..store import learnt
from ..store.learnt import Learnt
from ..store.writer import Writer
from .memory_client import MemoryClient, MemoryDownError

RETRY_SEC = 30.0
"""How long memory is left alone where it did not take something. A new fact is brought at once."""
AT_A_TIME = 100
REFUSED = frozenset({409, 422})
"""Too many of them, or too long: trying again would not help."""

log = logs.get("learning")


class Learning:
    """Delivers each fact at least once; memory keeps the same words once. Without a memory everything waits."""

    def __init__(self, writer: Writer, memory: MemoryClient | None) -> None:
        self._writer = writer
        self._memory = memory
        self._told = asyncio.Event()

    def wake(self) -> None:
        """There is something new."""
        self._told.set()

    async def run(self) -> None:
        """Deliver what waits, and whatever comes, until this is cancelled."""
        while self._memory is not None:
            self._told.clear()
            patience = None if await self._deliver(self._memory) else RETRY_SEC
            try:
                async with asyncio.timeout(patience):
                    await self._told.wait()
            except TimeoutError:
                continue

    async def _deliver(self, memory: MemoryClient) -> bool:
        """Whether nothing is left to try again."""
        try:
            waiting = await self._writer.run(lambda connection: learnt.waiting(connection, AT_A_TIME))
            done = [fact.prompt_id for fact in waiting if await _take(memory, fact)]
            if done:
                await self._writer.run(lambda connection: learnt.done(connection, done))
        except MemoryDownError:
            return False
        except Exception as crash:  # noqa: BLE001 (what waits is stored, and is tried again)
            log.error("learning_failed", error=type(crash).__name__, at=logs.where(crash))
            return False
        return len(done) == len(waiting) < AT_A_TIME


async def _take(memory: MemoryClient, fact: Learnt) -> bool:
    """Whether memory has it, or will never take it; raises MemoryDownError."""
    body = {
        "text": fact.text,
        "local_only": fact.local_only,
        "session_id": fact.session_id,
        "message_id": fact.prompt_id,
        "told_at": fact.at,
    }
    reply = await memory.call("POST", "/internal/facts", fact.user_id, msgspec.json.encode(body))
    if reply.status in {200, 201}:
        return True
    log.warning("fact_not_kept", status=reply.status, message_id=fact.prompt_id)
    return reply.status in REFUSED
