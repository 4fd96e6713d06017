"""A service's metrics for Prometheus: each declared once, its children bound once, its labels bounded.

Finding a child by its labels costs more than counting, so children are kept. A child is counted on by the one thread
that runs the event loop, so it needs no lock: with prometheus_client's own, a chat would cost three times as much of
this. What is told, and how it is written, is prometheus_client's all the same.

A label whose values come from outside (a model's name, which a server may make up anew with each answer) has a limit:
past it, and for values that are no sensible name, the value is OTHER. So no caller and no server can make the number
of series grow.
"""

import os
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import accumulate
from pathlib import Path
from typing import Generic, Literal, TypeAlias, TypeVar

import msgspec
from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar

from .later import later
from .version import VERSION, revision

OTHER = "other"
LONGEST_VALUE = 80

Kind = Literal["counter", "gauge", "histogram"]
Labels: TypeAlias = tuple[str, ...]
Read: TypeAlias = Callable[[], Iterable[tuple[Labels, float]]]
"""Gives (label values, value) of each series at the moment of the scrape."""
Seen: TypeAlias = tuple[str, float] | None
"""The trace that shows how a value came about, and when that was (seconds since 1970); None where there is none."""
Shown: TypeAlias = tuple[tuple[str, float], float] | None
"""An exemplar: that, and the value."""


class Family(msgspec.Struct, frozen=True):
    """One metric as the reference shows it; ``name`` is the one that is queried."""

    name: str
    kind: Kind
    meaning: str
    labels: Labels = ()
    buckets: tuple[float, ...] = ()


class Counter:
    """One series that only rises."""

    __slots__ = ("shown", "value")

    def __init__(self, _buckets: tuple[float, ...] = ()) -> None:
        self.value = 0.0
        self.shown: Shown = None

    def inc(self, amount: float = 1.0, seen: Seen = None) -> None:
        """Add to it."""
        self.value += amount
        if seen is not None:
            self.shown = seen, amount


class Gauge:
    """One series that rises and falls."""

    __slots__ = ("value",)

    def __init__(self, _buckets: tuple[float, ...] = ()) -> None:
        self.value = 0.0

    def set(self, value: float) -> None:
        """Put it at this value."""
        self.value = value


class Histogram:
    """One distribution. ``counts`` has a number for each bucket, and one for what is above them all."""

    __slots__ = ("_buckets", "counts", "shown", "total")

    def __init__(self, buckets: tuple[float, ...]) -> None:
        self._buckets = buckets
        self.counts = [0] * (len(buckets) + 1)
        self.total = 0.0
        self.shown: dict[int, Shown] = {}

    def observe(self, value: float, seen: Seen = None) -> None:
        """Count a value."""
        place = bisect_left(self._buckets, value)
        self.counts[place] += 1
        self.total += value
        if seen is not None:
            self.shown[place] = seen, value

    def merge(self, counts: Iterable[int], total: float) -> None:
        """Add what somebody else has counted by the same buckets."""
        for place, count in enumerate(counts):
            self.counts[place] += count
        self.total += total


Child = TypeVar("Child", Counter, Gauge, Histogram)


class Bound(Collector, Generic[Child]):
    """A metric's children by their label values. ``limits``: how many values a label may have, by its name."""

    def __init__(self, family: Family, make: Callable[[tuple[float, ...]], Child], limits: Mapping[str, int]) -> None:
        self._family = family
        self._make: Callable[[tuple[float, ...]], Child] = make
        self._children: dict[Labels, Child] = {}
        self._limited = {family.labels.index(label): most for label, most in limits.items()}
        self._values: dict[int, set[str]] = {place: set() for place in self._limited}

    def __call__(self, *values: str) -> Child:
        """The child; made at its first use."""
        child = self._children.get(values)
        if child is not None:
            return child
        values = tuple(self._bounded(place, value) for place, value in enumerate(values))
        child = self._children.get(values)
        if child is None:
            child = self._children[values] = self._make(self._family.buckets)
        return child

    def collect(self) -> Iterator[Metric]:
        """As the registry asks for it."""
        family = self._family
        match family.kind:
            case "counter":
                counter = CounterMetricFamily(family.name, family.meaning, labels=family.labels)
                for values, child in self._children.items():
                    _add_counter(counter, values, child)
                yield counter
            case "gauge":
                gauge = GaugeMetricFamily(family.name, family.meaning, labels=family.labels)
                for values, child in self._children.items():
                    _add_gauge(gauge, values, child)
                yield gauge
            case "histogram":
                histogram = HistogramMetricFamily(family.name, family.meaning, labels=family.labels)
                for values, child in self._children.items():
                    _add_histogram(histogram, family, values, child)
                yield histogram

    def describe(self) -> Iterator[Metric]:
        """Its name, before there is anything to tell."""
        yield Metric(self._family.name.removesuffix("_total"), self._family.meaning, self._family.kind)

    def _bounded(self, place: int, value: str) -> str:
        most = self._limited.get(place)
        if most is None:
            return value
        known = self._values[place]
        if value in known:
            return value
        if len(known) >= most or not value.isprintable() or len(value) > LONGEST_VALUE:
            return OTHER
        known.add(value)
        return value


class Metrics:
    """All metrics of one app, in a registry of its own; ``families`` lists what was declared."""

    def __init__(self, data_dir: Path | None = None) -> None:
        """With what every service tells of its process and, where it keeps data, of the file system below."""
        self.registry = CollectorRegistry()
        self.families: list[Family] = []
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        here = (VERSION, revision())
        self.pulled("novacore_build_info", "Always 1.", ("version", "revision"), lambda: [(here, 1.0)])
        if data_dir is not None:
            self.pulled(
                "novacore_data_free_bytes",
                "Free for us on the file system of the data folder.",
                (),
                lambda: _file_system(data_dir, "f_bavail"),
            )
            self.pulled(
                "novacore_data_size_bytes",
                "Size of the file system of the data folder.",
                (),
                lambda: _file_system(data_dir, "f_blocks"),
            )

    def counter(
        self, name: str, meaning: str, *labels: str, limits: Mapping[str, int] | None = None
    ) -> Bound[Counter]:
        """Declare a counter; ``name`` ends in ``_total``."""
        return self._declare(Bound(Family(name, "counter", meaning, labels), Counter, limits or {}))

    def spans(self) -> Bound[Counter]:
        """Declare the counter of a service that records traces."""
        return self.counter(
            "novacore_spans_total", "Spans that were exported, or dropped for want of a collector.", "outcome"
        )

    def gauge(self, name: str, meaning: str, *labels: str) -> Bound[Gauge]:
        """Declare a gauge that is set."""
        return self._declare(Bound(Family(name, "gauge", meaning, labels), Gauge, {}))

    def histogram(self, name: str, meaning: str, *labels: str, buckets: tuple[float, ...]) -> Bound[Histogram]:
        """Declare a histogram with classic buckets."""
        return self._declare(Bound(Family(name, "histogram", meaning, labels, buckets), Histogram, {}))

    def pulled(self, name: str, meaning: str, labels: Labels, read: Read) -> None:
        """Declare a gauge whose series are read when somebody asks for them."""
        family = Family(name, "gauge", meaning, labels)
        self.families.append(family)
        self.registry.register(_Pulled(family, read))

    def render(self, accept: str = "") -> tuple[bytes, str]:
        """(exposition, content type): OpenMetrics, with exemplars, for whoever accepts it, else Prometheus' text."""
        later.catch_up()
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type

    def _declare(self, bound: Bound[Child]) -> Bound[Child]:
        self.families.append(bound._family)
        self.registry.register(bound)
        return bound


class _Pulled(Collector):
    def __init__(self, family: Family, read: Read) -> None:
        self._family, self._read = family, read

    def collect(self) -> Iterator[Metric]:
        told = GaugeMetricFamily(self._family.name, self._family.meaning, labels=self._family.labels)
        for values, value in self._read():
            told.add_metric(values, value)
        yield told

    def describe(self) -> Iterator[Metric]:
        yield Metric(self._family.name, self._family.meaning, "gauge")


def _add_counter(told: CounterMetricFamily, values: Labels, child: Counter | Gauge | Histogram) -> None:
    assert isinstance(child, Counter), "a counter's children are counters"  # noqa: S101
    told.add_metric(values, child.value, exemplar=_exemplar(child.shown))


def _add_gauge(told: GaugeMetricFamily, values: Labels, child: Counter | Gauge | Histogram) -> None:
    assert isinstance(child, Gauge), "a gauge's children are gauges"  # noqa: S101
    told.add_metric(values, child.value)


def _add_histogram(
    told: HistogramMetricFamily, family: Family, values: Labels, child: Counter | Gauge | Histogram
) -> None:
    assert isinstance(child, Histogram), "a histogram's children are histograms"  # noqa: S101
    bounds = [*(str(float(bound)) for bound in family.buckets), "+Inf"]
    buckets: list[tuple[str, float] | tuple[str, float, Exemplar]] = []
    for place, (bound, count) in enumerate(zip(bounds, accumulate(child.counts), strict=True)):
        seen = _exemplar(child.shown.get(place))
        buckets.append((bound, count) if seen is None else (bound, count, seen))
    told.add_metric(values, buckets, child.total)


def _exemplar(shown: Shown) -> Exemplar | None:
    if shown is None:
        return None
    (trace_id, at), value = shown
    return Exemplar({"trace_id": trace_id}, value, at)


def _file_system(folder: Path, blocks: Literal["f_bavail", "f_blocks"]) -> list[tuple[Labels, float]]:
    try:
        told = os.statvfs(folder)
    except OSError:
        return []
    return [((), float(told.f_frsize * getattr(told, blocks)))]
