"""OpenAPI entries of the chat routes, which are ASGI endpoints and so not described by FastAPI itself."""

from typing import Any

import msgspec
from fastapi import FastAPI

from ..services.frames import (
    ContentEvent,
    DoneEvent,
    ErrorEvent,
    HandoffEvent,
    ReplaceEvent,
    ResetEvent,
    RouteStateEvent,
    StartEvent,
    UsageEvent,
)
from .chat import MESSAGE_PATH, STREAM_PATH, ChatMessage, ChatResponse

_EVENTS = (
    ContentEvent,
    DoneEvent,
    ErrorEvent,
    StartEvent,
    RouteStateEvent,
    HandoffEvent,
    ReplaceEvent,
    ResetEvent,
    UsageEvent,
)


def describe(app: FastAPI) -> None:
    """Let the app's OpenAPI document hold the chat routes as well."""
    described = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = described()
            _, components = msgspec.json.schema_components(
                (ChatMessage, ChatResponse, *_EVENTS), ref_template="#/components/schemas/{name}"
            )
            document.setdefault("components", {}).setdefault("schemas", {}).update(components)
            document["paths"][MESSAGE_PATH] = {"post": _operation("The whole answer at once", _json("ChatResponse"))}
            document["paths"][STREAM_PATH] = {"post": _operation("The answer as it comes", _events())}
            app.openapi_schema = document
        return app.openapi_schema

    # FastAPI's documented way to extend the document.
    app.openapi = openapi  # type: ignore[method-assign]


def _operation(summary: str, answer: dict[str, Any]) -> dict[str, Any]:
    return {
        "tags": ["chat"],
        "summary": summary,
        "requestBody": {"required": True, "content": _json("ChatMessage")},
        "responses": {"200": {"description": summary, "content": answer}},
    }


def _json(name: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}


def _events() -> dict[str, Any]:
    refs = [{"$ref": f"#/components/schemas/{event.__name__}"} for event in _EVENTS]
    return {"text/event-stream": {"schema": {"anyOf": refs}}}
