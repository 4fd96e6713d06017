"""The loop that the tests of this folder run in: what they rely on."""

import asyncio
import time

import pytest

from tests.support.virtual_time import EPOCH, START, NothingScheduledError, VirtualClock, in_virtual_time, run, settle


def test_hours_pass_in_no_time_and_to_the_second() -> None:
    async def main() -> tuple[float, float]:
        clock = VirtualClock()
        await asyncio.sleep(3600.1)
        return clock.now(), clock.wall()

    began = time.monotonic()
    assert run(main()) == (START + 3600.1, EPOCH + START + 3600.1)
    assert time.monotonic() - began < 5


@in_virtual_time
async def test_timers_fire_in_the_order_of_their_times() -> None:
    fired: list[str] = []

    async def after(seconds: float, name: str) -> None:
        await asyncio.sleep(seconds)
        fired.append(name)

    await asyncio.gather(after(2, "second"), after(1, "first"), after(3, "third"))
    assert fired == ["first", "second", "third"]


@in_virtual_time
async def test_no_time_passes_while_somebody_can_run() -> None:
    loop = asyncio.get_running_loop()
    for _ in range(100):
        await asyncio.sleep(0)
    await settle()
    assert loop.time() == START


@in_virtual_time
async def test_a_timeout_of_asyncio_keeps_virtual_time() -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(20):
            await asyncio.get_running_loop().create_future()
    assert asyncio.get_running_loop().time() == START + 20


def test_waiting_for_what_will_never_come_fails_at_once_and_cleans_up() -> None:
    cleaned: list[str] = []

    async def main() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            cleaned.append("main")

    with pytest.raises(NothingScheduledError):
        run(main())
    assert cleaned == ["main"]


def test_timers_can_be_made_to_fire_a_little_early_as_those_of_uvloop_do() -> None:
    async def main() -> float:
        loop = asyncio.get_running_loop()
        began = loop.time()
        await asyncio.sleep(1)
        return loop.time() - began

    assert run(main(), early=0.001) == pytest.approx(0.999)
    assert run(main()) == pytest.approx(1.0, abs=1e-9)
