"""The project's rules and dashboards, read as data."""

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import promql_parser
import yaml

from tests.support.services import ROOT

FOLDER = ROOT / "observability"
RULE_FILES = sorted((FOLDER / "prometheus" / "rules").glob("*.yml"))
RULE_TESTS = sorted((FOLDER / "prometheus" / "tests").glob("*.yml"))
DASHBOARDS = sorted((FOLDER / "grafana" / "dashboards").glob("*.json"))
GRAFANA_VARIABLES = {"$__rate_interval": "1m", "$__range": "30m"}
"""What Grafana puts for them in a panel that shows half an hour of a scrape every 15 seconds."""
_SUFFIXES = ("_bucket", "_sum", "_count")


@dataclass(frozen=True)
class Alert:
    """One alerting rule."""

    name: str
    expr: str
    labels: dict[str, str]
    annotations: dict[str, str]


@dataclass(frozen=True)
class Panel:
    """One query of a dashboard's panel."""

    dashboard: str
    title: str
    expr: str
    instant: bool


def documents() -> dict[str, Any]:
    """Each rule file, by its name."""
    return {path.name: yaml.safe_load(path.read_text(encoding="utf-8")) for path in RULE_FILES}


@cache
def rules() -> tuple[dict[str, Any], ...]:
    """All rules of all files."""
    return tuple(rule for document in documents().values() for group in document["groups"] for rule in group["rules"])


def alerts() -> list[Alert]:
    """All alerting rules; of one name there may be several, with different windows."""
    return [
        Alert(rule["alert"], rule["expr"], rule["labels"], rule["annotations"]) for rule in rules() if "alert" in rule
    ]


def recorded() -> dict[str, str]:
    """The recording rules: name and expression."""
    return {rule["record"]: rule["expr"] for rule in rules() if "record" in rule}


def panels() -> list[Panel]:
    """Every query of every dashboard, with Grafana's variables filled in."""
    found = []
    for path in DASHBOARDS:
        for panel in json.loads(path.read_text(encoding="utf-8"))["panels"]:
            for target in panel.get("targets", ()):
                expr = target["expr"]
                for variable, value in GRAFANA_VARIABLES.items():
                    expr = expr.replace(variable, value)
                found.append(Panel(path.stem, panel["title"], expr, target.get("instant", False)))
    return found


def names_in(expr: str) -> frozenset[str]:
    """The metrics that an expression reads, as they are exposed."""
    return frozenset(selector.name for selector in selectors(promql_parser.parse(expr)) if selector.name)


def family(name: str) -> str:
    """The metric that a series of a histogram belongs to; any other as it is."""
    return next((name.removesuffix(suffix) for suffix in _SUFFIXES if name.endswith(suffix)), name)


def selectors(expr: Any) -> list[Any]:
    """The vector selectors in a parsed expression."""
    match expr:
        case promql_parser.VectorSelector():
            return [expr]
        case promql_parser.MatrixSelector():
            return [expr.vector_selector]
        case promql_parser.BinaryExpr():
            return selectors(expr.lhs) + selectors(expr.rhs)
        case promql_parser.AggregateExpr():
            return selectors(expr.expr)
        case promql_parser.Call():
            return [found for argument in expr.args for found in selectors(argument)]
        case promql_parser.ParenExpr() | promql_parser.UnaryExpr() | promql_parser.SubqueryExpr():
            return selectors(expr.expr)
        case _:
            return []


def scaled(text: str, factor: float) -> str:
    """Rules whose windows, offsets and patience are shorter by the factor, and are otherwise the same."""
    return _DURATION.sub(lambda match: f"{match[1]}{_milliseconds(match[2], factor)}", text)


_UNITS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_DURATION = re.compile(r"(\[|offset |for: |interval: |_interval: |group_wait: )(\d+[smhd])\b")


def _milliseconds(duration: str, factor: float) -> str:
    return f"{max(1, round(int(duration[:-1]) * _UNITS[duration[-1]] / factor))}ms"


def folder_of(path: Path) -> str:
    """The path as people write it."""
    return path.relative_to(ROOT).as_posix()
