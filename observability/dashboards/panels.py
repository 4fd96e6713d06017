"""The kinds of panel that the dashboards are made of. Colours, sizes and data source are said here, once."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from string import ascii_uppercase
from typing import Literal, TypeAlias

from grafana_foundation_sdk.builders.common import (
    ReduceDataOptions,
    StackingConfig,
    VizLegendOptions,
    VizTooltipOptions,
)
from grafana_foundation_sdk.builders.dashboard import (
    Dashboard,
    DashboardLink,
    DatasourceVariable,
    Row,
    ThresholdsConfig,
)
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.builders.stat import Panel as StatPanel
from grafana_foundation_sdk.builders.timeseries import Panel as LinesPanel
from grafana_foundation_sdk.models import common, dashboard

SOURCE = dashboard.DataSourceRef(type_val="prometheus", uid="${datasource}")
LINES_HEIGHT, LINES_WIDTH = 8, 8
NUMBER_HEIGHT, NUMBER_WIDTH = 4, 4
TAG = "novacore"

Unit = Literal["short", "s", "percentunit", "reqps", "currencyUSD", "bytes", "ops"]
"""The units that are used, by Grafana's names: reqps and ops are a second's."""
Colour = Literal["green", "yellow", "orange", "red", "blue"]
Steps: TypeAlias = Mapping[float, Colour]


@dataclass(frozen=True)
class Lines:
    """Series over time. ``queries``: what each series is called, and its expression.

    A name may hold labels, as in ``{{provider}}``. ``exemplars`` shows traces beside the series.
    """

    title: str
    queries: Mapping[str, str]
    about: str
    unit: Unit = "short"
    stacked: bool = False
    most: float | None = None
    exemplars: bool = False


@dataclass(frozen=True)
class Number:
    """One value: now, or over the chosen time. ``steps``: the colour from a value on; the first is the least."""

    title: str
    query: str
    about: str
    unit: Unit = "short"
    steps: Steps = field(default_factory=lambda: {0.0: "blue"})
    empty: str = "no data"


@dataclass(frozen=True)
class Section:
    """A row of the dashboard."""

    title: str
    panels: Sequence[Lines | Number]


@dataclass(frozen=True)
class Board:
    """A dashboard. ``uid`` is its address below ``/d/``."""

    uid: str
    title: str
    about: str
    sections: Sequence[Section]
    span: str = "6h"


def build(board: Board) -> dashboard.Dashboard:
    """The dashboard as Grafana reads it."""
    built = (
        Dashboard(board.title)
        .uid(board.uid)
        .description(board.about)
        .tags([TAG])
        .refresh("30s")
        .time(f"now-{board.span}", "now")
        .timezone("browser")
        .readonly()
        .tooltip(dashboard.DashboardCursorSync.CROSSHAIR)
        .with_variable(DatasourceVariable("datasource").label("Data source").type("prometheus"))
        .link(DashboardLink("NovaCore").type(dashboard.DashboardLinkType.DASHBOARDS).tags([TAG]).as_dropdown(True))
    )
    ids = itertools.count(1)
    for section in board.sections:
        built.with_row(Row(section.title).id(next(ids)))
        for panel in section.panels:
            drawn = _lines(panel) if isinstance(panel, Lines) else _number(panel)
            built.with_panel(drawn.id(next(ids)))
    return built.build()


def _lines(panel: Lines) -> LinesPanel:
    built = (
        LinesPanel()
        .title(panel.title)
        .description(panel.about)
        .datasource(SOURCE)
        .unit(panel.unit)
        .min(0)
        .height(LINES_HEIGHT)
        .span(LINES_WIDTH)
        .line_width(1)
        .fill_opacity(30 if panel.stacked else 8)
        .show_points(common.VisibilityMode.NEVER)
        .legend(
            VizLegendOptions()
            .show_legend(True)
            .display_mode(common.LegendDisplayMode.LIST)
            .placement(common.LegendPlacement.BOTTOM)
        )
        .tooltip(VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI).sort(common.SortOrder.DESCENDING))
    )
    if panel.stacked:
        built.stacking(StackingConfig().mode(common.StackingMode.NORMAL))
    if panel.most is not None:
        built.max(panel.most)
    for letter, (legend, expression) in zip(ascii_uppercase, panel.queries.items(), strict=False):
        query = Dataquery().ref_id(letter).datasource(SOURCE).expr(expression).legend_format(legend).range()
        built.with_target(query.exemplar(True) if panel.exemplars else query)
    return built


def _number(panel: Number) -> StatPanel:
    steps = [
        # The first step holds for everything below the second; Grafana wants it without a value.
        dashboard.Threshold(color=colour, value=None if place == 0 else value)
        for place, (value, colour) in enumerate(panel.steps.items())
    ]
    return (
        StatPanel()
        .title(panel.title)
        .description(panel.about)
        .datasource(SOURCE)
        .unit(panel.unit)
        .no_value(panel.empty)
        .height(NUMBER_HEIGHT)
        .span(NUMBER_WIDTH)
        .graph_mode(common.BigValueGraphMode.NONE)
        .thresholds(ThresholdsConfig().mode(dashboard.ThresholdsMode.ABSOLUTE).steps(steps))
        .reduce_options(ReduceDataOptions().calcs(["lastNotNull"]))
        .with_target(Dataquery().ref_id("A").datasource(SOURCE).expr(panel.query).instant())
    )
