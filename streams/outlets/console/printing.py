"""Papers: the supervision order 督办单, the case file and the shift's list, as plain pages that a browser prints."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request  # noqa: TC002 - FastAPI reads annotations at run time
from fastapi.responses import HTMLResponse
from jinja2 import Environment, StrictUndefined

from grids.duties.readable import in_words
from streams.outlets.console import handover, users
from streams.outlets.console.frame import CLOCKS, seat_of
from streams.stages.casefile import casefile
from streams.stages.desk.clocks import RED

if TYPE_CHECKING:
    from datetime import datetime

    from streams.outlets.console.context import Console
    from streams.outlets.console.frame import Seat
    from streams.records import Case, Transition

_PAGE = Path(__file__).with_name("paper.html.jinja")
POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_URGENCIES = {"NORMAL": ("一般", "normal"), "URGENT": ("紧急", "urgent"), "CRITICAL": ("特急", "critical")}
_ORDERS = ("SUPERVISE", "REMIND")


def add_papers(app: FastAPI, console: Console) -> None:
    """Add the printable pages to an application."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(_PAGE.read_text(encoding="utf-8"))

    def paper(seat: Seat, kind: str, **given: Any) -> HTMLResponse:
        form, now = seat.console.city.rules.form, seat.console.clock()
        page = template.render(
            kind=kind,
            t=seat.t,
            zh=seat.zh,
            city=seat.t(form.name_zh, form.name_en),
            printed=_time(seat, now),
            **given,
        )
        return HTMLResponse(page, headers={"Content-Security-Policy": POLICY})

    def known(request: Request, case_no: str) -> tuple[Seat, Case | None]:
        seat = seat_of(console, request)
        case = console.board().case(case_no) if users.DUTY in seat.user.pages else None
        return seat, case if case is not None and seat.user.sees(case.desk) else None

    def missing(seat: Seat, case_no: str) -> HTMLResponse:
        return HTMLResponse(
            seat.t(f"没有案件 {case_no}", f"There is no case {case_no}").replace("<", "&lt;"), status_code=404
        )

    @app.get("/print/order/{case_no}", include_in_schema=False)
    def order(case_no: str, request: Request) -> HTMLResponse:
        seat, case = known(request, case_no)
        if case is None:
            return missing(seat, case_no)
        steps = console.board().transitions(case_no)
        orders = [_step(seat, one) for one in steps if one.verb in _ORDERS]
        return paper(
            seat,
            "order",
            case=_facts(seat, case),
            clocks=_clocks(seat, case, steps),
            steps=orders,
            receipt=[],
            parts=[],
        )

    @app.get("/print/case/{case_no}", include_in_schema=False)
    def file(case_no: str, request: Request) -> HTMLResponse:
        seat, case = known(request, case_no)
        if case is None:
            return missing(seat, case_no)
        steps = console.board().transitions(case_no)
        lines = in_words(case.receipt, console.city.rules, "zh" if seat.zh else "en")
        receipt = [(name, seat.words(text)) for name, text in lines]
        return paper(
            seat, "case", case=_facts(seat, case), clocks=_clocks(seat, case, steps),
            steps=[_step(seat, one) for one in steps], receipt=receipt, parts=[],
        )  # fmt: skip

    @app.get("/print/handover", include_in_schema=False)
    def shift(request: Request) -> HTMLResponse:
        seat = seat_of(console, request)
        if users.DUTY not in seat.user.pages:
            return HTMLResponse(seat.t("此页未向您开放", "This page is not open to you"), status_code=403)
        parts = [
            (heading, [_line(seat, one) for one in found[:60]], len(found)) for heading, found in handover.parts(seat)
        ]
        return paper(seat, "handover", case={}, clocks=[], steps=[], receipt=[], parts=parts)


def _facts(seat: Seat, case: Case) -> dict[str, Any]:
    t, place = seat.t, case.placement
    return {
        "no": case.case_no,
        "text": case.text,
        "flags": case.flags,
        "lines": [
            (t("案号", "Case"), case.case_no), (t("状态", "State"), seat.state(case.state)),
            (t("类别", "Category"), f"{case.category} {seat.of('category', case.category)}" if case.category else case.matter),
            (t("等级 / 紧急程度", "Severity / urgency"), f"{case.severity} / {t(*_URGENCIES.get(case.urgency, (case.urgency,) * 2))}"),
            (t("指挥中心", "Centre"), seat.of("desk", case.desk)),
            (t("责任单位", "Responsible unit"), seat.of("unit", case.unit or case.receipt.lead)),
            (t("地点", "Place"), " ".join(seat.of("area", code) for code in (place.district, place.street, place.community) if code)),
            (t("网格", "Grid"), place.grid), (t("上报", "Reported"), _time(seat, case.reported_at)),
            (t("派遣", "Dispatched"), _time(seat, case.dispatched_at)), (t("处置时限", "Limit"), seat.limit(case.limit)),
            (t("结案标准", "Closing test"), case.closing_test), (t("办结", "Ended"), _time(seat, case.closed_at)),
        ],
    }  # fmt: skip


def _clocks(seat: Seat, case: Case, steps: list[Transition]) -> list[dict[str, str]]:
    console = seat.console
    shown = casefile(console.city.rules.calendar, case, console.clock(), steps)
    overdue: dict[str, float] = {}
    for share in shown["overdue"]:
        overdue[share["clock"]] = overdue.get(share["clock"], 0.0) + share["minutes"]
    return [
        {
            "name": seat.t(*CLOCKS.get(one["name"], (one["name"],) * 2)), "unit": seat.of("unit", one["unit"]),
            "due": _time(seat, one.get("due")), "light": handover.light_name(seat, one["light"]),
            "over": f"{overdue[one['name']]:,.0f}" if one["light"] == RED and overdue.get(one["name"]) else "",
        }
        for one in shown["clocks"]
    ]  # fmt: skip


def _step(seat: Seat, step: Transition) -> dict[str, str]:
    tier = step.payload.get("tier")
    return {
        "at": _time(seat, step.at), "verb": seat.verb(step.verb), "to": seat.state(step.to), "reason": seat.why(step.reason) if step.reason else "",
        "who": seat.t("系统", "system") if step.actor == "SYSTEM" else " ".join(
            part for part in (seat.of("unit", step.actor_unit) if step.actor_unit else "", step.actor) if part
        ),
        "tier": f"{tier}" if tier else "",
    }  # fmt: skip


def _line(seat: Seat, one: Any) -> tuple[str, ...]:
    zone = seat.console.city.zone
    due = one.clock.due.astimezone(zone).strftime("%m-%d %H:%M") if one.clock and one.clock.due else ""
    unit = seat.of("unit", one.case.unit) if one.case.unit else ""
    return (
        one.case.case_no, seat.state(one.case.state), handover.light_name(seat, one.light), due,
        seat.of("category", one.case.category), unit, one.case.text[:60],
    )  # fmt: skip


def _time(seat: Seat, at: datetime | str | None) -> str:
    if not at:
        return ""
    from datetime import datetime as when  # noqa: PLC0415 - the name is a type above

    moment = when.fromisoformat(at) if isinstance(at, str) else at
    return moment.astimezone(seat.console.city.zone).strftime("%Y-%m-%d %H:%M")
