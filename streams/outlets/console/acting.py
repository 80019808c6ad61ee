"""Asking a verb of one case or many: a dialog for what the verb needs, and what came of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nicegui import ui

from streams.outlets.console.fields import ask_for, value_of
from streams.outlets.console.users import Choice, choices

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.outlets.console.frame import Seat
    from streams.records import Case


async def act_dialog(seat: Seat, cases: Sequence[Case], verb: str) -> bool:
    """Ask for what a verb needs, do it to the cases, and say what came of it; True if anything was done."""
    now, rules = seat.console.clock(), seat.console.city.rules
    allowed = {
        case.case_no: next((one for one in choices(rules, case, seat.user, now) if one.verb == verb), None)
        for case in cases
    }
    asked: Choice | None = next((one for one in allowed.values() if one is not None), None)
    if asked is None:
        ui.notify(seat.t("您不能执行此动作", "You may not do this"), type="negative")
        return False
    given = await _ask(seat, cases, asked)
    if given is None:
        return False
    reason, payload = given
    done, refused = 0, []
    for case in cases:
        choice = allowed[case.case_no]
        said = seat.t("不允许", "not allowed") if choice is None else await seat.console.act(
            case.case_no, (verb, choice.unit), seat.user, reason, payload
        )  # fmt: skip
        if said:
            refused.append(f"{case.case_no}: {said}")
        else:
            done += 1
    if done:
        ui.notify(seat.t(f"{seat.verb(verb)}：已完成 {done} 件", f"{seat.verb(verb)}: {done} done"), type="positive")
    for said in refused[:5]:
        ui.notify(said, type="negative", timeout=10_000, close_button=True)
    return done > 0


async def _ask(seat: Seat, cases: Sequence[Case], choice: Choice) -> tuple[str, dict[str, Any]] | None:
    """Let somebody fill in what the verb needs; None if they think better of it."""
    t = seat.t
    with ui.dialog() as dialog, ui.card().style("min-width:min(460px, 92vw)"):
        count = t(f"{len(cases)} 件案件", f"{len(cases)} cases") if len(cases) > 1 else cases[0].case_no
        ui.label(f"{seat.verb(choice.verb)} · {count}").style("font-weight:700;font-size:16px")
        ui.label(t("以此单位名义：", "In the name of: ") + seat.of("unit", choice.unit)).classes("og-dim")
        reason = (
            ui.textarea(t("理由", "Reason") + (" *" if choice.reason else ""))
            .props("outlined autogrow autofocus")
            .classes("w-full")
        )
        places = ("lon", "lat") if choice.verb == "RELOCATE" else ()
        fields = {name: ask_for(seat, cases, name) for name in (*choice.payload, *places)}
        with ui.row().classes("w-full justify-end"):
            ui.button(t("取消", "Cancel"), on_click=lambda: dialog.submit(None)).props("flat no-caps")
            ui.button(t("确定", "Do it"), on_click=lambda: dialog.submit("yes")).props("unelevated no-caps")
    while await dialog:
        missing = [name for name, field in fields.items() if not str(field.value or "").strip()]
        if (choice.reason and not (reason.value or "").strip()) or missing:
            ui.notify(t("请填写带 * 的各项", "Fill in what is marked with *"), type="warning")
            continue
        return (reason.value or "").strip(), {name: value_of(name, field.value) for name, field in fields.items()}
    return None
