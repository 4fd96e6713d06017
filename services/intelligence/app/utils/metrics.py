"""Prometheus metrics: an observer of turns, calls and circuits. Children are bound once; labels are bounded."""

from collections import Counter
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import get_args

from novakit import metrics
from novakit.metrics import LONGEST_VALUE, Read, Seen
from starlette.requests import Request
from starlette.responses import Response

from ..routing.breaker import Closed, Open, Probing
from ..routing.policy import Candidate, Health
from ..routing.verdicts import VERDICTS
from ..services.memory_client import Call, MemoryCalled, MemoryOutcome
from ..services.observations import (
    GAP_BOUNDS,
    CallEnded,
    Endpoint,
    PassedOver,
    QueueLeft,
    TurnEnded,
)
from ..services.orchestrator.health_board import BreakerChanged
from ..services.orchestrator.slots import QUEUE_LENGTH
from ..services.parts import Parts

# A local model on a slow machine speaks after a minute; a cloud one after some hundred milliseconds.
TTFT_BUCKETS = (0.05, 0.1, 0.2, 0.35, 0.6, 1, 2, 4, 8, 15, 30, 60, 120)
LATENCY_BUCKETS = (0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120, 300)
# LLM_QUEUE_TIMEOUT_SEC is 2 by default; who may go nowhere else waits up to the request's deadline.
WAIT_BUCKETS = (0.001, 0.1, 0.5, 1, 2, 5, 15, 30, 60, 120)
# Memory has 150 ms beside a chat, and 5 s where a user asks for their own.
MEMORY_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.5, 1, 5)
ANY_MODEL = "by name"
"""The label of all models that callers chose themselves: a label must have few values."""
MODELS = {"model": 32}
KEPT = 256
"""Of how many sets of label values the children are kept together; others are looked for one by one."""


class Metrics:
    """All metrics of one app."""

    def __init__(self, data_dir: Path | None = None) -> None:
        self.told = told = metrics.Metrics(data_dir)
        self.spans = told.spans()
        self._declare_calls(told)
        self._declare_turns(told)
        # What is always counted together is found together.
        self._of_call = lru_cache(KEPT)(self._children_of_call)
        self._of_words = lru_cache(KEPT)(lambda provider: (self._ttft(provider), self._gaps(provider)))
        self._of_tokens = lru_cache(KEPT)(self._children_of_tokens)
        self._of_turn = lru_cache(KEPT)(self._children_of_turn)
        self._openings = told.counter(
            "llm_circuit_openings_total", "Circuits that opened, by the fault that opened them.", "provider", "reason"
        )
        self._memory = told.counter(
            "memory_calls_total", "Calls to the memory service; a chat goes on without it.", "call", "outcome"
        )
        self._memory_seconds = told.histogram(
            "memory_call_seconds", "A call to the memory service.", "call", buckets=MEMORY_BUCKETS
        )
        for call in get_args(Call):
            for outcome in get_args(MemoryOutcome):
                self._memory(call, outcome)

    def _declare_calls(self, told: metrics.Metrics) -> None:
        self._requests = told.counter(
            "llm_provider_requests_total", "Upstream calls by outcome.", "provider", "model", "outcome", limits=MODELS
        )
        self._failures = told.counter(
            "llm_provider_failures_total", "Failed upstream calls by reason.", "provider", "reason"
        )
        self._latency = told.histogram(
            "llm_provider_latency_seconds", "An upstream call, whole.", "provider", buckets=LATENCY_BUCKETS
        )
        self._ttft = told.histogram(
            "llm_time_to_first_token_seconds", "An upstream call, until its first words.", "provider",
            buckets=TTFT_BUCKETS,
        )  # fmt: skip
        self._gaps = told.histogram(
            "llm_inter_token_seconds",
            "Between two pieces of an answer as they came; tokens that came together are one piece.",
            "provider",
            buckets=GAP_BOUNDS,
        )
        self._tokens = told.counter(
            "llm_tokens_total", "Tokens as reported, else estimated; failed calls too.", "provider", "direction"
        )
        self._cost = told.counter("llm_cost_usd_total", "US dollars, where a price is known.", "provider")
        self._cloud = told.counter("llm_cloud_requests_total", "Upstream calls that went to a cloud.", "provider")
        self._hedges = told.counter(
            "llm_hedges_total", "Calls beside one that was slow to speak; succeeded: it was heard.",
            "provider", "outcome",
        )  # fmt: skip
        self._handoffs = told.counter(
            "llm_handoffs_total", "Broken answers that another provider went on with, and what became of its call.",
            "from", "to", "outcome",
        )  # fmt: skip
        self._skips = told.counter(
            "llm_skips_total", "Providers that were not asked, by reason.", "provider", "reason"
        )
        self._waits = told.histogram(
            "llm_queue_wait_seconds", "Until a call had a slot of its provider, or was turned away, or left.",
            "provider", "outcome", buckets=WAIT_BUCKETS,
        )  # fmt: skip
        self._bad_frames = told.counter(
            "llm_skipped_frames_total", "Bad frames in otherwise good streams.", "provider"
        )

    def _declare_turns(self, told: metrics.Metrics) -> None:
        self._turns = told.counter("chat_requests_total", "Chat turns as their users saw them.", "route", "status")
        self._duration = told.histogram(
            "chat_duration_seconds", "A chat turn, whole, as its user saw it.", "route", buckets=LATENCY_BUCKETS
        )
        self._first_words = told.histogram(
            "chat_time_to_first_token_seconds",
            "A chat turn until its first words, with all waiting and all failovers.", "route", buckets=TTFT_BUCKETS,
        )  # fmt: skip
        self._fallbacks = told.counter(
            "llm_fallbacks_total", "Answers that came from another than the first choice.", "from", "to", "reason"
        )
        self._exhausted = told.counter("llm_exhausted_total", "Turns that no provider answered.")()
        for route in get_args(Endpoint):
            for status in ("complete", "fallback", "failed", "interrupted"):
                self._turns(route, status)
            self._duration(route)
            self._first_words(route)

    def observe(self, observation: QueueLeft | PassedOver) -> None:
        """Book a wait or a skip."""
        match observation:
            case QueueLeft():
                self._waits(observation.provider, observation.outcome).observe(observation.seconds)
            case PassedOver():
                self._skips(observation.provider, observation.reason).inc()

    def call(self, call: CallEnded, seen: Seen) -> None:
        """Book an upstream call."""
        provider = call.provider
        requests, latency = self._of_call(provider, ANY_MODEL if call.by_name else call.model, call.outcome)
        requests.inc(1, seen)
        latency.observe(call.seconds, seen)
        if call.locality == "cloud":
            self._cloud(provider).inc(1, seen)
        if call.ttft is not None:
            ttft, gaps = self._of_words(provider)
            ttft.observe(call.ttft, seen)
            if any(call.gaps.counts):
                gaps.merge(call.gaps.counts, call.gaps.seconds)
        if call.outcome == "failed" and call.reason is not None:
            self._failures(provider, call.reason).inc(1, seen)
        if call.hedge:
            self._hedges(provider, call.outcome).inc(1, seen)
        if call.handed_over_by is not None:
            self._handoffs(call.handed_over_by, provider, call.outcome).inc(1, seen)
        if call.skipped_frames:
            self._bad_frames(provider).inc(call.skipped_frames, seen)
        if call.spent.tokens:
            read, written = self._of_tokens(provider)
            read.inc(call.spent.input_tokens)
            written.inc(call.spent.output_tokens)
            if call.spent.cost_usd:
                self._cost(provider).inc(call.spent.cost_usd)

    def turn(self, turn: TurnEnded, seen: Seen) -> None:
        """Book a turn."""
        turns, duration, first_words = self._of_turn(turn.endpoint, turn.status)
        turns.inc(1, seen)
        duration.observe(turn.seconds, seen)
        if turn.ttft is not None:
            first_words.observe(turn.ttft, seen)
        if turn.status == "fallback":
            self._exhausted.inc(1, seen)
        elif turn.fallback_from is not None and turn.provider is not None and turn.provider != turn.fallback_from:
            self._fallbacks(turn.fallback_from, turn.provider, str(turn.fallback_reason)).inc(1, seen)

    def circuit(self, change: BreakerChanged) -> None:
        """Book a circuit that opened."""
        if isinstance(change.state, Open) and change.reason is not None:
            self._openings(change.provider, change.reason).inc()

    def memory(self, called: MemoryCalled) -> None:
        """Book a call to the memory service."""
        self._memory(called.call, called.outcome).inc()
        self._memory_seconds(called.call).observe(called.seconds)

    def watch(self, parts: Parts) -> None:
        """Declare what is read from the parts of the running service at each scrape."""
        told, orchestrator, health = self.told, parts.orchestrator, parts.health
        names = [each.name for each in orchestrator.candidates() if each.configured]

        def configured() -> list[Candidate]:
            return [each for each in orchestrator.candidates() if each.configured]

        def by_provider(read: Callable[[str], float]) -> Read:
            return lambda: [((name,), read(name)) for name in names]

        told.pulled(
            "llm_provider_health", "1 closed, 0.5 half-open, 0 open: the worse of the provider's own circuit "
            "and that of its configured model.", ("provider",),
            lambda: [((each.name,), _health(each, health.states)) for each in configured()],
        )  # fmt: skip
        told.pulled(
            "llm_provider_info", "Always 1: the configured providers, each with the model that it would use now.",
            ("provider", "model", "locality"),
            lambda: [((each.name, each.model[:LONGEST_VALUE], each.locality), 1.0) for each in configured()],
        )  # fmt: skip
        cloud = float(parts.cloud_enabled)
        told.pulled("llm_cloud_enabled", "CLOUD_ENABLED, 1 or 0.", (), lambda: [((), cloud)])
        told.pulled(
            "llm_provider_in_flight", "Upstream calls under way.", ("provider",), by_provider(health.in_flight)
        )
        told.pulled(
            "llm_provider_concurrency_limit", "How many calls a provider is given at a time.", ("provider",),
            by_provider(orchestrator.limit),
        )  # fmt: skip
        told.pulled(
            "llm_queue_depth", "Requests that wait for a slot.", ("provider",), by_provider(orchestrator.waiting)
        )
        told.pulled(
            "llm_queue_limit", "How many may wait for a slot.", ("provider",), by_provider(lambda _: QUEUE_LENGTH)
        )
        told.pulled(
            "llm_quota_remaining_ratio", "What is left of today's budget, of 1; providers that have one.",
            ("provider", "unit"), parts.budgets.remaining,
        )  # fmt: skip
        told.pulled(
            "chat_open_streams", "Chat turns that are being answered.", ("route",),
            lambda: [((route,), float(count)) for route, count in _open(parts).items()],
        )  # fmt: skip
        for each in configured():
            # A rate is only seen of a series that was there before it moved.
            for reason, verdict in VERDICTS.items():
                if verdict.effect == "open":
                    self._failures(each.name, reason)
            if each.model:
                self._requests(each.name, each.model, "succeeded")
                self._requests(each.name, each.model, "failed")
            self._tokens(each.name, "input")
            self._tokens(each.name, "output")
            self._cost(each.name)
            if each.locality == "cloud":
                self._cloud(each.name)

    async def endpoint(self, request: Request) -> Response:
        """``GET /metrics``."""
        body, content_type = self.told.render(request.headers.get("accept", ""))
        return Response(body, headers={"content-type": content_type})

    def _children_of_call(self, provider: str, model: str, outcome: str) -> tuple[metrics.Counter, metrics.Histogram]:
        return self._requests(provider, model, outcome), self._latency(provider)

    def _children_of_tokens(self, provider: str) -> tuple[metrics.Counter, metrics.Counter]:
        return self._tokens(provider, "input"), self._tokens(provider, "output")

    def _children_of_turn(
        self, route: str, status: str
    ) -> tuple[metrics.Counter, metrics.Histogram, metrics.Histogram]:
        return self._turns(route, status), self._duration(route), self._first_words(route)


def _health(candidate: Candidate, states: Health) -> float:
    """Of the models that callers named themselves nothing counts: they may name any."""
    found = [states[key] for key in candidate.health_keys() if key in states]
    values = [1.0 if isinstance(state, Closed) else 0.5 if isinstance(state, Probing) else 0.0 for state in found]
    return min(values, default=1.0)


def _open(parts: Parts) -> dict[str, int]:
    counts = Counter(turn.endpoint for turn in parts.running.everyone())
    return {"message": counts["message"], "stream": counts["stream"], "completions": parts.completions.under_way}
