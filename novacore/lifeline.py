"""How a child learns that its launcher is gone: a pipe of which the launcher holds the only write end.

The kernel closes that end however the launcher ends, also by SIGKILL, on Linux and on macOS alike.
"""

import os
import threading
from collections.abc import Callable, Mapping

VARIABLE = "NOVACORE_LIFELINE_FD"
EXIT_CODE = 70


class Lifeline:
    """The launcher's side; every child inherits ``read_end``."""

    def __init__(self) -> None:
        self.read_end, self._write_end = os.pipe()

    def environment(self) -> dict[str, str]:
        """What tells a child which descriptor to watch."""
        return {VARIABLE: str(self.read_end)}

    def close(self) -> None:
        """Let go; children that still run end at once."""
        os.close(self._write_end)
        os.close(self.read_end)


def _end_process() -> None:
    os._exit(EXIT_CODE)


def hold(environ: Mapping[str, str], end: Callable[[], None] = _end_process) -> threading.Thread | None:
    """The child's side: a thread that calls ``end`` once the launcher is gone; None where there is none."""
    text = environ.get(VARIABLE, "")
    if not text.isdecimal():
        return None
    descriptor = int(text)
    os.set_inheritable(descriptor, False)

    def watch() -> None:
        while os.read(descriptor, 1):
            pass
        end()

    thread = threading.Thread(target=watch, name="lifeline", daemon=True)
    thread.start()
    return thread
