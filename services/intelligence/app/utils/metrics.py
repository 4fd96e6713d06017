"""Prometheus metrics: an observer of turns, calls and circuits. Children are bound once; labels are bounded."""

from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import Response

from ..routing.breaker import Closed, Probing
from ..services.orchestrator.health_board import BreakerChanged
from ..services.route_record import CallEnded, Observation, TurnEnded

TTFT_BUCKETS = (0.05, 0.1, 0.2, 0.35, 0.6, 1, 2, 4, 8, 15, 30, 60, 120)
LATENCY_BUCKETS = (0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120, 300)
BOUND_CHILDREN = 512
ANY_MODEL = "by name"
"""The label of all models that callers chose themselves: a label must have few values."""

Metric = TypeVar("Metric", Counter, Histogram)


class Metrics:
    """All metrics of one app, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        requests = Counter(
            "llm_provider_requests", "Upstream calls by outcome.", ["provider", "model", "outcome"], registry=registry
        )
        failures = Counter(
            "llm_provider_failures", "Failed upstream calls by reason.", ["provider", "reason"], registry=registry
        )
        latency = Histogram(
            "llm_provider_latency_seconds", "An upstream call, whole.", ["provider"],
            buckets=LATENCY_BUCKETS, registry=registry,
        )  # fmt: skip
        ttft = Histogram(
            "llm_time_to_first_token_seconds", "An upstream call, until its first words.", ["provider"],
            buckets=TTFT_BUCKETS, registry=registry,
        )  # fmt: skip
        tokens = Counter(
            "llm_tokens", "Tokens as reported, else estimated; failed calls too.", ["provider", "direction"],
            registry=registry,
        )  # fmt: skip
        cost = Counter("llm_cost_usd", "US dollars, where a price is known.", ["provider"], registry=registry)
        fallbacks = Counter(
            "llm_fallbacks", "Answers that came from another than the first choice.", ["from", "to", "reason"],
            registry=registry,
        )  # fmt: skip
        turns = Counter(
            "chat_requests", "Chat turns as their users saw them.", ["route", "status"], registry=registry
        )
        self._exhausted = Counter("llm_exhausted", "Turns that no provider answered.", registry=registry)
        self._health = Gauge(
            "llm_provider_health", "1 closed, 0.5 half-open, 0 open.", ["provider"], registry=registry
        )
        self._requests = _bound(requests)
        self._failures = _bound(failures)
        self._latency = _bound(latency)
        self._ttft = _bound(ttft)
        self._tokens = _bound(tokens)
        self._cost = _bound(cost)
        self._fallbacks = _bound(fallbacks)
        self._turns = _bound(turns)
        self._circuits: dict[str, dict[str, float]] = {}

    def observe(self, observation: Observation) -> None:
        """Book a call or a turn."""
        match observation:
            case CallEnded():
                self._call(observation)
            case TurnEnded():
                self._turn(observation)

    def circuit(self, change: BreakerChanged) -> None:
        """Book a circuit's state: a provider is as well as the worst of its own and its models' circuits."""
        value = 1.0 if isinstance(change.state, Closed) else 0.5 if isinstance(change.state, Probing) else 0.0
        circuits = self._circuits.setdefault(change.provider, {})
        circuits[change.model] = value
        self._health.labels(change.provider).set(min(circuits.values()))

    def known(self, providers: list[str]) -> None:
        """Show these providers as well from the start, so that a dashboard has a line for each."""
        for provider in providers:
            self._health.labels(provider).set(1)

    async def endpoint(self, _request: Request) -> Response:
        """``GET /metrics``."""
        return Response(generate_latest(self.registry), media_type=CONTENT_TYPE_LATEST)

    def _call(self, call: CallEnded) -> None:
        self._requests(call.provider, ANY_MODEL if call.by_name else call.model, call.outcome).inc()
        self._latency(call.provider).observe(call.seconds)
        if call.ttft is not None:
            self._ttft(call.provider).observe(call.ttft)
        if call.outcome == "failed" and call.reason is not None:
            self._failures(call.provider, call.reason).inc()
        if call.spent.tokens:
            self._tokens(call.provider, "input").inc(call.spent.input_tokens)
            self._tokens(call.provider, "output").inc(call.spent.output_tokens)
            self._cost(call.provider).inc(call.spent.cost_usd or 0.0)

    def _turn(self, turn: TurnEnded) -> None:
        self._turns(turn.endpoint, turn.status).inc()
        if turn.status == "fallback":
            self._exhausted.inc()
        elif turn.fallback_from is not None and turn.provider not in {None, turn.fallback_from}:
            self._fallbacks(turn.fallback_from, turn.provider, turn.fallback_reason).inc()


def _bound(metric: Metric) -> Callable[..., Metric]:
    """The metric's children, each looked up once: ``labels()`` at every call costs more than counting."""

    @lru_cache(BOUND_CHILDREN)
    def child(*labels: str) -> Metric:
        return metric.labels(*labels)

    return child
