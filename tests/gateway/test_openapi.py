"""The document of the whole API: the gateway's own part, and what the services behind it tell of theirs."""

import json
import re
from typing import Any

import pytest

from .running import Gateway
from .upstream import Call, Upstream, plain

PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
COMPATIBLE = {"application/json": {"schema": {"$ref": "#/components/schemas/CompatibleError"}}}


def operation(**responses: str) -> dict[str, Any]:
    """An operation of a service: its answers by status, and what it wants of the gateway."""
    return {
        "security": [{"serviceToken": []}],
        "parameters": [
            {"name": "x-user-id", "in": "header", "schema": {"type": "string"}},
            {"name": "limit", "in": "query", "schema": {"type": "integer"}},
        ],
        "responses": {status.lstrip("_"): {"description": told} for status, told in responses.items()},
    }


def tells(upstream: Upstream, paths: dict[str, Any], **schemas: Any) -> None:
    """Let a service publish these."""
    document = {"openapi": "3.1.0", "info": {}, "paths": paths, "components": {"schemas": schemas}}

    async def script(call: Call) -> None:
        assert (call.method, call.target) == ("GET", "/openapi.json")
        await call.write(plain(json.dumps(document).encode()))

    upstream.script = script


async def document(gateway: Gateway) -> dict[str, Any]:
    answer = await gateway.get("/api/openapi.json")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    found: dict[str, Any] = answer.json()
    return found


@pytest.fixture
def silent(intelligence: Upstream, memory: Upstream) -> None:
    """Services that describe nothing."""
    tells(intelligence, {})
    tells(memory, {})


@pytest.mark.usefixtures("silent")
async def test_the_gateway_describes_each_of_its_own_routes_with_their_errors(gateway: Gateway) -> None:
    paths = (await document(gateway))["paths"]
    told = {f"{method} {path}": sorted(item[method]["responses"]) for path, item in paths.items() for method in item}

    assert told == {
        "get /healthz": ["200", "403"],
        "get /readyz": ["200", "403", "503"],
        "get /metrics": ["200", "401", "403", "404"],
        "get /api/openapi.json": ["200", "403", "503"],
        "post /api/auth/link": ["200", "403", "410", "413", "422", "429", "503"],
        "post /api/auth/register": ["201", "403", "409", "410", "413", "422", "429", "503"],
        "post /api/auth/login": ["200", "401", "403", "413", "422", "429", "503"],
        "post /api/auth/reset": ["200", "403", "410", "413", "422", "429", "503"],
        "post /api/auth/refresh": ["200", "401", "403", "413", "422", "429", "503"],
        "get /api/auth/me": ["200", "401", "403", "503"],
        "post /api/auth/logout": ["204", "400", "401", "403", "503"],
        "post /api/auth/logout-everywhere": ["204", "400", "401", "403", "503"],
        "post /api/auth/password": ["204", "401", "403", "409", "413", "422", "429", "503"],
        "get /api/auth/keys": ["200", "401", "403", "503"],
        "post /api/auth/keys": ["201", "401", "403", "413", "422", "503"],
        "delete /api/auth/keys/{key_id}": ["204", "401", "403", "404", "422", "503"],
        "get /api/admin/configuration": ["200", "401", "403", "503"],
        "get /api/admin/users": ["200", "401", "403", "422", "503"],
        "patch /api/admin/users/{user_id}": ["200", "401", "403", "404", "409", "413", "422", "503"],
        "post /api/admin/users/{user_id}/reset": ["201", "401", "403", "404", "409", "422", "503"],
        "delete /api/admin/users/{user_id}/keys": ["204", "401", "403", "404", "422", "503"],
        "post /api/admin/invitations": ["201", "401", "403", "413", "422", "503"],
        "get /api/admin/invitations": ["200", "401", "403", "503"],
        "delete /api/admin/invitations/{invitation_id}": ["204", "401", "403", "404", "422", "503"],
    }


@pytest.mark.usefixtures("silent")
async def test_what_needs_a_caller_says_so_and_the_rest_does_not(gateway: Gateway) -> None:
    described = await document(gateway)
    secured = {
        path for path, item in described["paths"].items() for method in item if item[method].get("security", [{}])[0]
    }

    account = {"me", "logout", "logout-everywhere", "password", "keys", "keys/{key_id}"}
    admin = {
        "configuration",
        "users",
        "users/{user_id}",
        "users/{user_id}/reset",
        "users/{user_id}/keys",
        "invitations",
        "invitations/{invitation_id}",
    }
    assert secured == {f"/api/auth/{path}" for path in account} | {f"/api/admin/{path}" for path in admin}
    assert described["paths"]["/api/auth/me"]["get"]["security"] == [{"apiKey": []}, {"browser": []}]
    assert described["components"]["securitySchemes"]["apiKey"]["scheme"] == "bearer"


async def test_what_is_forwarded_is_described_as_its_callers_meet_it(
    gateway: Gateway, intelligence: Upstream, memory: Upstream
) -> None:
    tells(
        intelligence,
        {
            "/api/chat/sessions": {"get": operation(_200="A list.", _401="No service token.")},
            "/v1/chat/completions": {"post": operation(_200="An answer.", _503="Nobody could answer.")},
            "/api/chat/messages/{message_id}/continue": {"post": operation(_200="The rest.")},
        },
    )
    tells(memory, {"/api/memory/facts": {"put": operation(_200="Stored.")}})
    paths = (await document(gateway))["paths"]
    sessions, completions = paths["/api/chat/sessions"]["get"], paths["/v1/chat/completions"]["post"]

    assert [parameter["name"] for parameter in sessions["parameters"]] == ["limit"]
    assert sessions["security"] == [{"apiKey": []}, {"browser": []}]
    assert list(sessions["responses"]) == ["200", "400", "401", "403", "502", "503"]
    assert sessions["responses"]["401"]["content"] == PROBLEM
    assert sessions["responses"]["401"]["description"].startswith("The API key or session")
    assert list(completions["responses"]) == ["200", "400", "401", "403", "429", "502", "503"]
    assert completions["responses"]["429"]["content"] == COMPATIBLE
    assert completions["responses"]["503"]["description"].startswith("Nobody could answer. The accounts")
    assert "Retry-After" in completions["responses"]["503"]["headers"]
    assert "429" in paths["/api/chat/messages/{message_id}/continue"]["post"]["responses"]
    assert "put" in paths["/api/memory/facts"]


async def test_a_service_describes_no_path_that_it_is_not_asked_for(
    gateway: Gateway, intelligence: Upstream, memory: Upstream
) -> None:
    theirs = {"get": operation(_200="Theirs.")}
    unused = {"$ref": "#/components/schemas/Unused"}
    health = {"get": {"responses": {"200": {"description": "Theirs.", "content": {"x/x": {"schema": unused}}}}}}
    tells(intelligence, {"/healthz": health, "/api/memory/x": theirs, "/api/chat/x": theirs}, Unused={})
    tells(memory, {"/api/chat/y": theirs, "/api/auth/me": theirs, "/api/memory/preferences": theirs, "/x": theirs})
    described = await document(gateway)

    assert "Theirs." in str(described["paths"].pop("/api/chat/x"))
    assert "Theirs." not in str(described)
    assert "Unused" not in described["components"]["schemas"]


async def test_two_services_may_mean_different_things_by_one_name(
    gateway: Gateway, intelligence: Upstream, memory: Upstream
) -> None:
    list_of = {"type": "array", "items": {"$ref": "#/components/schemas/Page"}}
    same = {"$ref": "#/components/schemas/Same"}
    told = {"200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Pages"}}}}}
    tells(intelligence, {"/api/chat/x": {"get": {"responses": told}}}, Pages=list_of, Page={"not": same}, Same={})
    tells(memory, {"/api/memory/x": {"get": {"responses": told}}}, Pages=same, Same={}, Page={"type": "integer"})
    described = await document(gateway)
    schemas = described["components"]["schemas"]

    assert (schemas["Pages"], schemas["memory_Pages"]) == (list_of, same)
    assert (schemas["Page"], schemas["Same"]) == ({"not": same}, {})
    assert "memory_Same" not in schemas
    assert re.findall(r"schemas/\w+", str(described["paths"]["/api/memory/x"]["get"]["responses"]["200"])) == [
        "schemas/memory_Pages"
    ]
    assert "schemas/Pages" in str(described["paths"]["/api/chat/x"])


@pytest.mark.parametrize("answer", [plain(b"{}"), plain(b"<html>"), plain(b"\xff"), b"HTTP/1.1 200 OK\r\n\r\n", b""])
async def test_half_a_document_is_none(
    gateway: Gateway, intelligence: Upstream, memory: Upstream, answer: bytes
) -> None:
    async def script(call: Call) -> None:
        await call.write(answer)
        call.writer.close()

    tells(intelligence, {})
    memory.script = script
    told = await gateway.get("/api/openapi.json")

    assert (told.status, told.headers["retry-after"]) == (503, "2")
    assert told.detail.startswith("The memory service does not tell what it can do")
