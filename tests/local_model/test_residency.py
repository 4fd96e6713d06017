"""When the model is in memory."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass

import pytest
from novakit.clock import FakeClock

from services.local_model.app.api.durations import FOREVER
from services.local_model.app.engine.engine import LoadFailedError
from services.local_model.app.engine.residency import Residency

from .fake_engine import FakeEngine


@dataclass
class House:
    engine: FakeEngine
    clock: FakeClock
    residency: Residency
    loads: list[float | None]
    load_over: asyncio.Event

    async def use(self, keep_alive: float = 300.0) -> None:
        async with self.residency.use(keep_alive):
            assert self.engine.loaded

    async def after(self, seconds: float) -> bool:
        """Whether the model is still there when so much time has passed."""
        self.clock.advance(seconds)
        await self.residency.expire()
        assert self.residency.loaded == self.engine.loaded
        return self.engine.loaded


@pytest.fixture
async def house() -> AsyncIterator[House]:
    engine, clock = FakeEngine(), FakeClock()
    loads: list[float | None] = []
    load_over = asyncio.Event()

    def on_load(seconds: float | None) -> None:
        loads.append(seconds)
        load_over.set()

    with ThreadPoolExecutor(2) as threads:
        yield House(engine, clock, Residency(engine, threads, clock, on_load=on_load), loads, load_over)


async def test_the_model_is_loaded_at_the_first_use_and_once(house: House) -> None:
    assert house.residency.remaining() is None
    await house.use()
    await house.use()

    assert (house.engine.loads, house.loads) == (1, [0.0])


async def test_those_who_come_while_it_loads_wait_for_the_same_load(house: House) -> None:
    house.engine.may_load.clear()
    users = [asyncio.create_task(house.use()) for _ in range(3)]
    await asyncio.sleep(0)
    house.engine.may_load.set()
    await asyncio.gather(*users)

    assert house.engine.loads == 1


async def test_it_is_unloaded_when_its_keep_alive_is_over(house: House) -> None:
    await house.use(60)

    assert house.residency.remaining() == 60
    assert await house.after(59)
    assert house.residency.remaining() == 1
    assert not await house.after(1)
    assert house.residency.remaining() is None


async def test_each_use_starts_the_keep_alive_anew_with_its_own_length(house: House) -> None:
    await house.use(60)
    await house.after(59)
    await house.use(100)

    assert await house.after(99)
    assert not await house.after(1)


async def test_it_is_never_unloaded_while_it_is_used(house: House) -> None:
    async with house.residency.use(60):
        assert await house.after(10_000)
        assert house.residency.remaining() == 60
    assert await house.after(59)
    assert not await house.after(1)


async def test_for_ever_is_for_ever(house: House) -> None:
    await house.use(FOREVER)

    assert await house.after(1e9)


async def test_a_keep_alive_of_nothing_unloads_with_the_last_user(house: House) -> None:
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(house.residency.use(60))
        await house.use(0)

        assert house.engine.loaded
    assert not await house.after(0)


async def test_a_keep_alive_of_nothing_unloads_at_once_where_nobody_else_is_there(house: House) -> None:
    await house.use(0)

    assert not house.engine.loaded


async def test_dismissing_unloads_now(house: House) -> None:
    await house.use()
    await house.residency.dismiss()

    assert not house.engine.loaded


async def test_dismissing_a_model_in_use_unloads_it_after_the_last_user(house: House) -> None:
    async with house.residency.use(300):
        await house.residency.dismiss()

        assert house.engine.loaded
    assert not await house.after(0)


async def test_dismissing_a_model_that_is_not_loaded_does_nothing(house: House) -> None:
    await house.residency.dismiss()

    assert house.engine.unloads == 0


async def test_a_load_that_fails_is_told_to_all_who_wait_and_tried_again_for_the_next(house: House) -> None:
    house.engine.fail_load = True
    results = await asyncio.gather(house.use(), house.use(), return_exceptions=True)

    assert [type(result) for result in results] == [LoadFailedError, LoadFailedError]
    assert house.loads == [None]
    house.engine.fail_load = False
    await house.use()
    assert house.loads == [None, 0.0]


async def test_who_leaves_while_it_loads_does_not_wait_for_it_and_it_still_expires(house: House) -> None:
    house.engine.may_load.clear()
    user = asyncio.create_task(house.use(60))
    await asyncio.sleep(0)
    user.cancel()
    await asyncio.wait((user,))
    assert user.cancelled()
    house.engine.may_load.set()
    await house.use(60)

    assert house.engine.loads == 1
    assert not await house.after(60)


async def test_a_load_that_outlasts_its_users_starts_the_keep_alive_when_it_is_done(house: House) -> None:
    house.engine.may_load.clear()
    user = asyncio.create_task(house.use(60))
    await asyncio.sleep(0)
    user.cancel()
    await asyncio.wait((user,))
    house.clock.advance(100)
    house.engine.may_load.set()
    async with asyncio.timeout(5):
        await house.load_over.wait()

    assert house.residency.remaining() == 60


async def test_a_use_during_the_unload_loads_again(house: House) -> None:
    await house.use(0.5)
    house.clock.advance(1)
    unloading = asyncio.create_task(house.residency.expire())
    await asyncio.sleep(0)
    await house.use()
    await unloading

    assert house.engine.loaded
    assert house.residency.loaded


async def test_loading_and_unloading_are_guarded() -> None:
    engine, seen = FakeEngine(), list[str]()

    @contextmanager
    def guard() -> Iterator[None]:
        seen.append("begin")
        yield
        seen.append("end")

    with ThreadPoolExecutor(1) as threads:
        residency = Residency(engine, threads, FakeClock(), guard=guard)
        async with residency.use(0):
            assert seen == ["begin", "end"]
    assert seen == ["begin", "end"] * 2
