"""Traces: where a span stands (W3C Trace Context), which are recorded, and their way to a collector.

A span is told once it has ended, with its times: nothing is opened, and nothing lies around a stream. Recorded spans
are sent in batches beside the requests. Where nothing is to be sent, ``begin`` gives None and that is all there is.
"""

import asyncio
import gzip
import random
import re
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import aiohttp
import msgspec

from . import logs, otlp
from .metrics import Bound, Counter
from .otlp import Span
from .tracing_settings import Export
from .version import VERSION

TRACEPARENT = "traceparent"
RETRIED = frozenset({429, 502, 503, 504})
"""The answers after which OTLP sends the same again."""
LAST_SEND_SEC = 2.0
_FORM = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]([0-9a-f])(?:-.*)?")
_ODD = frozenset("13579bdf")
_MASK = (1 << 64) - 1
# Odd, so that no two numbers below 2^64 give one span two children of the same id.
_STRIDE = 0x9E3779B97F4A7C15

log = logs.get("tracing")


class Trace(msgspec.Struct, frozen=True, gc=False):
    """One span's place in its trace; ids in hexadecimal. ``parent_id`` is empty for the first of a trace."""

    trace_id: str
    span_id: str
    parent_id: str
    sampled: bool

    @property
    def header(self) -> str:
        """Its ``traceparent``, for whoever is called."""
        return f"00-{self.trace_id}-{self.span_id}-{'01' if self.sampled else '00'}"

    def child(self, number: int) -> "Trace":
        """Its child of this number, from 1. The same number gives the same child, here and in ``child_header``."""
        span_id = (int(self.span_id, 16) + number * _STRIDE) & _MASK
        return Trace(self.trace_id, f"{span_id:016x}", self.span_id, self.sampled)


def parse(traceparent: str | None) -> Trace | None:
    """The span that a ``traceparent`` names; None for none and for what is not one."""
    found = _FORM.fullmatch(traceparent or "")
    if found is None:
        return None
    trace_id, span_id, flags = found.groups()
    return Trace(trace_id, span_id, "", flags in _ODD)


def child_header(traceparent: str, number: int) -> str:
    """The header of a span's child, by the header that ``Trace.header`` gave; empty where that is."""
    if not traceparent:
        return ""
    span_id = (int(traceparent[36:52], 16) + number * _STRIDE) & _MASK
    return f"{traceparent[:36]}{span_id:016x}{traceparent[52:]}"


class Tracer:
    """Begins and records the spans of one service. ``export`` None: there are none."""

    def __init__(
        self,
        service: str,
        export: Export | None,
        spans: Bound[Counter],
        random_bits: Callable[[int], int] = random.getrandbits,
    ) -> None:
        """``spans`` counts what became of them. ``random_bits`` makes ids, which are no secrets."""
        self._export = export
        self._bits = random_bits
        self._below = 0 if export is None else round(export.sampler.ratio * (1 << 64))
        self._exporter = None if export is None else Exporter(service, export, spans)

    @property
    def on(self) -> bool:
        """Whether anything is recorded at all."""
        return self._export is not None

    def begin(self, traceparent: str | None) -> Trace | None:
        """A new span within the named one, or the first of a new trace."""
        if self._export is None:
            return None
        parent = None if traceparent is None else _FORM.fullmatch(traceparent)
        if parent is None:
            # That one of them is 0, which would be no id, happens once in 2^64 times.
            ids = self._bits(192).to_bytes(24, "big").hex()
            trace_id = ids[:32]
            return Trace(trace_id, ids[32:], "", self._samples(trace_id))
        trace_id, parent_id, flags = parent.groups()
        sampled = flags in _ODD if self._export.sampler.follows_parent else self._samples(trace_id)
        return Trace(trace_id, self._bits(64).to_bytes(8, "big").hex(), parent_id, sampled)

    def _samples(self, trace_id: str) -> bool:
        """As OpenTelemetry's samplers decide of the first of a trace; the ratio counts by the id's lower half."""
        return self._below > _MASK or int(trace_id[16:], 16) < self._below

    def record(self, span: Span) -> None:
        """Take a span that has ended; its trace is sampled."""
        if self._exporter is not None:
            self._exporter.add(otlp.encode_span(span))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Send what is recorded meanwhile; the rest at the end."""
        if self._exporter is None:
            yield
            return
        async with self._exporter.running():
            yield


class Exporter:
    """Sends encoded spans by OTLP over HTTP: soon after they came, many at a time, and never in a request's way."""

    def __init__(self, service: str, export: Export, spans: Bound[Counter]) -> None:
        self._exported, self._dropped = spans("exported"), spans("dropped")
        self._export = export
        self._resource = otlp.encode_resource(
            {"service.name": service, "service.version": VERSION, **export.resource}
        )
        self._queue: deque[bytes] = deque()
        self._wake = asyncio.Event()
        self._stopping = False
        self._failing = False

    def add(self, span: bytes) -> None:
        """Queue one; the newest is dropped where the queue is full."""
        if len(self._queue) >= self._export.queue:
            self._dropped.inc()
            return
        self._queue.append(span)
        if len(self._queue) >= self._export.batch:
            self._wake.set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Send until the block is left, then the rest."""
        timeout = aiohttp.ClientTimeout(total=self._export.timeout)
        async with aiohttp.ClientSession(timeout=timeout, trust_env=False) as session:
            task = asyncio.ensure_future(self._run(session))
            try:
                yield
            finally:
                self._stopping = True
                self._wake.set()
                # An export that is under way is not cut: it would count twice over there, or not at all here.
                await asyncio.wait((task,), timeout=LAST_SEND_SEC)
                task.cancel()
                self._dropped.inc(len(self._queue))

    async def _run(self, session: aiohttp.ClientSession) -> None:
        while True:
            await self._pause(lambda: self._stopping or len(self._queue) >= self._export.batch)
            taken, due = True, len(self._queue)
            # Those that come while these are sent wait for their own turn: else a busy service would send each alone.
            while due > 0 and taken:
                taken = await self._send(session)
                due = len(self._queue) if self._stopping else due - self._export.batch
            if self._stopping:
                return
            if not taken:
                # Whatever comes meanwhile waits as well: a collector that is busy is not asked at each new span.
                await self._pause(lambda: self._stopping)

    async def _pause(self, over: Callable[[], bool]) -> None:
        """Return when it is ``over``, after the delay at the latest."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._export.delay):
                while not over():
                    self._wake.clear()
                    await self._wake.wait()

    async def _send(self, session: aiohttp.ClientSession) -> bool:
        """Send a batch; false where it has to be sent again."""
        batch = [self._queue.popleft() for _ in range(min(len(self._queue), self._export.batch))]
        body = otlp.encode_request(self._resource, batch)
        headers = {"Content-Type": "application/x-protobuf", **self._export.headers}
        if self._export.gzip:
            body, headers["Content-Encoding"] = gzip.compress(body), "gzip"
        try:
            async with session.post(self._export.url, data=body, headers=headers, allow_redirects=False) as answer:
                status, problem = answer.status, f"HTTP {answer.status}"
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            status, problem = 503, type(error).__name__
        if 200 <= status < 300:
            self._exported.inc(len(batch))
            if self._failing:
                self._failing = False
                log.info("traces_exported_again")
            return True
        if not self._failing:
            self._failing = True
            log.warning("traces_not_exported", problem=problem)
        if status in RETRIED:
            self._queue.extendleft(reversed(batch))
            return False
        self._dropped.inc(len(batch))
        return True
