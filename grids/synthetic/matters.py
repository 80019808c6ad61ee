"""The matters: the catalogue, filing conditions, foreign schemes, and who does what about each of them."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from grids.synthetic.places import rows

if TYPE_CHECKING:
    from collections.abc import Iterator

CATEGORY_COLUMNS = ("scheme", "category", "name_zh", "name_en", "kind", "parent", "net")
MAP_COLUMNS = ("scheme", "category", "to_category", "when")
CONDITION_COLUMNS = (
    "category", "condition", "text", "limit", "clock", "closing_test", "urgency", "effective_from", "effective_to",
    "text_en", "closing_test_en",
)  # fmt: skip
DUTY_COLUMNS = (
    "row", "list_no", "category", "scope_type", "scope_code", "when", "role", "unit", "fallback", "mode",
    "delegated_from", "basis", "effective_from", "effective_to", "decided_by",
)  # fmt: skip

_GROUP_LENGTH = len("E-01")
_ROLES = ("lead", "cooperate", "supervise", "enforce", "approve")


def category_rows() -> Iterator[tuple[str, ...]]:
    """List the city's catalogue, groups first, then every foreign scheme's codes."""
    for row in rows("matters.csv"):
        code = row["category"]
        kind = "COMPONENT" if code.startswith("C") else "EVENT"
        parent = code[:_GROUP_LENGTH] if len(code) > _GROUP_LENGTH else ""
        yield ("city", code, row["name_zh"], row["name_en"], kind, parent, row["net"])
    once = {(row["scheme"], row["category"]): row for row in rows("foreign.csv")}
    for (scheme, code), row in once.items():
        yield (scheme, code, row["name_zh"], row["name_en"], row["kind"], "", row["net"])


def map_rows() -> Iterator[tuple[str, ...]]:
    """List the ways from foreign categories to the city's."""
    for row in rows("foreign.csv"):
        yield tuple(row[column] for column in MAP_COLUMNS)


def condition_rows() -> Iterator[tuple[str, ...]]:
    """List the filing conditions, the default of each category first."""
    for row in rows("conditions.csv"):
        yield (
            row["category"], row["condition"], row["text_zh"], row["limit"], row["clock"], row["closing_zh"],
            row["urgency"], "", "", row["text_en"], row["closing_en"],
        )  # fmt: skip


def duty_rows() -> list[tuple[str, ...]]:
    """List who does what, matter by matter: the general rows, then the exceptions; the catch-all has number 000."""
    number = {row["category"]: f"{n:03d}" for n, row in enumerate(rows("matters.csv"), start=1)} | {"*": "000"}
    by_matter: dict[str, list[dict[str, str]]] = defaultdict(list)
    for matter in rows("matters.csv"):
        by_matter[matter["category"]] += _general(matter, number[matter["category"]])
    for exception in rows("duties.csv"):
        by_matter[exception["category"]].append(exception)
    return [
        (f"{number[category]}-{n:02d}", number[category], *(row[column] for column in DUTY_COLUMNS[2:]))
        for category in sorted(by_matter, key=number.__getitem__)
        for n, row in enumerate(by_matter[category], start=1)
    ]


def _general(matter: dict[str, str], number: str) -> Iterator[dict[str, str]]:
    """Turn a matter's line into rows for the whole city, one a role and unit."""
    for role in _ROLES:
        for unit in filter(None, matter[role].split(";")):
            yield {
                **dict.fromkeys(DUTY_COLUMNS, ""),
                "category": matter["category"],
                "scope_type": "CITY",
                "scope_code": "510100",
                "role": role.upper(),
                "unit": unit,
                "fallback": matter["fallback"] if role == "lead" else "",
                "mode": (role == "lead" and matter["mode"]) or "STATUTORY",
                "basis": f"成都市城市治理职责清单（示意）第{int(number)}项",
                "decided_by": "510100-CC",
            }
