"""One shape for every error that leaves a service: RFC 9457 ``application/problem+json``.

It knows no FastAPI: what also runs without, as the server's own protocol does, starts faster.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

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
