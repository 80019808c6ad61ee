"""What may be asked for: the leaves of the catalogue, and the matters that are no incident."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import date

    from grids.rules import Rules

MATTERS = {
    "M-INQUIRY": ("INQUIRY", "咨询 Inquiry"),
    "M-SUGGESTION": ("SUGGESTION", "建议 Suggestion"),
    "M-PRAISE": ("PRAISE", "表扬 Praise"),
    "M-COMPLAINT": ("COMPLAINT", "投诉单位 Complaint about a unit"),
}
"""Service codes of what needs no place: the matter, and its name."""

CONDITION = "condition"


def services(rules: Rules) -> list[dict[str, Any]]:
    """List all services."""
    catalogue = rules.catalogue
    found = []
    for code in sorted(catalogue.leaves):
        one = catalogue[code]
        parent = catalogue.categories.get(("city", one.parent))
        found.append(
            {
                "service_code": code,
                "service_name": f"{one.name_zh} {one.name_en}".strip(),
                "description": "；".join(dict.fromkeys(c.text for c in catalogue.conditions.get(code, ()))),
                "metadata": len({c.condition for c in catalogue.conditions.get(code, ())}) > 1,
                "type": "realtime",
                "keywords": ",".join(rules.inlets.keywords.get(code, ())),
                "group": f"{parent.name_zh} {parent.name_en}".strip() if parent else "",
            }
        )
    for code, (_, name) in MATTERS.items():
        found.append(
            {
                "service_code": code, "service_name": name, "description": name, "metadata": False,
                "type": "realtime", "keywords": "", "group": "非事件 Not incidents",
            }
        )  # fmt: skip
    return found


def definition(rules: Rules, code: str, day: date) -> dict[str, Any] | None:
    """Return what may be said of a service besides: its filing conditions. None if there is no such service."""
    if code in MATTERS:
        return {"service_code": code, "attributes": []}
    if code not in rules.catalogue.leaves:
        return None
    conditions = {
        one.condition: one.text
        for one in rules.catalogue.conditions.get(code, ())
        if one.effective_from <= day < one.effective_to
    }
    if not conditions:
        return {"service_code": code, "attributes": []}
    asked = {
        "variable": True,
        "code": CONDITION,
        "datatype": "singlevaluelist",
        "required": False,
        "datatype_description": "立案条件；不选则取第一项 the filing condition; the first one if none is chosen",
        "order": 1,
        "description": "立案条件 Filing condition",
        "values": [{"key": key, "name": text} for key, text in conditions.items()],
    }
    return {"service_code": code, "attributes": [asked]}
