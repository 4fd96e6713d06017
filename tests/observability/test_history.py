"""Every expression of every dashboard and rule, put to a real Prometheus after a half-hour of mixed traffic."""

import asyncio
import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import promql_parser
import pytest

from tests.support.services import ROOT

from . import rules, runbook
from .history import HALF_HOUR, STEP, half_hour
from .servers import Prometheus, prometheus

QUIET = {
    "NovaCoreCircuitOpen": "no circuit stays open for a quarter of an hour here",
    "NovaCoreCloudUsedWhileForbidden": "the cloud is allowed here; it must never fire",
    "NovaCoreDiskNearlyFull": "the disk of the machine that tests is not full",
    "NovaCoreDown": "what is scraped here answers all the while",
    "NovaCoreNoTraffic": "somebody chats all the while",
    "NovaCoreFirstWordsLate": "nobody waits for eight seconds here",
    "NovaCoreFallbackShareHigh": "of the day before only an hour is there",
}
"""Alerts whose expression rightly gives nothing over that half-hour, and why. Their drills make them fire."""


PREFIX = "(?:llm|chat|gateway|memory|local_model|novacore)"
SHAPE = re.compile(rf"\b{PREFIX}_[a-z_]+_(?:total|seconds|bytes|ratio|info|bucket|sum|count)\b")
OF_THE_CLIENT = ("process_", "python_")
"""What the client library tells of every process."""


@dataclass(frozen=True)
class Past:
    """A Prometheus that has stored the half-hour which ended at ``end``. ``told``: the metrics in it."""

    server: Prometheus
    end: float
    told: frozenset[str]

    def gives(self, expr: str, *, instant: bool = False) -> bool:
        """Whether the expression has data in it: at its end, or at any look."""
        if instant:
            return bool(self.server.at(expr, self.end))
        return bool(self.server.over(expr, self.end - HALF_HOUR, self.end, STEP))


@pytest.fixture(scope="module")
def past(installed: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Past]:
    """The half-hour, stored; what the recording rules make of it was computed by Prometheus' own engine."""
    folder = tmp_path_factory.mktemp("history")
    end = time.time() - 2 * STEP
    story = asyncio.run(half_hour(folder, end))
    samples = folder / "samples.txt"
    with samples.open("w", encoding="utf-8") as out:
        out.writelines(story.open_metrics())
    data = folder / "data"
    run(installed["promtool"], "tsdb", "create-blocks-from", "openmetrics", "-q", samples, data)
    configuration = folder / "prometheus.yml"
    configuration.write_text("{}", encoding="utf-8")
    recording = rules.FOLDER / "prometheus" / "rules" / "indicators.yml"
    with prometheus(installed["prometheus"], folder, configuration) as server:
        times = (f"--start={end - HALF_HOUR:.0f}", f"--end={end:.0f}", f"--eval-interval={STEP:.0f}s")
        run(
            installed["promtool"], "tsdb", "create-blocks-from", "rules", *times, f"--url={server.url}",
            f"--output-dir={data}", recording,
        )  # fmt: skip
    with prometheus(installed["prometheus"], folder, configuration) as server:
        yield Past(server, end, story.told)


def run(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_panel_of_every_dashboard_has_data(past: Past) -> None:
    empty = [
        f"{panel.dashboard}, {panel.title}: {panel.expr}"
        for panel in rules.panels()
        if not past.gives(panel.expr, instant=panel.instant)
    ]

    assert not empty, "\n".join(empty)


def test_every_recording_rule_has_recorded(past: Past) -> None:
    assert not [name for name in rules.recorded() if not past.gives(name)]


def test_every_alerts_expression_gives_something_or_it_is_known_why_it_does_not(past: Past) -> None:
    silent = {alert.name for alert in rules.alerts() if not past.gives(alert.expr)}

    assert silent == set(QUIET)


def test_what_a_silent_alert_looks_at_is_there(past: Past) -> None:
    missing = [
        f"{alert.name}: {selector}"
        for alert in rules.alerts()
        if alert.name in QUIET
        for selector in map(str, rules.selectors(promql_parser.parse(alert.expr)))
        if not past.gives(selector.partition(" offset ")[0]) and 'service="memory"' not in selector
    ]

    assert not missing, "\n".join(missing)


def test_every_metric_that_is_named_in_rules_and_dashboards_is_told_by_code(past: Past) -> None:
    expressions = [*(rule["expr"] for rule in rules.rules()), *(panel.expr for panel in rules.panels())]
    named = {rules.family(name) for expr in expressions for name in rules.names_in(expr)}

    assert named - past.told - set(rules.recorded()) == {"up", "ALERTS"}


def test_every_metric_that_is_named_in_a_document_is_told_by_code(past: Past) -> None:
    documents = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    named = {name for path in documents for name in re.findall(SHAPE, path.read_text(encoding="utf-8"))}
    in_the_runbook = set(re.findall(rf"\b{PREFIX}_[a-z_]+\b", runbook.text()))
    unknown = {name for name in named | in_the_runbook if rules.family(name) not in past.told}

    assert not {name for name in unknown if f'"{name}"' not in source()}


def test_every_query_that_the_runbook_gives_has_data(past: Past) -> None:
    empty = {query for query in runbook.queries(past.told) if not past.gives(query)}

    assert len(runbook.queries(past.told)) >= 20
    assert empty == {"sum(llm_cloud_requests_total and on (instance) llm_cloud_enabled == 0)"}


@cache
def source() -> str:
    """All code of the services: what is no metric may be the name of something else, such as a log event."""
    folders = (ROOT / "services", ROOT / "novacore", ROOT / "libs")
    return "\n".join(path.read_text(encoding="utf-8") for folder in folders for path in folder.rglob("*.py"))


def test_every_metric_that_code_tells_is_documented(past: Past) -> None:
    reference = (ROOT / "docs" / "TELEMETRY_REFERENCE.md").read_text(encoding="utf-8")

    assert not [name for name in past.told if not name.startswith(OF_THE_CLIENT) and f"`{name}`" not in reference]
