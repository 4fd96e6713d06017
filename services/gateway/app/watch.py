"""What is seen of each request: one count, one log line, and one span where requests are traced."""

from dataclasses import dataclass
from functools import lru_cache

import msgspec
from novakit import logs, otlp
from novakit.clock import Clock
from novakit.later import later
from novakit.logs import Logger
from novakit.otlp import Value
from novakit.pseudonyms import Pseudonyms
from novakit.tracing import Trace, Tracer

from .exchange import Exchange
from .metrics import GatewayMetrics
from .routes import QUIET, pattern_of

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_NS = 1_000_000_000
_request_id = otlp.text_attribute("novacore.request_id")
_user = otlp.text_attribute("enduser.pseudo.id")


@dataclass(frozen=True, slots=True)
class Watch:
    """Told when a request comes and when it is over."""

    metrics: GatewayMetrics
    tracer: Tracer
    pseudonym: Pseudonyms
    clock: Clock
    log: Logger

    def begin(self, route: str) -> Trace | None:
        """A request came; its span, where such requests are traced. A caller's own is not believed."""
        self.metrics.in_flight += 1
        return None if route in QUIET else self.tracer.begin(None)

    def end(self, route: str, method: str, exchange: Exchange, seconds: float) -> None:
        """It is over."""
        over = _Over(
            route,
            method,
            exchange.status,
            seconds,
            self.clock.wall(),
            exchange.request_id,
            exchange.trace,
            exchange.user,
            exchange.cut,
        )
        later.tell(Watch._tell, self, over)

    def _tell(self, over: "_Over") -> None:
        trace = over.trace
        recorded = trace if trace is not None and trace.sampled else None
        seen = None if recorded is None else (recorded.trace_id, over.wall)
        self.metrics.answered(over.route, over.status, over.seconds, seen)
        write = self.log.debug if over.route in QUIET else self.log.info
        user = self.pseudonym(over.user)
        fields = {
            "route": over.route,
            "method": over.method,
            "status": over.status,
            "api_latency_ms": round(over.seconds * 1000, 1),
            "request_id": over.request_id,
            "trace_id": None if trace is None else trace.trace_id,
            "user": user or None,
            "cut": over.cut,
        }
        write("request", when=over.wall, ready=fields)
        if recorded is not None:
            self.tracer.record(_span(recorded, over, user))

    def crashed(self, error: Exception, exchange: Exchange) -> None:
        """Something broke on our side: its place is told, not its message, which may quote what a person wrote."""
        self.log.error(
            "crashed",
            error=type(error).__name__,
            at=logs.where(error),
            request_id=exchange.request_id,
            trace_id=None if exchange.trace is None else exchange.trace.trace_id,
        )


class _Over(msgspec.Struct, frozen=True, gc=False):
    """What is told of a request that is over. Whatever else belonged to it is let go of."""

    route: str
    method: str
    status: int
    seconds: float
    wall: float
    request_id: str
    trace: Trace | None
    user: str
    cut: str | None


def _span(trace: Trace, over: _Over, user: str) -> bytes:
    """Named as OpenTelemetry's HTTP conventions name a server's span."""
    known = over.method if over.method in METHODS else "_OTHER"
    error = "" if over.status < 500 else str(over.status)
    if over.cut == "upstream_failed":
        error = error or over.cut
    ended = round(over.wall * _NS)
    return otlp.encode_span(
        trace.trace_id,
        trace.span_id,
        trace.parent_id,
        ended - round(over.seconds * _NS),
        ended,
        _kind(known, over.route, over.status, error, over.cut or ""),
        _request_id(over.request_id),
        _user(user) if user else b"",
    )


@lru_cache(1024)
def _kind(method: str, route: str, status: int, error: str, cut: str) -> bytes:
    pattern = pattern_of(route)
    found: dict[str, Value] = {
        "http.request.method": method,
        "http.route": pattern,
        "http.response.status_code": status,
    }
    found |= {name: value for name, value in (("error.type", error), ("novacore.cut", cut)) if value}
    name = f"{'HTTP' if method == '_OTHER' else method} {pattern}"
    return otlp.encode_kind(name, otlp.SERVER, found, failed=bool(error))
