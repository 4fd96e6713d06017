"""One running program: its process, the lines it writes, its end."""

import asyncio
import contextlib
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

LONGEST_LINE = 1024 * 1024
LAST_LINES = 15
_DRAIN_SECONDS = 1.0

OnLine = Callable[[str, str], bool]


@dataclass(frozen=True, slots=True)
class Program:
    """What to start. It is ready once ``ready_url`` answers 200, and starts after those it depends on are.

    A ``restarted`` program is started again when it dies, and is not needed by the others; the death of any other
    program ends everything. One that ``drains`` is told to stop before those in front of it have ended: they pass on
    how it ends its answers.
    """

    name: str
    argv: tuple[str, ...]
    environ: Mapping[str, str]
    ready_url: str
    depends_on: tuple[str, ...] = ()
    restarted: bool = False
    drains: bool = False


class Child:
    """A started program. Its lines go to ``on_line``; those that were not shown are kept, the last few of them."""

    def __init__(self, program: Program, process: Process, on_line: OnLine) -> None:
        self.program = program
        self.unseen: deque[str] = deque(maxlen=LAST_LINES)
        self._process = process
        self._on_line = on_line
        self._relay = asyncio.create_task(self._pass_lines_on())

    @classmethod
    async def start(cls, program: Program, *, inherit: Sequence[int], on_line: OnLine) -> "Child":
        """Start it in a session of its own, so that Ctrl-C reaches the launcher alone; raises OSError."""
        process = await asyncio.create_subprocess_exec(
            *program.argv,
            env=dict(program.environ),
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=STDOUT,
            pass_fds=tuple(inherit),
            start_new_session=True,
        )
        return cls(program, process, on_line)

    @property
    def pid(self) -> int:
        """Its process id, which is its group's too."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.returncode is None

    async def ended(self) -> int:
        """Its exit code, below zero for a signal, once it has ended and its last lines were passed on."""
        code = await self._process.wait()
        # A grandchild may hold the pipe open; the lines of the child itself have come by then.
        await asyncio.wait((self._relay,), timeout=_DRAIN_SECONDS)
        self._relay.cancel()
        return code

    def terminate(self) -> None:
        """Ask it to end."""
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()

    def kill(self) -> None:
        """End it and whatever it started."""
        if self.running:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)

    async def _pass_lines_on(self) -> None:
        reader = self._process.stdout
        if reader is None:
            raise RuntimeError("the process was started without a pipe")
        rest = b""
        while chunk := await reader.read(65536):
            *lines, rest = (rest + chunk).split(b"\n")
            if len(rest) > LONGEST_LINE:
                lines, rest = [*lines, rest], b""
            for line in lines:
                self._take(line)
        if rest:
            self._take(rest)

    def _take(self, line: bytes) -> None:
        text = line.decode("utf-8", "replace").rstrip("\r")
        if not self._on_line(self.program.name, text):
            self.unseen.append(text)


def how_it_ended(code: int) -> str:
    """An exit code in words."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"
