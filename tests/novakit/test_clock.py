"""Time that is passed in."""

import time

from novakit.clock import FakeClock, SystemClock


def test_the_systems_clock_tells_monotonic_and_wall_time() -> None:
    clock = SystemClock()
    before = time.monotonic(), time.time()
    told = clock.now(), clock.wall()
    after = time.monotonic(), time.time()
    assert before[0] <= told[0] <= after[0]
    assert before[1] <= told[1] <= after[1]


def test_a_fake_clock_moves_when_it_is_told_to() -> None:
    clock = FakeClock(now=5.0, wall=100.0)
    assert (clock.now(), clock.wall()) == (5.0, 100.0)
    clock.advance(2.5)
    assert (clock.now(), clock.wall()) == (7.5, 102.5)
