"""The routes that tell of the server and its model, and the refusals of what it cannot do."""

from novakit.clock import Clock
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from ..engine.gguf import GgufError
from ..engine.model_file import Facts, ModelFile
from ..engine.residency import Residency
from . import documents, durations, names, wire
from .answering import MAX_BODY_BYTES
from .wire import Document, RequestError, ShowRequest

VERSION = "0.1.0+novacore"
"""Of this server. Ollama's clients show it, and ask nothing of it."""


class About:
    """The model under its name; ``context`` is its length in tokens."""

    def __init__(self, name: str, file: ModelFile, residency: Residency, clock: Clock, *, context: int) -> None:
        self._name = name
        self._file = file
        self._residency = residency
        self._clock = clock
        self._context = context

    def routes(self) -> list[BaseRoute]:
        """All of them. Starlette answers HEAD wherever GET is named."""
        return [
            Route("/", _running, methods=["GET"]),
            Route("/api/version", _version, methods=["GET"]),
            Route("/api/tags", self._tags, methods=["GET"]),
            Route("/api/ps", self._ps, methods=["GET"]),
            Route("/api/show", self._show, methods=["POST"]),
            Route("/api/embed", self._no_embedding, methods=["POST"]),
            Route("/api/embeddings", self._no_embedding, methods=["POST"]),
        ]

    async def _tags(self, _request: Request) -> Response:
        return _json({"models": [documents.tag(self._name, await self._facts())]})

    async def _ps(self, _request: Request) -> Response:
        facts = await self._facts()
        remaining = self._residency.remaining()
        if remaining is None:
            return _json({"models": []})
        expires_at = self._clock.wall() + min(remaining, durations.LONGEST)
        return _json({"models": [documents.running(self._name, facts, context=self._context, expires_at=expires_at)]})

    async def _show(self, request: Request) -> Response:
        body = bytearray()
        async for part in request.stream():
            body += part
            if len(body) > MAX_BODY_BYTES:
                raise RequestError(413, f"the request body is larger than {MAX_BODY_BYTES} bytes")
        asked = wire.parse(bytes(body), ShowRequest)
        model = asked.model or asked.name
        if not names.same(model, self._name):
            raise wire.not_found(model)
        return _json(documents.show(self._name, await self._facts()))

    async def _facts(self) -> Facts:
        try:
            return await self._file.facts()
        except (GgufError, OSError) as error:
            raise RequestError(500, f"the model file cannot be read: {error}") from None

    async def _no_embedding(self, _request: Request) -> Response:
        raise RequestError(400, f'"{self._name}" does not support embeddings')


def error_response(error: RequestError) -> Response:
    """An error in Ollama's shape."""
    return _json(wire.error(error.text), error.status)


async def _running(_request: Request) -> Response:
    return PlainTextResponse("Ollama is running")


async def _version(_request: Request) -> Response:
    return _json({"version": VERSION})


def _json(document: Document, status: int = 200) -> Response:
    return Response(wire.encode(document), status, media_type="application/json")
