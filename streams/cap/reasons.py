"""Why somebody is told, in words: an alert's reason as its record has it, and as a person reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from grids.rules import Rules
    from grids.settings import Tier
    from streams.records import Case

_SEVERITIES = {
    "zh": {"1": "特别重大", "2": "重大", "3": "较大", "4": "一般"},
    "en": {"1": "extraordinarily grave", "2": "grave", "3": "serious", "4": "ordinary"},
}
_CLOCKS = {
    "zh": {
        "ACCEPT": "受理", "VERIFY": "核实", "FILE": "立案", "DISPATCH": "派遣", "SIGN": "签收", "HANDLE": "处置",
        "CHECK": "核查", "ANSWER": "答复", "HELP": "协助", "DISPUTE": "裁定",
    },
    "en": {
        "ACCEPT": "accepting", "VERIFY": "verifying", "FILE": "filing", "DISPATCH": "dispatching", "SIGN": "signing",
        "HANDLE": "handling", "CHECK": "checking", "ANSWER": "answering", "HELP": "helping", "DISPUTE": "ruling",
    },
}  # fmt: skip
_USED = {"zh": "{clock}时限已用 {share}", "en": "{share} of the {clock} time used"}
_SILENT = {"zh": "下级预警逾时未确认", "en": "below, nobody has confirmed in time"}
_WITHDRAWN = {"zh": "撤回：{clock}未超时", "en": "withdrawn: {clock} was in time"}
_REOPENED = {"zh": "重新处理", "en": "taken up again"}


def why(rules: Rules, case: Case, reason: str, language: str) -> str:
    """Say in a language, zh or en, why an alert was sent; what has no words is said as it stands.

    `reason` is `severity 2`, `HANDLE 200%` (a tier of escalation), `HANDLE WITHDRAWN`, or a state or verb.
    """
    first, _, second = reason.partition(" ")
    if first == "severity":
        return _SEVERITIES[language].get(second, reason)
    if first == "ACK" and second:
        return _SILENT[language]
    clock = _CLOCKS[language].get(first, first)
    if second == "WITHDRAWN":
        return _WITHDRAWN[language].format(clock=clock)
    if second.endswith("%"):
        tier = tier_of(rules, case, reason)
        name = "" if tier is None else tier.name_zh if language == "zh" else tier.name_en
        return " · ".join(filter(None, (_USED[language].format(clock=clock, share=second), name)))
    if reason == "REOPEN":
        return _REOPENED[language]
    return rules.form.states.get(reason, {}).get(language, reason)


def tier_of(rules: Rules, case: Case, reason: str) -> Tier | None:
    """Return the tier of escalation that an alert's reason speaks of; None if it speaks of none."""
    clock, _, share = reason.partition(" ")
    if not share.endswith("%"):
        return None
    return next((one for one in rules.tiers_of(clock, case.unit) if f"{one.share:.0%}" == share), None)
