"""What callers are told while the database is away: 503 with one sentence, and never a crash."""

from collections.abc import Callable

from fastapi import FastAPI, Request, Response
from sqlalchemy.exc import SQLAlchemyError

from .. import logs
from ..logs import Logger
from ..problem import Problem
from ..web import answer

OUTAGES = (SQLAlchemyError, TimeoutError, ConnectionError)
"""What work on an engine raises when the database fails; a server that falls silent is not SQLAlchemy's own error."""


def unavailable(error: Exception, log: Logger) -> Problem:
    """What is told of it; the log gets the kind of error and its place alone."""
    log.error("database_unavailable", reason=type(error).__name__, at=logs.where(error))
    return Problem(503, "What is stored cannot be read or written now; try again.", headers={"Retry-After": "2"})


def install(
    app: FastAPI,
    log: Logger,
    also: tuple[type[Exception], ...] = (),
    tell: Callable[[Exception, Logger], Problem] = unavailable,
) -> None:
    """Let this app's routes ``tell`` of it so. ``also`` are a service's own errors that mean the same."""

    async def told(_request: Request, error: Exception) -> Response:
        return answer(tell(error, log))

    for kind in (*OUTAGES, *also):
        app.add_exception_handler(kind, told)
