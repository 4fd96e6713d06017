"""Errors in the shape that the caller's part of the API speaks."""

from collections.abc import Awaitable, Callable

from novakit import compatible
from novakit.asgi import respond_problem
from novakit.logs import Logger
from novakit.problem import Problem
from starlette.types import Message


def in_compatible_api(path: str) -> bool:
    """Whether this path belongs to the OpenAI-compatible API."""
    return path == "/v1" or path.startswith("/v1/")


async def respond_error(send: Callable[[Message], Awaitable[None]], path: str, problem: Problem) -> None:
    """Answer with a problem document, under ``/v1`` with OpenAI's error object."""
    answer = compatible.respond_error if in_compatible_api(path) else respond_problem
    await answer(send, problem)


def unavailable(error: Exception, log: Logger) -> Problem:
    """What is told of a database that fails; the log gets the kind of error alone."""
    log.error("accounts_unavailable", reason=type(error).__name__)
    return Problem(503, "The accounts cannot be read now; try again.", headers={"Retry-After": "2"})
