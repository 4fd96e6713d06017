"""The gateway's metrics, in a registry of its own for each app."""

from typing import Literal

from prometheus_client import CollectorRegistry, Counter, PlatformCollector, ProcessCollector, generate_latest

SignIn = Literal["accepted", "refused", "throttled"]


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
        sign_ins = Counter("gateway_sign_ins", "Sign-in links presented.", ["outcome"], registry=self._registry)
        outcomes: tuple[SignIn, ...] = ("accepted", "refused", "throttled")
        self._sign_ins = {outcome: sign_ins.labels(outcome) for outcome in outcomes}
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

    def signed_in(self, outcome: SignIn) -> None:
        """Count one exchange of a sign-in link."""
        self._sign_ins[outcome].inc()

    def render(self) -> bytes:
        """The text exposition."""
        return generate_latest(self._registry)
