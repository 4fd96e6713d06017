"""The description of the whole API, for whoever makes a client: to a caller there is one API, not several services.

The gateway describes its own routes. What it forwards, only the service behind knows; so each is asked for its
document when somebody reads ours. A copy kept here would be right until the next change over there, and importing
the service is what the gateway must never do. Where one of them cannot be asked there is no document: half of one
looks like a whole one to a generator of clients, and would take routes away from them.
"""

import asyncio
import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from aiohttp import ClientError, ClientSession
from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from novakit.identity import INTERNAL_HEADERS
from novakit.openapi import COMPATIBLE, OPENAPI_PATH, PROBLEM, REF, Access, Document, Shape, operations, problems
from novakit.problem import Problem

from .auth.access import CALLER_PROBLEMS
from .behind import Service
from .credentials import ACCESS_COOKIE, API_KEY_PREFIX
from .errors import in_compatible_api
from .proxy.forward import generates
from .proxy.upstream import Upstream, call

PATH = "/api/openapi.json"
PATIENCE_SECONDS = 5.0
_REFERENCE = re.compile(re.escape(REF) + r"(\w+)")

OUTER = Access(
    schemes={
        "apiKey": {
            "type": "http",
            "scheme": "bearer",
            "description": f"An API key ({API_KEY_PREFIX}…) or an access token.",
        },
        "browser": {
            "type": "apiKey",
            "in": "cookie",
            "name": ACCESS_COOKIE,
            "description": "A browser that has signed in. Calls that change something must come from our own page.",
        },
        "metricsToken": {"type": "http", "scheme": "bearer", "description": "METRICS_TOKEN, where it is set."},
    },
    security=({"apiKey": []}, {"browser": []}),
)
"""Who may call the gateway."""

_EVERYWHERE = {403: "The call came from a page of someone else, or under a host name that is not this gateway's."}
_FORWARDED = CALLER_PROBLEMS | {
    400: "A header of the request is not UTF-8 text.",
    502: "The service behind the gateway broke off before it answered.",
    503: "The accounts cannot be read now, or the service behind the gateway cannot be reached.",
}
_GENERATING = {429: "You have started too many generations in this minute."}

_DESCRIPTION = """\
NovaCore answers from a local model while that is healthy, and goes to a cloud provider only when it must and may.

Errors are problem documents (RFC 9457); under `/v1` they have OpenAI's shape. A method that a path does not have is \
answered with 405 and `Allow`. Should something break inside, the answer is a 500 in the same shape."""


class Part(msgspec.Struct):
    """What the document of a service behind the gateway must have; the rest of it is of no use here."""

    paths: dict[str, dict[str, Any]]
    components: dict[str, dict[str, Any]] = {}


AskedOf = Callable[[Service, Mapping[str, Mapping[str, Any]]], dict[str, dict[str, Any]]]


class Description:
    """The document, put together anew each time that it is read. ``pool`` is set while the app runs."""

    def __init__(self, own: Callable[[], Document], upstreams: Mapping[Service, Upstream], asked_of: AskedOf) -> None:
        """``own`` gives the gateway's own part; ``asked_of`` picks of some paths what a service is asked for."""
        self.pool: ClientSession | None = None
        self._own = own
        self._upstreams = upstreams
        self._asked_of = asked_of

    async def whole(self) -> Document:
        """The document; raises Problem 503 where a service does not tell of its part."""
        parts = await asyncio.gather(*(self._part(upstream) for upstream in self._upstreams.values()))
        document = self._own()
        for service, part in zip(self._upstreams, parts, strict=True):
            asked = self._asked_of(service, part.paths)
            document = joined(document, as_forwarded(Part(asked, part.components)), service)
        return document

    async def _part(self, upstream: Upstream) -> Part:
        assert self.pool is not None, "the app is running"  # noqa: S101 (set by its lifespan)
        try:
            async with (
                asyncio.timeout(PATIENCE_SECONDS),
                call(self.pool, "GET", upstream.url + OPENAPI_PATH, (), b"") as answer,
            ):
                return msgspec.json.decode(await answer.read(), type=Part)
        except (ClientError, OSError, TimeoutError, msgspec.DecodeError, UnicodeDecodeError):
            raise Problem(
                503,
                f"The {upstream.name} service does not tell what it can do; it may be starting. "
                "Without its part the description would not be whole.",
                headers={"Retry-After": "2"},
            ) from None


def router(description: Description) -> APIRouter:
    """The route of the document. It is for everybody: it tells nothing that the source does not."""
    routes = APIRouter(tags=["operations"])

    @routes.get(
        PATH,
        response_class=JSONResponse,
        response_model=dict[str, Any],
        responses=problems({503: "A service behind the gateway does not tell of its part."}),
    )
    async def describe_api() -> Response:
        """Describe the whole API in OpenAPI 3.1."""
        return Response(msgspec.json.encode(await description.whole()), media_type="application/json")

    return routes


def complete_own(document: Document) -> None:
    """Add to the gateway's own part what is true of the whole document and of every answer."""
    document["info"] |= {"title": "NovaCore", "description": _DESCRIPTION}
    document["components"]["schemas"][COMPATIBLE.name] = COMPATIBLE.schema
    for _path, _method, operation in operations(document):
        _add(operation, _EVERYWHERE, PROBLEM)


def as_forwarded(part: Part) -> Part:
    """A service's part as callers of the gateway meet it: who they must be, and what the gateway may answer itself.

    The gateway never passes a 401 on: that one is about its own token.
    """
    for path, method, operation in operations({"paths": part.paths}):
        operation["parameters"] = [
            parameter for parameter in operation.get("parameters", ()) if parameter["name"] not in INTERNAL_HEADERS
        ]
        operation["security"] = list(OUTER.security)
        operation["responses"].pop("401", None)
        generating = _GENERATING if method == "post" and generates(path) else {}
        _add(operation, _EVERYWHERE | _FORWARDED | generating, COMPATIBLE if in_compatible_api(path) else PROBLEM)
    return part


def joined(document: Document, part: Part, name: str) -> Document:
    """Both as one; a schema of the part whose name means something else already gets the service's name before it."""
    known = document["components"]["schemas"]
    schemas = _used(part)
    taken = {schema for schema, meaning in schemas.items() if known.get(schema, meaning) != meaning}
    names = {REF + schema: f"{REF}{name}_{schema}" for schema in taken}
    added = {f"{name}_{schema}" if schema in taken else schema: meaning for schema, meaning in schemas.items()}
    paths = {path: document["paths"].get(path, {}) | item for path, item in _renamed(part.paths, names).items()}
    return document | {
        "paths": document["paths"] | paths,
        "components": document["components"] | {"schemas": known | _renamed(added, names)},
    }


def _used(part: Part) -> dict[str, Any]:
    """The part's own schemas that its paths refer to, also by way of others."""
    own = part.components.get("schemas", {})
    used: dict[str, Any] = {}
    unread: list[Any] = [part.paths]
    while unread:
        for name in _REFERENCE.findall(msgspec.json.encode(unread.pop()).decode()):
            if name in own and name not in used:
                used[name] = own[name]
                unread.append(own[name])
    return used


def _add(operation: dict[str, Any], sentences: Mapping[int, str], shape: Shape) -> None:
    responses = operation["responses"]
    for status, told in problems(sentences, shape).items():
        earlier = responses.get(str(status))
        if earlier is not None:
            told["description"] = f"{earlier['description']} {told['description']}"
        responses[str(status)] = told
    operation["responses"] = dict(sorted(responses.items()))


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _renamed(item, names) for key, item in value.items()}
    if isinstance(value, list):
        return [_renamed(item, names) for item in value]
    return names.get(value, value) if isinstance(value, str) else value
