"""Intake while the caller is on the line: who is responsible here, is it open already; then join, urge or file."""

from __future__ import annotations

import asyncio
from html import escape
from math import cos, hypot, radians
from typing import TYPE_CHECKING, Any, Literal, cast

from nicegui import ui
from uuid_utils import uuid7

from grids.catalogue import CategoryError
from grids.duties.readable import in_words
from grids.duties.routing import ask
from streams.outlets.console import users
from streams.outlets.console.caselist import Wanted, find
from streams.outlets.console.fields import category_options, searched
from streams.outlets.console.frame import case_link, frame, open_to, seat_of
from streams.outlets.console.users import choices
from streams.outlets.console.wall import city_map
from streams.records import Case, Report

if TYPE_CHECKING:
    from starlette.requests import Request

    from streams.outlets.console.context import Console
    from streams.outlets.console.frame import Seat

NEAR_M = 300.0
"""Open cases within this are shown: the widest radius within which a report may repeat another (DOMAIN §5)."""

_METRES = 111_320.0
_LISTED = 12


async def intake(console: Console, request: Request) -> None:
    """Draw the page; `?lon=&lat=&category=` fill it in."""
    seat = seat_of(console, request)
    with frame(seat, users.INTAKE):
        if open_to(seat, users.INTAKE):
            await _Desk(seat, request).draw()


def category_select(seat: Seat, value: str | None = None) -> ui.select:
    """Draw a searchable list of the city's leaves."""
    return searched(category_options(seat), seat.t("类别", "Category"), value).classes("w-full")


class _Desk:
    """What the clerk has in front of them."""

    def __init__(self, seat: Seat, request: Request) -> None:
        self._seat = seat
        self._asked = request.query_params

    async def draw(self) -> None:
        """Draw the map on the left, the form and its answers on the right."""
        seat, t = self._seat, self._seat.t
        with ui.element("div").classes("og-grid og-two"):
            with ui.element("section").classes("og-card"):
                ui.html(f"<h2>{t('在哪里？点击地图', 'Where? Click the map')}</h2>", sanitize=False)
                self._map = city_map(seat)
            with ui.element("div").classes("og-grid").style("align-content:start"):
                with ui.element("section").classes("og-card og-gap"):
                    ui.html(f"<h2>{t('什么事？', 'What?')}</h2>", sanitize=False)
                    self._category = category_select(seat, self._asked.get("category"))
                    self._category.classes("og-search")
                    with ui.row().classes("w-full no-wrap"):
                        self._lon = ui.input(t("经度", "Longitude"), value=self._asked.get("lon", "")).props(
                            "outlined dense"
                        )
                        self._lat = ui.input(t("纬度", "Latitude"), value=self._asked.get("lat", "")).props(
                            "outlined dense"
                        )
                        self._severity = (
                            ui.select({n: str(n) for n in (4, 3, 2, 1)}, value=4, label=t("等级", "Severity"))
                            .props("outlined dense")
                            .style("min-width:112px")
                        )
                    self._text = (
                        ui.textarea(t("来电内容", "What the caller says"))
                        .props("outlined autogrow dense")
                        .classes("w-full")
                    )
                    self._caller = (
                        ui.input(t("来电人代号（不填姓名、电话）", "Caller's pseudonym (no name, no number)"))
                        .props("outlined dense")
                        .classes("w-full")
                    )
                    ui.button(t("立案上报", "File a new report"), on_click=self._file).props(
                        "unelevated no-caps"
                    ).classes("q-mt-sm")
                self._who()
                await self._near()
        for field in (self._category, self._lon, self._lat, self._severity):
            field.on_value_change(self._changed)
        ui.on("og_place", self._place)
        ui.add_body_html(
            "<script>window.addEventListener('load', async () => {"
            f"await og.areaMap({self._map.id}, 'level=street'); {self._spot()} }})</script>"
        )

    def _spot(self) -> str:
        """Return what puts the caller's place on the map."""
        at = self._at()
        if at is None:
            return ""
        point = {"lat": at[1], "lng": at[0], "text": self._seat.t("来电地点", "the caller's place")}
        return f"og.points({self._map.id}, [{point!r}])"

    def _place(self, event: Any) -> None:
        self._lon.value, self._lat.value = f"{event.args['lng']:.6f}", f"{event.args['lat']:.6f}"

    def _changed(self) -> None:
        self._who.refresh()
        self._near.refresh()
        if spot := self._spot():
            ui.run_javascript(spot)

    def _at(self) -> tuple[float, float] | None:
        try:
            lon, lat = float(self._lon.value or ""), float(self._lat.value or "")
        except ValueError:
            return None
        return (lon, lat) if abs(lon) <= 180 and abs(lat) <= 90 else None  # noqa: PLR2004 - degrees of the globe

    @ui.refreshable_method
    def _who(self) -> None:
        seat, t, at = self._seat, self._seat.t, self._at()
        with ui.element("section").classes("og-card").props('id="who"'):
            ui.html(f"<h2>{t('谁负责？', 'Who is responsible?')}</h2>", sanitize=False)
            if at is None or not self._category.value:
                ui.label(t("请选择地点和类别", "Choose a place and a category")).classes("og-dim")
                return
            city = seat.console.city
            try:
                receipt = ask(
                    city, at, str(self._category.value), seat.console.clock(), int(self._severity.value or 4)
                )
            except CategoryError as error:
                ui.label(str(error)).classes("og-late")
                return
            lines = in_words(receipt, city.rules, "zh" if seat.zh else "en")
            ui.html(
                "<table class='og-table'>"
                + "".join(
                    f"<tr><td class='w og-dim'>{escape(a)}</td><td>{escape(seat.words(b))}</td></tr>"
                    for a, b in lines[:9]
                )
                + "</table>",
                sanitize=False,
            )

    @ui.refreshable_method
    async def _near(self) -> None:
        t = self._seat.t
        with ui.element("section").classes("og-card").props('id="near"'):
            ui.html(f"<h2>{t('附近在办', 'Open nearby')} ≤ {NEAR_M:.0f} m</h2>", sanitize=False)
            found = await asyncio.to_thread(self._nearby)
            if not found:
                ui.label(t("无", "none")).classes("og-dim")
            for metres, case in found:
                self._line(metres, case)

    def _line(self, metres: float, case: Case) -> None:
        seat, t = self._seat, self._seat.t
        same = case.category == self._category.value
        with (
            ui.row().classes("w-full items-center no-wrap").style("border-bottom:1px solid var(--line);padding:4px 0")
        ):
            ui.html(
                f"<a href='{case_link(case.case_no)}' target='_blank'>{escape(case.case_no)}</a> "
                f"<span class='og-tag {'YELLOW' if same else 'NONE'}'>{escape(seat.of('category', case.category))}</span> "
                f"{escape(seat.state(case.state))} · {metres:.0f} m<br><span class='og-dim'>{escape(case.text[:80])}</span>",
                sanitize=False,
            ).style("flex:1;min-width:0")
            may = {one.verb: one for one in choices(seat.console.city.rules, case, seat.user, seat.console.clock())}
            if "APPEND" in may:
                ui.button(t("并入", "Join"), on_click=lambda: self._join(case)).props("dense outline no-caps").style(
                    "padding:2px 10px"
                )
            if "URGE" in may:
                ui.button(t("催办", "Urge"), on_click=lambda: self._urge(case)).props("dense outline no-caps").style(
                    "padding:2px 10px"
                )

    def _nearby(self) -> list[tuple[float, Case]]:
        """Return open cases within NEAR_M, those of the same category first, then the nearest."""
        at, console = self._at(), self._seat.console
        if at is None:
            return []
        grid = console.city.grid_at(console.clock().astimezone(console.city.zone).date())
        index, _, _ = grid.locator.locate_one(*at)
        if index < 0:
            return []
        wanted = Wanted(desk=grid.places[index].desk)
        open_ones = find(
            console.board(),
            console.city.rules.calendar,
            self._seat.user,
            wanted,
            console.clock(),
            limit=20_000,
            lights=False,
        )
        found = [
            (metres, one.case)
            for one in open_ones
            if one.case.placement.lon is not None and one.case.placement.lat is not None
            and (metres := _apart(at, (one.case.placement.lon, one.case.placement.lat))) <= NEAR_M
        ]  # fmt: skip
        return sorted(found, key=lambda one: (one[1].category != self._category.value, one[0]))[:_LISTED]

    async def _join(self, case: Case) -> None:
        """Add what the caller says to an open case."""
        text = (self._text.value or "").strip()
        if not text:
            ui.notify(self._seat.t("请填写来电内容", "Write what the caller says"), type="warning")
            return
        await self._done(case, "APPEND", {"text": text})

    async def _urge(self, case: Case) -> None:
        await self._done(case, "URGE", {})

    async def _done(self, case: Case, verb: str, payload: dict[str, Any]) -> None:
        seat, now = self._seat, self._seat.console.clock()
        choice = next(
            (one for one in choices(seat.console.city.rules, case, seat.user, now) if one.verb == verb), None
        )
        if choice is None:
            ui.notify(seat.t("您不能执行此动作", "You may not do this"), type="negative")
            return
        said = await seat.console.act(
            case.case_no, (verb, choice.unit), seat.user, (self._text.value or "").strip(), payload
        )
        ui.notify(said or f"{seat.verb(verb)} ✓ {case.case_no}", type="negative" if said else "positive")
        self._near.refresh()

    async def _file(self) -> None:
        """File what the caller says as a report of the hotline's own desk."""
        seat, at = self._seat, self._at()
        if not self._category.value or at is None:
            ui.notify(seat.t("请选择地点和类别", "Choose a place and a category"), type="warning")
            return
        if seat.user.roles == frozenset():
            ui.notify(seat.t("您不能执行此动作", "You may not do this"), type="negative")
            return
        report = Report(
            system="console", system_no=str(uuid7()), channel="HOTLINE", reported_at=seat.console.clock(), scheme="city",
            category=str(self._category.value), severity=cast("Literal[1, 2, 3, 4]", int(self._severity.value or 4)), text=(self._text.value or "").strip(),
            lon=at[0], lat=at[1], datum="WGS84", reporter=(self._caller.value or "").strip() or None,
        )  # fmt: skip
        try:
            name = await seat.console.file(report)
        except ValueError as error:
            ui.notify(str(error), type="negative")
            return
        case = await seat.console.case_of(name)
        if case is None:
            ui.notify(seat.t("已受理，尚未立案", "Taken in, not worked off yet"))
            return
        ui.notify(f"✓ {case.case_no} · {seat.state(case.state)}", type="positive", timeout=8000)
        self._text.value = ""
        self._near.refresh()


def _apart(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Return the metres between two near positions."""
    return hypot((one[0] - other[0]) * cos(radians(one[1])), one[1] - other[1]) * _METRES
