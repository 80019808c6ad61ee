"""Measures in the console: every figure with its formula, its trend, who ranks where, and the cases behind it."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from html import escape
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from nicegui import ui

from streams.outlets.console import users
from streams.outlets.console.frame import case_link, frame, open_to, seat_of
from streams.outlets.measures.asking import DIMENSIONS, Figure, Question
from streams.outlets.measures.published import with_published
from streams.outlets.measures.registry import LOW, MeasureError, registry
from streams.outlets.measures.report import written

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from streams.outlets.console.context import Console
    from streams.outlets.console.frame import Seat
    from streams.outlets.measures.asking import Asker

_RANKED = 25
LISTED = 1000
"""Cases listed behind a figure at most."""

_BY = {
    "desk": ("指挥中心", "Centre"),
    "street": ("街道", "Street"),
    "unit": ("单位", "Unit"),
    "category": ("类别", "Category"),
    "net": ("体系", "Net"),
}
_DAYS = {
    "1": ("一天", "1 day"),
    "7": ("七天", "7 days"),
    "31": ("三十一天", "31 days"),
    "92": ("九十二天", "92 days"),
}


_FIRST = ("on_time_handling_rate", "desk", "7")
"""What is shown unless something else is asked for: measure, ranking, days."""


def usual(asker: Asker) -> tuple[Question, ...]:
    """Return what the page asks of new facts when it is opened."""
    return _questions(asker, _FIRST[0], _FIRST[1], int(_FIRST[2]))


def _questions(asker: Asker, measure: str, by: str, days: int) -> tuple[Question, Question, Question]:
    """Return the questions behind the page: every measure of the city, one by day, and one by place."""
    end = asker.facts.now.date() + timedelta(days=1)
    start = end - timedelta(days=days)
    trend = Question(end - timedelta(days=max(14, days)), end, (), "day", (measure,))
    return Question(start, end), trend, Question(start, end, (by,), "", (measure,))


async def measures_page(console: Console, request: Request) -> None:
    """Draw the page; `?measure=&by=&days=` choose what is shown beside the table."""
    seat = seat_of(console, request)
    with frame(seat, users.MEASURES):
        if open_to(seat, users.MEASURES):
            await _later(seat, lambda: _draw(seat, request))


async def _later(seat: Seat, draw: Callable[[], Awaitable[None]]) -> None:
    """Draw something once the page is seen: a week's facts may take seconds to work out the first time."""
    box = ui.element("div").classes("w-full")

    async def fill() -> None:
        with box:
            await draw()
        waiting.delete()

    waiting = ui.label(seat.t("计算中…", "Working it out …")).classes("og-empty")
    ui.timer(0.05, fill, once=True)


async def _draw(seat: Seat, request: Request) -> None:
    t, asked, room = seat.t, request.query_params, seat.console.room
    measure = asked.get("measure", "") if asked.get("measure", "") in registry() else _FIRST[0]
    by = asked.get("by", "") if asked.get("by", "") in _BY else _FIRST[1]
    days = asked.get("days", "") if asked.get("days", "") in _DAYS else _FIRST[2]
    try:
        asker = await asyncio.to_thread(room.soon)
    except MeasureError as error:
        ui.label(str(error)).classes("og-empty")
        return
    shown, by_day, by_place = _questions(asker, measure, by, int(days))
    start, end = shown.start, shown.end
    figures = await asyncio.to_thread(lambda: with_published(room.folder, asker.ask(shown)))
    trend = await asyncio.to_thread(lambda: with_published(room.folder, asker.ask(by_day)))
    ranked = await asyncio.to_thread(lambda: asker.ask(by_place))

    def go(**changed: str) -> None:
        ui.navigate.to("/measures?" + urlencode({"measure": measure, "by": by, "days": days, **changed}))

    with ui.element("div").classes("og-form og-card").style("margin-bottom:10px"):
        ui.select({key: t(*names) for key, names in _DAYS.items()}, value=days, label=t("时段", "Stretch")).props(
            "dense outlined"
        ).on_value_change(lambda event: go(days=event.value))
        ui.select({key: t(*names) for key, names in _BY.items()}, value=by, label=t("排名维度", "Rank by")).props(
            "dense outlined"
        ).on_value_change(lambda event: go(by=event.value))
        ui.label(
            f"{start} – {end - timedelta(days=1)} · {t('日志位置', 'log position')} {asker.facts.position}"
        ).classes("og-dim")
    with ui.element("div").classes("og-grid og-two"):
        with ui.element("section").classes("og-card"):
            ui.html(
                f"<h2>{t('全市指标', 'The whole city')}</h2>" + _table(seat, figures, measure, days, by),
                sanitize=False,
            )
        with ui.element("div").classes("og-grid").style("align-content:start"):
            one = registry()[measure]
            with ui.element("section").classes("og-card"):
                ui.html(
                    f"<h2>{escape(t(one.zh, one.en))} <span class='og-dim'>v{one.version}</span></h2>"
                    f"<p class='og-dim'>{escape(one.formula)}<br>{escape(one.cohort)}</p>",
                    sanitize=False,
                )
                ui.echart(_trend(seat, trend)).style("height:230px;width:100%")
            with ui.element("section").classes("og-card"):
                ui.html(
                    f"<h2>{t('排名', 'Ranking')}: {t(*_BY[by])}</h2>" + _ranking(seat, ranked, by), sanitize=False
                )


def _table(seat: Seat, figures: list[Figure], chosen: str, days: str, by: str) -> str:
    t, rows = seat.t, []
    for one in figures:
        link = "/measures?" + urlencode({"measure": one.measure, "days": days, "by": by})
        parts = (
            f"{one.numerator:,.0f} / {one.denominator:,.0f}"
            if one.unit == "ratio" and one.numerator is not None
            else f"n = {one.denominator:,.0f}"
        )
        marked = " style='font-weight:700'" if one.measure == chosen else ""
        later = (
            f"<br><span class='og-late'>→ {written(one.correction.value, one.unit)}</span>" if one.correction else ""
        )
        rows.append(
            f"<tr{marked}><td><a href='{escape(link)}' title='{escape(one.formula)}'>{escape(t(one.zh, one.en))}</a></td>"
            f"<td class='n'><a href='{escape(cases_link(one))}'>{written(one.value, one.unit)}</a> {_unit(seat, one.unit)}{later}</td>"
            f"<td class='n og-dim'>{parts}</td></tr>"
        )
    heads = (
        t("指标（点击看趋势）", "Measure → its trend"),
        t("值（点击看案件）", "Value → its cases"),
        t("分子 / 分母", "Parts"),
    )
    return (
        "<div class='og-scroll' style='max-height:calc(100vh - 230px)'><table class='og-table'><thead><tr>"
        f"<th>{heads[0]}</th><th class='n'>{heads[1]}</th><th class='n'>{heads[2]}</th></tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _unit(seat: Seat, unit: str) -> str:
    names = {"minutes": ("分钟", "min"), "points": ("分", "points"), "cases": ("件", "cases"), "ratio": ("", "")}
    return f"<span class='og-dim'>{seat.t(*names[unit])}</span>"


def cases_link(one: Figure) -> str:
    """Return the path of the list of a figure's cases."""
    return "/measures/cases?" + urlencode({"measure": one.measure, "from": one.start, "to": one.end, **one.by})


def _ranking(seat: Seat, figures: list[Figure], by: str) -> str:
    """Return places by how well they do, with a bar each: what is better by more, or by less, as the measure says."""
    known = [one for one in figures if one.value is not None and one.by[by]]
    low = bool(known) and registry()[known[0].measure].better == LOW
    known.sort(key=lambda one: one.value or 0.0, reverse=not low)
    most = max((one.value or 0.0 for one in known), default=0.0) or 1.0
    rows = "".join(
        f"<tr><td class='n og-dim'>{number}</td><td>{escape(seat.of(by, one.by[by]))}"
        f"<div class='og-bar' aria-hidden='true'><i style='width:{100 * (one.value or 0) / most:.1f}%'></i></div></td>"
        f"<td class='n'><a href='{escape(cases_link(one))}'>{written(one.value, one.unit)}</a></td>"
        f"<td class='n og-dim'>{one.denominator:,.0f}</td></tr>"
        for number, one in enumerate(known[:_RANKED], start=1)
    )
    if not rows:
        return f"<p class='og-dim'>{seat.t('无数据', 'no figure')}</p>"
    return (
        f"<div class='og-scroll' style='max-height:42vh'><table class='og-table'><tbody>{rows}</tbody></table></div>"
    )


def _trend(seat: Seat, figures: list[Figure]) -> dict[str, Any]:
    ratio = bool(figures) and figures[0].unit == "ratio"
    values = [None if one.value is None else round(one.value * (100 if ratio else 1), 3) for one in figures]
    ink = {"axisLabel": {"color": "#44525f"}}
    return {
        "animation": False,
        "grid": {"left": 48, "right": 14, "top": 24, "bottom": 26},
        "tooltip": {"trigger": "axis"},
        "xAxis": {"type": "category", "data": [one.window[5:] for one in figures], **ink},
        "yAxis": {"type": "value", "scale": True, "name": "%" if ratio else "", **ink},
        "series": [
            {
                "type": "line", "name": seat.t(figures[0].zh, figures[0].en) if figures else "", "data": values,
                "connectNulls": False, "symbolSize": 7, "lineStyle": {"width": 2.5}, "itemStyle": {"color": "#1a56a0"},
            }
        ],
    }  # fmt: skip


async def measure_cases(console: Console, request: Request) -> None:
    """Draw the cases behind one figure: `?measure=&from=&to=` and the figure's place."""
    seat = seat_of(console, request)
    with frame(seat, users.MEASURES):
        if not open_to(seat, users.MEASURES):
            return
        await _later(seat, lambda: _cases(seat, request))


async def _cases(seat: Seat, request: Request) -> None:
    console = seat.console
    t, asked = seat.t, request.query_params
    where = {name: asked[name] for name in DIMENSIONS if name in asked}
    try:
        days = [date.fromisoformat(asked.get(name, "")) for name in ("from", "to")]
        asker = await asyncio.to_thread(console.room.soon)
        found = await asyncio.to_thread(
            lambda: asker.cases(asked.get("measure", ""), days[0], days[1], where, LISTED)
        )
    except ValueError as error:
        ui.label(str(error)).classes("og-empty")
        return
    one = registry()[asked["measure"]]
    named = " · ".join(seat.of(name, code) for name, code in where.items())
    rows = "".join(
        f"<tr><td class='w'><a href='{case_link(row['case_no'])}'>{escape(row['case_no'])}</a></td>"
        f"<td class='w'>{row['at']:%Y-%m-%d %H:%M}</td><td>{escape(seat.of('unit', row['unit'] or ''))}</td>"
        f"<td class='n'>{row['part']:,.6g}</td><td class='n'>{row['whole']:g}</td></tr>"
        for row in found
    )
    heads = (t("案号", "Case"), t("时刻", "Moment"), t("单位", "Unit"), t("分子", "Part"), t("分母", "Whole"))
    ui.html(
        f"<h2 class='og-h2'>{escape(t(one.zh, one.en))} · {escape(named)} · {days[0]} – {days[1] - timedelta(days=1)}</h2>"
        f"<p class='og-dim'>{escape(one.formula)}<br>{escape(one.cohort)}<br>{_listed(seat, len(found))}</p>"
        "<div class='og-card og-scroll' style='max-height:calc(100vh - 230px)'><table class='og-table'><thead><tr>"
        + "".join(f"<th{' class=n' if number > 2 else ''}>{head}</th>" for number, head in enumerate(heads))  # noqa: PLR2004 - numbers stand last
        + f"</tr></thead><tbody>{rows}</tbody></table></div>",
        sanitize=False,
    )


def _listed(seat: Seat, count: int) -> str:
    """Say how many cases are listed, and in which order."""
    if count < LISTED:
        return seat.t(f"{count:,} 件，拖累指标的在前", f"{count:,} cases, those that spoil it first")
    return seat.t(f"只列 {count:,} 件，拖累指标的在前", f"only {count:,} cases are listed, those that spoil it first")
