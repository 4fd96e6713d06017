"""Logs: one JSON object a line on standard output, flushed, the same for our code, uvicorn and libraries.

A running service writes the lines of its requests a moment later, many together (``later``); all others at once.

On a terminal the same lines are written to be read. Nothing that a person wrote or a model answered, and no key, is
ever given to a logger. Of an exception the line has its type and its place, never its message: that may quote either.

The levels, by what they ask of whoever runs this: *error* needs a person, now; *warning* was dealt with here and is
worth a look where it goes on; *info* is the ordinary course; *debug* is for looking closely.
"""

import json
import logging
import os
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import PurePath
from typing import Any, BinaryIO, Literal, TextIO, TypeAlias

import msgspec

Level = Literal["debug", "info", "warning", "error"]
Fields: TypeAlias = dict[str, Any]
Head: TypeAlias = tuple[str, str, str, str, str]
"""Level, event, service, and what kind of name names the writer: component or logger."""

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_encoder = msgspec.json.Encoder(enc_hook=str)
_COMMA = ord(",")
_COLOURS = {"error": "\033[31m", "warning": "\033[33m", "critical": "\033[31m"}
_CONTROL = dict.fromkeys((*range(32), *range(127, 160)))


class _Output:
    """Where lines go and which are written. Each is one write and a flush: the launcher reads them through a pipe.

    Those of a thread that gathers them are one write together.
    """

    def __init__(self, service: str, level: int, out: TextIO, *, readable: bool) -> None:
        self.service = service
        self.level = level
        self.out = out
        self.render = _readable if readable else _as_json
        # Standard output takes bytes as they are: a text would be decoded here to be encoded there.
        self._raw: BinaryIO | None = getattr(out, "buffer", None)
        self._gatherer = 0
        self._gathered = bytearray()

    def write(self, level: str, component: str, event: str, at: float | None, fields: Fields) -> None:
        gathering = self._gatherer == threading.get_ident()
        if not gathering:
            _precede()
        lines = self._gathered if gathering else bytearray()
        if "exc_info" in fields:
            fields |= _told_of(fields.pop("exc_info"))
        when = datetime.now(UTC) if at is None else datetime.fromtimestamp(at, UTC)
        self.render(lines, when, (level, event, self.service, "component", component), fields)
        if not gathering:
            self._put(lines)

    def gather(self) -> None:
        """Keep the lines of this thread from now on."""
        self._gatherer = threading.get_ident()

    def release(self) -> None:
        """Write what was kept."""
        lines, self._gathered, self._gatherer = self._gathered, bytearray(), 0
        if lines:
            self._put(lines)

    def _put(self, data: bytearray) -> None:
        try:
            if self._raw is not None:
                self._raw.write(data)
            else:
                self.out.write(data.decode())
            self.out.flush()
        except (OSError, ValueError):
            # Nobody reads it any more. That is no reason to break what is being done.
            return


class Logger:
    """Writes lines that carry ``component: name``. Whatever is given by name is a field of the line.

    ``when`` it happened is in seconds since 1970; else it is now. ``ready`` are the fields of a line that is
    written so often that handing them on one by one is felt.
    """

    __slots__ = ("_component",)

    def __init__(self, component: str) -> None:
        self._component = component

    def debug(self, event: str, /, *, when: float | None = None, ready: Fields | None = None, **fields: Any) -> None:
        """For looking closely."""
        if _output.level <= logging.DEBUG:
            _output.write("debug", self._component, event, when, ready or fields)

    def info(self, event: str, /, *, when: float | None = None, ready: Fields | None = None, **fields: Any) -> None:
        """The ordinary course."""
        if _output.level <= logging.INFO:
            _output.write("info", self._component, event, when, ready or fields)

    def warning(
        self, event: str, /, *, when: float | None = None, ready: Fields | None = None, **fields: Any
    ) -> None:
        """It was dealt with here, and is worth a look where it goes on."""
        if _output.level <= logging.WARNING:
            _output.write("warning", self._component, event, when, ready or fields)

    def error(self, event: str, /, *, when: float | None = None, ready: Fields | None = None, **fields: Any) -> None:
        """It needs a person."""
        _output.write("error", self._component, event, when, ready or fields)


class _LibraryLines(logging.Formatter):
    """Lines of the standard library's logging, as ours; ``logger`` is who writes."""

    def __init__(self, output: _Output) -> None:
        super().__init__()
        self._output = output

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        when = datetime.fromtimestamp(record.created, UTC)
        head = (record.levelname.lower(), record.getMessage(), self._output.service, "logger", record.name)
        _precede()
        line = bytearray()
        self._output.render(line, when, head, _told_of(record.exc_info))
        return line.decode().removesuffix("\n")


def setup(service: str, level: str = "info", out: TextIO | None = None) -> None:
    """Say who writes, from which level on, and where to; for our own lines and for those of libraries."""
    global _output  # noqa: PLW0603 (the process has one output, as it has one standard output)
    stream = out or sys.stdout
    number = _LEVELS[level]
    _output = _Output(service, number, stream, readable=stream.isatty())
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_LibraryLines(_output))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(number, logging.WARNING))


def get(name: str) -> Logger:
    """A logger whose lines carry ``component: name``."""
    return Logger(name)


def precede(tell: Callable[[], None]) -> None:
    """Before each line of ours, let ``tell`` write what happened before it."""
    global _precede  # noqa: PLW0603 (as the output)
    _precede = tell


@contextmanager
def together() -> Iterator[None]:
    """The lines that this thread writes meanwhile leave the process at the end: each departure is a system call."""
    output = _output
    output.gather()
    try:
        yield
    finally:
        output.release()


def where(error: BaseException) -> str:
    """Where an exception came from, innermost last, without its message: that may quote what a person wrote."""
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    return " > ".join(f"{PurePath(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames)


def _told_of(given: object) -> dict[str, str]:
    """What a line tells of an exception: given itself, as logging has it, or True for the one being handled."""
    found = given if isinstance(given, BaseException) else given[1] if isinstance(given, tuple) else None
    if found is None and given is True:
        found = sys.exception()
    return {} if found is None else {"error": type(found).__name__, "at": where(found)}


def _as_json(lines: bytearray, when: datetime, head: Head, fields: Mapping[str, Any]) -> None:
    """Put a line at the end. All lines that leave together are written into one place, and moved no more."""
    began = len(lines)
    try:
        lines += b'{"timestamp":'
        _encoder.encode_into(when, lines, -1)
        lines += _head(*head)
        if fields:
            end_of_head = len(lines)
            _encoder.encode_into(fields, lines, -1)
            lines[end_of_head] = _COMMA
            lines += b"\n"
        else:
            lines += b"}\n"
    except BaseException:
        del lines[began:]
        raise


@lru_cache(256)
def _head(level: str, event: str, service: str, kind: str, name: str) -> bytes:
    return b"," + _encoder.encode({"level": level, "event": event, "service": service, kind: name})[1:-1]


def _readable(lines: bytearray, when: datetime, head: Head, fields: Mapping[str, Any]) -> None:
    """The same for a person: time, level, event, then what belongs to it. No value can steer the terminal."""
    level, event, _, kind, name = head
    colour, plain = ("", "") if os.environ.get("NO_COLOR") else (_COLOURS.get(level, ""), "\033[0m")
    told = [
        f"{name}={_word(value)}"
        for name, value in {kind: name, **fields}.items()
        if value is not None and value != ""
    ]
    event = event.translate(_CONTROL)
    time = when.astimezone().strftime("%H:%M:%S")
    line = f"{time} {colour}{level:<7}{plain if colour else ''} {event:<20} {' '.join(told)}"
    lines += line.rstrip().encode("utf-8", "replace") + b"\n"


def _word(value: object) -> str:
    text = str(value).translate(_CONTROL)
    return json.dumps(text, ensure_ascii=False) if not text or " " in text or '"' in text else text


def _nothing() -> None:
    return None


_precede: Callable[[], None] = _nothing
# Until a service says who it is.
_output = _Output("novacore", logging.WARNING, sys.stderr, readable=False)
