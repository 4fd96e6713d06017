"""Prometheus metrics of the local model. Labels are bounded; the registry belongs to one app."""

from collections.abc import Callable

from novakit import metrics
from starlette.requests import Request
from starlette.responses import Response

from .engine.engine import Finished

TTFT_BUCKETS = (0.05, 0.1, 0.2, 0.4, 0.6, 1, 2, 4, 8, 15, 30, 60, 120)
LOAD_BUCKETS = (0.25, 0.5, 1, 2, 4, 8, 15, 30, 60)


class Metrics:
    """All metrics of one app. The gauges are read from the given functions when they are asked for."""

    def __init__(self, *, loaded: Callable[[], bool], busy: Callable[[], int], waiting: Callable[[], int]) -> None:
        self.told = told = metrics.Metrics()
        self._requests = told.counter(
            "local_model_requests_total", "Chat and generate requests by what became of them.", "route", "outcome"
        )
        self._ttft = told.histogram(
            "local_model_time_to_first_token_seconds",
            "From a request's arrival, its wait and the load included.",
            buckets=TTFT_BUCKETS,
        )()
        self._tokens = told.counter("local_model_tokens_total", "Tokens read and written.", "direction")
        self._loads = told.histogram(
            "local_model_load_seconds", "Loads of the model that succeeded.", buckets=LOAD_BUCKETS
        )()
        self._load_failures = told.counter("local_model_load_failures_total", "Loads that failed.")()
        told.pulled("local_model_loaded", "1 while the model is in memory.", (), lambda: [((), float(loaded()))])
        told.pulled("local_model_slots_busy", "Slots that are taken.", (), lambda: [((), busy())])
        told.pulled("local_model_queue_waiting", "Requests that wait for a slot.", (), lambda: [((), waiting())])

    def request(self, route: str, outcome: str) -> None:
        """Book a request: completed, cancelled, refused (its own fault), busy or failed."""
        self._requests(route, outcome).inc()

    def first_token(self, seconds: float) -> None:
        """Book a first token."""
        self._ttft.observe(seconds)

    def finished(self, finished: Finished) -> None:
        """Book the tokens of a whole answer."""
        self._tokens("input").inc(finished.prompt_tokens)
        self._tokens("output").inc(finished.answer_tokens)

    def load(self, seconds: float | None) -> None:
        """Book a load; None: it failed."""
        if seconds is None:
            self._load_failures.inc()
        else:
            self._loads.observe(seconds)

    async def endpoint(self, request: Request) -> Response:
        """``GET /metrics``."""
        body, content_type = self.told.render(request.headers.get("accept", ""))
        return Response(body, headers={"content-type": content_type})
