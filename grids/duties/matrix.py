"""The matrix of a duty list: units × categories, each cell the roles that the rows in force give.

It shows the list as it is written: a selector such as `@street-office` is one party, not its hundred offices. A row
that holds only in some places or under a condition is marked and explained in a note.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jinja2 import Environment, StrictUndefined
from openpyxl import Workbook
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
from openpyxl.utils import get_column_letter

from grids.duties.rows import LEAD, ROLES
from grids.duties.selectors import is_selector
from grids.spreadsheets import put
from grids.tables import OPEN_END

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from openpyxl.worksheet.worksheet import Worksheet

    from grids.duties.rows import DutyRow
    from grids.rules import Rules
    from grids.units import Unit

MARKS: Final = {
    "LEAD": ("牵", "牵头 lead", "B3261E", "FFFFFF"),
    "COOPERATE": ("配", "配合 cooperate", "CFE3FB", "0B3A6F"),
    "SUPERVISE": ("监", "监管 supervise", "D9EFD9", "1B4D1B"),
    "APPROVE": ("批", "审批 approve", "E6DBF5", "40207A"),
    "ENFORCE": ("执", "执法 enforce", "FFE0B8", "6B3A00"),
    "BACKSTOP": ("兜", "兜底 backstop", "E3E5E8", "30343A"),
}
"""The sign of each role, its name, and the colours of ground and sign: readable in black and white, too."""

WIDE: Final = 24
"""Columns of units that go side by side onto a sheet of A3."""

_SELECTORS: Final = {
    "@street-office": ("所在街道办事处", "Street office of the place"),
    "@community": ("所在社区", "Community of the place"),
    "@zone-committee": ("所在功能区管委会", "Zone committee of the place"),
    "@owner": ("部件产权单位", "Owner of the component"),
    "@maintainer": ("部件养护单位", "Maintainer of the component"),
}
_LEVELS: Final = {"@district": ("所在区", "District"), "@city": ("市级", "City")}
_PAGE = Path(__file__).parent / "matrix.html.jinja"
_LINE: Final = Border(*(Side(style="thin", color="C8CDD3") for _ in range(4)))


@dataclass(frozen=True)
class Party:
    """A unit or selector: a column of the matrix."""

    unit: str
    name_zh: str
    name_en: str


@dataclass(frozen=True)
class Mark:
    """A role in a cell; `notes` are the numbers of the notes that limit it, none if it holds everywhere."""

    role: str
    notes: tuple[int, ...]

    @property
    def sign(self) -> str:
        """The sign of the role, with its notes."""
        return MARKS[self.role][0] + "".join(f"·{number}" for number in self.notes)


@dataclass(frozen=True)
class Line:
    """A category: a row of the matrix. Group headings have no cells."""

    category: str
    name_zh: str
    name_en: str
    cells: dict[str, tuple[Mark, ...]]
    is_group: bool = False


@dataclass(frozen=True)
class Matrix:
    """A duty list on one day."""

    city_zh: str
    city_en: str
    version: str
    day: date
    parties: tuple[Party, ...]
    lines: tuple[Line, ...]
    notes: tuple[str, ...]

    @property
    def bands(self) -> list[tuple[Party, ...]]:
        """The parties in bands that fit on paper side by side, the last one no thinner than it must be."""
        count = -(-len(self.parties) // WIDE) or 1
        size = -(-len(self.parties) // count) or 1
        return [self.parties[at : at + size] for at in range(0, len(self.parties), size)] or [()]


def make_matrix(rules: Rules, day: date) -> Matrix:
    """Lay out the rows in force on a city date: every leaf with every party that has a role in it."""
    catalogue, in_force = rules.catalogue, [row for row in rules.duties.rows if row.unit_on(day)]
    notes: dict[str, int] = {}
    used: dict[str, int] = {}
    lines: list[Line] = []
    group = ""
    for leaf in catalogue.leaves:
        category = catalogue[leaf]
        if category.parent and category.parent != group:
            group = category.parent
            lines.append(Line(group, catalogue[group].name_zh, catalogue[group].name_en, {}, is_group=True))
        cells: dict[str, dict[str, set[int]]] = {}
        for row in _standing(in_force, leaf, day):
            unit = _plain(rules, row.unit_on(day) or "")
            used[unit] = used.get(unit, 0) + (row.role == LEAD)
            note = _limits(rules, row)
            numbers = cells.setdefault(unit, {}).setdefault(row.role, set())
            numbers.add(notes.setdefault(note, len(notes) + 1) if note else 0)
        found = {
            unit: tuple(Mark(role, _numbers(roles[role])) for role in ROLES if role in roles)
            for unit, roles in cells.items()
        }
        lines.append(Line(leaf, category.name_zh, category.name_en, found))
    parties = sorted(used, key=lambda unit: (not is_selector(unit), -used[unit], unit))
    return Matrix(
        city_zh=rules.form.name_zh,
        city_en=rules.form.name_en,
        version=rules.version,
        day=day,
        parties=tuple(_party(rules, unit) for unit in parties),
        lines=tuple(lines),
        notes=tuple(notes),
    )


def _standing(in_force: Sequence[DutyRow], leaf: str, day: date) -> list[DutyRow]:
    """List the rows of a leaf, less those that a row of the same role, scope and condition overrides everywhere."""
    alike: dict[tuple[str, str, str, str], list[DutyRow]] = {}
    for row in in_force:
        if row.covers(leaf):
            alike.setdefault((row.role, row.scope_type, row.scope_code, row.when.text), []).append(row)
    best = {key: max(row.specificity(day) for row in rows) for key, rows in alike.items()}
    return [row for key, rows in alike.items() for row in rows if row.specificity(day) == best[key]]


def _numbers(notes: set[int]) -> tuple[int, ...]:
    """Return the notes that limit a role; one row without any makes it hold everywhere."""
    return () if 0 in notes else tuple(sorted(notes))


def _limits(rules: Rules, row: DutyRow) -> str:
    """Say where, under what condition and until when a row holds, "" if everywhere and always."""
    parts = []
    if row.scope_type != "CITY":
        zones = {zone.code: zone.name_zh for zone in rules.form.zone}
        area = rules.areas.get(row.scope_code)
        name = area.name_zh if area else zones.get(row.scope_code, "")
        parts.append(f"仅 only {row.scope_type} {row.scope_code} {name}".rstrip())
    if row.when.text:
        parts.append(f"条件 if {row.when.text}")
    if row.fallback:
        parts.append(f"无产权人时 without an owner: {_party(rules, row.fallback).name_zh}")
    if row.effective_to < OPEN_END:
        parts.append(f"至 until {row.effective_to}")
    return "；".join(parts)


def _party(rules: Rules, unit: str) -> Party:
    unit = _plain(rules, unit)
    if not is_selector(unit):
        return Party(unit, rules.units[unit].name_zh, rules.units[unit].name_en)
    head, _, function = unit.partition(":")
    if unit in _SELECTORS:
        return Party(unit, *_SELECTORS[unit])
    meant = _meant(rules, unit)
    areas = [rules.areas.get(one.area_code) for one in meant]
    zh = {one.name_zh.removeprefix(area.name_zh if area else "") for one, area in zip(meant, areas, strict=True)}
    en = {one.name_en.removeprefix(area.name_en if area else "") for one, area in zip(meant, areas, strict=True)}
    level_zh, level_en = _LEVELS[head]
    return Party(unit, level_zh + _only(zh, function), f"{level_en} {_only(en, function).strip()}")


def _only(names: set[str], otherwise: str) -> str:
    """Return the one name that all offices have, their districts' names left out; else what the selector asks for."""
    return names.pop() if len(names) == 1 else otherwise


def _meant(rules: Rules, selector: str) -> list[Unit]:
    """List the units of the level and function that a selector such as `@district:water` asks for."""
    head, _, function = selector.partition(":")
    wanted = head[1:].upper(), function
    return [unit for unit in rules.units.by_code.values() if function and (unit.level, unit.function) == wanted]


def _plain(rules: Rules, unit: str) -> str:
    """Return the one unit that a selector means everywhere, if there is just one: it is no party of its own."""
    meant = _meant(rules, unit) if is_selector(unit) else []
    return meant[0].code if len(meant) == 1 else unit


def write_matrix(matrix: Matrix, path: Path) -> None:
    """Write the matrix as one HTML page that needs nothing else, or as XLSX, by the ending of the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix.lower() == ".xlsx":
        _workbook(matrix).save(path)
        return
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(_PAGE.read_text(encoding="utf-8"))
    path.write_text(template.render(matrix=matrix, marks=MARKS), encoding="utf-8")


def _workbook(matrix: Matrix) -> Workbook:
    book = Workbook()
    sheet = book.active
    sheet.title = "职责矩阵"
    put(sheet.cell(1, 1), f"{matrix.city_zh} 职责矩阵 · {matrix.city_en} Duty matrix")
    sheet.cell(1, 1).font = Font(bold=True, size=16)
    put(sheet.cell(2, 1), f"规则版本 version {matrix.version} · 按此日有效 in force on {matrix.day}")
    for column, (role, (sign, name, _, _)) in enumerate(MARKS.items(), start=1):
        cell = sheet.cell(3, column)
        put(cell, f"{sign} {name}")
        _colour(cell, role)
    _titles(sheet, matrix.parties)
    row = 5
    for line in matrix.lines:
        put(sheet.cell(row, 1), line.category)
        put(sheet.cell(row, 2), f"{line.name_zh} {line.name_en}".strip())
        for column in (1, 2):
            sheet.cell(row, column).font = Font(bold=line.is_group)
        for column, party in enumerate(matrix.parties, start=3):
            cell = sheet.cell(row, column)
            cell.border = _LINE
            if marks := line.cells.get(party.unit):
                put(cell, " ".join(mark.sign for mark in marks))
                _colour(cell, marks[0].role)
        row += 1
    foot = [f"{number}. {note}" for number, note in enumerate(matrix.notes, start=1)]
    for text in (*foot, "", "审定日期 Date: ____________________", "签字 Signature: ____________________"):
        put(sheet.cell(row, 1), text)
        row += 1
    _paper(sheet, len(matrix.parties))
    return book


def _titles(sheet: Worksheet, parties: Sequence[Party]) -> None:
    for column, text in enumerate(("类别 category", "名称 name"), start=1):
        put(sheet.cell(4, column), text)
    for column, party in enumerate(parties, start=3):
        put(sheet.cell(4, column), f"{party.name_zh} {party.name_en}".strip())
        sheet.cell(4, column).alignment = Alignment(text_rotation=90, wrap_text=True, horizontal="center")
        sheet.column_dimensions[get_column_letter(column)].width = 7
    for cell in sheet[4]:
        cell.font, cell.border = Font(bold=True), _LINE
    sheet.row_dimensions[4].height = 190


def _colour(cell: object, role: str) -> None:
    _, _, ground, ink = MARKS[role]
    cell.fill, cell.font = PatternFill("solid", fgColor=ground), Font(color=ink)  # type: ignore[attr-defined]
    cell.alignment = Alignment(horizontal="center", vertical="center", wrap_text=True)  # type: ignore[attr-defined]


def _paper(sheet: Worksheet, parties: int) -> None:
    """Set up paper: A3 across, as wide as one page, the titles on each."""
    sheet.column_dimensions["A"].width, sheet.column_dimensions["B"].width = 16, 34
    sheet.freeze_panes = "C5"
    sheet.print_title_rows, sheet.print_title_cols = "4:4", "A:B"
    sheet.page_setup.orientation, sheet.page_setup.paperSize = "landscape", sheet.PAPERSIZE_A3
    sheet.sheet_properties.pageSetUpPr.fitToPage = True
    sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = max(1, -(-parties // (2 * WIDE))), 0
    sheet.oddFooter.center.text = "&P / &N"
