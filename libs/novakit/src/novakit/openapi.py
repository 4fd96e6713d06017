"""What a service publishes of its routes in OpenAPI.

FastAPI describes what its routes take and give. It knows neither our errors nor who may call: both are added here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI

from .compatible import ERROR_SCHEMA
from .identity import ADMIN, REQUEST_ID_HEADER, ROLE_HEADER, TOKEN_HEADER, USER_HEADER
from .problem import MEDIA_TYPE, PROBLEM_SCHEMA

Document = dict[str, Any]
Responses = dict[int | str, dict[str, Any]]

REF = "#/components/schemas/"
OPENAPI_PATH = "/openapi.json"
"""Where an inner service publishes its document."""

_METHODS = ("get", "put", "post", "delete", "patch")
_RETRY_AFTER = {
    "Retry-After": {"description": "Seconds after which it may work, where known.", "schema": {"type": "integer"}}
}


@dataclass(frozen=True, slots=True)
class Shape:
    """How errors look: their media type, and the name and schema of their body."""

    media_type: str
    name: str
    schema: Mapping[str, Any]


PROBLEM = Shape(MEDIA_TYPE, "Problem", PROBLEM_SCHEMA)
COMPATIBLE = Shape("application/json", "CompatibleError", ERROR_SCHEMA)
"""Everything under ``/v1``."""


@dataclass(frozen=True, slots=True)
class Access:
    """What a call must carry: security schemes, the choices among them, and header parameters."""

    schemes: Mapping[str, Any]
    security: tuple[Mapping[str, list[str]], ...]
    parameters: tuple[Mapping[str, Any], ...] = ()


INNER = Access(
    schemes={
        "serviceToken": {
            "type": "apiKey",
            "in": "header",
            "name": TOKEN_HEADER,
            "description": "A short-lived JWT, signed with SERVICE_JWT_SECRET, whose audience is this service.",
        }
    },
    security=({"serviceToken": []},),
    parameters=(
        {
            "name": USER_HEADER,
            "in": "header",
            "required": True,
            "description": "On whose behalf the call is made.",
            "schema": {"type": "string", "minLength": 1},
        },
        {
            "name": ROLE_HEADER,
            "in": "header",
            "description": f"The user's role: `{ADMIN}` may see what concerns all users.",
            "schema": {"type": "string"},
        },
        {
            "name": REQUEST_ID_HEADER,
            "in": "header",
            "description": "What this request is called in every log.",
            "schema": {"type": "string"},
        },
    ),
)
"""The services behind the gateway."""


def problems(sentences: Mapping[int, str], shape: Shape = PROBLEM) -> Responses:
    """The errors that a route may answer with, by status, for its ``responses``.

    422 and 413 need not be named: who takes parameters or a body has them.
    """
    told: Responses = {}
    for status, sentence in sentences.items():
        content = {shape.media_type: {"schema": {"$ref": REF + shape.name}}}
        told[status] = {"description": sentence, "content": content}
        if status in {429, 503}:
            told[status]["headers"] = _RETRY_AFTER
    return told


INNER_PROBLEMS = problems({401: "The call has no valid service token, or names no user."})
"""What every route of theirs may answer that is about a user."""


def operations(document: Document) -> list[tuple[str, str, dict[str, Any]]]:
    """(path, method in lower case, operation) of everything that a document describes."""
    return [
        (path, method, item[method])
        for path, item in document.get("paths", {}).items()
        for method in _METHODS
        if method in item
    ]


def publish(app: FastAPI, access: Access, extend: Callable[[Document], None] = lambda _document: None) -> None:
    """Let the app's document be whole; ``extend`` adds the operations that FastAPI does not know.

    An operation that may answer 401 is one that needs what ``access`` says, unless it says something else itself.
    """
    described = app.openapi

    def openapi() -> Document:
        if app.openapi_schema is None:
            document = described()
            _correct_errors(document)
            extend(document)
            _add_access(document, access)
            app.openapi_schema = document
        return app.openapi_schema

    # FastAPI's documented way to extend the document.
    app.openapi = openapi  # type: ignore[method-assign]


def _correct_errors(document: Document) -> None:
    for _path, _method, operation in operations(document):
        responses = operation["responses"]
        if "422" in responses:
            responses["422"] = problems({422: "A parameter or the body cannot be used; the detail says why."})[422]
        if "requestBody" in operation:
            responses.setdefault("413", problems({413: "The body is too large."})[413])
        operation["responses"] = dict(sorted(responses.items()))
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas[PROBLEM.name] = PROBLEM.schema


def _add_access(document: Document, access: Access) -> None:
    document["components"]["securitySchemes"] = {
        **document["components"].get("securitySchemes", {}),
        **access.schemes,
    }
    for _path, _method, operation in operations(document):
        if "security" not in operation and "401" in operation["responses"]:
            operation["security"] = [dict(choice) for choice in access.security]
            if access.parameters:
                operation["parameters"] = [*operation.get("parameters", []), *access.parameters]
