"""A collector of traces: takes OTLP over HTTP as real ones do, and reads it with OpenTelemetry's own classes."""

import asyncio
import gzip
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanMessage

from .services import listening_socket

PATIENCE = 10.0


@dataclass(frozen=True)
class Event:
    """What happened within a span."""

    name: str
    at: int
    attributes: dict[str, object]


@dataclass(frozen=True)
class Received:
    """One span, with the resource that it came from."""

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    kind: str
    start: int
    end: int
    failed: bool
    attributes: dict[str, object]
    events: list[Event]
    resource: dict[str, object] = field(default_factory=dict)
    flags: int = 0

    @property
    def service(self) -> object:
        """Which service tells it."""
        return self.resource["service.name"]


class Collector:
    """Takes what comes to ``url``; ``answers`` are the statuses of the next requests, then 200. Records all of it."""

    def __init__(self, answers: Iterable[int] = ()) -> None:
        self.answers = deque(answers)
        self.spans: list[Received] = []
        self.headers: list[Mapping[str, str]] = []
        self.raw = b""
        self.hold: asyncio.Event | None = None
        """What the answers wait for."""
        self._changed = asyncio.Condition()
        self._port = 0
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_post("/v1/traces", self._take)
        self._runner = web.AppRunner(app)

    @property
    def url(self) -> str:
        """The base address: OTEL_EXPORTER_OTLP_ENDPOINT."""
        return f"http://127.0.0.1:{self._port}"

    async def wait(self, count: int) -> list[Received]:
        """So many spans, as soon as they are there."""
        async with asyncio.timeout(PATIENCE), self._changed:
            await self._changed.wait_for(lambda: len(self.spans) >= count)
        return self.spans

    async def asked(self, times: int) -> None:
        """Return when so many requests have come."""
        async with asyncio.timeout(PATIENCE), self._changed:
            await self._changed.wait_for(lambda: len(self.headers) >= times)

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        listener = listening_socket()
        self._port = listener.getsockname()[1]
        await web.SockSite(self._runner, listener).start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        if request.headers.get("Content-Encoding") == "gzip" and body.startswith(b"\x1f\x8b"):
            body = gzip.decompress(body)
        status = self.answers.popleft() if self.answers else 200
        async with self._changed:
            self.headers.append(dict(request.headers))
            if status == 200:
                self.raw += body
                self.spans += spans_of(body)
            self._changed.notify_all()
        if self.hold is not None:
            await self.hold.wait()
        return web.Response(status=status)


def spans_of(body: bytes) -> list[Received]:
    """What an export request says."""
    return [
        _span(span, _attributes(told.resource.attributes))
        for told in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in told.scope_spans
        for span in scope.spans
    ]


def _span(span: SpanMessage, resource: dict[str, object]) -> Received:
    return Received(
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        span.name,
        SpanMessage.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_").lower(),
        span.start_time_unix_nano,
        span.end_time_unix_nano,
        span.status.code == span.status.STATUS_CODE_ERROR,
        _attributes(span.attributes),
        [Event(event.name, event.time_unix_nano, _attributes(event.attributes)) for event in span.events],
        resource,
        span.flags,
    )


def _attributes(pairs: Iterable[KeyValue]) -> dict[str, object]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> object:
    name = value.WhichOneof("value")
    if name == "array_value":
        return tuple(_value(each) for each in value.array_value.values)
    return None if name is None else getattr(value, name)
