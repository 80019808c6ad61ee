"""One case: where it stands, its clocks, every step, why it went where it went, where it is, what may be done."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from nicegui import ui

from grids.duties.readable import in_words
from streams.outlets.console import users
from streams.outlets.console.acting import act_dialog
from streams.outlets.console.frame import CLOCKS, case_link, frame, open_to, seat_of
from streams.outlets.console.handover import light_name
from streams.outlets.console.users import choices
from streams.outlets.console.wall import city_map
from streams.stages.casefile import casefile

if TYPE_CHECKING:
    from datetime import datetime

    from starlette.requests import Request

    from streams.outlets.console.context import Console
    from streams.outlets.console.frame import Seat
    from streams.records import Case, Transition

FLAGS = {
    "returned": ("回退", "returned"), "disputed": ("争议", "disputed"), "reworked": ("返工", "reworked"), "escalated": ("升级", "escalated"),
    "supervised": ("督办", "supervised"), "extended": ("延期", "extended"), "suspended": ("挂账", "suspended"), "urged": ("催办", "urged"),
    "repeat": ("重复发生", "came back"), "reopened": ("重启", "reopened"), "appealed": ("申诉", "appealed"), "excused": ("申诉成立", "excused"),
    "merged": ("并入", "merged"), "relocated": ("重新定位", "relocated"), "reclassified": ("重新归类", "reclassified"),
    "transferred": ("移交", "transferred"), "helped": ("请援", "helped"), "self_handled": ("自行处置", "seen to on the spot"),
    "denied": ("驳回", "denied"), "contacted": ("回访", "called back"), "check_passed": ("核查通过", "check passed"),
    "check_failed": ("核查不通过", "check failed"),
}  # fmt: skip


def case_page(console: Console, request: Request, case_no: str) -> None:
    """Draw the page of a case, or say that there is none that the user may see."""
    seat = seat_of(console, request)
    with frame(seat, users.DUTY, case_no):
        if not open_to(seat, users.DUTY):
            return
        case = console.board().case(case_no)
        if case is None or not seat.user.sees(case.desk):
            ui.label(seat.t(f"没有案件 {case_no}", f"There is no case {case_no}")).classes("og-empty")
            return
        _Page(seat, case).draw()


class _Page:
    """The page of one case, drawn again when the case has moved on."""

    def __init__(self, seat: Seat, case: Case) -> None:
        self._seat, self._case = seat, case
        self._seq = case.seq

    def draw(self) -> None:
        """Draw everything, the map once."""
        self._head()
        with ui.element("div").classes("og-grid og-side"):
            with ui.element("div").classes("og-grid"):
                self._clocks()
                self._steps()
            with ui.element("div").classes("og-grid"):
                self._actions()
                self._facts()
                self._where()
                self._likely()
                self._receipt()
        ui.timer(2.0, self._look)

    def _look(self) -> None:
        case = self._seat.console.board().case(self._case.case_no)
        if case is not None and case.seq != self._seq:
            self._case, self._seq = case, case.seq
            for part in (
                self._head,
                self._clocks,
                self._steps,
                self._actions,
                self._facts,
                self._likely,
                self._receipt,
            ):
                part.refresh()

    @ui.refreshable_method
    def _head(self) -> None:
        seat, case, t = self._seat, self._case, self._seat.t
        category = seat.of("category", case.category) if case.category else case.matter
        flags = "".join(
            f' <span class="og-tag YELLOW">{escape(t(*FLAGS[name]))}{f" ×{count}" if count > 1 else ""}</span>'
            for name, count in sorted(case.flags.items())
            if name in FLAGS and count
        )
        number = escape(case.case_no)
        ui.html(
            f'<div style="margin-bottom:10px"><span style="font-size:21px;font-weight:700">{number}</span> '
            f'<span class="og-tag NONE" style="font-size:14px">{escape(seat.state(case.state))}</span>{flags}<br>'
            f"<span>{escape(category)} · {t('等级', 'severity')} {case.severity} · {escape(case.text[:300])}</span><br>"
            f'<a href="/print/order/{number}" target="_blank">{t("打印督办单", "Print the supervision order")}</a> · '
            f'<a href="/print/case/{number}" target="_blank">{t("打印案卷", "Print the case file")}</a></div>',
            sanitize=False,
        )

    @ui.refreshable_method
    def _clocks(self) -> None:
        t = self._seat.t
        rows = "".join(
            f"<tr><td class='w'>{escape(t(*CLOCKS.get(one['name'], (one['name'],) * 2)))}</td><td>{escape(self._seat.of('unit', one['unit']))}</td>"
            f"<td><span class='og-tag {one['light']}'>{escape(light_name(self._seat, one['light']))}</span></td>"
            f"<td class='w'>{self._time(one.get('due'))}</td><td>{self._said(one)}</td></tr>"
            for one in self._file()["clocks"]
        )
        overdue = "".join(
            f"<li>{escape(t(*CLOCKS.get(share['clock'], (share['clock'],) * 2)))} · {escape(self._seat.of('unit', share['unit']))} · "
            f"{escape(self._seat.state(share['stage']))} · {share['minutes']:,.0f} {t('分钟', 'min')}{' · ' + t('申诉成立', 'excused') if share['excused'] else ''}</li>"
            for share in self._file()["overdue"]
        )
        heads = (t("计时", "Clock"), t("单位", "Unit"), t("灯", "Light"), t("到期", "Due"), t("情况", "Stands"))
        more = (
            f"<h2 class='og-h2' style='margin-top:8px'>{t('超期归属', 'Whose overdue time')}</h2><ul>{overdue}</ul>"
            if overdue
            else ""
        )
        self._card(t("计时", "Clocks"), _table(heads, rows) + more)

    @ui.refreshable_method
    def _steps(self) -> None:
        seat, t = self._seat, self._seat.t
        items = "".join(
            f"<li><span class='og-dim'>{self._time(step.at)}</span> <b>{escape(seat.verb(step.verb))}</b> → "
            f"{escape(seat.state(step.to))} <span class='og-dim'>{escape(self._who(step))}</span>"
            f"{'<br>' + escape(seat.why(step.reason)) if step.reason else ''}</li>"
            for step in reversed(self._transitions())
        )
        self._card(t("经过", "What happened"), f"<ol class='og-time'>{items}</ol>")

    @ui.refreshable_method
    def _actions(self) -> None:
        seat, t = self._seat, self._seat.t
        allowed = choices(seat.console.city.rules, self._case, seat.user, seat.console.clock())
        with ui.element("section").classes("og-card"):
            ui.html(f"<h2>{t('我可以做的', 'What I may do')}</h2>", sanitize=False)
            if not allowed:
                ui.label(t("无", "nothing")).classes("og-dim")
            with ui.row().style("gap:6px"):
                for one in allowed:
                    ui.button(seat.verb(one.verb), on_click=lambda verb=one.verb: self._do(verb)).props(
                        f'no-caps dense outline title="{escape(seat.of("unit", one.unit))}" data-verb="{one.verb}"'
                    ).style("padding:2px 10px")

    async def _do(self, verb: str) -> None:
        await act_dialog(self._seat, [self._case], verb)
        self._look()

    @ui.refreshable_method
    def _facts(self) -> None:
        seat, case, t, place = self._seat, self._case, self._seat.t, self._case.placement
        lines = [
            (t("指挥中心", "Centre"), seat.of("desk", case.desk)),
            (t("处置单位", "Unit"), seat.of("unit", case.unit) if case.unit else t("无", "none")),
            (t("班组", "Team"), case.team),
            (t("街道 / 社区", "Street / community"), " / ".join(seat.of("area", c) for c in (place.street, place.community) if c)),
            (t("网格 / 单元", "Grid / cell"), " / ".join(c for c in (place.grid, place.cell) if c)),
            (t("定位方式", "Located by"), f"{seat.method(place.method)} · {place.confidence:.0%}"),
            (t("时限", "Limit"), seat.limit(case.limit)),
            (t("结案标准", "Closing test"), case.closing_test),
            (t("上报", "Reported"), self._time(case.reported_at)),
            (t("来源", "Sources"), ", ".join(f"{one.system} {one.system_no}" for one in case.sources[:6])),
            (t("申请待答复", "Requests"), ", ".join(case.requests)),
        ]  # fmt: skip
        self._card(t("事实", "Facts"), _pairs(lines))

    def _where(self) -> None:
        place, t = self._case.placement, self._seat.t
        if place.lon is None or place.lat is None:
            return
        with ui.element("section").classes("og-card"):
            ui.html(f"<h2>{t('位置', 'Where')}</h2>", sanitize=False)
            drawn = city_map(self._seat, "og-map small")
        query = f"level=grid&street={place.street}" if place.street else f"level=street&desk={self._case.desk}"
        point = {"lat": place.lat, "lng": place.lon, "text": self._case.case_no}
        ui.add_body_html(
            "<script>window.addEventListener('load', async () => {"
            f"await og.areaMap({drawn.id}, {query!r}); og.points({drawn.id}, [{point!r}], 15); }})</script>"
        )

    @ui.refreshable_method
    def _likely(self) -> None:
        """Show what it may repeat, what it was merged into, what was merged into it."""
        case, t = self._case, self._seat.t
        lines = [
            (t("并入", "Merged into"), _links([case.master])),
            (t("已并入本案", "Merged into this"), _links(case.merged)),
        ]
        lines += [
            (t("可能重复", "May repeat"), f"{_links([one.case_no])} {one.klass} {one.score:.2f} "
             + ", ".join(f"{name} {part:.2f}" for name, part in one.parts.items()))
            for one in case.suggested
        ]  # fmt: skip
        lines.append((t("已判为不同", "Told apart from"), _links(case.apart)))
        shown = [(name, value) for name, value in lines if value]
        html = _pairs(shown, raw=True) if shown else f"<p class='og-dim'>{t('无', 'none')}</p>"
        self._card(t("重复与并案", "Duplicates"), html)

    @ui.refreshable_method
    def _receipt(self) -> None:
        seat, t = self._seat, self._seat.t
        lines = in_words(self._case.receipt, seat.console.city.rules, "zh" if seat.zh else "en")
        self._card(
            t("派遣回执：为何归此单位", "Receipt: why it went there"),
            _pairs([(name, seat.words(text)) for name, text in lines]),
        )

    def _card(self, heading: str, html: str) -> None:
        with ui.element("section").classes("og-card"):
            ui.html(f"<h2>{escape(heading)}</h2><div class='og-scroll'>{html}</div>", sanitize=False)

    def _transitions(self) -> list[Transition]:
        return self._seat.console.board().transitions(self._case.case_no)

    def _file(self) -> dict[str, Any]:
        console = self._seat.console
        return casefile(console.city.rules.calendar, self._case, console.clock(), self._transitions())

    def _time(self, at: datetime | str | None) -> str:
        if not at:
            return ""
        from datetime import datetime as when  # noqa: PLC0415 - the name is a type above

        moment = when.fromisoformat(at) if isinstance(at, str) else at
        return moment.astimezone(self._seat.console.city.zone).strftime("%Y-%m-%d %H:%M")

    def _said(self, clock: dict[str, Any]) -> str:
        t = self._seat.t
        if clock.get("ended"):
            return t("已结束", "ended") + " " + self._time(clock["ended"])
        return t("暂停", "paused") if clock["paused"] else t("计时中", "runs")

    def _who(self, step: Transition) -> str:
        if step.actor == "SYSTEM":
            return self._seat.t("系统", "system")
        return " · ".join(
            part for part in (self._seat.of("unit", step.actor_unit) if step.actor_unit else "", step.actor) if part
        )


def _links(numbers: list[str]) -> str:
    return " ".join(f"<a href='{case_link(one)}'>{escape(one)}</a>" for one in numbers if one)


def _table(heads: tuple[str, ...], rows: str) -> str:
    return (
        "<table class='og-table'><thead><tr>"
        + "".join(f"<th>{one}</th>" for one in heads)
        + f"</tr></thead><tbody>{rows}</tbody></table>"
    )


def _pairs(lines: list[tuple[str, str]], *, raw: bool = False) -> str:
    return (
        "<table class='og-table'><tbody>"
        + "".join(
            f"<tr><td class='w og-dim'>{escape(name)}</td><td>{value if raw else escape(value)}</td></tr>"
            for name, value in lines
            if value
        )
        + "</tbody></table>"
    )
