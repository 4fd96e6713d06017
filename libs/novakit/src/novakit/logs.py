"""Logs: one JSON object a line on standard output, flushed, the same for our code, uvicorn and libraries.

Nothing that a person wrote or a model answered, and no key, is ever given to a logger. Of an exception the line has
its type and its place, never its message: that may quote either.
"""

import logging
import sys
import traceback
from pathlib import PurePath
from typing import Any, TextIO

import msgspec
import structlog
from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

Logger = FilteringBoundLogger

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_encode = msgspec.json.Encoder(enc_hook=str).encode


def _render(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    return _encode(event).decode()


def _name_the_service(service: str) -> structlog.typing.Processor:
    def add(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event["service"] = service
        return event

    return add


def _tell_the_place(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    given = event.pop("exc_info", None)
    found = given if isinstance(given, BaseException) else given[1] if isinstance(given, tuple) else None
    if found is None and given is True:
        found = sys.exception()
    if found is not None:
        event["error"], event["at"] = type(found).__name__, where(found)
    return event


class _LineStream:
    """Writes whole lines and flushes each: the launcher reads them through a pipe."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def msg(self, line: str) -> None:
        self._out.write(line + "\n")
        self._out.flush()

    debug = info = warning = error = critical = exception = log = msg


def setup(service: str, level: str = "info", out: TextIO | None = None) -> None:
    """Configure structlog and the standard library's logging of this process."""
    stream = out or sys.stdout
    number = _LEVELS[level]
    shared: list[structlog.typing.Processor] = [
        _name_the_service(service),
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _tell_the_place,
    ]
    structlog.configure(
        processors=[*shared, _render],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=lambda *_args: _LineStream(stream),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _render],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(number, logging.WARNING))


def get(name: str) -> Logger:
    """A logger whose lines carry ``component: name``."""
    logger: Any = structlog.get_logger(component=name)
    return logger  # type: ignore[no-any-return]


def where(error: BaseException) -> str:
    """Where an exception came from, innermost last, without its message: that may quote what a person wrote."""
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    return " > ".join(f"{PurePath(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames)
