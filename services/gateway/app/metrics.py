"""The gateway's metrics, in a registry of its own for each app."""

from typing import Literal, get_args

from prometheus_client import CollectorRegistry, Counter, PlatformCollector, ProcessCollector, generate_latest

Way = Literal["link", "password", "registration", "reset"]
"""How somebody signs in."""
SignIn = Literal["accepted", "refused", "throttled"]
Refresh = Literal["rotated", "repeated", "reused", "unknown"]


class GatewayMetrics:
    """Counts what the gateway does. Children are bound once: finding one by its labels costs more than counting."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        self._requests = Counter(
            "gateway_requests",
            "Requests answered; 499: the client left first.",
            ["route", "status"],
            registry=self._registry,
        )
        self._rate_limited = Counter(
            "gateway_rate_limited", "Generations refused by the rate limit.", registry=self._registry
        )
        self._sign_ins = Counter(
            "gateway_sign_ins", "Attempts to sign in.", ["way", "outcome"], registry=self._registry
        )
        for way in get_args(Way):
            for outcome in get_args(SignIn):
                self._sign_ins.labels(way, outcome)
        self._refreshes = Counter(
            "gateway_token_refreshes",
            "Refresh tokens presented; reused: one that had been replaced, so its sign-in was ended.",
            ["outcome"],
            registry=self._registry,
        )
        for outcome in get_args(Refresh):
            self._refreshes.labels(outcome)
        self._answered: dict[tuple[str, int], Counter] = {}

    def answered(self, route: str, status: int) -> None:
        """Count one request; ``route`` is one of a closed list."""
        child = self._answered.get((route, status))
        if child is None:
            child = self._answered[(route, status)] = self._requests.labels(route, str(status))
        child.inc()

    def rate_limited(self) -> None:
        """Count one generation that the rate limit refused."""
        self._rate_limited.inc()

    def signed_in(self, way: Way, outcome: SignIn) -> None:
        """Count one attempt to sign in."""
        self._sign_ins.labels(way, outcome).inc()

    def refreshed(self, outcome: Refresh) -> None:
        """Count one presented refresh token."""
        self._refreshes.labels(outcome).inc()

    def render(self) -> bytes:
        """The text exposition."""
        return generate_latest(self._registry)
