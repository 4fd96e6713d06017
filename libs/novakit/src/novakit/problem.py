"""One shape for every error that leaves a service: RFC 9457 ``application/problem+json``."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

MEDIA_TYPE = "application/problem+json"

CRASHED = "Something broke on our side; the log of this service has the details."

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
    async def _http(_request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 (what the handler is registered for)
        return Problem(error.status_code, str(error.detail), headers=error.headers).response()

    @app.exception_handler(RequestValidationError)
    async def _invalid(_request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 (what the handler is registered for)
        return Problem(422, sentence(error.errors())).response()

    @app.exception_handler(Exception)
    async def _crash(_request: Request, _error: Exception) -> Response:
        # The server ends the connection after a crash: nobody may send a second request into it.
        return Problem(500, CRASHED, headers={"Connection": "close"}).response()


def sentence(errors: Sequence[Mapping[str, Any]]) -> str:
    """What a validation found, in one line: the field's name and what is wrong with it."""
    parts = []
    for error in errors:
        if error.get("type") == "json_invalid":
            parts.append("the body is not JSON")
            continue
        where = ".".join(str(part) for part in error["loc"] if part not in {"body", "query", "path"})
        parts.append(f"{where}: {error['msg']}" if where else str(error["msg"]))
    return "; ".join(parts)
