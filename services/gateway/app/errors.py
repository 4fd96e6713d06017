"""Errors in the shape that the caller's part of the API speaks."""

from collections.abc import Awaitable, Callable

import msgspec
from novakit.asgi import respond, respond_problem
from novakit.problem import Problem
from starlette.types import Message

_KINDS = {
    401: ("authentication_error", "invalid_api_key"),
    403: ("permission_error", "forbidden"),
    404: ("invalid_request_error", "not_found"),
    405: ("invalid_request_error", "method_not_allowed"),
    413: ("invalid_request_error", "request_too_large"),
    429: ("rate_limit_error", "rate_limit_exceeded"),
    502: ("server_error", "bad_gateway"),
    503: ("server_error", "service_unavailable"),
}


def in_compatible_api(path: str) -> bool:
    """Whether this path belongs to the OpenAI-compatible API."""
    return path == "/v1" or path.startswith("/v1/")


def compatible_body(problem: Problem) -> bytes:
    """A problem in OpenAI's error shape."""
    fallback = (
        ("server_error", "internal_error") if problem.status >= 500 else ("invalid_request_error", "bad_request")
    )
    kind, code = _KINDS.get(problem.status, fallback)
    return msgspec.json.encode({"error": {"message": problem.detail, "type": kind, "param": None, "code": code}})


async def respond_error(send: Callable[[Message], Awaitable[None]], path: str, problem: Problem) -> None:
    """Answer with a problem document, under ``/v1`` with OpenAI's error object."""
    if not in_compatible_api(path):
        await respond_problem(send, problem)
        return
    headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in problem.headers.items()]
    await respond(send, compatible_body(problem), status=problem.status, headers=headers)
