"""The grid explorer: the new grid, departments' old grids over it, and where each old one's ground lies now."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from nicegui import ui

from streams.outlets.console import users
from streams.outlets.console.frame import frame, open_to, seat_of
from streams.outlets.console.wall import city_map

if TYPE_CHECKING:
    from starlette.requests import Request

    from streams.outlets.console.context import Console
    from streams.outlets.console.frame import Seat

_LEVELS = {"street": ("街道", "Streets"), "grid": ("网格", "Grids"), "cell": ("单元", "Cells")}


def grid_page(console: Console, request: Request) -> None:
    """Draw the page; `?level=&desk=&net=` say what it shows."""
    seat = seat_of(console, request)
    with frame(seat, users.GRID):
        if open_to(seat, users.GRID):
            _Explorer(seat, request).draw()


class _Explorer:
    """What is drawn: a level within a desk, and the old units of one department."""

    def __init__(self, seat: Seat, request: Request) -> None:
        asked, city = request.query_params, seat.console.city
        self._seat = seat
        self._level = asked.get("level", "grid") if asked.get("level", "grid") in _LEVELS else "grid"
        self._desk = asked.get("desk", "") if asked.get("desk", "") in city.rules.places.desks else ""
        self._net = asked.get("net", "") if asked.get("net", "") in city.cells.nets else ""

    def draw(self) -> None:
        """Draw the choices, the map, and what was clicked."""
        seat, t, city = self._seat, self._seat.t, self._seat.console.city
        commanding = {place.desk for place in city.cell_places}
        desks = {"": t("全市", "the whole city")} | {
            desk.code: t(desk.name_zh, desk.name_en)
            for desk in city.rules.places.desks.values()
            if desk.code in commanding
        }
        nets = {"": t("不显示", "none")} | {
            net: t(f"{seat.of('net', net)} {net} 旧网格", f"{seat.of('net', net)} {net}, old")
            for net in city.cells.nets
        }
        with ui.element("div").classes("og-form og-card").style("margin-bottom:10px"):
            for name, label, options, value in (
                ("level", t("层级", "Level"), {key: t(*names) for key, names in _LEVELS.items()}, self._level),
                ("desk", t("指挥中心", "Centre"), desks, self._desk), ("net", t("叠加旧网格", "Old grids over it"), nets, self._net),
            ):  # fmt: skip
                ui.select(options, value=value, label=label).props("dense outlined options-dense").on_value_change(
                    lambda event, name=name: self._go(**{name: event.value})
                )
            counts = (
                len(city.cells.nets),
                len({p.grid for p in city.cell_places}),
                len(city.cell_places),
                city.grid.version,
            )
            ui.label(
                t("{} 个体系 · {} 个网格 · {} 个单元 · 版本 {}", "{} nets · {} grids · {} cells · version {}").format(
                    *counts
                )
            ).classes("og-dim")
        with ui.element("div").classes("og-grid og-side"):
            with ui.element("section").classes("og-card"):
                self._map = city_map(seat)
                ui.html(
                    f'<div class="og-legend"><span><i style="border:2px dashed #b0187a"></i>{t("旧网格；悬停看其地面现属哪些新网格", "old grids; hover to see in which new ones their ground lies")}</span></div>',
                    sanitize=False,
                )
            self._detail()
        ui.on("og_place", self._place)
        ui.add_body_html(
            "<script>window.addEventListener('load', async () => {"
            f"await og.areaMap({self._map.id}, {self._query()!r}); {self._overlay()} }})</script>"
        )

    def _query(self) -> str:
        return urlencode({"level": self._level, **({"desk": self._desk} if self._desk else {})})

    def _overlay(self) -> str:
        if not self._net:
            return ""
        query = urlencode({"level": "old", "net": self._net, **({"desk": self._desk} if self._desk else {})})
        return f"await og.overlay({self._map.id}, {query!r});"

    def _go(self, **changed: str) -> None:
        asked = {"level": self._level, "desk": self._desk, "net": self._net, **changed}
        ui.navigate.to("/grid?" + urlencode({name: value for name, value in asked.items() if value}))

    def _place(self, event: Any) -> None:
        self._detail.refresh((float(event.args["lng"]), float(event.args["lat"])))

    @ui.refreshable_method
    def _detail(self, at: tuple[float, float] | None = None) -> None:
        """Say what is at a place: the cell, its areas, and every department's old unit."""
        seat, t, city = self._seat, self._seat.t, self._seat.console.city
        with ui.element("section").classes("og-card").props('id="detail"'):
            ui.html(f"<h2>{t('这里是', 'What is here')}</h2>", sanitize=False)
            index = -1
            if at is not None:
                index, _, border = city.locator.locate_one(*at)
            if at is None or index < 0:
                ui.label(t("点击地图", "Click the map")).classes("og-dim")
                return
            place, labels = city.cell_places[index], city.cells.labels
            lines = [
                (t("单元", "Cell"), place.cell), (t("网格", "Grid"), place.grid),
                (t("社区", "Community"), f"{seat.of('community', place.community)} {place.community}"),
                (t("街道", "Street"), f"{seat.of('street', place.street)} {place.street}"),
                (t("区县", "District"), f"{seat.of('district', place.district)} {place.district}"),
                (t("指挥中心", "Centre"), seat.of("desk", place.desk)),
                (t("到边界", "To the border"), f"{border:.0f} m"),
                *((t(f"{seat.of('net', net)}旧网格", f"Old: {seat.of('net', net)}"), str(labels[net][index] or "–")) for net in city.cells.nets),
            ]  # fmt: skip
            ui.html(
                "<table class='og-table'>"
                + "".join(f"<tr><td class='w og-dim'>{escape(a)}</td><td>{escape(b)}</td></tr>" for a, b in lines)
                + f"</table><p><a href='/duty?grid={escape(place.grid)}'>{t('此网格的案件', 'Cases of this grid')}</a> · "
                f"<a href='/duties?lon={at[0]:.6f}&lat={at[1]:.6f}'>{t('谁负责', 'Who is responsible')}</a></p>",
                sanitize=False,
            )
