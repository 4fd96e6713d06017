"""The dashboards as files: what the code builds, complete, and readable for Grafana."""

import json
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from observability.dashboards import boards

from . import rules

PROVISIONING = rules.FOLDER / "grafana" / "provisioning"


def loaded(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def test_the_files_are_what_the_code_builds() -> None:
    found = {path.name: path.read_text(encoding="utf-8") for path in rules.DASHBOARDS}

    assert found == boards.files(), "run: make documents"


@pytest.mark.parametrize("path", rules.DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_is_read_as_it_was_written(path: Path) -> None:
    read = Dashboard.from_json(loaded(path))

    assert json.loads(json.dumps(read, cls=JSONEncoder)) == loaded(path)


@pytest.mark.parametrize("path", rules.DASHBOARDS, ids=lambda path: path.stem)
def test_each_panel_says_what_it_shows_in_a_place_of_its_own(path: Path) -> None:
    panels = loaded(path)["panels"]
    drawn = [panel for panel in panels if panel["type"] != "row"]
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels]

    assert len({panel["id"] for panel in panels}) == len(panels)
    assert len(set(places)) == len(places)
    assert all(panel["title"] and panel["description"].endswith(".") for panel in drawn)
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in panels)
    for panel in drawn:
        references = [target["refId"] for target in panel["targets"]]
        assert references
        assert len(set(references)) == len(references)


def test_each_expression_can_be_read() -> None:
    for panel in rules.panels():
        assert "$" not in panel.expr
        promql_parser.parse(panel.expr)


def test_grafana_is_told_where_the_dashboards_and_the_data_are() -> None:
    [provider] = yaml.safe_load((PROVISIONING / "dashboards" / "novacore.yml").read_text())["providers"]
    sources = yaml.safe_load((PROVISIONING / "datasources" / "sources.yml").read_text())["datasources"]

    assert provider["type"] == "file"
    assert {source["type"] for source in sources if source.get("isDefault")} == {"prometheus"}
    assert len({source["uid"] for source in sources}) == len(sources)
