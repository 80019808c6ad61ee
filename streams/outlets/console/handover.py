"""The list for the next shift: what is overdue, waits for a person, is disputed, or soon comes back."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from html import escape
from typing import TYPE_CHECKING

from nicegui import ui

from streams.outlets.console.caselist import Found, Wanted, find
from streams.outlets.console.frame import case_link
from streams.stages.desk import clocks
from streams.stages.desk.lifecycle import ACCEPTED, DISPUTED, FILED, REPORTED, RETURNED, SUSPENDED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.outlets.console.frame import Seat

_EACH = 40
_SOON = timedelta(hours=8)


def parts(seat: Seat) -> list[tuple[str, list[Found]]]:
    """Return what a shift hands over, each part with a heading: those in most need first."""
    console, t = seat.console, seat.t
    now, calendar = console.clock(), console.city.rules.calendar
    found = find(console.board(), calendar, seat.user, Wanted(), now, limit=20_000)
    red = [one for one in found if one.light == clocks.RED and one.case.severity > 2]  # noqa: PLR2004 - the grave ones apart
    return [
        (t("一、二级在办", "Severity 1 and 2, open"), [one for one in found if one.case.severity <= 2]),  # noqa: PLR2004
        (
            t("待人工处理（受理、立案、派遣）", "Waiting for a person to accept, file or dispatch"),
            [one for one in found if one.case.state in (REPORTED, ACCEPTED, FILED, RETURNED)],
        ),
        (t("权责争议待裁定", "Disputed, waiting for a ruling"), [one for one in found if one.case.state == DISPUTED]),
        (
            t("有申请待答复", "Requests that wait for an answer"),
            [one for one in found if one.case.requests],
        ),
        (
            t("告警待确认", "Alerts not confirmed"),
            [one for one in found if any(c.name == clocks.ACK and c.ended is None for c in one.case.clocks)],
        ),
        (t("已超期", "Overdue"), sorted(red, key=lambda one: one.clock.due if one.clock and one.clock.due else now)),
        (
            t("下一班次到期", "Due within the next shift"),
            [
                one
                for one in found
                if one.clock and one.clock.due and now <= one.clock.due <= now + _SOON and one.light != clocks.RED
            ],
        ),
        (
            t("挂账将到期", "Suspensions that end soon"),
            [
                one
                for one in found
                if one.case.state == SUSPENDED and one.case.until and one.case.until <= now + timedelta(days=2)
            ],
        ),
    ]


async def handover(seat: Seat) -> None:
    """Draw the list, ready to be printed; it is put together on a thread, since it looks at every open case."""
    waiting = ui.label(seat.t("整理中…", "Putting it together …")).classes("og-empty")
    told = await asyncio.to_thread(
        lambda: [(heading, section(seat, heading, found)) for heading, found in parts(seat)]
    )
    waiting.delete()
    ui.html(
        f'<p><a href="/print/handover" target="_blank">{seat.t("打印交接单", "Print the list")}</a></p>',
        sanitize=False,
    )
    for _, html in told:
        ui.html(html, sanitize=False)


def section(seat: Seat, heading: str, found: Sequence[Found]) -> str:
    """Return one part as HTML."""
    t, zone = seat.t, seat.console.city.zone
    head = (
        f"<h2 class='og-h2' style='margin-top:14px'>{escape(heading)} <span class='og-dim'>{len(found)}</span></h2>"
    )
    if not found:
        return head + f"<p class='og-dim'>{t('无', 'none')}</p>"
    rows = []
    for one in found[:_EACH]:
        due = one.clock.due.astimezone(zone).strftime("%m-%d %H:%M") if one.clock and one.clock.due else ""
        rows.append(
            f"<tr><td class='w'><a href='{case_link(one.case.case_no)}'>{escape(one.case.case_no)}</a></td>"
            f"<td class='w'>{escape(seat.state(one.case.state))}</td>"
            f"<td><span class='og-tag {one.light or 'NONE'}'>{escape(light_name(seat, one.light))}</span></td>"
            f"<td class='w'>{due}</td><td>{escape(seat.of('category', one.case.category))}</td>"
            f"<td>{escape(seat.of('unit', one.case.unit)) if one.case.unit else ''}</td>"
            f"<td>{escape(one.case.text[:60])}</td></tr>"
        )
    more = f"<p class='og-dim'>… {len(found) - _EACH} {t('件未列出', 'more')}</p>" if len(found) > _EACH else ""
    heads = (t("案号", "Case"), t("状态", "State"), t("灯", "Light"), t("到期", "Due"), t("类别", "Category"), t("单位", "Unit"),
             t("内容", "Text"))  # fmt: skip
    return (
        head
        + "<div class='og-scroll og-card'><table class='og-table'><thead><tr>"
        + "".join(f"<th>{name}</th>" for name in heads)
        + f"</tr></thead><tbody>{''.join(rows)}</tbody></table></div>{more}"
    )


def light_name(seat: Seat, light: str) -> str:
    """Return a light's name."""
    names = {clocks.RED: ("红", "Red"), clocks.YELLOW: ("黄", "Yellow"), clocks.GREEN: ("绿", "Green")}
    return seat.t(*names[light]) if light in names else "–"
