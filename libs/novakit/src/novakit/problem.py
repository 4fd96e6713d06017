"""One shape for every error that leaves a service: RFC 9457 ``application/problem+json``."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match

MEDIA_TYPE = "application/problem+json"

CRASHED = "Something broke on our side; the log of this service has the details."

_METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")

_TITLES = {
    400: "Bad request",
    401: "Not signed in",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    410: "Gone",
    413: "Too large",
    415: "Wrong content type",
    422: "Cannot be used",
    429: "Too many requests",
    500: "Internal error",
    502: "Bad gateway",
    503: "Not available",
    504: "Timed out",
}

PROBLEM_SCHEMA: Mapping[str, Any] = {
    "title": "Problem",
    "description": "An error (RFC 9457). `detail` is a sentence that says what to change.",
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "const": "about:blank"},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "minLength": 1},
    },
}
"""A problem's body as JSON Schema."""


class Problem(Exception):
    """An error that its receiver is told about: a status, and a sentence that says what to change."""

    def __init__(self, status: int, detail: str, *, headers: Mapping[str, str] | None = None, **extra: Any) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})
        self.extra = extra

    def body(self) -> bytes:
        """The JSON document."""
        title = _TITLES.get(self.status, "Error")
        return msgspec.json.encode(
            {
                "type": "about:blank",
                "title": title,
                "status": self.status,
                "detail": self.detail,
                **self.extra,
            }
        )

    def response(self) -> Response:
        """The whole answer, for FastAPI routes."""
        return Response(self.body(), status_code=self.status, media_type=MEDIA_TYPE, headers=self.headers)


def install(app: FastAPI) -> None:
    """Let every error of this app leave it as a problem document."""

    @app.exception_handler(Problem)
    async def _problem(_request: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)  # noqa: S101 (what the handler is registered for)
        return error.response()

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 (what the handler is registered for)
        return _from_http(request, error).response()

    @app.exception_handler(RequestValidationError)
    async def _invalid(_request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 (what the handler is registered for)
        return Problem(422, sentence(error.errors())).response()

    @app.exception_handler(Exception)
    async def _crash(_request: Request, _error: Exception) -> Response:
        # The server ends the connection after a crash: nobody may send a second request into it.
        return Problem(500, CRASHED, headers={"Connection": "close"}).response()


def _from_http(request: Request, error: HTTPException) -> Problem:
    if error.status_code == 405:
        # Starlette names the methods of the first route alone that has this path.
        allowed = ", ".join(_methods_of(request))
        return Problem(405, f"This path takes {allowed} only.", headers={"Allow": allowed})
    if error.status_code == 400 and error.__cause__ is not None:
        # FastAPI tells of a body that is no JSON with 422, but of one that Python cannot even try to read with this.
        return Problem(422, "the body is not JSON in UTF-8, or it is nested too deeply")
    return Problem(error.status_code, str(error.detail), headers=error.headers)


def _methods_of(request: Request) -> list[str]:
    """The methods that the request's path can be asked with."""
    routes: Sequence[BaseRoute] = request.app.router.routes
    asked = ({**request.scope, "method": method} for method in _METHODS)
    return [scope["method"] for scope in asked if any(route.matches(scope)[0] is Match.FULL for route in routes)]


def sentence(errors: Sequence[Mapping[str, Any]]) -> str:
    """What a validation found, in one line: the field's name and what is wrong with it."""
    parts = []
    for error in errors:
        if error.get("type") == "json_invalid":
            parts.append("the body is not JSON")
            continue
        where = ".".join(str(part) for part in error["loc"] if part not in {"body", "query", "path"})
        # The name of a field that is not known is the caller's: half a character in it cannot be told as it is.
        where = where.encode("utf-8", "replace").decode()
        parts.append(f"{where}: {error['msg']}" if where else str(error["msg"]))
    return "; ".join(parts)
