"""What ``up`` writes: its own few lines, and the lines of its children behind their names."""

import contextlib
import json
import os
import sys
from collections.abc import Mapping
from typing import Any, TextIO

QUIET_LEVELS = frozenset({"debug", "info"})
_NOT_SHOWN = frozenset({"event", "level", "timestamp", "service", "component", "logger", "request_id"})
_CONTROL = {code: None for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\n\t"}
_BOLD, _DIM, _PLAIN = "\033[1m", "\033[2m", "\033[0m"


def harmless(text: str) -> str:
    """The text without the control characters that could steer a terminal."""
    return text.translate(_CONTROL)


def log_entry(line: str) -> Mapping[str, Any] | None:
    """The fields of a JSON log line; None for any other line."""
    if not line.startswith("{"):
        return None
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) and "level" in entry and "event" in entry else None


def readable(entry: Mapping[str, Any]) -> str:
    """A log entry for people, on one line: its event (of a traceback the last line), and what belongs to it."""
    details = [f"{name}={value}" for name, value in entry.items() if name not in _NOT_SHOWN and value != ""]
    return " ".join(" ".join([_last_of_traceback(str(entry["event"])), *details]).split())


def _last_of_traceback(text: str) -> str:
    return text.strip().splitlines()[-1] if text.lstrip().startswith("Traceback") else text


class Console:
    """Writes to one stream.

    ``whole`` passes every line of a child on as it is; otherwise log lines up to the level info are left out and the
    others are shortened for reading.
    """

    def __init__(self, out: TextIO, *, whole: bool, colour: bool, width: int = 0) -> None:
        self._out = out
        self._whole = whole
        self._colour = colour
        self._width = width

    @classmethod
    def for_stream(cls, out: TextIO, *, verbose: bool, width: int = 0) -> "Console":
        """The console for a terminal, or for a file or pipe, as the stream is one or the other."""
        terminal = out.isatty()
        return cls(
            out, whole=verbose or not terminal, colour=terminal and not os.environ.get("NO_COLOR"), width=width
        )

    def say(self, text: str = "") -> None:
        """One line of the launcher's own."""
        self._write(text)

    def bold(self, text: str) -> str:
        """The text made to stand out, where the stream can."""
        return f"{_BOLD}{text}{_PLAIN}" if self._colour else text

    def relay(self, name: str, line: str) -> bool:
        """One line of a child; says whether it was shown."""
        if self._whole:
            self._write(f"{self._prefix(name)}{line}")
            return True
        entry = log_entry(line)
        if entry is not None and entry["level"] in QUIET_LEVELS:
            return False
        self.show(name, line)
        return True

    def show(self, name: str, line: str) -> None:
        """One line of a child in its short form, whatever its level."""
        entry = log_entry(line)
        self._write(f"{self._prefix(name)}{harmless(line if entry is None else readable(entry))}")

    def _prefix(self, name: str) -> str:
        prefix = f"{name:<{self._width}} | "
        return f"{_DIM}{prefix}{_PLAIN}" if self._colour else prefix

    def _write(self, text: str) -> None:
        # A terminal that was closed, or a pipe that nobody reads, must not keep us from stopping what we started.
        with contextlib.suppress(OSError, ValueError):
            self._out.write(f"{text}\n")
            self._out.flush()


def standard(*, verbose: bool, width: int) -> Console:
    """The console on standard output."""
    return Console.for_stream(sys.stdout, verbose=verbose, width=width)
