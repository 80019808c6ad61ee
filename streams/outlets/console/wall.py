"""The wall screen: the city by load and lights, what happens now, today's flow, alerts, who is on time. Dark."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nicegui import ui

from streams.outlets.console import users
from streams.outlets.console.frame import frame, open_to, seat_of

if TYPE_CHECKING:
    from starlette.requests import Request

    from streams.outlets.console.context import Console
    from streams.outlets.console.frame import Seat


def wall(console: Console, request: Request) -> None:
    """Draw the wall. The browser fills it once a second from /console/state, the same for all who look."""
    seat = seat_of(console, request)
    with frame(seat, users.WALL, dark=True):
        if open_to(seat, users.WALL):
            _draw(seat)


def _draw(seat: Seat) -> None:
    t = seat.t
    with ui.element("div").classes("og-grid og-wall"):
        with ui.element("div").classes("og-grid"):
            ui.html('<div class="og-dim" id="og-now" role="status"></div>', sanitize=False)
            ui.html('<div id="og-figures" class="og-figures"></div>', sanitize=False)
            with ui.element("section").classes("og-card"):
                ui.html(f"<h2>{t('各中心：在办与按期', 'Centres: load and on time')}</h2>", sanitize=False)
                ui.html('<div id="og-desks" class="og-scroll"></div>', sanitize=False)
        with ui.element("section").classes("og-card"):
            ui.html('<div class="og-crumbs" id="og-crumbs"></div>', sanitize=False)
            drawn = city_map(seat)
            ui.html(legend(seat), sanitize=False)
        with ui.element("div").classes("og-grid"):
            with ui.element("section").classes("og-card"):
                ui.html(f"<h2>{t('今日流量', 'Today, by the hour')}</h2>", sanitize=False)
                chart = ui.echart(_flow(seat)).style("height:190px;width:100%")
            with ui.element("section").classes("og-card"):
                ui.html(f"<h2>{t('告警', 'Alerts')}</h2>", sanitize=False)
                ui.html(
                    '<div id="og-alerts" class="og-feed" style="max-height:22vh" tabindex="0"></div>', sanitize=False
                )
            with ui.element("section").classes("og-card"):
                ui.html(f"<h2>{t('实时动态', 'Live')}</h2>", sanitize=False)
                ui.html('<div id="og-feed" class="og-feed" tabindex="0" aria-live="off"></div>', sanitize=False)
    ui.add_body_html(f"<script>window.addEventListener('load', () => og.startWall({drawn.id}, {chart.id}))</script>")


def city_map(seat: Seat, classes: str = "og-map") -> ui.leaflet:
    """Draw an empty map over the city; with the city's own tiles behind it where the pack names them."""
    west, south, east, north = seat.console.city.bounds
    drawn = ui.leaflet(
        center=((south + north) / 2, (west + east) / 2), zoom=11,
        options={"preferCanvas": True, "attributionControl": bool(seat.console.city.rules.form.tiles), "zoomSnap": 0.25},
    )  # fmt: skip
    drawn.clear_layers()  # the default background would ask somebody else's server
    form = seat.console.city.rules.form
    if form.tiles:
        drawn.tile_layer(url_template=form.tiles, options={"attribution": form.tiles_from, "maxZoom": 19})
    return drawn.classes(classes).props(f'aria-label="{seat.t("地图", "Map")}" role="application"')


def legend(seat: Seat) -> str:
    """Return what the colours of a map say."""
    t = seat.t
    entries = (
        ("#2e9d53", t("无超期", "none overdue")), ("#e0a021", t("超期不多于两成", "up to a fifth overdue")),
        ("#d6453d", t("超期多于两成", "over a fifth overdue")), ("#8fa3b8", t("无在办", "nothing open")),
    )  # fmt: skip
    return (
        '<div class="og-legend">'
        + "".join(f'<span><i style="background:{colour}"></i>{text}</span>' for colour, text in entries)
        + f"<span>{t('颜色越深在办越多；点击街道看网格，点击网格看案件', 'the deeper, the more open; click a street for its grids, a grid for its cases')}</span></div>"
    )


def _flow(seat: Seat) -> dict[str, object]:
    axis = {"axisLabel": {"color": "#b4c2d0"}, "axisLine": {"lineStyle": {"color": "#47607a"}}}
    return {
        "backgroundColor": "transparent",
        "animation": False,
        "grid": {"left": 34, "right": 8, "top": 26, "bottom": 22},
        "legend": {"textStyle": {"color": "#e8eef5"}, "top": 0, "right": 0},
        "tooltip": {"trigger": "axis"},
        "xAxis": {"type": "category", "data": [f"{hour:02}" for hour in range(24)], **axis},
        "yAxis": {"type": "value", "minInterval": 1, "splitLine": {"lineStyle": {"color": "#22364b"}}, **axis},
        "series": [
            {"type": "bar", "name": seat.t("开案", "opened"), "data": [0] * 24, "itemStyle": {"color": "#5aa7f0"}},
            {"type": "bar", "name": seat.t("结案", "closed"), "data": [0] * 24, "itemStyle": {"color": "#56c27a"}},
        ],
    }
