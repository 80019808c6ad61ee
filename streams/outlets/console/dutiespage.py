"""The duties explorer: click a place, choose a category, and see who is responsible there and why."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from nicegui import ui

from grids.catalogue import CategoryError
from grids.duties.readable import in_words
from grids.duties.routing import ask
from streams.outlets.console import users
from streams.outlets.console.frame import ROLES, frame, open_to, seat_of
from streams.outlets.console.intake import category_select
from streams.outlets.console.wall import city_map

if TYPE_CHECKING:
    from starlette.requests import Request

    from grids.duties.receipts import Receipt
    from streams.outlets.console.context import Console
    from streams.outlets.console.frame import Seat


def duties_page(console: Console, request: Request) -> None:
    """Draw the page; `?lon=&lat=&category=&severity=` fill it in."""
    seat = seat_of(console, request)
    with frame(seat, users.DUTIES):
        if open_to(seat, users.DUTIES):
            _Explorer(seat, request).draw()


class _Explorer:
    """A place, a category, and the receipt of a report there."""

    def __init__(self, seat: Seat, request: Request) -> None:
        self._seat, asked = seat, request.query_params
        west, south, east, north = seat.console.city.bounds
        try:
            self._at: tuple[float, float] | None = (float(asked["lon"]), float(asked["lat"]))
        except (KeyError, ValueError):
            self._at = None
        self._middle = ((west + east) / 2, (south + north) / 2)
        self._category, self._severity = asked.get("category"), asked.get("severity", "4")

    def draw(self) -> None:
        """Draw the map and the answer beside it."""
        seat, t = self._seat, self._seat.t
        with ui.element("div").classes("og-grid og-two"):
            with ui.element("section").classes("og-card"):
                ui.html(f"<h2>{t('点击地点', 'Click a place')}</h2>", sanitize=False)
                self._map = city_map(seat)
            with ui.element("div").classes("og-grid").style("align-content:start"):
                with ui.element("section").classes("og-card og-gap"):
                    chosen = category_select(
                        seat, self._category or next(iter(seat.console.city.rules.catalogue.leaves))
                    )
                    chosen.classes("og-search")
                    self._category = chosen.value
                    chosen.on_value_change(lambda event: self._say(category=event.value))
                    ui.select(
                        {str(n): str(n) for n in (4, 3, 2, 1)}, label=t("等级", "Severity"),
                        value=self._severity if self._severity in ("1", "2", "3", "4") else "4",
                    ).props("outlined dense").on_value_change(lambda event: self._say(severity=event.value))  # fmt: skip
                self._answer()
        ui.on("og_place", self._place)
        point = ""
        if self._at is not None:
            spot = {"lat": self._at[1], "lng": self._at[0], "text": ""}
            point = f"og.points({self._map.id}, [{spot!r}])"
        ui.add_body_html(
            "<script>window.addEventListener('load', async () => {"
            f"await og.areaMap({self._map.id}, 'level=street'); {point} }})</script>"
        )

    def _say(self, **changed: str) -> None:
        self._category = changed.get("category", self._category)
        self._severity = changed.get("severity", self._severity)
        self._refresh()

    def _place(self, event: Any) -> None:
        self._at = (float(event.args["lng"]), float(event.args["lat"]))
        spot = {"lat": self._at[1], "lng": self._at[0], "text": ""}
        ui.run_javascript(f"og.points({self._map.id}, [{spot!r}])")
        self._refresh()

    def _refresh(self) -> None:
        self._answer.refresh()
        if self._at is not None:  # so that the address can be sent to somebody
            query = f"?lon={self._at[0]:.6f}&lat={self._at[1]:.6f}&category={self._category or ''}&severity={self._severity}"
            ui.run_javascript(f"history.replaceState(null, '', {query!r})")

    @ui.refreshable_method
    def _answer(self) -> None:
        seat, t, city = self._seat, self._seat.t, self._seat.console.city
        with ui.element("section").classes("og-card").props('id="answer"'):
            ui.html(f"<h2>{t('谁负责，为什么', 'Who, and why')}</h2>", sanitize=False)
            if self._at is None or not self._category:
                ui.label(t("请点击地图上的地点", "Click a place on the map")).classes("og-dim")
                return
            try:
                receipt = ask(city, self._at, self._category, seat.console.clock(), int(self._severity or 4))
            except CategoryError as error:
                ui.label(str(error)).classes("og-late")
                return
            lines = in_words(receipt, city.rules, "zh" if seat.zh else "en")
            ui.html(
                "<table class='og-table'>"
                + "".join(f"<tr><td class='w og-dim'>{escape(a)}</td><td>{escape(seat.words(b))}</td></tr>" for a, b in lines)
                + "</table>" + self._rows(receipt),
                sanitize=False,
            )  # fmt: skip

    def _rows(self, receipt: Receipt) -> str:
        """Return every duty row in scope, the ones that apply first."""
        seat, t = self._seat, self._seat.t
        ordered = sorted(receipt.rows, key=lambda row: (not row.won, row.row))
        rows = "".join(
            f"<tr><td class='w'>{escape(row.row)}</td><td>{escape(t(*ROLES.get(row.role, (row.role,) * 2)))}</td>"
            f"<td>{escape(seat.of('unit', row.unit))}</td>"
            f"<td><span class='og-tag {'GREEN' if row.won else 'NONE'}'>{t('适用', 'applies') if row.won else t('未适用', 'does not')}</span></td></tr>"
            for row in ordered
        )
        heads = (t("行", "Row"), t("角色", "Role"), t("单位", "Unit"), "")
        return (
            "<h2 class='og-h2' style='margin-top:10px'>" + t("范围内的职责行", "Duty rows in scope")
            + "</h2><div class='og-scroll' style='max-height:40vh'><table class='og-table'><thead><tr>"
            + "".join(f"<th>{one}</th>" for one in heads) + f"</tr></thead><tbody>{rows}</tbody></table></div>"
        )  # fmt: skip
