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
from .tracing_settings import Export
from .version import VERSION

TRACEPARENT = "traceparent"
RETRIED = frozenset({429, 502, 503, 504})
"""The answers after which OTLP sends the same again."""
LAST_SEND_SEC = 2.0
DRAWN_TOGETHER = 64
"""How many traces are named at once. Each by itself, the code for it comes into the caches anew (see ``later``)."""
_FORM = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]([0-9a-f])(?:-.*)?")
_KNOWN, _LENGTH = "00-", 55
"""The version of Trace Context that is written here, and how long it is."""
_ODD = frozenset("13579bdf")
_EVERY = 1 << 64
# The spans of one request have ids that differ in their last four digits alone: these where it begins and where a
# service goes on with it, its number for each call to a provider. So nobody has to draw an id, or to tell it.
_FIRST, _NEXT = "0000", "ffff"

log = logs.get("tracing")


class Trace(msgspec.Struct, frozen=True, gc=False):
    """One span's place in its trace.

    ``traceparent`` names the span itself where it is the first of its trace, else its parent, where it ``goes_on``:
    all ids of a request follow from it.
    """

    traceparent: str
    goes_on: bool = False

    @property
    def trace_id(self) -> str:
        """In hexadecimal, as all ids."""
        return self.traceparent[3:35]

    @property
    def span_id(self) -> str:
        """Its own."""
        return f"{self.traceparent[36:48]}{_NEXT}" if self.goes_on else self.traceparent[36:52]

    @property
    def parent_id(self) -> str:
        """Its parent's; empty where it is the first."""
        return self.traceparent[36:52] if self.goes_on else ""

    def child_id(self, number: int) -> str:
        """The id of the span that ``child_header`` names."""
        return f"{self.traceparent[36:48]}{number:04x}"

    @property
    def sampled(self) -> bool:
        """Whether the trace is recorded."""
        return self.traceparent[54] in _ODD


def child_header(traceparent: str, number: int) -> str:
    """The ``traceparent`` of a span's child of this number, from 1 to 65,534, by ``Trace.traceparent``.

    Empty where that is.
    """
    return f"{traceparent[:48]}{number:04x}{traceparent[52:]}" if traceparent else ""


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
        self._drawn: list[str] = []
        self._below = 0 if export is None else round(export.sampler.ratio * _EVERY)
        self._follows_parent = export is not None and export.sampler.follows_parent
        self._exporter = None if export is None else Exporter(service, export, spans)

    @property
    def on(self) -> bool:
        """Whether anything is recorded at all."""
        return self._export is not None

    def begin(self, traceparent: str | None) -> Trace | None:
        """A new span within the named one, or the first of a new trace where none is named that is one."""
        if self._export is None:
            return None
        named = None if traceparent is None else _FORM.fullmatch(traceparent)
        if traceparent is None or named is None:
            if not self._drawn:
                self._drawn = [self._draw() for _ in range(DRAWN_TOGETHER)]
            return Trace(self._drawn.pop())
        if not self._follows_parent:
            flags = "01" if int(traceparent[19:35], 16) < self._below else "00"
            traceparent = f"{traceparent[:53]}{flags}"
        if len(traceparent) != _LENGTH or not traceparent.startswith(_KNOWN):
            # What a later version may have more to say is not passed on.
            traceparent = f"{_KNOWN}{traceparent[len(_KNOWN) : _LENGTH]}"
        return Trace(traceparent, goes_on=True)

    def _draw(self) -> str:
        """The header of a new trace. That an id in it is 0, which would be none, happens once in 2^48 times."""
        trace_id = self._bits(128)
        flags = "01" if trace_id % _EVERY < self._below else "00"
        return f"00-{trace_id:032x}-{self._bits(48):012x}{_FIRST}-{flags}"

    def record(self, span: bytes) -> None:
        """Take a span that has ended, as ``otlp.encode_span`` gave it; its trace is sampled."""
        if self._exporter is not None:
            self._exporter.add(span)

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
