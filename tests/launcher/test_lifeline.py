import os
import signal
import threading

import pytest

from novacore.lifeline import VARIABLE, Lifeline, hold
from novacore.topology import SERVICES

from .worlds import World, wait_until

NAMES = [row.name for row in SERVICES if row.name != "local_model"]


def test_a_child_learns_that_its_launcher_let_go() -> None:
    lifeline, ended = Lifeline(), threading.Event()
    copy = os.dup(lifeline.read_end)
    watcher = hold({VARIABLE: str(copy)}, end=ended.set)
    assert watcher is not None
    assert not ended.is_set()
    lifeline.close()
    watcher.join(10)
    assert ended.is_set()
    os.close(copy)


@pytest.mark.parametrize("value", [None, "", "x", "-1"])
def test_a_process_that_nobody_launched_watches_nothing(value: str | None) -> None:
    assert hold({} if value is None else {VARIABLE: value}) is None


def test_the_children_of_a_killed_launcher_end_within_a_second(world: World) -> None:
    process = world.start("up")
    world.ready(process)
    assert all(world.alive(name) for name in NAMES)
    process.send_signal(signal.SIGKILL)
    process.wait()
    wait_until("the children are gone", lambda: not world.any_alive(NAMES), seconds=1.0)
    assert not [line for line in world.journal() if line.endswith("shutdown")]


def test_a_child_that_is_busy_stopping_ends_with_its_launcher_too(world: World) -> None:
    process = world.start("up", FAKE_FAULTS="gateway:hang")
    world.ready(process)
    process.send_signal(signal.SIGTERM)
    wait_until("the gateway stops", lambda: "gateway shutdown" in world.journal())
    process.kill()
    process.wait()
    wait_until("the children are gone", lambda: not world.any_alive(NAMES), seconds=1.0)
