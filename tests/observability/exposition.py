"""What a service tells of itself, as Prometheus would have stored it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

Scrape: TypeAlias = Mapping[str, float]
"""Series, as ``name{label="value"}``, and their values."""

_LINE = re.compile(r"(?P<name>[a-zA-Z_:][\w:]*)(?:\{(?P<labels>.*)\})? (?P<value>\S+)(?: # .*)?")


@dataclass(frozen=True)
class Target:
    """Something that is scraped: the labels that a scrape adds where the exposition has them not itself."""

    instance: str
    service: str | None = None

    @property
    def labels(self) -> dict[str, str]:
        """As in prometheus.yml and its targets."""
        named = {} if self.service is None else {"service": self.service}
        return {"job": "novacore", "instance": self.instance, **named}

    def stored(self, text: str | None) -> dict[str, float]:
        """The series of a scrape; of one that failed (None) only ``up``."""
        found = {} if text is None else dict(self._series(text))
        found[_series("up", "", self.labels)] = 0.0 if text is None else 1.0
        return found

    def _series(self, text: str) -> Iterator[tuple[str, float]]:
        for line in text.splitlines():
            if line and not line.startswith("#"):
                match = _LINE.fullmatch(line)
                assert match is not None, line
                yield _series(match["name"], match["labels"] or "", self.labels), float(match["value"])


def families(text: str) -> frozenset[str]:
    """The metrics that a service tells of, those without a series yet too; not when each of them began to count."""
    told = re.findall(r"^# TYPE (\S+) \w+$", text, re.MULTILINE)
    return frozenset(name for name in told if not name.endswith("_created"))


def _series(name: str, own: str, added: Mapping[str, str]) -> str:
    """The series with the target's labels; honor_labels lets its own ones stand."""
    more = [f'{label}="{value}"' for label, value in added.items() if f'{label}="' not in own]
    return f"{name}{{{','.join([own, *more] if own else more)}}}"


@dataclass
class Timeline:
    """Scrapes at the times that the test gives them, in seconds."""

    scrapes: list[tuple[float, Scrape]] = field(default_factory=list)
    told: frozenset[str] = frozenset()
    """The metrics that were told of."""

    def add(self, at: float, *scrapes: Scrape) -> None:
        """Book what was scraped at that time."""
        whole: dict[str, float] = {}
        for scrape in scrapes:
            whole.update(scrape)
        self.scrapes.append((at, whole))

    def open_metrics(self, names: frozenset[str] | None = None) -> Iterator[str]:
        """All samples as ``promtool tsdb create-blocks-from openmetrics`` reads them."""
        for at, scrape in self.scrapes:
            for series, value in scrape.items():
                if names is None or name_of(series) in names:
                    yield f"{series} {value!r} {at:.3f}\n"
        yield "# EOF\n"

    def input_series(self, step: float, names: frozenset[str]) -> list[dict[str, str]]:
        """The series of these names as ``promtool test rules`` reads them, one value for each step from 0 on."""
        slots = round(self.scrapes[-1][0] / step) + 1
        found: dict[str, list[str]] = {}
        for at, scrape in self.scrapes:
            place = round(at / step)
            for series, value in scrape.items():
                if name_of(series) in names:
                    found.setdefault(series, ["_"] * slots)[place] = _number(value)
            for series, values in found.items():
                # What a scrape no longer has, Prometheus takes for gone at once.
                if series not in scrape and values[place] == "_":
                    values[place] = "stale"
        return [{"series": series, "values": " ".join(values)} for series, values in found.items()]


def name_of(series: str) -> str:
    """The metric's name."""
    return series.partition("{")[0]


def _number(value: float) -> str:
    return f"{value:.9f}".rstrip("0").rstrip(".")
