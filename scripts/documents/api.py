"""The HTTP API, from the OpenAPI document that the gateway publishes."""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from tempfile import TemporaryDirectory
from typing import Any

from novakit.openapi import REF, Document
from novakit.openapi import operations as described

from services.gateway.app import main as gateway
from services.gateway.app import openapi
from services.gateway.app.behind import Service, asked_of
from services.gateway.app.config import Settings as GatewaySettings
from services.intelligence.app import main as intelligence
from services.intelligence.app.config import Settings as IntelligenceSettings
from services.memory.app import main as memory
from services.memory.app.config import Settings as MemorySettings

from .tables import code, table

NO_BODY = "no body"
MANY = 8
_SECRETS = {"SERVICE_JWT_SECRET": "s" * 32, "JWT_SECRET": "j" * 32, "LOG_LEVEL": "error"}


@cache
def document() -> Document:
    """What ``GET /api/openapi.json`` answers, made without starting anything."""
    with TemporaryDirectory() as folder:
        environ = {**_SECRETS, "NOVACORE_DATA_DIR": folder}
        whole = gateway.create_app(GatewaySettings.load(environ)).openapi()
        parts: dict[Service, Document] = {
            "intelligence": intelligence.create_app(IntelligenceSettings.load(environ)).openapi(),
            "memory": memory.create_app(MemorySettings.load(environ)).openapi(),
        }
    for name, published in parts.items():
        part = json.loads(json.dumps(published))
        asked = asked_of(name, part["paths"])
        whole = openapi.joined(whole, openapi.as_forwarded(openapi.Part(asked, part["components"])), name)
    return whole


def operations_by_tag() -> str:
    """A section for each tag: a row for each operation, then what each takes and gives."""
    tags: dict[str, list[tuple[str, str, dict[str, Any]]]] = {}
    for path, method, operation in described(document()):
        tags.setdefault(operation.get("tags", ["other"])[0], []).append((path, method, operation))
    parts = []
    for tag, found in sorted(tags.items()):
        parts.append(f"### {tag}")
        rows = [
            (f"`{method.upper()} {path}`", _told(operation), _caller(path, operation))
            for path, method, operation in found
        ]
        parts.append(table(("call", "", "for"), rows))
        parts += [part for path, method, operation in found for part in _operation(path, method, operation)]
    return "\n\n".join(parts)


def _operation(path: str, method: str, operation: dict[str, Any]) -> Iterator[str]:
    yield f"#### {method.upper()} {path}"
    yield _told(operation, whole=True)
    fields = [*_parameters(operation), *_body(operation)]
    if fields:
        yield table(("takes", "where", "type", "", "meaning"), fields)
    yield "\n".join(_answers(operation))


def _told(operation: dict[str, Any], *, whole: bool = False) -> str:
    """What it does: its description, or the first sentence of it."""
    text = operation.get("description") or operation["summary"]
    text = " ".join(text.split())
    return text if whole else text.partition(". ")[0].rstrip(".") + "."


def _caller(path: str, operation: dict[str, Any]) -> str:
    security = operation.get("security", [])
    if not any(security):
        return "everyone"
    if any("metricsToken" in choice for choice in security):
        return "loopback, or `METRICS_TOKEN`"
    return "admins" if path.startswith("/api/admin/") else "signed in"


def _parameters(operation: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    for parameter in operation.get("parameters", ()):
        needed = "required" if parameter.get("required") else _otherwise(parameter["schema"])
        yield code(parameter["name"]), parameter["in"], _type(parameter["schema"]), needed, _meaning(parameter)


def _body(operation: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    content = operation.get("requestBody", {}).get("content", {})
    for media in content.values():
        yield from (
            (code(name), "body", _type(field), needed, _meaning(field))
            for name, field, needed in _fields(media["schema"])
        )


def _answers(operation: dict[str, Any]) -> Iterator[str]:
    """A line for what it answers, and one for its errors; of those that most have, the status alone."""
    errors = []
    for status, answer in operation["responses"].items():
        if status < "300":
            content = answer.get("content", {})
            told = " or ".join(f"{_type(media.get('schema', {}))} (`{kind}`)" for kind, media in content.items())
            yield f"Answers: {status}, {told or NO_BODY}."
        else:
            sentences = " ".join(sentence for sentence in _sentences(answer) if sentence not in _common())
            errors.append(f"{status} ({sentences.rstrip('.')})" if sentences else status)
    if errors:
        yield f"Errors: {', '.join(errors)}."


@cache
def _common() -> Mapping[str, str]:
    """What many operations say of an error, with its status."""
    told: dict[str, list[str]] = {}
    for _path, _method, operation in described(document()):
        for status, answer in operation["responses"].items():
            for sentence in _sentences(answer):
                told.setdefault(sentence, []).append(status)
    return {sentence: found[0] for sentence, found in told.items() if len(found) >= MANY and found[0] >= "400"}


def _sentences(answer: dict[str, Any]) -> list[str]:
    return [f"{sentence.rstrip('.')}." for sentence in answer["description"].split(". ")]


def common_errors() -> str:
    """What those errors mean that most operations have."""
    rows = sorted((status, sentence) for sentence, status in _common().items())
    return table(("status", ""), rows)


def shapes() -> str:
    """Every shape that operations name, with its fields."""
    parts = []
    for name, schema in sorted(document()["components"]["schemas"].items()):
        fields = list(_fields(schema))
        parts.append(f"### {name}")
        if schema.get("description"):
            parts.append(" ".join(schema["description"].split()))
        if fields:
            rows = [(code(field), _type(kind), needed, _meaning(kind)) for field, kind, needed in fields]
            parts.append(table(("field", "type", "", "meaning"), rows))
    return "\n\n".join(parts)


def _fields(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], str]]:
    schema = _resolved(schema)
    required = schema.get("required", ())
    for name, field in schema.get("properties", {}).items():
        yield name, field, "required" if name in required else _otherwise(field)


def _resolved(schema: dict[str, Any]) -> dict[str, Any]:
    reference = schema.get("$ref")
    found: dict[str, Any] = document()["components"]["schemas"][reference.removeprefix(REF)] if reference else schema
    return found


def _otherwise(schema: dict[str, Any]) -> str:
    return f"default {code(json.dumps(schema['default']))}" if schema.get("default") is not None else ""


def _meaning(described_by: dict[str, Any]) -> str:
    return " ".join(str(described_by.get("description", "")).split())


def _type(schema: dict[str, Any]) -> str:
    """A schema in a few words."""
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(REF)
        return f"[{name}](#{name.lower()})"
    if "const" in schema:
        return code(json.dumps(schema["const"]))
    if "enum" in schema:
        return " ".join(code(json.dumps(value)) for value in schema["enum"])
    choices = schema.get("anyOf") or schema.get("oneOf")
    if choices:
        told = dict.fromkeys(_type(choice) for choice in choices)
        return " or ".join(told) if len(told) < 6 else "one of several"
    kind = schema.get("type", "any")
    if kind == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"map to {_type(schema['additionalProperties'])}"
    kind = " or ".join(kind) if isinstance(kind, list) else kind
    return kind + _limits(schema)


def _limits(schema: dict[str, Any]) -> str:
    told = [
        text.format(schema[key])
        for key, text in (
            ("format", "{}"), ("minimum", "at least {}"), ("maximum", "at most {}"),
            ("minLength", "at least {} characters"), ("maxLength", "at most {} characters"),
            ("maxItems", "at most {}"),
        )
        if key in schema
    ]  # fmt: skip
    return f" ({', '.join(told)})".replace(" 1 characters", " 1 character") if told else ""
