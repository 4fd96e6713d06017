"""Errors as OpenAI's API shapes them, which everything under ``/v1`` speaks."""

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.types import Send

from .asgi import respond
from .problem import Problem

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

ERROR_SCHEMA: Mapping[str, Any] = {
    "title": "CompatibleError",
    "description": "An error as OpenAI's API shapes it. `message` is a sentence that says what to change.",
    "type": "object",
    "required": ["error"],
    "additionalProperties": False,
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "additionalProperties": False,
            "properties": {
                "message": {"type": "string", "minLength": 1},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"], "description": "The parameter that it is about."},
                "code": {"type": "string"},
            },
        }
    },
}
"""Such an error as JSON Schema."""


class CompatibleError(Problem):
    """A problem with what OpenAI's shape has beside the sentence: a ``code``, and the parameter that it is about."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        code: str = "",
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, detail, headers=headers)
        self.code = code
        self.param = param


def error_object(problem: Problem) -> dict[str, object]:
    """A problem as the ``{"error": {...}}`` of OpenAI's API."""
    fallback = (
        ("server_error", "internal_error") if problem.status >= 500 else ("invalid_request_error", "bad_request")
    )
    kind, code = _KINDS.get(problem.status, fallback)
    param = None
    if isinstance(problem, CompatibleError):
        code, param = problem.code or code, problem.param
    return {"error": {"message": problem.detail, "type": kind, "param": param, "code": code}}


def error_body(problem: Problem) -> bytes:
    """The same as the body of an answer."""
    return msgspec.json.encode(error_object(problem))


async def respond_error(send: Send, problem: Problem) -> None:
    """Send an error, with the problem's own headers."""
    headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in problem.headers.items()]
    await respond(send, error_body(problem), status=problem.status, headers=headers)
