"""The duty officer's page: cases by filter, the same done to many at once, and the list for the next shift."""

from __future__ import annotations

import asyncio
from html import escape
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from nicegui import ui

from streams.outlets.console import users
from streams.outlets.console.acting import act_dialog
from streams.outlets.console.caselist import LIGHTS, Found, Wanted, find
from streams.outlets.console.frame import STATES, case_link, frame, open_to, seat_of
from streams.outlets.console.handover import handover
from streams.outlets.console.users import choices

if TYPE_CHECKING:
    from starlette.requests import Request

    from streams.outlets.console.context import Console
    from streams.outlets.console.frame import Seat
    from streams.records import Case

MOST = 500
"""Cases in the table at most, the newest."""


def duty(console: Console, request: Request) -> None:
    """Draw the page for the filter in its address."""
    seat = seat_of(console, request)
    with frame(seat, users.DUTY):
        if not open_to(seat, users.DUTY):
            return
        asked = {name: request.query_params.get(name, default) for name, default in Wanted()._asdict().items()}
        with ui.tabs().props("dense align=left inline-label no-caps") as tabs:
            cases = ui.tab("cases", seat.t("案件", "Cases"))
            shift = ui.tab("shift", seat.t("交接班", "Handover"))
        shown = shift if request.query_params.get("tab") == "shift" else cases
        with ui.tab_panels(tabs, value=shown).classes("w-full").style("background:transparent"):
            with ui.tab_panel(cases).classes("p-0"):
                _Table(seat, Wanted(**asked)).draw()
            with ui.tab_panel(shift).classes("p-0"):
                box = ui.element("div").classes("w-full")

        async def fill() -> None:
            if tabs.value in ("shift", shift) and not box.default_slot.children:
                with box:
                    await handover(seat)

        tabs.on_value_change(fill)
        ui.timer(0.05, fill, once=True)


class _Table:
    """The table of cases under one filter."""

    def __init__(self, seat: Seat, wanted: Wanted) -> None:
        self._seat, self._wanted = seat, wanted
        self._grid: ui.aggrid
        self._shown: set[str] = set()

    def draw(self) -> None:
        """Draw filter, table and what can be done with the chosen."""
        seat, t, wanted = self._seat, self._seat.t, self._wanted
        rules = seat.console.city.rules
        desks = {"": t("全部", "all")} | {
            desk.code: t(desk.name_zh, desk.name_en)
            for desk in rules.places.desks.values()
            if seat.user.sees(desk.code)
        }
        states = {"OPEN": t("在办", "open"), "": t("全部", "all")} | {state: seat.state(state) for state in STATES}
        lights = {"": t("全部", "all")} | {light: t(zh, en) for light, (zh, en) in zip(LIGHTS, _LIGHTS, strict=True)}
        severities = {"": t("全部", "all")} | {str(n): str(n) for n in (1, 2, 3, 4)}
        with ui.element("div").classes("og-form og-card").style("margin-bottom:10px"):
            for name, label, options in (
                ("desk", t("指挥中心", "Centre"), desks), ("state", t("状态", "State"), states),
                ("light", t("灯", "Light"), lights), ("severity", t("等级", "Severity"), severities),
            ):  # fmt: skip
                value = getattr(wanted, name)
                ui.select(options, value=value if value in options else "", label=label).props(
                    "dense outlined options-dense"
                ).on_value_change(lambda event, name=name: self._go(**{name: event.value}))
            ui.input(t("案号、文字、单位代码", "Number, words, unit"), value=wanted.q).props(
                "dense outlined clearable"
            ).classes("og-search").on("keydown.enter", lambda event: self._go(q=event.sender.value or ""))
            if wanted.grid or wanted.unit or wanted.street or wanted.category:
                held = wanted.grid or wanted.unit or wanted.street or wanted.category
                ui.button(f"✕ {held}", on_click=lambda: self._go(grid="", unit="", street="", category="")).props(
                    "dense outline no-caps"
                )
            self._count = ui.label().classes("og-dim")
        with ui.row().classes("items-center").style("margin-bottom:8px"):
            self._verb = (
                ui.select({}, label=t("批量动作", "Do with the chosen"))
                .props("dense outlined")
                .style("min-width:200px")
            )
            ui.button(t("执行", "Do"), on_click=self._many).props("no-caps unelevated dense").style(
                "padding:4px 14px"
            )
            ui.button(t("刷新", "Refresh"), on_click=lambda: self._fill(anew=True)).props(
                "no-caps outline dense"
            ).style("padding:4px 14px")
            self._chosen = ui.label().classes("og-dim")
        self._grid = ui.aggrid(self._options(), html_columns=[1, 3]).style(
            "height:calc(100vh - 265px);min-height:320px"
        )
        self._grid.on("selectionChanged", self._select)
        ui.timer(5.0, self._fill)

    def _go(self, **changed: str) -> None:
        asked = {**self._wanted._asdict(), **changed}
        ui.navigate.to(
            "/duty?" + urlencode({name: value for name, value in asked.items() if value or name == "state"})
        )

    def _options(self) -> dict[str, Any]:
        t = self._seat.t
        plain = {"sortable": True, "resizable": True, "suppressMovable": True}
        columns = [
            {
                "headerName": "",
                "checkboxSelection": True,
                "headerCheckboxSelection": True,
                "width": 46,
                "pinned": "left",
            },
            {"headerName": t("案号", "Case"), "field": "link", "width": 185, "pinned": "left"},
            {"headerName": t("状态", "State"), "field": "state", "width": 105},
            {"headerName": t("灯", "Light"), "field": "light", "width": 92},
            {"headerName": t("到期", "Due"), "field": "due", "width": 150},
            {"headerName": t("类别", "Category"), "field": "category", "width": 170, "tooltipField": "category"},
            {"headerName": t("等级", "Severity"), "field": "severity", "width": 90},
            {"headerName": t("单位", "Unit"), "field": "unit", "flex": 1, "minWidth": 190, "tooltipField": "unit"},
            {"headerName": t("街道", "Street"), "field": "street", "width": 140, "tooltipField": "street"},
            {"headerName": t("开案", "Opened"), "field": "opened", "width": 150},
        ]
        return {
            "columnDefs": [{**plain, **column} for column in columns],
            "rowData": [],
            "rowSelection": "multiple",
            "suppressRowClickSelection": True,
            "rowHeight": 34,
            ":getRowId": "(params) => params.data.no",
            "overlayNoRowsTemplate": t("没有符合条件的案件", "No case fits the filter"),
        }

    async def _fill(self, *, anew: bool = False) -> None:
        """Show the cases as they are, or `anew` as they are this very moment."""
        seat, lists = self._seat, self._seat.console.lists
        key = (self._wanted, seat.user.desks, seat.zh)
        rows = await asyncio.to_thread(lambda: lists.get(key, self._rows, anew=anew))
        if rows != self._grid.options["rowData"]:
            self._shown = {row["no"] for row in rows}
            self._grid.options["rowData"] = rows
            self._grid.update()
        self._count.text = (
            seat.t(f"{len(rows)} 件", f"{len(rows)} cases")
            if len(rows) < MOST
            else seat.t(f"最新 {MOST} 件，更早的请筛选", f"the newest {MOST}; filter for older ones")
        )

    def _rows(self) -> list[dict[str, str]]:
        """Look the cases up: for all who have the same desks, filter and language."""
        seat, console = self._seat, self._seat.console
        found = find(console.board(), console.city.rules.calendar, seat.user, self._wanted, console.clock(), MOST)
        return [self._row(one) for one in found]

    def _row(self, one: Found) -> dict[str, str]:
        seat, case, zone = self._seat, one.case, self._seat.console.city.zone
        colour = one.light or "NONE"
        name = dict(zip(LIGHTS, _LIGHTS, strict=True)).get(one.light)
        return {
            "no": case.case_no,
            "link": f'<a href="{case_link(case.case_no)}">{escape(case.case_no)}</a>',
            "state": seat.state(case.state),
            "light": f'<span class="og-tag {colour}">{seat.t(*name) if name else "–"}</span>',
            "due": one.clock.due.astimezone(zone).strftime("%Y-%m-%d %H:%M") if one.clock and one.clock.due else "",
            "category": seat.of("category", case.category) if case.category else "",
            "severity": str(case.severity),
            "unit": seat.of("unit", case.unit) if case.unit else "",
            "street": seat.of("street", case.placement.street) if case.placement.street else "",
            "opened": case.opened_at.astimezone(zone).strftime("%Y-%m-%d %H:%M"),
        }

    async def _select(self) -> None:
        """Offer what may be done to all that are chosen."""
        chosen = await self._chosen_cases()
        seat, now = self._seat, self._seat.console.clock()
        common: set[str] | None = None
        for case in chosen:
            may = {one.verb for one in choices(seat.console.city.rules, case, seat.user, now)}
            common = may if common is None else common & may
        self._verb.set_options({verb: seat.verb(verb) for verb in sorted(common or ())}, value=None)
        self._chosen.text = seat.t(f"已选 {len(chosen)} 件", f"{len(chosen)} chosen") if chosen else ""

    async def _chosen_cases(self) -> list[Case]:
        """Return the chosen cases as they are now: a browser may name only what it was shown."""
        numbers = [row["no"] for row in await self._grid.get_selected_rows() if row["no"] in self._shown]
        board = self._seat.console.board()
        found = (board.case(number) for number in numbers)
        return [case for case in found if case is not None and self._seat.user.sees(case.desk)]

    async def _many(self) -> None:
        verb, chosen = self._verb.value, await self._chosen_cases()
        if not verb or not chosen:
            ui.notify(self._seat.t("请先选择案件和动作", "Choose cases and what to do first"))
            return
        await act_dialog(self._seat, chosen, str(verb))
        await self._fill(anew=True)


_LIGHTS = (("红", "Red"), ("黄", "Yellow"), ("绿", "Green"))
