"""The OpenAPI document, from which clients are made."""

import re
from typing import Any

from .world import World

ROUTES = {
    ("post", "/api/chat/message"),
    ("post", "/api/chat/stream"),
    ("post", "/api/chat/sessions"),
    ("get", "/api/chat/sessions"),
    ("patch", "/api/chat/sessions/{session_id}"),
    ("delete", "/api/chat/sessions/{session_id}"),
    ("post", "/api/chat/sessions/{session_id}/end"),
    ("get", "/api/chat/history/{session_id}"),
    ("get", "/api/chat/messages/{message_id}/route"),
    ("post", "/api/chat/messages/{message_id}/stop"),
    ("get", "/api/chat/providers"),
    ("post", "/api/chat/route/explain"),
    ("get", "/healthz"),
    ("get", "/readyz"),
}


async def document(world: World) -> dict[str, Any]:
    client = await world.serve()
    body: dict[str, Any] = (await client.call("GET", "/openapi.json", headers={})).body
    return body


async def test_every_route_is_described(world: World) -> None:
    paths = (await document(world))["paths"]
    assert {(method, path) for path, methods in paths.items() for method in methods} >= ROUTES


async def test_the_chat_routes_are_described_with_their_body_and_their_answer(world: World) -> None:
    described = await document(world)
    schemas = described["components"]["schemas"]
    for path in ("/api/chat/message", "/api/chat/stream", "/api/chat/route/explain"):
        body = described["paths"][path]["post"]["requestBody"]
        assert body["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/ChatMessage"}
    assert list(schemas["ChatMessage"]["properties"]) == [
        "message",
        "session_id",
        "use_memory",
        "local_only",
        "parent_id",
        "prefer",
    ]
    assert schemas["ChatMessage"]["required"] == ["message"]
    assert list(schemas["ChatResponse"]["properties"]) == ["response", "session_id", "tokens_used", "latency_ms"]
    answer = described["paths"]["/api/chat/stream"]["post"]["responses"]["200"]["content"]["text/event-stream"]
    named = {ref["$ref"].rpartition("/")[2] for ref in answer["schema"]["anyOf"]}
    default = {"ContentEvent", "DoneEvent", "ErrorEvent"}
    assert named == default | {
        "StartEvent", "RouteStateEvent", "HandoffEvent", "ReplaceEvent", "ResetEvent", "UsageEvent",
    }  # fmt: skip


async def test_every_reference_leads_somewhere(world: World) -> None:
    described = await document(world)
    references = set(re.findall(r"#/components/schemas/(\w+)", str(described)))
    assert references <= set(described["components"]["schemas"])
