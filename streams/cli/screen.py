"""The demo's one screen, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.panel import Panel
from rich.table import Table

from streams.cli import console

if TYPE_CHECKING:
    from grids.city import City
    from streams.cli.demo import Summary

_OUTCOMES = {
    "LEAD": "主责明确 one lead",
    "BACKSTOP": "属地兜底 backstop",
    "DISPUTED": "权责争议 disputed",
    "NO_GRID": "无法定位 no place",
    "NONE": "无主责 nobody",
}


def show(city: City, found: Summary) -> None:
    """Print a demo's summary."""
    form = city.rules.form
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row(
        "网格 grid",
        f"{found.layers} 图层 layers, {found.units:,} 单元 units → {found.cells:,} 单元格 cells, "
        f"{found.grids:,} 网格 grids · 面积误差 area error {found.area_error:.1e}",
    )
    table.add_row(
        "职责 duties",
        f"{found.pairs:,} 对 pairs · 唯一主责 exactly one lead {found.pairs_one_lead / found.pairs:.2%} · "
        f"兜底 backstop {found.pairs_backstop / found.pairs:.2%}",
    )
    table.add_row(
        "上报 reports",
        f"{found.reports:,} → 案件 cases {found.cases:,} → 结案 closed {found.closed:,} · "
        f"重复 duplicates {found.duplicates:,} · 非事件 not incidents {found.not_incidents:,} · "
        f"退信 dead letters {sum(found.dead_letters.values()):,}",
    )
    routed = " · ".join(f"{_OUTCOMES.get(name, name)} {count:,}" for name, count in found.outcomes.items())
    table.add_row("派遣 routing", routed)
    desks = city.rules.places.desks
    if found.on_time_rate is not None:
        table.add_row(
            "按期 on time", f"{found.on_time_rate:.1%} / {found.on_time_of:,} 应处置 should have been handled"
        )
        names = (f"{desks[code].name_zh} {rate:.1%}" for code, rate in found.on_time_by_desk.items())
        table.add_row("", " · ".join(names))
    table.add_row(
        "时长 median",
        f"上报→派遣 report→dispatch {_minutes(found.median_minutes['report_to_dispatch'])} · "
        f"上报→结案 report→close {_minutes(found.median_minutes['report_to_close'])}",
    )
    table.add_row("预警 alerts", f"{found.alerts:,}")
    table.add_row("退信 dead", " · ".join(f"{reason} {count}" for reason, count in found.dead_letters.items()))
    table.add_row("动作 actions", f"{found.actions:,} · 拒绝 refused {found.refused_actions:,}")
    if found.heads:
        said = " · ".join(f"{desks[code].name_zh} {head[:8]}" for code, head in found.heads.items())
        table.add_row("链头 heads", said)
    took = found.seconds
    table.add_row(
        "用时 took",
        f"融合 fuse {took['fuse']:.1f} s · 证明 prove {took['prove']:.1f} s · 处理 process {took['process']:.1f} s",
    )
    console.out.print(Panel(table, title=f"{form.name_zh} {form.name_en}", subtitle=form.notice_zh))


def _minutes(value: float | None) -> str:
    if value is None:
        return "-"
    if value < 1:
        return f"{value * 60:.0f} s"
    hours = 180  # from three hours on, hours read better
    return f"{value:.1f} min" if value < hours else f"{value / 60:.1f} h"
