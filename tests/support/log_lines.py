"""What this process logs, for tests that read it, and logging as it was, for tests that set it up."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from novakit import logs


class _Kept:
    """An output that keeps the lines instead of writing them."""

    level = logging.DEBUG
    held = False

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []

    def write(self, level: str, component: str, event: str, _at: float | None, fields: dict[str, Any]) -> None:
        self.lines.append({"level": level, "component": component, "event": event, **fields})

    def release(self) -> None:
        self.held = False


@contextmanager
def captured() -> Iterator[list[dict[str, Any]]]:
    """The lines that our own code logs meanwhile, of every level. They are written nowhere."""
    before, kept = logs._output, _Kept()
    logs._output = kept  # type: ignore[assignment]
    try:
        yield kept.lines
    finally:
        logs._output = before


@contextmanager
def given_back() -> Iterator[None]:
    """Whatever is set up meanwhile, the process's logging is afterwards what it was."""
    root = logging.getLogger()
    output, handlers, level = logs._output, root.handlers[:], root.level
    try:
        yield
    finally:
        logs._output = output
        root.handlers[:] = handlers
        root.setLevel(level)
