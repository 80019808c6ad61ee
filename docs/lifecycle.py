"""Draw docs/lifecycle.md from the table that the desk itself works by: `python docs/lifecycle.py`."""  # noqa: INP001 - a script

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:  # so that a checkout that isn't installed can draw it too
    sys.path.insert(0, str(ROOT))

from streams.stages.desk.lifecycle import ENDS, OPEN, RULES, SAME, SYSTEM_VERBS, Rule  # noqa: E402

FILE = Path(__file__).with_suffix(".md")

STATES = {
    "REPORTED": "上报",
    "VERIFYING": "核实",
    "ACCEPTED": "受理",
    "FILED": "立案",
    "DISPATCHED": "派遣",
    "SIGNED": "签收",
    "HANDLING": "处置",
    "HANDLED": "处置完成",
    "CHECKING": "核查",
    "REWORK": "返工",
    "RETURNED": "回退",
    "CLOSED": "结案",
    "NOT_ACCEPTED": "不予受理",
    "NOT_FILED": "不予立案",
}
"""Every state in the order of a case's life. The names are those of config/chengdu; a pack may give its own."""

VERBS = {
    "REQUEST_VERIFY": "请求核实",
    "VERIFY_TRUE": "核实属实",
    "VERIFY_FALSE": "核实不实",
    "ACCEPT": "受理",
    "REFUSE": "不予受理",
    "FILE": "立案",
    "DECLINE": "不予立案",
    "DISPATCH": "派遣",
    "REDISPATCH": "改派",
    "SIGN": "签收",
    "ASSIGN": "指派班组",
    "UNASSIGN": "取消指派",
    "START": "开始处置",
    "FINISH": "处置完成",
    "RETURN": "回退",
    "REQUEST_CHECK": "请求核查",
    "CHECK_PASS": "核查通过",
    "CHECK_FAIL": "核查不通过",
    "REWORK": "返工",
    "CLOSE": "结案",
}

SYSTEM_TEXT = {
    "REPORT": ("上报", "opens a case in REPORTED; in CLOSED if the report is `self_handled`"),
    "MERGE": ("并案", "another report on the same component and category joins the open case"),
    "APPEND": ("补充", "a known source number comes again with other content"),
    "REMIND": ("提醒", "a clock reached a tier of escalation.toml whose verb is REMIND"),
    "SUPERVISE": ("督办", "a clock reached a tier of escalation.toml whose verb is SUPERVISE"),
}

ROLES = {
    "ACCEPTOR": ("受理员", "the centre of the desk, or of the city's desk; any CENTRE if neither desk names one"),
    "DUTY_OFFICER": ("值班长", "the same"),
    "DISPATCHER": ("派遣员", "the same"),
    "CENTRE": ("指挥中心", "the same"),
    "HANDLER": ("处置单位", "the unit that holds the case, and those below it"),
    "COLLECTOR": ("网格员所属单位", "a street's or community's OFFICE"),
    "SUPERVISION": ("监督中心", "a unit of kind SUPERVISION"),
    "SYSTEM": ("系统", "nobody may ask as SYSTEM: the pack's automation takes the step"),
}

HEAD = """\
# 案件流程 · The life of a case

Drawn from `streams/stages/desk/lifecycle.py` by `python docs/lifecycle.py`. Don't edit it by hand: a test compares.
由程序从代码表生成，请勿手工修改。

An action that the table doesn't allow is refused with a reason and changes nothing; the reasons are in
[records.md](records.md#dead-letters).
"""

NOTES = """\
- **CLOSE**: an INCIDENT closes from HANDLED, after a passed check. Any other matter is answered and closes from
  ACCEPTED.
- **FILE, DECLINE**: for an INCIDENT only.
- **CHECK_PASS, CHECK_FAIL**: the checker is outside the line of the unit that handled: neither above nor below it.
  SUPERVISION always is.
- **RETURN**: within the pack's `limits.return_window`, counted from the dispatch.
"""


def page() -> str:
    """Return the whole page. Raises KeyError for a state, verb or role that this module has no words for."""
    parts = [
        HEAD,
        "## States",
        _table(("state", "中文", ""), [_state(name) for name in STATES]),
        "## Verbs that an Action may ask",
        _table(
            ("verb", "中文", "from", "to", "by", "needs"),
            [_verb(rule) for rule in RULES.values()],
        ),
        NOTES,
        "## Verbs that only reports and clocks cause",
        _table(("verb", "中文", "when"), [(f"`{verb}`", *SYSTEM_TEXT[verb]) for verb in sorted(SYSTEM_VERBS)]),
        "## Roles",
        _table(("role", "中文", "who has it"), [(role, *ROLES[role]) for role in ROLES]),
        "## Picture",
        _picture(),
    ]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def missing() -> set[str]:
    """Return states, verbs and roles that the code has and this module doesn't, or the other way round."""
    roles = {role for rule in RULES.values() for role in rule.by}
    return (
        ((OPEN | ENDS) ^ set(STATES))
        | (set(RULES) ^ set(VERBS))
        | (SYSTEM_VERBS ^ set(SYSTEM_TEXT))
        | (roles ^ set(ROLES))
    )


def _state(name: str) -> tuple[str, ...]:
    return (f"`{name}`", STATES[name], "open" if name in OPEN else "end")


def _verb(rule: Rule) -> tuple[str, ...]:
    order = list(STATES)
    starts = "any open state" if rule.starts == OPEN else ", ".join(sorted(rule.starts, key=order.index))
    needs = [*(["reason"] if rule.reason else []), *(f"payload.{name}" for name in rule.payload)]
    by = ", ".join(role for role in ROLES if role in rule.by)
    return (
        f"`{rule.verb}`",
        VERBS[rule.verb],
        starts,
        "the same" if rule.to == SAME else rule.to,
        by,
        ", ".join(f"`{need}`" for need in needs),
    )


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def _picture() -> str:
    """Draw the states as a Mermaid diagram, verbs between the same two states on one arrow."""
    arrows: dict[tuple[str, str], list[str]] = {}
    order = list(STATES)
    for rule in RULES.values():
        for start in sorted(rule.starts, key=order.index):
            if rule.to not in (SAME, start):
                arrows.setdefault((start, rule.to), []).append(rule.verb)
    lines = ["    [*] --> REPORTED : REPORT"]
    lines += [f"    {start} --> {to} : {', '.join(verbs)}" for (start, to), verbs in arrows.items()]
    lines += [f"    {end} --> [*]" for end in order if end in ENDS]
    return "\n".join(["```mermaid", "stateDiagram-v2", *lines, "```"])


if __name__ == "__main__":
    FILE.write_text(page(), encoding="utf-8")
