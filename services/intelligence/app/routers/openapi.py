"""Puts what FastAPI cannot know into the OpenAPI document: the ASGI endpoints, as they describe themselves."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from fastapi import FastAPI
from msgspec import NODEFAULT
from msgspec.inspect import Field, ListType, StructType, Type, UnionType, multi_type_info
from novakit import openapi
from novakit.openapi import INNER_PROBLEMS, PROBLEM, REF, Document, Shape, problems

Struct = type[msgspec.Struct]
Limits = Mapping[Struct, Mapping[str, Any]]
"""What is checked after the types, as JSON Schema: keywords, and under ``properties`` more of single fields."""


@dataclass(frozen=True, slots=True)
class Events:
    """An answer as server-sent events: those without a name, and the named ones.

    Without a name may also come an ``error``, and one whose data is a ``text`` instead of JSON.
    """

    default: tuple[Struct, ...]
    named: Mapping[str, Struct] = field(default_factory=dict)
    error: Shape | None = None
    text: str | None = None

    @property
    def structs(self) -> tuple[Struct, ...]:
        """All that may be an event's data."""
        return (*self.default, *self.named.values())

    def schema(self) -> dict[str, Any]:
        """One event, as OpenAPI 3.1 has it; an event without a name is of the type ``message``."""
        kinds = [_event("message", reference(struct)) for struct in self.default]
        kinds += [_event(name, reference(struct)) for name, struct in self.named.items()]
        if self.error is not None:
            kinds.append(_event("message", {"$ref": REF + self.error.name}))
        if self.text is not None:
            kinds.append({"required": ["data"], "properties": {"data": {"const": self.text}}})
        return {"type": "object", "anyOf": kinds}


@dataclass(frozen=True, slots=True)
class Operation:
    """An ASGI endpoint. ``name`` is what generated clients call it; ``shape`` is how its errors look.

    ``answers`` may come with 200. ``problems`` need not name 401, nor 413 where there is a body. ``limits`` are
    of the body and its parts, ``examples`` whole bodies.
    """

    method: str
    path: str
    name: str
    tag: str
    summary: str
    answers: tuple[Struct | Events, ...]
    problems: Mapping[int, str]
    body: Struct | None = None
    limits: Limits = field(default_factory=dict)
    examples: Mapping[str, Any] = field(default_factory=dict)
    parameters: tuple[Mapping[str, Any], ...] = ()
    shape: Shape = PROBLEM

    def described(self) -> dict[str, Any]:
        """The operation object of OpenAPI."""
        sentences = {401: INNER_PROBLEMS[401]["description"], **self.problems}
        operation: dict[str, Any] = {
            "tags": [self.tag],
            "summary": self.summary,
            "operationId": self.name,
            "parameters": list(self.parameters),
        }
        if self.body is not None:
            sentences[413] = "The body is too large."
            examples = {name: {"value": value} for name, value in self.examples.items()}
            media_type = {"schema": reference(self.body), "examples": examples}
            operation["requestBody"] = {"required": True, "content": {"application/json": media_type}}
        content = {}
        for answer in self.answers:
            if isinstance(answer, Events):
                content["text/event-stream"] = {"schema": answer.schema()}
            else:
                content["application/json"] = {"schema": reference(answer)}
        told = problems(dict(sorted(sentences.items())), self.shape)
        operation["responses"] = {"200": {"description": self.summary, "content": content}} | {
            str(status): problem for status, problem in told.items()
        }
        return operation


def describe(app: FastAPI, operations: Iterable[Operation], answers: Iterable[Struct]) -> None:
    """Let the app publish these as well; ``answers`` are structs that FastAPI's own routes refer to."""
    operations = tuple(operations)
    sent = {*answers}
    for operation in operations:
        for answer in operation.answers:
            sent.update(answer.structs if isinstance(answer, Events) else (answer,))

    def extend(document: Document) -> None:
        schemas = document["components"]["schemas"]
        schemas |= {operation.shape.name: operation.shape.schema for operation in operations}
        schemas |= _as_sent(_components(sent), sent)
        for operation in operations:
            if operation.body is not None:
                schemas |= _components([operation.body])
            for struct, limits in operation.limits.items():
                _limit(schemas[struct.__name__], limits)
            document["paths"].setdefault(operation.path, {})[operation.method] = operation.described()

    openapi.publish(app, openapi.INNER, extend)


def reference(struct: Struct) -> dict[str, str]:
    """Its place among the document's schemas."""
    return {"$ref": REF + struct.__name__}


def _event(name: str, schema: Mapping[str, str]) -> dict[str, Any]:
    data = {"type": "string", "contentMediaType": "application/json", "contentSchema": schema}
    properties = {"id": {"type": "string"}, "event": {"const": name}, "data": data}
    return {"required": ["data"], "properties": properties}


def _components(structs: Iterable[Struct]) -> dict[str, Any]:
    ordered = sorted(structs, key=lambda struct: struct.__name__)
    return msgspec.json.schema_components(ordered, ref_template=REF + "{name}")[1]


def _limit(schema: dict[str, Any], limits: Mapping[str, Any]) -> None:
    for name, more in limits.get("properties", {}).items():
        schema["properties"][name] |= more
    schema |= {keyword: value for keyword, value in limits.items() if keyword != "properties"}


def _as_sent(schemas: dict[str, Any], structs: Iterable[Struct]) -> dict[str, Any]:
    """The same, but a field with a default is required where it is always sent."""
    for struct in _all_structs(multi_type_info(structs)):
        sparse = struct.cls.__struct_config__.omit_defaults
        schemas[struct.cls.__name__]["required"] = [
            field.encode_name for field in struct.fields if field.required or not (sparse or _is_unset(field))
        ]
    return schemas


def _is_unset(field: Field) -> bool:
    """Whether the field is left out unless it is given: to msgspec, UNSET is no default."""
    return not field.required and field.default is NODEFAULT and field.default_factory is NODEFAULT


def _all_structs(types: Iterable[Type]) -> Iterator[StructType]:
    for kind in types:
        match kind:
            case StructType():
                yield kind
                yield from _all_structs(field.type for field in kind.fields)
            case ListType():
                yield from _all_structs([kind.item_type])
            case UnionType():
                yield from _all_structs(kind.types)
