"""Grafana's dashboards as code: the city, one district, and the health of the pipeline.

    python deploy/grafana/dashboards.py deploy/grafana        # writes city.json, district.json, pipeline.json

The JSON files beside this one are what it wrote last; a test compares. They are imported in Grafana (Dashboards,
New, Import) and ask for the Prometheus data source. Every query stands on metrics that each host serves, or on
`deploy/prometheus/recording.yml`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import NamedTuple

from grafana_foundation_sdk.builders import bargauge, dashboard, gauge, prometheus, stat, timeseries
from grafana_foundation_sdk.builders.common import ReduceDataOptions, VizLegendOptions
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import LegendDisplayMode, LegendPlacement
from grafana_foundation_sdk.models.dashboard import (
    Dashboard,
    DashboardCursorSync,
    DataSourceRef,
    GridPos,
    Threshold,
    ThresholdsConfig,
    ThresholdsMode,
    VariableRefresh,
)

SOURCE = DataSourceRef(type_val="prometheus", uid="${source}")
_GREEN, _YELLOW, _RED = "#2e7d32", "#b26a00", "#b3261e"
_WIDE = 24


class Query(NamedTuple):
    """One query and how its lines are called."""

    expr: str
    legend: str = ""


class Panel(NamedTuple):
    """One panel: `kind` is stat, gauge, bars or lines; from `good` on a share is green, if it has that."""

    title: str
    kind: str
    unit: str
    queries: tuple[Query, ...]
    width: int = 6
    height: int = 8
    good: float | None = None
    about: str = ""


def _both(zh: str, en: str) -> str:
    return f"{zh} · {en}"


CITY = (
    Panel(_both("每分钟上报", "Reports a minute"), "stat", "short", (Query("60 * onegrid:reports:rate5m"),), 4, 4),
    Panel(_both("在办", "Open"), "stat", "short", (Query("sum(onegrid_open_cases)"),), 4, 4),
    Panel(_both("超期在办", "Overdue"), "stat", "short",
          (Query('sum(onegrid_cases_by_light{light="RED"})'),), 4, 4),
    Panel(
        _both("按期率", "In time"), "gauge", "percentunit",
        (Query(
            'sum(increase(onegrid_deadlines_total{in_time="yes"}[$__range]))'
            " / sum(increase(onegrid_deadlines_total[$__range]))"
        ),), 4, 4, 0.9, "时段内到期的处置 · handling deadlines that passed in the range",
    ),
    Panel(
        _both("处置时长中位数", "Handling, median"), "stat", "m",
        (Query("histogram_quantile(0.5, sum by (le) (rate(onegrid_handling_minutes_bucket[$__range])))"),), 4, 4,
    ),
    Panel(
        _both("待确认告警", "Unconfirmed alerts"), "stat", "short", (Query("sum(onegrid_alerts_unconfirmed)"),), 4, 4,
    ),
    Panel(
        _both("各区在办按灯", "Open cases by light"), "bars", "short",
        (Query('sum by (desk) (onegrid_cases_by_light{light="RED"})', "{{desk}} 红 red"),
         Query('sum by (desk) (onegrid_cases_by_light{light="YELLOW"})', "{{desk}} 黄 yellow"),
         Query('sum by (desk) (onegrid_cases_by_light{light="GREEN"})', "{{desk}} 绿 green")), 12,
    ),
    Panel(
        _both("各区按期率", "In time by desk"), "lines", "percentunit",
        (Query("onegrid:on_time:ratio1d", "{{desk}}"),), 12,
    ),
    Panel(
        _both("派遣结果", "Routing outcomes"), "lines", "short",
        (Query("60 * sum by (outcome) (rate(onegrid_routing_outcomes_total[$__rate_interval]))", "{{outcome}}"),),
        8,
    ),
    Panel(
        _both("开案", "Cases opened"), "lines", "short",
        (Query("sum by (desk) (rate(onegrid_cases_total[$__rate_interval])) * 60", "{{desk}}"),), 8,
    ),
    Panel(
        _both("兜底与重复占比", "Backstop and duplicates"), "lines", "percentunit",
        (Query("onegrid:backstop:ratio1h", "兜底 backstop"), Query("onegrid:duplicates:ratio1h", "重复 duplicates")),
        8,
    ),
    Panel(
        _both("告警", "Alerts"), "lines", "short",
        (Query("sum by (kind) (rate(onegrid_alerts_total[$__rate_interval])) * 60", "{{kind}}"),), 12,
    ),
    Panel(
        _both("督办升级", "Escalations by tier"), "lines", "short",
        (Query("sum by (tier) (rate(onegrid_escalations_total[$__rate_interval])) * 60", "{{tier}}"),), 12,
    ),
)  # fmt: skip

DISTRICT = (
    Panel(_both("在办", "Open"), "stat", "short", (Query('sum(onegrid_open_cases{desk=~"$desk"})'),), 6, 4),
    Panel(
        _both("超期在办", "Overdue"), "stat", "short",
        (Query('sum(onegrid_cases_by_light{desk=~"$desk", light="RED"})'),), 6, 4,
    ),
    Panel(
        _both("按期率", "In time"), "gauge", "percentunit",
        (Query(
            'sum(increase(onegrid_deadlines_total{desk=~"$desk", in_time="yes"}[$__range]))'
            ' / sum(increase(onegrid_deadlines_total{desk=~"$desk"}[$__range]))'
        ),), 6, 4, 0.9,
    ),
    Panel(
        _both("待确认告警", "Unconfirmed alerts"), "stat", "short",
        (Query('sum(onegrid_alerts_unconfirmed{desk=~"$desk"})'),), 6, 4,
    ),
    Panel(
        _both("灯", "Lights"), "lines", "short",
        (Query('sum by (light) (onegrid_cases_by_light{desk=~"$desk"})', "{{light}}"),), 12,
    ),
    Panel(
        _both("流程动作", "Steps"), "lines", "short",
        (Query('60 * sum by (verb) (rate(onegrid_transitions_total{desk=~"$desk"}[$__rate_interval]))', "{{verb}}"),),
        12,
    ),
    Panel(
        _both("上报至派遣", "Report to dispatch"), "lines", "m",
        tuple(
            Query(
                f"histogram_quantile({q}, sum by (le) "
                f'(rate(onegrid_report_to_dispatch_minutes_bucket{{desk=~"$desk"}}[$__range])))', f"p{q * 100:.0f}",
            )
            for q in (0.5, 0.9)
        ), 8,
    ),
    Panel(
        _both("处置时长，按计时类别", "Handling by kind of clock"), "lines", "m",
        (Query(
            "histogram_quantile(0.5, sum by (kind, le) "
            '(rate(onegrid_handling_minutes_bucket{desk=~"$desk"}[$__range])))', "{{kind}}",
        ),), 8,
    ),
    Panel(
        _both("上报至结案", "Report to close"), "lines", "m",
        tuple(
            Query(
                f"histogram_quantile({q}, sum by (le) "
                f'(rate(onegrid_report_to_close_minutes_bucket{{desk=~"$desk"}}[$__range])))', f"p{q * 100:.0f}",
            )
            for q in (0.5, 0.9)
        ), 8,
    ),
    Panel(
        _both("各环节按时占比", "In time by step"), "bars", "percentunit",
        (Query(
            'sum by (clock) (onegrid_stages_total{desk=~"$desk", in_time="yes"})'
            ' / sum by (clock) (onegrid_stages_total{desk=~"$desk"})', "{{clock}}",
        ),), 12, 8, 0.9,
    ),
    Panel(
        _both("告警确认", "Alerts confirmed"), "lines", "short",
        (Query('60 * sum by (in_time) (rate(onegrid_alert_acks_total{desk=~"$desk"}[$__range]))', "{{in_time}}"),),
        12,
    ),
)  # fmt: skip

PIPELINE = (
    Panel(_both("存活", "Up"), "stat", "short", (Query('sum(up{job=~"onegrid.*"})'),), 4, 4),
    Panel(_both("积压", "Waiting"), "stat", "short", (Query("sum(onegrid_lag_messages)"),), 4, 4),
    Panel(
        _both("收件 p99", "Commit p99"), "stat", "s",
        (Query("histogram_quantile(0.99, sum by (le) (rate(onegrid_gateway_commit_seconds_bucket[$__range])))"),),
        4, 4,
    ),
    Panel(_both("退信", "Dead letters"), "stat", "short", (Query("sum(onegrid_dead_letters_total)"),), 4, 4),
    Panel(_both("拒收", "Refused"), "stat", "short", (Query("sum(onegrid_rejected_total)"),), 4, 4),
    Panel(_both("重复", "Duplicates"), "stat", "short", (Query("sum(onegrid_duplicates_total)"),), 4, 4),
    Panel(
        _both("输入", "Inputs"), "lines", "short",
        (Query("sum by (kind) (rate(onegrid_inputs_total[$__rate_interval]))", "{{kind}}"),), 12,
    ),
    Panel(
        _both("收件用时", "From a call until it is on disk"), "lines", "s",
        tuple(
            Query(
                f"histogram_quantile({q}, sum by (le) (rate(onegrid_gateway_commit_seconds_bucket[$__range])))",
                f"p{q * 100:.0f}",
            )
            for q in (0.5, 0.99)
        ), 12,
    ),
    Panel(_both("积压", "Waiting by topic"), "lines", "short", (Query("onegrid:lag:messages", "{{topic}}"),), 8),
    Panel(
        _both("退信原因", "Dead letters by reason"), "bars", "short",
        (Query("sum by (stage, reason) (onegrid_dead_letters_total)", "{{stage}} {{reason}}"),), 8,
    ),
    Panel(
        _both("拒收原因", "Refused by reason"), "bars", "short",
        (Query("sum by (reason) (onegrid_rejected_total)", "{{reason}}"),), 8,
    ),
    Panel(
        _both("重复类别", "Duplicates by kind"), "lines", "short",
        (Query("sum by (kind) (rate(onegrid_duplicates_total[$__rate_interval])) * 60", "{{kind}}"),), 8,
    ),
    Panel(
        _both("告警发送", "Messages sent and failed"), "lines", "short",
        (Query("sum by (kind, outcome) (onegrid_alert_messages_total)", "{{kind}} {{outcome}}"),), 8,
    ),
    Panel(
        _both("各环节时长", "Steps, median"), "bars", "m",
        (Query("histogram_quantile(0.5, sum by (clock, le) (onegrid_stage_minutes_bucket))", "{{clock}}"),), 8,
    ),
)  # fmt: skip


def dashboards() -> dict[str, Dashboard]:
    """Return every dashboard by its name."""
    return {
        "city": _dashboard("onegrid-city", _both("全市", "onegrid, the city"), CITY),
        "district": _dashboard("onegrid-district", _both("区级", "onegrid, one district"), DISTRICT, desks=True),
        "pipeline": _dashboard("onegrid-pipeline", _both("运行", "onegrid, health of the pipeline"), PIPELINE),
    }


def written(made: Dashboard) -> str:
    """Write a dashboard as Grafana imports it."""
    return (
        json.dumps(json.loads(JSONEncoder(sort_keys=True, indent=2).encode(made)), ensure_ascii=False, indent=2)
        + "\n"
    )


def _dashboard(uid: str, title: str, panels: tuple[Panel, ...], *, desks: bool = False) -> Dashboard:
    made = (
        dashboard.Dashboard(title)
        .uid(uid)
        .tags(["onegrid"])
        .refresh("30s")
        .time("now-6h", "now")
        .timezone("browser")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .with_variable(dashboard.DatasourceVariable("source").type("prometheus").label("Prometheus"))
    )
    if desks:
        made = made.with_variable(
            dashboard.QueryVariable("desk")
            .label("指挥中心 desk")
            .query("label_values(onegrid_open_cases, desk)")
            .datasource(SOURCE)
            .refresh(VariableRefresh.ON_DASHBOARD_LOAD)
            .include_all(include_all=True)
            .multi(multi=True)
            .all_value(".*")
        )
    x = y = row = 0
    for panel in panels:
        if x + panel.width > _WIDE:
            x, y, row = 0, y + row, 0
        made = made.with_panel(_panel(panel).grid_pos(GridPos(h=panel.height, w=panel.width, x=x, y=y)))
        x, row = x + panel.width, max(row, panel.height)
    return made.build()


def _panel(panel: Panel) -> stat.Panel | gauge.Panel | bargauge.Panel | timeseries.Panel:
    last = ReduceDataOptions().calcs(["lastNotNull"])
    if panel.kind == "lines":
        legend = VizLegendOptions().display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM)
        made = timeseries.Panel().legend(legend).line_width(2).fill_opacity(8)
    elif panel.kind == "gauge":
        made = gauge.Panel().reduce_options(last).min(0).max(1)
    elif panel.kind == "bars":
        made = bargauge.Panel().reduce_options(last)
    else:
        made = stat.Panel().reduce_options(last)
    made = made.title(panel.title).unit(panel.unit).datasource(SOURCE).thresholds(_thresholds(panel.good))
    if panel.about:
        made = made.description(panel.about)
    for number, query in enumerate(panel.queries):
        made = made.with_target(
            prometheus.Dataquery()
            .expr(query.expr)
            .legend_format(query.legend or panel.title)
            .datasource(SOURCE)
            .ref_id(chr(ord("A") + number))
        )
    return made


def _thresholds(good: float | None) -> dashboard.ThresholdsConfig:
    steps = [Threshold(color="#5b7083", value=None)]
    if good is not None:
        steps = [
            Threshold(color=_RED, value=None),
            Threshold(color=_YELLOW, value=good - 0.1),
            Threshold(color=_GREEN, value=good),
        ]
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)


def main() -> None:
    """Write every dashboard into a folder."""
    folder = Path(sys.argv[1])
    for name, made in dashboards().items():
        (folder / f"{name}.json").write_text(written(made), encoding="utf-8")
        print(folder / f"{name}.json")


__all__ = ["ThresholdsConfig", "dashboards", "main", "written"]

if __name__ == "__main__":
    main()
