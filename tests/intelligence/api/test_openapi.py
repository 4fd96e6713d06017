"""The OpenAPI document, from which clients are made."""

import re
from typing import Any

from services.intelligence.app.routers.chat_operations import operations
from services.intelligence.app.routers.resuming import ResumeEndpoints

from .world import World

ROUTES = {
    ("post", "/api/chat/message"),
    ("post", "/api/chat/stream"),
    ("get", "/api/chat/stream/{message_id}"),
    ("post", "/api/chat/messages/{message_id}/continue"),
    ("post", "/api/chat/sessions"),
    ("get", "/api/chat/sessions/{session_id}/lock"),
    ("get", "/api/memory/preferences"),
    ("put", "/api/memory/preferences"),
    ("post", "/api/memory/facts"),
    ("post", "/api/chat/route/explain"),
    ("get", "/api/chat/export"),
    ("get", "/api/chat/sessions/{session_id}/export"),
    ("delete", "/api/chat/data"),
    ("get", "/api/usage"),
    ("get", "/api/admin/usage"),
    ("get", "/api/admin/operations/providers"),
    ("post", "/api/admin/operations/providers/{provider}/check"),
    ("post", "/api/admin/operations/providers/{provider}/load"),
    ("get", "/api/admin/operations/activity"),
    ("get", "/api/admin/operations/configuration"),
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
    ("post", "/v1/chat/completions"),
    ("get", "/v1/models"),
    ("get", "/v1/models/{model}"),
}

ERRORS = {
    "send_message": ["401", "404", "409", "413", "422", "429", "500", "503"],
    "stream_message": ["401", "404", "409", "413", "422", "429", "500", "503"],
    "follow_message": ["401", "404", "422"],
    "continue_message": ["401", "404", "409", "413", "422", "429", "500", "503"],
    "session_lock": ["401", "404", "422"],
    "read_preferences": ["401", "502", "503"],
    "replace_preferences": ["401", "413", "422", "502", "503"],
    "remember_fact": ["401", "409", "413", "422", "502", "503"],
    "explain_route": ["401", "404", "409", "413", "422"],
    "export_data": ["401", "422"],
    "export_session": ["401", "404", "422"],
    "delete_data": ["401"],
    "usage": ["401"],
    "usage_of_all": ["401", "403", "422"],
    "provider_details": ["401", "403", "422"],
    "check_provider": ["401", "403", "404", "422"],
    "load_model": ["401", "403", "404", "422"],
    "activity": ["401", "403", "422"],
    "configuration": ["401", "403"],
    "create_session": ["401", "413", "422"],
    "list_sessions": ["401", "422"],
    "change_session": ["401", "404", "413", "422"],
    "delete_session": ["401", "404", "422"],
    "end_session": ["401", "404", "422"],
    "history": ["401", "404", "422"],
    "message_route": ["401", "404", "422"],
    "stop_message": ["401", "404", "422"],
    "list_providers": ["401"],
    "healthz": [],
    "readyz": ["503"],
    "create_completion": ["400", "401", "403", "404", "413", "429", "502", "503"],
    "list_models": ["401"],
    "show_model": ["401", "404"],
}


async def document(world: World) -> dict[str, Any]:
    client = await world.serve()
    body: dict[str, Any] = (await client.call("GET", "/openapi.json", headers={})).body
    return body


async def test_every_route_is_described(world: World) -> None:
    paths = (await document(world))["paths"]
    assert {(method, path) for path, methods in paths.items() for method in methods} == ROUTES


async def test_every_error_of_a_route_is_described_in_its_shape(world: World) -> None:
    described = await document(world)
    told = {}
    for path, methods in described["paths"].items():
        for operation in methods.values():
            errors = {status: answer for status, answer in operation["responses"].items() if status >= "400"}
            told[operation["operationId"]] = list(errors)
            shape = "application/json" if path.startswith("/v1/") else "application/problem+json"
            name = "CompatibleError" if path.startswith("/v1/") else "Problem"
            if path != "/readyz":
                for answer in errors.values():
                    assert answer["content"] == {shape: {"schema": {"$ref": f"#/components/schemas/{name}"}}}
    assert told == ERRORS


def test_the_resumable_streams_are_served_where_they_are_described() -> None:
    described = {operation.path for operation in operations(1) if "message_id" in operation.path}
    assert len(described) == 2
    assert all(ResumeEndpoints.takes(path) for path in described)


async def test_what_is_about_a_user_needs_a_service_token_and_the_user(world: World) -> None:
    for path, methods in (await document(world))["paths"].items():
        for operation in methods.values():
            headers = {parameter["name"]: parameter for parameter in operation.get("parameters", ())}
            if path in {"/healthz", "/readyz"}:
                assert "security" not in operation
            else:
                assert operation["security"] == [{"serviceToken": []}]
                assert headers["x-user-id"]["required"]


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
    assert schemas["ChatMessage"]["properties"]["message"]["maxLength"] == 32000
    assert list(schemas["ChatResponse"]["properties"]) == ["response", "session_id", "tokens_used", "latency_ms"]
    told: dict[str, set[str]] = {}
    answer = described["paths"]["/api/chat/stream"]["post"]["responses"]["200"]["content"]["text/event-stream"]
    for kind in answer["schema"]["anyOf"]:
        event, data = kind["properties"]["event"]["const"], kind["properties"]["data"]
        told.setdefault(event, set()).add(data["contentSchema"]["$ref"].rpartition("/")[2])
    assert told == {
        "message": {"ContentEvent", "DoneEvent", "ErrorEvent"},
        "start": {"StartEvent"},
        "queue": {"QueueEvent"},
        "route": {"RouteStateEvent"},
        "handoff": {"HandoffEvent"},
        "replace": {"ReplaceEvent"},
        "reset": {"ResetEvent"},
        "usage": {"UsageEvent"},
    }


async def test_every_reference_leads_somewhere(world: World) -> None:
    described = await document(world)
    references = set(re.findall(r"#/components/schemas/(\w+)", str(described)))
    assert references <= set(described["components"]["schemas"])
