"""Asking a verb of one case or many: a dialog for what the verb needs, and what came of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nicegui import ui

from streams.outlets.console.users import Choice, choices

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.outlets.console.frame import Seat
    from streams.records import Case

FIELDS = {
    "unit": ("单位代码", "Unit code"), "team": ("班组", "Team"), "evidence": ("证据（文件名，逗号分隔）", "Evidence (file names, commas)"),
    "relies_on": ("所依据的职责行", "Duty row it relies on"), "scope_type": ("裁定范围", "Scope of the ruling"),
    "until": ("截止日期 2026-03-20", "Until, as 2026-03-20"), "text": ("补充内容", "Text"), "category": ("类别代码", "Category code"),
    "desk": ("接收中心代码", "Code of the other desk"), "master": ("主案案号", "Number of the master case"), "case": ("另一案号", "The other case"),
    "reached": ("是否接通", "Reached"), "responded": ("是否响应", "Responded"), "solved": ("是否解决", "Solved"),
    "satisfied": ("是否满意", "Satisfied"), "request": ("答复哪项申请", "Which request"), "lon": ("经度", "Longitude"), "lat": ("纬度", "Latitude"),
}  # fmt: skip
"""What the fields of an action's payload are called."""

_SAID = ("yes", "no", "unreached")
_CHOSEN: dict[str, tuple[str, ...]] = {
    "scope_type": ("CITY", "DISTRICT", "STREET", "COMMUNITY", "CELL", "ZONE"), "reached": ("yes", "no"),
    "responded": _SAID, "solved": _SAID, "satisfied": _SAID, "request": ("EXTENSION", "SUSPENSION", "APPEAL"),
}  # fmt: skip


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
    fields: dict[str, ui.input | ui.select] = {}
    with ui.dialog() as dialog, ui.card().style("min-width:min(460px, 92vw)"):
        count = t(f"{len(cases)} 件案件", f"{len(cases)} cases") if len(cases) > 1 else cases[0].case_no
        ui.label(f"{seat.verb(choice.verb)} · {count}").style("font-weight:700;font-size:16px")
        ui.label(t("以此单位名义：", "In the name of: ") + seat.of("unit", choice.unit)).classes("og-dim")
        reason = (
            ui.textarea(t("理由", "Reason") + (" *" if choice.reason else ""))
            .props("outlined autogrow autofocus")
            .classes("w-full")
        )
        for name in choice.payload:
            label = t(*FIELDS.get(name, (name, name))) + " *"
            if name in _CHOSEN:
                fields[name] = ui.select({one: one for one in _CHOSEN[name]}, label=label).props("outlined dense")
            else:
                fields[name] = ui.input(label).props("outlined dense")
            fields[name].classes("w-full")
        if choice.verb == "RELOCATE":
            for name in ("lon", "lat"):
                fields[name] = ui.input(t(*FIELDS[name]) + " *").props("outlined dense").classes("w-full")
        with ui.row().classes("w-full justify-end"):
            ui.button(t("取消", "Cancel"), on_click=lambda: dialog.submit(None)).props("flat no-caps")
            ui.button(t("确定", "Do it"), on_click=lambda: dialog.submit("yes")).props("unelevated no-caps")
    while await dialog:
        missing = [name for name, field in fields.items() if not str(field.value or "").strip()]
        if (choice.reason and not (reason.value or "").strip()) or missing:
            ui.notify(t("请填写带 * 的各项", "Fill in what is marked with *"), type="warning")
            continue
        return (reason.value or "").strip(), {name: _value(name, field.value) for name, field in fields.items()}
    return None


def _value(name: str, text: Any) -> Any:
    if name == "evidence":
        return [part.strip() for part in str(text).split(",") if part.strip()]
    if name in ("lon", "lat"):
        try:
            return float(text)
        except ValueError:
            return str(text)
    return str(text).strip()
