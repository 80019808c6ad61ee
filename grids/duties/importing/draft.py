"""The draft that an import writes: the pack's tables as far as the list goes, and a report of what it leaves open.

    draft = make_draft(matters, assumed, form)
    draft.write(directory)

Every candidate row of duties.csv has the role UNDECIDED, which no pack is loaded with: a list that marks no lead
can't be put in force by accident. `onegrid duties worksheet` asks the offices and writes the decided rows.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec

from grids.catalogue import CITY, FILING_CLOCKS
from grids.duties.importing.limits import read_limit
from grids.duties.importing.lists import Assumption, Condition, Matter
from grids.duties.importing.spellings import Office, Unmatched, is_relative, resolve
from grids.duties.rows import COLUMNS as DUTY_COLUMNS
from grids.duties.worksheet import UNDECIDED
from grids.errors import PackError, Problem
from grids.spreadsheets import csv_text, write_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from grids.duties.importing.form import MapForm
    from grids.duties.importing.spellings import Resolved
    from grids.spreadsheets import Line
    from grids.units import Units

HANDLING: Final = ("", "LEAD", "COOPERATE", "ENFORCE")
"""Roles that act; those who supervise or approve are no handling units."""


class OpenLimit(msgspec.Struct, frozen=True):
    """A limit with words left over, or one that can't be read at all: the row as `部件!12`, and its text."""

    row: str
    category: str
    text: str
    limit: str
    clock: str = ""
    words: str = ""


class Report(msgspec.Struct, frozen=True):
    """The counts of DESIGN §4.6, and everything that the draft leaves open."""

    categories: int
    conditions: int
    limits: dict[str, int]
    with_text: list[OpenLimit]
    unparsed: list[OpenLimit]
    multiple_units: int
    relative_units: int
    no_concrete_unit: int
    unit_spellings: int
    undecided: int
    offices: list[Office]
    unmatched: list[Unmatched]
    assumed: list[Assumption]


@dataclass(frozen=True)
class Draft:
    """The draft's tables by file name, each a list of lines, and its report."""

    tables: Mapping[str, list[Line]]
    report: Report

    def write(self, directory: Path) -> None:
        """Write the draft. Raises PackError if the folder is a city pack: its tables would be lost."""
        if (directory / "city.toml").exists():
            raise PackError([Problem(str(directory), 0, "", "a city pack", "a folder for the draft alone")])
        directory.mkdir(parents=True, exist_ok=True)
        for name, lines in self.tables.items():
            write_table(directory / name, lines)
        body = msgspec.json.format(msgspec.json.encode(self.report), indent=2)
        (directory / "report.json").write_bytes(body + b"\n")


def make_draft(
    matters: Sequence[Matter], assumed: Sequence[Assumption], form: MapForm, units: Units | None = None
) -> Draft:
    """Make a draft of a list that `read_list` has read; with `units`, its offices must be some of those."""
    parts = [part for matter in matters for role in matter.parts for part in matter.parts[role]]
    resolved = resolve(parts, form.units, units)
    area = units.city_areas[0] if units is not None and len(units.city_areas) == 1 else form.units.area_code
    with_text: list[OpenLimit] = []
    unparsed: list[OpenLimit] = []
    tables = {
        "categories.csv": _categories(matters, form),
        "conditions.csv": _conditions(matters, form, with_text, unparsed),
        "duties.csv": _duties(matters, area, resolved),
        **({"units.csv": _units(resolved.offices, form)} if units is None else {}),
    }
    clocks = Counter(line["clock"] for line in tables["conditions.csv"])
    named = [[part for role in HANDLING for part in matter.parts.get(role, ())] for matter in matters]
    relative = [[is_relative(part, form.units) for part in names] for names in named]
    report = Report(
        categories=len(matters),
        conditions=len(tables["conditions.csv"]),
        limits={clock: clocks[clock] for clock in sorted(FILING_CLOCKS)},
        with_text=with_text,
        unparsed=unparsed,
        multiple_units=sum(len(names) > 1 for names in named),
        relative_units=sum(any(marks) for marks in relative),
        no_concrete_unit=sum(all(marks) for marks in relative),
        unit_spellings=len({part for names in named for part in names}),
        undecided=len(tables["duties.csv"]),
        offices=list(resolved.offices),
        unmatched=list(resolved.unmatched),
        assumed=list(assumed),
    )
    return Draft(tables, report)


def _categories(matters: Sequence[Matter], form: MapForm) -> list[Line]:
    lines: dict[str, Line] = {}

    def add(code: str, name: str, kind: str, parent: str) -> None:
        line = {"scheme": CITY, "category": code, "name_zh": csv_text(name), "name_en": "", "kind": kind}
        lines.setdefault(code, {**line, "parent": parent, "net": form.net})

    for matter in matters:
        add(matter.group_category, matter.group or matter.group_category, matter.kind, "")
        add(matter.category, matter.name, matter.kind, matter.group_category)
    return [lines[code] for code in sorted(lines)]


def _conditions(
    matters: Sequence[Matter], form: MapForm, with_text: list[OpenLimit], unparsed: list[OpenLimit]
) -> list[Line]:
    """Write the filing conditions; a limit that can't be read stays empty, which no pack is loaded with."""
    lines = []
    for matter in matters:
        for number, condition in enumerate(matter.conditions):
            amount, clock = _limit(matter, condition, form, with_text, unparsed)
            lines.append(
                {
                    "category": matter.category,
                    "condition": _letter(number),
                    "text": csv_text(condition.text),
                    "limit": amount,
                    "clock": clock,
                    "closing_test": csv_text(condition.closing_test),
                    "urgency": "",
                    "effective_from": "",
                    "effective_to": "",
                    "limit_text": csv_text(condition.limit),
                    "source": condition.where,
                }
            )
    return lines


def _limit(
    matter: Matter, condition: Condition, form: MapForm, with_text: list[OpenLimit], unparsed: list[OpenLimit]
) -> tuple[str, str]:
    reading = read_limit(condition.limit, form.clock_words)
    listed = (condition.where, matter.category, condition.text, condition.limit)
    if reading is None:
        unparsed.append(OpenLimit(*listed))
        return "", ""
    if reading.words:
        with_text.append(OpenLimit(*listed, reading.clock, reading.words))
    return reading.written, reading.clock


def _letter(number: int) -> str:
    """Name a category's conditions A, B, … Z, AA, AB and so on."""
    letters = ""
    while number >= 0:
        letters = chr(ord("A") + number % 26) + letters
        number = number // 26 - 1
    return letters


def _duties(matters: Sequence[Matter], area: str, resolved: Resolved) -> list[Line]:
    """Write a candidate row for every unit that the list names for a matter, and one where it names none."""
    lines = []
    for number, matter in enumerate(matters, start=1):
        named = [(role, part) for role, parts in matter.parts.items() for part in parts]
        for serial, (role, part) in enumerate(named or [("", "")], start=1):
            line = dict.fromkeys(DUTY_COLUMNS, "") | {
                "row": f"{number:03d}-{serial:02d}",
                "list_no": f"{number:03d}",
                "category": matter.category,
                "scope_type": "CITY",
                "scope_code": area,
                "role": UNDECIDED,
                "unit": resolved.meaning.get(part, ""),
                "basis": csv_text(" ".join(matter.basis)),
            }
            lines.append({**line, "suggested": role, "spelling": csv_text(part), "source": matter.where})
    return lines


def _units(offices: Iterable[Office], form: MapForm) -> list[Line]:
    return [
        {
            "unit": office.code,
            "name_zh": csv_text(office.name),
            "name_en": "",
            "aliases": ";".join(csv_text(one) for one in office.spellings if one != office.name),
            "level": form.units.level,
            "kind": next((kind for end, kind in form.units.kinds.items() if office.name.endswith(end)), "DEPARTMENT"),
            "function": "",
            "parent": "",
            "area_code": form.units.area_code,
            "active_from": "",
            "active_to": "",
        }
        for office in offices
    ]


def with_aliases(units: Sequence[Mapping[str, Any]], resolved: Sequence[Office]) -> list[Line]:
    """Return a pack's own lines of units.csv with the spellings of a list as further aliases."""
    found: dict[str, list[str]] = {}
    for office in resolved:
        found.setdefault(office.code, []).extend(office.spellings)
    lines = []
    for unit in units:
        known = [unit["unit"], unit["name_zh"], *filter(None, unit["aliases"].split(";"))]
        more = [csv_text(one) for one in found.get(unit["unit"], ()) if one not in known]
        lines.append({**unit, "aliases": ";".join([*filter(None, unit["aliases"].split(";")), *more])})
    return lines
