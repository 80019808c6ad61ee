"""Draw docs/lifecycle.md from the table that the desk itself works by: `python docs/lifecycle.py`."""  # noqa: INP001 - a script

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:  # so that a checkout that isn't installed can draw it too
    sys.path.insert(0, str(ROOT))

from streams.stages.desk.lifecycle import BACK, ENDS, OPEN, RULES, SAME, SYSTEM_VERBS, Rule  # noqa: E402
from streams.stages.desk.lifecycle import VERBS as TABLE  # noqa: E402

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
    "DISPUTED": "权责争议",
    "SUSPENDED": "挂账",
    "CLOSED": "结案",
    "EVALUATED": "评价",
    "FORCED_CLOSED": "强制结案",
    "MERGED": "并案",
    "CANCELLED": "作废",
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
    "REQUEST_HELP": "吹哨请援",
    "REPLY_HELP": "报到回复",
    "RETURN": "回退",
    "DISPUTE": "提请裁定",
    "RULE": "裁定",
    "REQUEST_CHECK": "请求核查",
    "CHECK_PASS": "核查通过",
    "CHECK_FAIL": "核查不通过",
    "REWORK": "返工",
    "CLOSE": "结案",
    "ASK_EXTENSION": "申请延期",
    "ASK_SUSPENSION": "申请挂账",
    "APPEAL": "申诉",
    "GRANT": "批准",
    "DENY": "驳回",
    "RESUME": "恢复",
    "URGE": "催办",
    "APPEND": "补充",
    "WITHDRAW": "撤回",
    "SUPERVISE": "督办",
    "RELOCATE": "重新定位",
    "RECLASSIFY": "重新归类",
    "TRANSFER": "移交",
    "MERGE": "并案",
    "UNMERGE": "撤销并案",
    "KEEP_APART": "分别办理",
    "REOPEN": "重启",
    "FORCE_CLOSE": "强制结案",
    "CANCEL": "作废",
    "CONTACT": "回访",
    "SATISFACTION": "满意度",
    "EVALUATE": "评价",
}

SYSTEM_TEXT = {
    "REPORT": ("上报", "opens a case in REPORTED; in CLOSED if the report is `self_handled`"),
    "ABSORB": ("并入", "another case was merged into this one; the graver severity and urgency of the two count"),
    "RELEASE": ("拆出", "a case that was merged into this one was taken apart again"),
    "RECEIVE": ("接收", "another desk has handed the case over"),
    "REMIND": ("提醒", "a clock reached a tier of escalation.toml whose verb is REMIND"),
    "CORRECT": ("更正", "a message came late: reminders and orders that should not have fired are withdrawn"),
    "ACK": ("确认", "a centre has confirmed an alert"),
    "FOLLOW": (
        "随网格调整",
        "a pack with another grid or other desks was put in force, and the case's place is another",
    ),
}

ROLES = {
    "ACCEPTOR": ("受理员", "the centre of the desk, or of the city's desk; any CENTRE if neither desk names one"),
    "DUTY_OFFICER": ("值班长", "the same"),
    "DISPATCHER": ("派遣员", "the same"),
    "CENTRE": ("指挥中心", "the same"),
    "HANDLER": ("处置单位", "the unit that holds the case, and those below it"),
    "COOPERATOR": ("配合单位", "a unit whose help was asked for and that has not replied, and those below it"),
    "COLLECTOR": ("网格员所属单位", "a street's or community's OFFICE of this desk; who was given the task"),
    "SUPERVISION": ("监督中心", "a unit of kind SUPERVISION whose area holds the place; who was given the task"),
    "APPROVER": ("审批人", "whom the pack's `approvers` name for what was asked: a role of this table"),
    "REPORTER": (
        "上报人、热线",
        "the system that a report of the case came from (`actor_unit`), or the reporter (`actor`)",
    ),
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
- **FILE, DECLINE, RELOCATE, RECLASSIFY, MERGE, KEEP_APART, REOPEN**: for an INCIDENT only.
- **REQUEST_VERIFY, REQUEST_CHECK** give a task to the nearest worker of the roster who is on duty and outside the
  handling line; to the place's supervision centre when there is none.
- **CHECK_PASS, CHECK_FAIL**: the checker is outside the line of the unit that handled: neither above nor below it.
  SUPERVISION always is.
- **RETURN** by the unit: within the pack's `limits.return_window`, counted from the dispatch. After
  `limits.returns` of them the system asks for a ruling (DISPUTE), as it does at once where the duty list has a
  tie.
- **RULE** names `unit` and `scope_type` (`CITY DISTRICT STREET COMMUNITY CELL ZONE COMPONENT`), and may name
  `scope_code`, `category` (a group above the case's own) and `effective_to`. The row that it lays down must cover
  the case itself. From then on the desk applies it; `onegrid duties rulings` prints it for the duty list.
- **ASK_EXTENSION**: `payload.limit` asks for less than the original limit. At most two are granted, none once
  overdue; a denial uses none up.
- **ASK_SUSPENSION**: `payload.until` is at most a year away; once a case. GRANT leads to SUSPENDED and stops the
  clocks; RESUME, or the date, goes back to where the case was.
- **APPEAL**: against an overdue clock of the own unit (`payload.clock`, else HANDLE). Two different reviewers
  outside the line have to GRANT it; the overdue fact stays, the score leaves it out.
- **GRANT, DENY** say what they answer: `payload.request` is EXTENSION, SUSPENSION or APPEAL.
- **RELOCATE** names `lon` and `lat` (`datum`, else WGS84) or a `cell`. Where the new place is another desk's, the
  case is transferred to it. **RECLASSIFY** may name `scheme`, `condition`, `severity` and `urgency` too.
- **TRANSFER** names the `desk`. The case keeps its number and its history; what still arrives at the old desk is
  sent on.
- **MERGE** names the `master`, an open case of the same desk; UNMERGE brings the case back to where it was, its
  clocks with it.
- **REOPEN**: the unit that handled has it again, or `payload.unit`; its clock goes on.
- **SATISFACTION**: `responded`, `solved`, `satisfied`, each `yes`, `no` or `unreached`.
- An action takes effect when it was done (`at`), if it is told of within `limits.late`; not before the last thing
  that anybody did about the case.
- **Clocks**: `run` lets a unit's own clock go on, or starts it; `hand` stops or pauses those of the unit that
  gives the case up, and runs those of the one that gets it; `*` is every clock that runs. An acknowledgement (ACK)
  has a clock of its own and is never put off.
"""


def page() -> str:
    """Return the whole page. Raises KeyError for a state, verb or role that this module has no words for."""
    parts = [
        HEAD,
        "## States",
        _table(("state", "中文", ""), [_state(name) for name in STATES]),
        "## Verbs that an Action may ask",
        _table(
            ("verb", "中文", "from", "to", "by", "needs", "clocks"),
            [_verb(rule) for rule in RULES],
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
    roles = {role for rule in RULES for role in rule.by}
    return (
        ((OPEN | ENDS) ^ set(STATES))
        | (set(TABLE) ^ set(VERBS))
        | (SYSTEM_VERBS ^ set(SYSTEM_TEXT))
        | (roles ^ set(ROLES))
    )


def _state(name: str) -> tuple[str, ...]:
    return (f"`{name}`", STATES[name], "open" if name in OPEN else "end")


def _verb(rule: Rule) -> tuple[str, ...]:
    order = list(STATES)
    rest = rule.starts - OPEN if rule.starts >= OPEN else rule.starts
    named = sorted(rest, key=order.index)
    starts = ", ".join(["any open state", *named] if rule.starts >= OPEN else named)
    needs = [*(["reason"] if rule.reason else []), *(f"payload.{name}" for name in rule.payload)]
    by = ", ".join(role for role in ROLES if role in rule.by)
    return (
        f"`{rule.verb}`",
        VERBS[rule.verb],
        starts,
        {SAME: "the same", BACK: "where it was"}.get(rule.to, rule.to),
        by,
        ", ".join(f"`{need}`" for need in needs),
        ", ".join(f"{what} {name}" for what, name in rule.clocks),
    )


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def _picture() -> str:
    """Draw the states as a Mermaid diagram, verbs between the same two states on one arrow."""
    arrows: dict[tuple[str, str], list[str]] = {}
    order = list(STATES)
    for rule in RULES:
        for start in sorted(rule.starts, key=order.index):
            if rule.to not in (SAME, BACK, start):
                arrows.setdefault((start, rule.to), []).append(rule.verb)
    lines = ["    [*] --> REPORTED : REPORT"]
    lines += [f"    {start} --> {to} : {', '.join(verbs)}" for (start, to), verbs in arrows.items()]
    lines += [f"    {end} --> [*]" for end in order if end in ENDS]
    return "\n".join(["```mermaid", "stateDiagram-v2", *lines, "```"])


if __name__ == "__main__":
    FILE.write_text(page(), encoding="utf-8")
