"""The memory service's metrics, in a registry of its own for each app."""

from pathlib import Path

from novakit import metrics

# Beside a chat the answer is waited for 150 ms.
SECONDS_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.5, 1, 5)


class MemoryMetrics:
    """Counts and times requests."""

    def __init__(self, data_dir: Path | None = None) -> None:
        self.told = told = metrics.Metrics(data_dir)
        self._requests = told.counter("memory_requests_total", "Requests answered.", "route", "status")
        self._seconds = told.histogram(
            "memory_request_seconds", "A request until the end of its answer.", "route", buckets=SECONDS_BUCKETS
        )

    def answered(self, route: str, status: int, seconds: float) -> None:
        """Count one request; ``route`` is one of a closed list."""
        self._requests(route, str(status)).inc()
        self._seconds(route).observe(seconds)
