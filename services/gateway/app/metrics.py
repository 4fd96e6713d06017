"""The gateway's metrics, in a registry of its own for each app."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

from novakit import metrics
from novakit.metrics import Seen

Way = Literal["link", "password", "registration", "reset"]
"""How somebody signs in."""
SignIn = Literal["accepted", "refused", "throttled"]
Refresh = Literal["rotated", "repeated", "reused", "unknown"]
Fault = Literal["unreachable", "broke_off", "token_refused"]

# A health check takes a millisecond, a streamed answer minutes.
SECONDS_BUCKETS = (0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120, 300)


_TEXT = {status: str(status) for status in range(100, 600)}


class GatewayMetrics:
    """Counts what the gateway does. Children are bound once: finding one by its labels costs more than counting."""

    def __init__(self, data_dir: Path | None = None) -> None:
        self.told = told = metrics.Metrics(data_dir)
        self._requests = told.counter(
            "gateway_requests_total", "Requests answered; 499: the client left first.", "route", "status"
        )
        self._seconds = told.histogram(
            "gateway_request_seconds", "A request until the end of its answer.", "route", buckets=SECONDS_BUCKETS
        )
        self.spans = told.spans()
        self.in_flight = 0
        """Raised by whoever takes a request: a call more on each one's way would be felt."""
        told.pulled(
            "gateway_requests_in_flight", "Requests that are being answered.", (), lambda: [((), self.in_flight)]
        )
        self._rate_limited = told.counter("gateway_rate_limited_total", "Generations refused by the rate limit.")()
        self._sign_ins = told.counter("gateway_sign_ins_total", "Attempts to sign in.", "way", "outcome")
        for way in get_args(Way):
            for outcome in get_args(SignIn):
                self._sign_ins(way, outcome)
        self._refreshes = told.counter(
            "gateway_token_refreshes_total",
            "Refresh tokens presented; reused: one that had been replaced, so its sign-in was ended.",
            "outcome",
        )
        for outcome in get_args(Refresh):
            self._refreshes(outcome)
        self._up = told.gauge(
            "novacore_service_up", "1 while a service on this machine tells its metrics to the gateway.", "target"
        )
        self._faults = told.counter(
            "gateway_upstream_failures_total", "Requests that a service behind the gateway did not answer.",
            "upstream", "reason",
        )  # fmt: skip

    def answered(self, route: str, status: int, seconds: float, seen: Seen = None) -> None:
        """A request is over; ``route`` is one of a closed list."""
        self.in_flight -= 1
        self._requests(route, _TEXT.get(status) or str(status)).inc(1, seen)
        self._seconds(route).observe(seconds, seen)

    def rate_limited(self) -> None:
        """Count one generation that the rate limit refused."""
        self._rate_limited.inc()

    def signed_in(self, way: Way, outcome: SignIn) -> None:
        """Count one attempt to sign in."""
        self._sign_ins(way, outcome).inc()

    def refreshed(self, outcome: Refresh) -> None:
        """Count one presented refresh token."""
        self._refreshes(outcome).inc()

    def upstream_failed(self, upstream: str, reason: Fault) -> None:
        """Count one request that a service did not answer."""
        self._faults(upstream, reason).inc()

    def service_up(self, target: str, *, up: bool) -> None:
        """Whether a service told its metrics when it was asked last."""
        self._up(target).set(float(up))

    def expect(self, upstreams: Sequence[str]) -> None:
        """Show these services' failures from the start, at 0."""
        for upstream in upstreams:
            for reason in get_args(Fault):
                self._faults(upstream, reason)
