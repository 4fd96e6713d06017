"""The supervisor with real child processes: histories of starts, deaths and stops."""

import asyncio
import contextlib
import io
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from novakit.clock import FakeClock, SystemClock

from novacore.child import Program
from novacore.console import Console
from novacore.supervisor import Supervisor

from .worlds import PATIENCE, python_path

STAND_IN = Path(__file__).with_name("stand_in.py")


async def has_file(path: str) -> bool:
    return await asyncio.to_thread(Path(path).exists)


@dataclass
class Stage:
    """A folder, and what the supervisor wrote and slept."""

    folder: Path
    out: io.StringIO = field(default_factory=io.StringIO)
    naps: list[float] = field(default_factory=list)
    ready: int = 0

    def program(self, name: str, *, depends_on: tuple[str, ...] = (), restarted: bool = False, **how: Any) -> Program:
        ready_file = str(self.folder / f"{name}.ready")
        options = {
            "name": name,
            "journal": str(self.folder / "journal"),
            "ready_file": ready_file,
            "lines": how.get("lines", []),
            "exit": how.get("exit"),
            "ready": how.get("ready", True),
            "stubborn": how.get("stubborn", False),
        }
        code = ("-c", how["code"]) if "code" in how else (str(STAND_IN), json.dumps(options))
        return Program(
            name,
            (how.get("python", sys.executable), "-S", *code),
            {"PYTHONPATH": python_path()},
            ready_file,
            depends_on,
            restarted,
        )

    def supervisor(self, *programs: Program, **how: Any) -> Supervisor:
        settings: dict[str, Any] = {"clock": SystemClock(), "grace": PATIENCE, "is_ready": has_file, **how}
        console = Console(self.out, whole=False, colour=False, width=0)
        return Supervisor(programs, console=console, sleep=self.nap, **settings)

    async def nap(self, seconds: float) -> None:
        self.naps.append(seconds)
        await asyncio.sleep(0.005)

    async def when_ready(self) -> None:
        self.ready += 1

    def journal(self) -> list[str]:
        path = self.folder / "journal"
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []

    @contextlib.asynccontextmanager
    async def running(self, supervisor: Supervisor) -> AsyncIterator[asyncio.Task[int]]:
        task = asyncio.create_task(supervisor.run(self.when_ready))
        try:
            yield task
        finally:
            supervisor.kill()
            await asyncio.wait((task,))

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not holds():  # noqa: ASYNC110 (other processes cannot set an event of ours)
                await asyncio.sleep(0.005)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


async def finished(task: Awaitable[int]) -> int:
    return await asyncio.wait_for(task, PATIENCE)


def pid_of(supervisor: Supervisor, name: str) -> int:
    return supervisor.children[name].pid


async def test_programs_start_in_order_and_stop_in_reverse(stage: Stage) -> None:
    supervisor = stage.supervisor(
        stage.program("door", depends_on=("brain",)),
        stage.program("brain", depends_on=("store",)),
        stage.program("store"),
    )
    async with stage.running(supervisor) as run:
        await stage.until(lambda: stage.ready == 1)
        supervisor.stop()
        assert await finished(run) == 0
    assert stage.journal() == [
        *("store started", "brain started", "door started"),
        *("door stopped", "brain stopped", "store stopped"),
    ]


async def test_a_program_that_drains_is_told_while_the_one_before_it_still_ends(stage: Stage) -> None:
    supervisor = stage.supervisor(
        stage.program("door", depends_on=("brain",), stubborn=True),
        replace(stage.program("brain", depends_on=("store",)), drains=True),
        stage.program("store"),
    )
    async with stage.running(supervisor) as task:
        await stage.until(lambda: stage.ready == 1)
        supervisor.stop()
        await stage.until(lambda: not supervisor.children["brain"].running)
        assert supervisor.children["door"].running
        assert supervisor.children["store"].running
        supervisor.kill()
        assert await finished(task) == 0


async def test_a_program_is_not_started_before_the_one_it_needs_is_ready(stage: Stage) -> None:
    supervisor = stage.supervisor(stage.program("store", ready=False), stage.program("door", depends_on=("store",)))
    async with stage.running(supervisor):
        await stage.until(lambda: stage.naps.count(0.05) > 5 and stage.journal() == ["store started"])
        (stage.folder / "store.ready").touch()
        await stage.until(lambda: "door started" in stage.journal())


async def test_a_program_that_dies_is_named_and_everything_is_stopped(stage: Stage) -> None:
    supervisor = stage.supervisor(stage.program("store"), stage.program("door", depends_on=("store",)))
    async with stage.running(supervisor) as run:
        await stage.until(lambda: stage.ready == 1)
        os.kill(pid_of(supervisor, "door"), signal.SIGKILL)
        assert await finished(run) == 1
    assert "door ended (signal SIGKILL). NovaCore stops." in stage.out.getvalue()
    assert stage.journal()[-1] == "store stopped"


async def test_a_program_that_dies_while_starting_is_named_with_its_last_lines(stage: Stage) -> None:
    lines = [json.dumps({"event": f"step {n}", "level": "info"}) for n in range(40)]
    supervisor = stage.supervisor(stage.program("store", lines=lines, exit=3))
    async with stage.running(supervisor) as run:
        assert await finished(run) == 1
    written = stage.out.getvalue().splitlines()
    assert written[-1] == "store could not start (exit code 3). NovaCore stops."
    assert written[-2] == "store | step 39"
    assert "store | step 2" not in written
    assert stage.ready == 0


async def test_a_line_that_was_shown_is_not_repeated_at_the_end(stage: Stage) -> None:
    supervisor = stage.supervisor(stage.program("store", lines=["out of memory"], exit=1))
    async with stage.running(supervisor) as run:
        await finished(run)
    assert stage.out.getvalue().count("out of memory") == 1


async def test_a_program_that_does_not_exist_ends_the_start_with_a_sentence(stage: Stage) -> None:
    supervisor = stage.supervisor(stage.program("store", python="/no/such/python"))
    async with stage.running(supervisor) as run:
        assert await finished(run) == 1
    assert "store could not be started (No such file or directory)" in stage.out.getvalue()


async def test_a_program_that_never_becomes_ready_ends_the_start(stage: Stage) -> None:
    supervisor = stage.supervisor(stage.program("store", ready=False), ready_seconds=0.05)
    async with stage.running(supervisor) as run:
        assert await finished(run) == 1
    assert "store was not ready after 0.05 s" in stage.out.getvalue()


async def test_a_restarted_program_comes_back_and_the_others_go_on(stage: Stage) -> None:
    supervisor = stage.supervisor(
        stage.program("model", restarted=True), stage.program("door", depends_on=("model",))
    )
    async with stage.running(supervisor) as run:
        await stage.until(lambda: stage.ready == 1)
        first = pid_of(supervisor, "model")
        os.kill(first, signal.SIGKILL)
        await stage.until(lambda: stage.journal().count("model started") == 2)
        assert pid_of(supervisor, "model") != first
        assert not run.done()
    assert 0.5 in stage.naps
    assert "model ended (signal SIGKILL); it is started again in 0.5 s." in stage.out.getvalue()
    assert stage.journal().count("door started") == 1


async def test_a_restarted_program_that_keeps_dying_is_given_up_and_the_others_go_on(stage: Stage) -> None:
    supervisor = stage.supervisor(
        stage.program("model", restarted=True, exit=1),
        stage.program("door", depends_on=("model",)),
        clock=FakeClock(),
    )
    async with stage.running(supervisor) as run:
        await stage.until(lambda: "goes on without it" in stage.out.getvalue() and stage.ready == 1)
        supervisor.stop()
        assert await finished(run) == 0
    assert [nap for nap in stage.naps if nap != 0.05] == [0.5, 1, 2, 4]
    assert stage.journal().count("model started") == 5


async def test_a_restarted_program_that_is_slow_does_not_keep_the_others_waiting(stage: Stage) -> None:
    supervisor = stage.supervisor(
        stage.program("model", restarted=True, ready=False),
        stage.program("door", depends_on=("model",)),
        ready_seconds=0.3,
    )
    (stage.folder / "door.ready").touch()
    async with stage.running(supervisor):
        await stage.until(lambda: stage.ready == 1)
    assert "model is slow to start" in stage.out.getvalue()


async def test_a_stop_while_starting_starts_nothing_more(stage: Stage) -> None:
    supervisor = stage.supervisor(stage.program("store", ready=False), stage.program("door", depends_on=("store",)))
    async with stage.running(supervisor) as run:
        await stage.until(lambda: stage.journal() == ["store started"])
        supervisor.interrupt()
        assert await finished(run) == 0
    assert stage.journal() == ["store started", "store stopped"]
    assert stage.ready == 0


async def test_a_second_interrupt_kills_at_once_and_a_second_stop_does_not(stage: Stage) -> None:
    supervisor = stage.supervisor(stage.program("store", stubborn=True))
    async with stage.running(supervisor) as run:
        await stage.until(lambda: stage.ready == 1)
        supervisor.stop()
        await stage.until(lambda: "store stopped" in stage.journal())
        supervisor.stop()
        await asyncio.sleep(0)
        assert not run.done()
        supervisor.interrupt()
        assert await finished(run) == 0


async def test_a_program_that_ignores_its_grace_is_killed_and_named(stage: Stage) -> None:
    supervisor = stage.supervisor(stage.program("store", stubborn=True), grace=0.05, closing_seconds=0.05)
    async with stage.running(supervisor) as run:
        await stage.until(lambda: stage.ready == 1)
        supervisor.stop()
        assert await finished(run) == 0
    assert "store did not end within 0.05 s" in stage.out.getvalue()


async def test_a_fault_of_the_supervisor_itself_stops_the_children_and_is_not_hidden(stage: Stage) -> None:
    async def broken(_path: str) -> bool:
        if stage.journal():
            raise RuntimeError("broken")
        return False

    supervisor = stage.supervisor(stage.program("store"), is_ready=broken)
    async with stage.running(supervisor) as run:
        with pytest.raises(RuntimeError, match="broken"):
            await finished(run)
    assert not supervisor.children["store"].running


async def test_a_line_without_an_end_is_passed_on_in_pieces(stage: Stage) -> None:
    supervisor = stage.supervisor(stage.program("store", code="print('x' * 3_000_000)"))
    async with stage.running(supervisor) as run:
        await finished(run)
    shown = [
        line.removeprefix("store | ") for line in stage.out.getvalue().splitlines() if line.startswith("store | ")
    ]
    assert sum(map(len, shown)) == 3_000_000
    assert len(shown) > 1
