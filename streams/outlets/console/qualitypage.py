"""Data quality: dead letters, positions that look wrong, and what the lint says of the duty list."""

from __future__ import annotations

import asyncio
from html import escape
from typing import TYPE_CHECKING, Any

import msgspec
from nicegui import ui

from grids.duties.lint import lint
from streams.outlets.console import users
from streams.outlets.console.frame import STAGES, case_link, frame, open_to, seat_of
from streams.outlets.measures.registry import MeasureError
from streams.records import DeadLetter

if TYPE_CHECKING:
    from starlette.requests import Request

    from streams.outlets.console.context import Console
    from streams.outlets.console.frame import Seat

_LISTED = 200
_NUMBERS = ("件数", "Count", "占比", "Share")
_letter = msgspec.json.Decoder(DeadLetter)

SUSPECTS = {
    "DATUM_SUSPECT": ("疑为别的坐标系", "right in another datum"), "DATUM_CONFLICT": ("坐标系与渠道不符", "datum is not the channel's"),
    "UNDECLARED_DATUM": ("坐标系未说明", "datum not declared"), "OFF_COMPONENT": ("远离所报部件", "far from the component it names"),
    "OFF_GRID": ("远离所报网格", "far from the old grid it names"), "UNKNOWN_COMPONENT": ("部件不在册", "component not in the register"),
    "SWAPPED_POSITION": ("经纬度颠倒", "longitude and latitude exchanged"), "DEFAULT_POSITION": ("系统默认点", "the point of who knows none"),
    "COARSE_POSITION": ("坐标过粗", "coarse position"), "OUTSIDE": ("在网格外", "outside the grid"),
    "ZERO_POSITION": ("坐标为零", "0, 0"), "NO_POSITION": ("无坐标", "no position"),
}  # fmt: skip
"""What may be wrong with a position (`streams/stages/doubts.py`, intake), the gravest first."""

_FLAGGED = """SELECT body FROM cases WHERE instr(CAST(body AS TEXT), '"flags":["') > 0 ORDER BY opened_at DESC"""
"""A case has other flags as well, but only its placement's are a list."""

_SHOWN = 8


class _Placement(msgspec.Struct):
    flags: tuple[str, ...] = ()


class _Flagged(msgspec.Struct):
    """What is read of a case whose position was flagged."""

    case_no: str
    desk: str
    placement: _Placement


_flagged = msgspec.json.Decoder(_Flagged)


def quality_page(console: Console, request: Request) -> None:
    """Draw the page; the lint runs once for the pack and is kept."""
    seat = seat_of(console, request)
    with frame(seat, users.QUALITY):
        if not open_to(seat, users.QUALITY):
            return
        with ui.element("div").classes("og-grid og-two"):
            with ui.element("div").classes("og-grid").style("align-content:start"):
                _letters(seat, request.query_params.get("reason", ""))
            with ui.element("div").classes("og-grid").style("align-content:start"):
                _suspects(seat)
                with ui.element("section").classes("og-card").props('id="lint"'):
                    ui.html(f"<h2>{seat.t('职责清单检查', 'Lint of the duty list')}</h2>", sanitize=False)
                    shown = ui.html(f"<p class='og-dim'>{seat.t('检查中…', 'checking…')}</p>", sanitize=False)
        ui.timer(0.1, lambda: _lint(seat, shown), once=True)


def _letters(seat: Seat, reason: str) -> None:
    t, db = seat.t, seat.console.board().db
    counts = db.execute(
        "SELECT stage, reason, COUNT(*) FROM dead_letters GROUP BY stage, reason ORDER BY 3 DESC"
    ).fetchall()
    rows = "".join(
        f"<tr><td>{escape(t(*STAGES.get(stage, (stage,) * 2)))}</td><td><a href='/quality?reason={escape(name)}' title='{escape(name)}'>{escape(seat.refusal(name))}</a></td><td class='n'>{count:,}</td></tr>"
        for stage, name, count in counts
    )
    with ui.element("section").classes("og-card").props('id="letters"'):
        ui.html(
            f"<h2>{t('退信', 'Dead letters')}</h2>"
            + (
                _rows((t("环节", "Stage"), t("原因", "Reason"), t("件数", "Count")), rows)
                if rows
                else f"<p class='og-dim'>{t('无', 'none')}</p>"
            ),
            sanitize=False,
        )
    query = "SELECT body FROM dead_letters WHERE ? = '' OR reason = ? ORDER BY position DESC LIMIT ?"
    found = [_letter.decode(body) for (body,) in db.execute(query, (reason, reason, _LISTED))]
    zone = seat.console.city.zone
    lines = "".join(
        f"<tr><td class='w'>{one.at.astimezone(zone):%m-%d %H:%M}</td><td class='w' title='{escape(one.reason)}'>{escape(seat.refusal(one.reason))}</td><td>{escape(one.text)}"
        f"<details><summary class='og-dim'>{t('原文', 'as it came')}</summary><pre style='white-space:pre-wrap;word-break:break-all;font-size:12px'>"
        f"{escape(one.original[:2000].decode('utf-8', 'replace'))}</pre></details></td></tr>"
        for one in found
    )
    with ui.element("section").classes("og-card"):
        head = t("最近退信", "The newest") + (f" · {escape(reason)} <a href='/quality'>✕</a>" if reason else "")
        table = _rows((t("时刻", "When"), t("原因", "Reason"), t("说明", "What is wrong")), lines)
        ui.html(f"<h2>{head}</h2><div class='og-scroll' style='max-height:55vh'>{table}</div>", sanitize=False)


def _suspects(seat: Seat) -> None:
    t, parts = seat.t, []
    cases: dict[str, list[str]] = {}
    for (body,) in seat.console.board().db.execute(_FLAGGED):
        one = _flagged.decode(body)
        if seat.user.sees(one.desk):
            for flag in one.placement.flags:
                cases.setdefault(flag, []).append(one.case_no)
    for flag, names in SUSPECTS.items():
        if flag in cases:
            links = " ".join(f"<a href='{case_link(no)}'>{escape(no)}</a>" for no in cases[flag][:_SHOWN])
            parts.append(
                f"<tr><td class='w'>{escape(t(*names))}</td><td class='n'>{len(cases[flag]):,}</td><td>{links}</td></tr>"
            )
    try:
        located = seat.console.room.soon().table(_BY_CHANNEL)
    except MeasureError:
        located = []
    by_channel = "".join(
        f"<tr><td>{escape(seat.channel(channel))}</td><td class='n'>{n:,}</td><td class='n'>{share:.1%}</td></tr>"
        for channel, n, share in located
    )
    with ui.element("section").classes("og-card").props('id="suspects"'):
        ui.html(
            f"<h2>{t('可疑坐标', 'Positions that look wrong')}</h2>"
            + (_rows((t("疑点", "Suspect"), t("件数", "Count"), t("案件", "Cases")), "".join(parts)) if parts else f"<p class='og-dim'>{t('无', 'none')}</p>")
            + f"<h2 class='og-h2' style='margin-top:10px'>{t('各渠道：定位把握低于 0.9 的占比', 'By channel: share located with confidence under 0.9')}</h2>"
            + _rows((t("渠道", "Channel"), t("件数", "Count"), t("占比", "Share")), by_channel),
            sanitize=False,
        )  # fmt: skip


_BY_CHANNEL = """
SELECT channel, count(*), avg((confidence < 0.9)::INT) FROM cases WHERE matter = 'INCIDENT' GROUP BY channel ORDER BY 3 DESC, 1
"""


async def _lint(seat: Seat, shown: ui.html) -> None:
    """Show the findings, worked out once for the pack."""
    kept, t = seat.console.kept, seat.t
    if "lint" not in kept:
        city = seat.console.city
        today = seat.console.clock().astimezone(city.zone).date()
        kept["lint"] = await asyncio.to_thread(lambda: lint(city.rules, city.cell_places, today))
    found: list[Any] = kept["lint"]
    counts: dict[str, int] = {}
    for one in found:
        counts[one.rule] = counts.get(one.rule, 0) + 1
    head = " ".join(
        f"<span class='og-tag NONE'>{escape(rule)} {count}</span>" for rule, count in sorted(counts.items())
    )
    rows = "".join(
        f"<tr><td class='w'>{escape(one.rule)}</td><td class='w'>{escape(str(one.row))}</td><td>{escape(one.message)}</td></tr>"
        for one in found[:_LISTED]
    )
    table = _rows((t("规则", "Rule"), t("行", "Row"), t("说明", "What is wrong")), rows)
    none = f"<p class='og-tag GREEN'>{t('无发现', 'nothing found')}</p>"
    shown.set_content(f"<p>{head}</p><div class='og-scroll' style='max-height:40vh'>{table}</div>" if found else none)


def _rows(heads: tuple[str, ...], rows: str) -> str:
    return (
        "<div class='og-scroll'><table class='og-table'><thead><tr>"
        + "".join(f"<th{' class=n' if one in _NUMBERS else ''}>{one}</th>" for one in heads)
        + f"</tr></thead><tbody>{rows}</tbody></table></div>"
    )
