"""Rules and configurations as Prometheus' and Alertmanager's own programs see them."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from . import rules, runbook

ALERTS = {alert.name for alert in rules.alerts()}
TESTS: list[dict[str, Any]] = [
    test for path in rules.RULE_TESTS for test in yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]
]


def checked(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_takes_its_rules_and_configurations(installed: dict[str, Path]) -> None:
    folder = rules.FOLDER / "prometheus"

    checked(installed["promtool"], "check", "rules", "--lint=all", "--lint-fatal", *rules.RULE_FILES)
    checked(installed["promtool"], "check", "config", "--syntax-only", *sorted(folder.glob("*.yml")))


def test_alertmanager_takes_its_configuration(installed: dict[str, Path]) -> None:
    checked(installed["amtool"], "check-config", rules.FOLDER / "alertmanager" / "alertmanager.yml")


@pytest.mark.parametrize(
    ("severity", "receiver"), [("critical", "pager"), ("warning", "operator"), ("info", "operator")]
)
def test_whoever_is_on_call_is_called_for_what_is_critical_alone(
    installed: dict[str, Path], severity: str, receiver: str
) -> None:
    configuration = rules.FOLDER / "alertmanager" / "alertmanager.yml"
    routes = ("config", "routes", "test", f"--config.file={configuration}")
    command = [str(installed["amtool"]), *routes, f"severity={severity}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout.strip()) == (0, receiver)


def test_each_alert_fires_when_it_must_and_stays_quiet_when_it_must_not(installed: dict[str, Path]) -> None:
    checked(installed["promtool"], "test", "rules", *rules.RULE_TESTS)


@pytest.mark.parametrize("alert", sorted(ALERTS))
def test_each_alert_has_a_test_in_which_it_fires_and_one_in_which_it_does_not(alert: str) -> None:
    asked = [check for test in TESTS for check in test["promql_expr_test"] if alert in matched(check["expr"])]
    fires = [check for check in asked if any(f'"{alert}"' in told["labels"] for told in check["exp_samples"])]

    assert fires, "no test in which it fires"
    assert [check for check in asked if check not in fires], "no test in which it stays quiet"


def matched(expr: str) -> set[str]:
    """The alerts that a test's expression asks for."""
    [(operator, value)] = re.findall(r'alertname(=~?)"([^"]+)"', expr)
    return {alert for alert in ALERTS if (re.fullmatch(value, alert) if operator == "=~" else value == alert)}


@pytest.mark.parametrize("alert", rules.alerts(), ids=lambda alert: alert.name)
def test_each_alert_says_how_bad_it_is_what_people_notice_and_where_to_read_on(alert: rules.Alert) -> None:
    page, _, anchor = alert.annotations["runbook_url"].partition("#")
    section = runbook.sections()[alert.name]

    assert set(alert.annotations) == {"summary", "impact", "runbook_url"}
    assert alert.labels["severity"] in runbook.LEVELS
    assert rules.FOLDER.parent / page == runbook.PATH
    assert anchor in runbook.anchors()
    assert f"**{alert.labels['severity']}**" in section.partition("**Means.**")[0]
    assert " ".join(alert.annotations["impact"].split()) in " ".join(section.replace("`", "").split())


def test_the_runbook_says_of_each_alert_the_same_four_things_in_the_same_order() -> None:
    told = {
        name: re.findall(r"^\*\*[A-Z][a-z ]+\.\*\*", body, re.MULTILINE) for name, body in runbook.sections().items()
    }

    assert told == {alert: list(runbook.PARTS) for alert in ALERTS}
    assert list(runbook.sections()) == list(dict.fromkeys(runbook.sections()))


def test_inhibitions_and_routes_name_alerts_and_levels_that_are_there() -> None:
    configuration = (rules.FOLDER / "alertmanager" / "alertmanager.yml").read_text(encoding="utf-8")
    named = {
        prefix + ending
        for prefix, endings in re.findall(r'alertname =~? "(NovaCore)\(?([\w|]+)\)?"', configuration)
        for ending in endings.split("|")
    }

    assert named
    assert named <= ALERTS
    assert set(re.findall(r'severity = "(\w+)"', configuration)) <= set(runbook.LEVELS)
