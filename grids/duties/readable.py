"""A receipt in words, Chinese or English, for the person who asks why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grids.catalogue import CITY

if TYPE_CHECKING:
    from grids.duties.receipts import Receipt, RowVerdict
    from grids.rules import Rules

_WORDS = {
    "zh": {
        "place": "地点", "position": "坐标", "matter": "事项", "outcome": "结果", "level": "指挥层级",
        "lead": "牵头", "cooperate": "配合", "supervise": "监管", "approve": "审批", "enforce": "执法",
        "rules": "规则版本", "rows": "职责行", "nobody": "无",
        "LEAD": "唯一主责", "BACKSTOP": "属地兜底", "DISPUTED": "权责争议", "NONE": "无人负责",
        "NO_GRID": "无法定位", "NOT_AN_INCIDENT": "非事件",
    },
    "en": {
        "place": "Place", "matter": "Matter", "lead": "Lead", "cooperate": "Cooperate", "supervise": "Supervise",
        "approve": "Approve", "enforce": "Enforce", "level": "Commanded by", "rules": "Rules", "rows": "Duty rows",
        "nobody": "nobody", "position": "Position", "LEAD": "exactly one lead", "BACKSTOP": "backstop",
        "DISPUTED": "disputed", "NONE": "nobody is responsible", "NO_GRID": "no place",
        "NOT_AN_INCIDENT": "no incident", "outcome": "Outcome",
    },
}  # fmt: skip

_WHY = {
    "zh": {
        "WON": "适用",
        "WENT_BACK": "下放到期，收回",
        "TIE": "同等具体，争议",
        "LESS_SPECIFIC": "不如其他行具体",
        "OUT_OF_DATE": "不在有效期",
        "CONDITION_FALSE": "条件不成立",
        "NO_SUCH_UNIT_HERE": "此处没有这样的单位",
        "NOT_NEEDED": "已有牵头，不需兜底",
    },
    "en": {
        "WON": "applies",
        "WENT_BACK": "delegation ended, duty went back",
        "TIE": "equally specific: in dispute",
        "LESS_SPECIFIC": "less specific than another",
        "OUT_OF_DATE": "not in force",
        "CONDITION_FALSE": "its condition does not hold",
        "NO_SUCH_UNIT_HERE": "no such unit here",
        "NOT_NEEDED": "there is a lead",
    },
}

LANGUAGES = tuple(_WORDS)


def in_words(receipt: Receipt, rules: Rules, language: str = "zh") -> list[tuple[str, str]]:
    """Return a receipt as (label, text) lines in a language of LANGUAGES."""
    words = _WORDS[language]
    place, step = receipt.place, receipt.category
    where = [_area(rules, code, language) for code in (place.district, place.street, place.community) if code]
    category = rules.catalogue.categories.get((CITY, step.city_category))
    named = "" if category is None else category.name_zh if language == "zh" else category.name_en
    source = "" if step.scheme == CITY else f" ← {step.scheme}:{step.category}"
    lines = [
        (words["place"], " ".join([*where, place.cell, *place.zones]) or words["nobody"]),
        (words["position"], f"{place.lon}, {place.lat} {place.datum} · {place.method} {place.confidence:g}"),
        (words["matter"], f"{step.city_category} {named} {step.condition}".strip() + source),
        (words["outcome"], words.get(receipt.outcome, receipt.outcome)),
        (words["lead"], _units(rules, (receipt.lead,) if receipt.lead else (), language) or words["nobody"]),
    ]
    lines += [
        (words[role], _units(rules, units, language))
        for role in ("cooperate", "supervise", "approve", "enforce")
        if (units := getattr(receipt, role))
    ]
    lines += [
        (words["level"], receipt.level),
        (words["rules"], f"{receipt.duty_version} · {place.grid_version} · {receipt.at.isoformat()}"),
    ]
    lines += [(words["rows"] if n == 0 else "", _row(row, language)) for n, row in enumerate(receipt.rows)]
    return lines


def _area(rules: Rules, code: str, language: str) -> str:
    area = rules.areas.get(code)
    return code if area is None else (area.name_zh if language == "zh" else area.name_en) or area.name_zh


def _units(rules: Rules, codes: tuple[str, ...], language: str) -> str:
    return ("、" if language == "zh" else ", ").join(_unit(rules, code, language) for code in codes)


def _unit(rules: Rules, code: str, language: str) -> str:
    unit = rules.units.by_code.get(code)
    if unit is None:
        return code
    return f"{(unit.name_zh if language == 'zh' else unit.name_en) or unit.name_zh} ({code})"


def _row(row: RowVerdict, language: str) -> str:
    mark = "✓" if row.won else "·"
    return f"{mark} {row.row} {row.role} {row.unit}: {_WHY[language].get(row.why, row.why)}"
