"""A duty list read by its map: matters with their filing conditions and the units named for them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from grids.errors import PackError, Problem
from grids.spreadsheets import column_number, rows_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grids.duties.importing.form import ColumnsForm, MapForm, SheetForm
    from grids.spreadsheets import Sheet

_DIGITS = 2


@dataclass(frozen=True)
class Condition:
    """One filing condition as the list words it; `where` names its row as `部件!12`."""

    where: str
    text: str
    limit: str
    closing_test: str


class Assumption(msgspec.Struct, frozen=True):
    """A value that a cell doesn't hold but the list's other cells imply."""

    where: str
    used: str
    because: str


@dataclass
class Matter:
    """One sub-category: its place in the catalogue, its conditions, and the parts that name units, by role."""

    where: str
    kind: str
    group_code: str
    group: str
    code: str
    name: str
    conditions: list[Condition] = field(default_factory=list)
    parts: dict[str, list[str]] = field(default_factory=dict)
    basis: list[str] = field(default_factory=list)

    @property
    def group_category(self) -> str:
        """The city code of the group, kind first: C-01."""
        return f"{self.kind[0]}-{self.group_code}"

    @property
    def category(self) -> str:
        """The city code of the matter, kind first: C-01-01."""
        return f"{self.group_category}-{self.code}"


@dataclass
class _Reader:
    """Reads one sheet after another; faults are kept by cell and told at once."""

    form: MapForm
    matters: dict[str, Matter] = field(default_factory=dict)
    groups: dict[tuple[str, str], str] = field(default_factory=dict)
    assumed: list[Assumption] = field(default_factory=list)
    faults: list[Problem] = field(default_factory=list)

    def fault(self, sheet: Sheet, row: int, column: int, found: str, expected: str) -> None:
        self.faults.append(Problem(sheet.where(row, column), 0, "", found, expected))

    def read(self, sheet: Sheet, of: SheetForm) -> None:
        columns = _columns(sheet, of, self.form.columns)
        above: dict[int, str] = {}
        current: Matter | None = None
        for row in rows_of(sheet, of.first, of.last):
            if not any(sheet.text(row, column) for column in columns.values()):
                continue
            self._refuse_formulas(sheet, row, columns)
            cells = {name: self._value(sheet, row, columns[name], above) for name in columns}
            if any(sheet.text(row, columns[name]) for name in ("name", "code") if name in columns):
                current = self._matter(sheet, row, of, columns, cells)
            elif self.form.spans == "merged" and (row, columns["name"]) not in sheet.anchors:
                self.fault(sheet, row, columns["name"], "''", 'a name, or a merged cell (or spans = "blank")')
                continue
            if current is not None:
                self._details(sheet, row, columns, current)

    def _refuse_formulas(self, sheet: Sheet, row: int, columns: dict[str, int]) -> None:
        for column in columns.values():
            if (row, column) in sheet.formulas:
                self.fault(sheet, row, column, "a formula", "its value; paste it as values")

    def _value(self, sheet: Sheet, row: int, column: int, above: dict[int, str]) -> str:
        """Return what holds in a cell: its text, that of its merged range, or that of the cell above."""
        text = sheet.spanned(row, column)
        if self.form.spans == "blank":
            text = text or above.get(column, "")
            above[column] = text
        return text

    def _matter(
        self, sheet: Sheet, row: int, of: SheetForm, columns: dict[str, int], cells: dict[str, str]
    ) -> Matter | None:
        """Return the matter that a row begins, or goes on with if the list repeats its name on every row."""
        word = cells.get("kind", "")
        kind = of.kind or self.form.kinds.get(word, word)
        if kind not in ("COMPONENT", "EVENT"):
            self.fault(sheet, row, columns["kind"], repr(word), "a word of the map's [kinds]")
            return None
        name = " ".join(sheet.spanned(row, columns["name"]).split())
        if not name:
            self.fault(sheet, row, columns["name"], "''", "a name")
            return None
        group = " ".join(cells.get("group", sheet.name).split())
        group_code = self._group_code(sheet, row, columns, kind, cells.get("group_code", ""), group)
        code = cells.get("code", "") if "code" in columns else self._next_code(kind, group_code, name)
        for column, text in (("group_code", group_code), ("code", code)):
            if not re.fullmatch(r"[0-9]{1,3}", text):
                self.fault(sheet, row, columns.get(column, columns["name"]), repr(text), "a number of 1 to 3 digits")
                return None
        made = Matter(_row(sheet, row), kind, group_code.zfill(_DIGITS), group, code.zfill(_DIGITS), name)
        known = self.matters.setdefault(made.category, made)
        if known.name != name:
            expected = f"another code; {made.category} is {known.name} in {known.where}"
            self.fault(sheet, row, columns.get("code", columns["name"]), f"{code!r} {name}", expected)
        return known

    def _group_code(self, sheet: Sheet, row: int, columns: dict[str, int], kind: str, code: str, group: str) -> str:
        """Return the code of a group. A list without such codes gets them in the order of its groups.

        Where only the code's cell is empty, the group of the same name counts, and that is noted.
        """
        if code:
            self.groups.setdefault((kind, group), code)
            return code
        known = self.groups.get((kind, group), "")
        if "group_code" in columns:
            if known:
                self.assumed.append(Assumption(sheet.where(row, columns["group_code"]), known, f"group {group}"))
            return known
        mine = sum(of == kind for of, _ in self.groups)
        return self.groups.setdefault((kind, group), f"{mine + 1:02d}")

    def _next_code(self, kind: str, group_code: str, name: str) -> str:
        """Return the code of a matter in a list that has none: its number within the group."""
        group = [m for m in self.matters.values() if (m.kind, m.group_code) == (kind, group_code.zfill(_DIGITS))]
        return next((m.code for m in group if m.name == name), f"{len(group) + 1:02d}")

    def _details(self, sheet: Sheet, row: int, columns: dict[str, int], matter: Matter) -> None:
        """Add what a row's own cells say: those that only go on from above say nothing new."""
        own = {name: sheet.text(row, column) for name, column in columns.items()}
        if own.get("condition") or own.get("limit"):
            texts = (own.get("condition") or matter.name, own.get("limit", ""), own.get("closing_test", ""))
            if self.form.spans == "merged":
                seen = {name: sheet.spanned(row, columns[name]) for name in columns}
                texts = (
                    seen.get("condition") or matter.name, seen.get("limit", ""), seen.get("closing_test", "")
                )  # fmt: skip
            matter.conditions.append(Condition(_row(sheet, row), *texts))
        for role in self.form.columns.roles():
            known = matter.parts.setdefault(role, [])
            parts = split_units(own.get(_field(role), ""), self.form.units.separators)
            known.extend(part for part in parts if part not in known)
        if (basis := " ".join(own.get("basis", "").split())) and basis not in matter.basis:
            matter.basis.append(basis)


def _field(role: str) -> str:
    return role.lower() or "units"


def _row(sheet: Sheet, row: int) -> str:
    return f"{sheet.name}!{row}" if sheet.name else str(row)


def _columns(sheet: Sheet, of: SheetForm, form: ColumnsForm) -> dict[str, int]:
    """Find every column the map names, by its letter or by its title in the header row."""
    titles: dict[str, int] = {}
    for column in range(1, sheet.columns + 1) if of.header else ():
        titles.setdefault("".join(sheet.spanned(of.header, column).split()), column)
    found, faults = {}, []
    for name in form.__struct_fields__:
        if not (wanted := getattr(form, name)):
            continue
        number = titles.get("".join(wanted.split())) or column_number(wanted)
        if number is None:
            there = " ".join(title for title in titles if title)
            expected = f"a letter or a title of row {of.header}: {there}"
            faults.append(Problem(sheet.name or "map", 0, f"columns.{name}", repr(wanted), expected))
        else:
            found[name] = number
    if faults:
        raise PackError(faults)
    return found


def split_units(text: str, separators: Sequence[str]) -> list[str]:
    """Split a cell into the parts that name units; blanks within a name are no part of it."""
    parts = re.split("|".join(map(re.escape, separators)), text)
    return [plain for part in parts if (plain := "".join(part.split()))]


def read_list(sheets: Sequence[Sheet], form: MapForm) -> tuple[list[Matter], list[Assumption]]:
    """Read a duty list. Raises PackError with every cell that can't be read, as `sheet!cell: found; expected`."""
    reader = _Reader(form)
    by_name = {sheet.name: sheet for sheet in sheets}
    for of in form.sheet:
        sheet = by_name.get(of.name) if of.name else next(iter(sheets), None)
        if sheet is None:
            expected = "one of " + " ".join(by_name)
            reader.faults.append(Problem("map", 0, "sheet.name", repr(of.name), expected))
        else:
            reader.read(sheet, of)
    if not reader.matters and not reader.faults:
        reader.faults.append(Problem("list", 0, "", "no matters", "rows below the header; see first and columns"))
    if reader.faults:
        raise PackError(reader.faults)
    return list(reader.matters.values()), reader.assumed
