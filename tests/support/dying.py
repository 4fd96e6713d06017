"""Processes that are killed within their work, once at each moment that counts: after ``kill -9`` nobody tidies up.

For a program of its own: it forks.
"""

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from .services import ROOT


class Fuse:
    """Kills this process at its n-th moment from the one on in which it is lit."""

    def __init__(self, left: int) -> None:
        self._left = left
        self._lit = False

    def light(self) -> None:
        """From now on it counts."""
        self._lit = True

    def burn(self, *_event: object) -> None:
        """A moment has come."""
        if not self._lit:
            return
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self._left -= 1


Life = Callable[[Path, Fuse], Coroutine[Any, Any, None]]


def die_at_each_moment(folder: Path, database: str, live: Life) -> None:
    """Copy this database of the folder to ``folder/0``, ``folder/1``, … and live there: in folder n till moment n.

    The last one outlives its fuse.
    """
    number, status = 0, -1
    while status != 0:
        place = folder / str(number)
        place.mkdir()
        shutil.copy(folder / database, place / database)
        child = os.fork()
        if child == 0:
            asyncio.run(live(place, Fuse(number)))
            os._exit(0)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert status in {0, -signal.SIGKILL}, f"it ended by itself, with {status}"
        number += 1


async def killed_at_each_moment(program: str, folder: Path, *arguments: str) -> list[Path]:
    """Run such a program (``python -m program FOLDER arguments…``); the folders that it leaves, in order."""
    path = os.pathsep.join(part for part in sys.path if part)
    command = [sys.executable, "-m", program, str(folder), *arguments]
    process = await asyncio.create_subprocess_exec(*command, env={"PYTHONPATH": path}, cwd=ROOT)
    assert await process.wait() == 0
    return await asyncio.to_thread(_folders_in, folder)


def _folders_in(folder: Path) -> list[Path]:
    return [folder / str(number) for number in range(len(list(folder.glob("*/*.db"))))]
