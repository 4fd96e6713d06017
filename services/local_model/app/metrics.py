"""Prometheus metrics of the local model. Labels are bounded; the registry belongs to one app."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import Response

from .engine.engine import Finished

TTFT_BUCKETS = (0.05, 0.1, 0.2, 0.4, 0.6, 1, 2, 4, 8, 15, 30, 60, 120)
LOAD_BUCKETS = (0.25, 0.5, 1, 2, 4, 8, 15, 30, 60)


class Metrics:
    """All metrics of one app. The gauges are read from the given functions when they are asked for."""

    def __init__(self, *, loaded: Callable[[], bool], busy: Callable[[], int], waiting: Callable[[], int]) -> None:
        self.registry = registry = CollectorRegistry()
        self._requests = Counter(
            "local_model_requests", "Chat and generate requests by what became of them.", ["route", "outcome"],
            registry=registry,
        )  # fmt: skip
        self._ttft = Histogram(
            "local_model_time_to_first_token_seconds",
            "From a request's arrival, its wait and the load included.",
            buckets=TTFT_BUCKETS,
            registry=registry,
        )
        self._tokens = Counter("local_model_tokens", "Tokens read and written.", ["direction"], registry=registry)
        self._loads = Histogram(
            "local_model_load_seconds", "Loads of the model that succeeded.", buckets=LOAD_BUCKETS, registry=registry
        )
        self._load_failures = Counter("local_model_load_failures", "Loads that failed.", registry=registry)
        _gauge("local_model_loaded", "1 while the model is in memory.", loaded, registry)
        _gauge("local_model_slots_busy", "Slots that are taken.", busy, registry)
        _gauge("local_model_queue_waiting", "Requests that wait for a slot.", waiting, registry)
        ProcessCollector(registry=registry)

    def request(self, route: str, outcome: str) -> None:
        """Book a request: completed, cancelled, refused (its own fault), busy or failed."""
        self._requests.labels(route, outcome).inc()

    def first_token(self, seconds: float) -> None:
        """Book a first token."""
        self._ttft.observe(seconds)

    def finished(self, finished: Finished) -> None:
        """Book the tokens of a whole answer."""
        self._tokens.labels("input").inc(finished.prompt_tokens)
        self._tokens.labels("output").inc(finished.answer_tokens)

    def load(self, seconds: float | None) -> None:
        """Book a load; None: it failed."""
        if seconds is None:
            self._load_failures.inc()
        else:
            self._loads.observe(seconds)

    async def endpoint(self, _request: Request) -> Response:
        """``GET /metrics``."""
        return Response(generate_latest(self.registry), media_type=CONTENT_TYPE_LATEST)


def _gauge(name: str, meaning: str, read: Callable[[], float], registry: CollectorRegistry) -> None:
    Gauge(name, meaning, registry=registry).set_function(read)
