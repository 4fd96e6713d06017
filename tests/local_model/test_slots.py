"""The bounded queue."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from services.local_model.app.engine.slots import QueueFullError, SlotQueue


class Worker:
    """Takes a slot in a task of its own, and works until it is told to end."""

    def __init__(self, queue: SlotQueue, log: list[str], name: str) -> None:
        self.end = asyncio.Event()
        self.began = asyncio.Event()
        self.task = asyncio.create_task(self._work(queue, log, name))

    async def _work(self, queue: SlotQueue, log: list[str], name: str) -> None:
        async with queue.slot():
            log.append(name)
            self.began.set()
            await self.end.wait()

    async def finish(self) -> None:
        self.end.set()
        await self.task

    async def leave(self) -> None:
        self.task.cancel()
        await asyncio.wait((self.task,))


async def workers(queue: SlotQueue, log: list[str], names: str) -> list[Worker]:
    made = []
    for name in names:
        made.append(Worker(queue, log, name))
        await asyncio.sleep(0)
    return made


async def test_who_comes_first_is_served_first() -> None:
    queue, log = SlotQueue(1, 3), list[str]()
    for worker in await workers(queue, log, "abcd"):
        await worker.finish()

    assert log == ["a", "b", "c", "d"]
    assert (queue.busy, queue.waiting) == (0, 0)


async def test_as_many_work_as_there_are_slots_and_as_many_wait_as_may() -> None:
    queue, log = SlotQueue(2, 1), list[str]()
    a, b, c = await workers(queue, log, "abc")

    assert (log, queue.busy, queue.waiting) == (["a", "b"], 2, 1)
    with pytest.raises(QueueFullError):
        async with queue.slot():
            pass
    for worker in (a, b, c):
        await worker.finish()


async def test_who_leaves_the_queue_gives_up_the_place() -> None:
    queue, log = SlotQueue(1, 1), list[str]()
    a, b = await workers(queue, log, "ab")
    await b.leave()
    (c,) = await workers(queue, log, "c")
    await a.finish()
    await c.finish()

    assert log == ["a", "c"]
    assert (queue.busy, queue.waiting) == (0, 0)


async def test_a_slot_that_is_handed_to_one_who_leaves_goes_to_the_next() -> None:
    queue, log = SlotQueue(1, 2), list[str]()
    a, b, c = await workers(queue, log, "abc")
    a.end.set()
    a_over = asyncio.create_task(a.finish())
    await asyncio.sleep(0)
    b.task.cancel()
    async with asyncio.timeout(5):
        await c.began.wait()
    await asyncio.wait((b.task, a_over))
    await c.finish()

    assert queue.busy == 0
    assert log[-1] == "c"


async def test_nobody_who_comes_later_steps_in_between() -> None:
    queue, log = SlotQueue(1, 5), list[str]()
    a, b = await workers(queue, log, "ab")
    a.end.set()
    late = Worker(queue, log, "late")
    for worker in (a, b, late):
        await worker.finish()

    assert log == ["a", "b", "late"]


async def test_a_slot_can_be_given_back_early_and_only_once() -> None:
    queue = SlotQueue(1, 0)
    async with AsyncExitStack() as stack:
        slot = await stack.enter_async_context(queue.slot())
        slot.free()
        slot.free()

        assert queue.busy == 0
        async with queue.slot():
            assert queue.busy == 1
    assert queue.busy == 0


async def test_without_a_queue_the_second_is_refused_at_once() -> None:
    queue = SlotQueue(1, 0)
    async with queue.slot():
        with pytest.raises(QueueFullError):
            await queue.slot().__aenter__()
