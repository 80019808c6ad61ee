"""The worksheet: what a duty list leaves undecided, as a spreadsheet that the offices fill in, and read back.

A row of duties.csv whose role is UNDECIDED names a candidate. The worksheet has one line for every category, scope
and condition with such rows; filling in its lead turns them into decided rows. What it says is checked by the same
rules as a pack's duties.csv, and a fault names the cell: `待定职责!F12: 'x'; expected …`.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Final

from grids.catalogue import CITY, read_catalogue
from grids.duties.rows import COLUMNS, LEAD, ROLES, read_duties
from grids.duties.selectors import is_selector, selector_fault
from grids.errors import PackError, Problem
from grids.rules import read_rules
from grids.spreadsheets import Line, Sheet, csv_text, read_workbook, write_table
from grids.tables import Problems, read_rows
from grids.units import Units, read_units

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

UNDECIDED: Final = "UNDECIDED"
"""The role of a candidate row. It is none of ROLES, so no pack is loaded until the row is decided."""

SHEET: Final = "待定职责"
HEADER: Final = 1
ROLE_FIELDS: Final = {role.lower(): role for role in ROLES if role != "BACKSTOP"}
TITLES: Final = {
    "category": "类别 category",
    "name": "名称 name",
    "scope": "范围 scope",
    "when": "条件 when",
    "written": "清单原文与候选 as the list has it",
    "lead": "牵头 LEAD",
    "cooperate": "配合 COOPERATE",
    "supervise": "监管 SUPERVISE",
    "approve": "审批 APPROVE",
    "enforce": "执法 ENFORCE",
    "fallback": "无产权人时 fallback",
    "basis": "依据 basis",
    "effective_from": "生效 effective_from",
    "effective_to": "失效 effective_to",
    "decided_by": "填报单位 decided_by",
}
"""Columns of the worksheet, by what they hold."""

_SOURCE: Final = ("suggested", "spelling", "source")
"""Columns of a draft's duties.csv that say where a candidate comes from; decided rows don't have them."""

_BETWEEN: Final = re.compile(r"[;；、\n]")
_OF_COMPONENT: Final = ("@owner", "@maintainer")
_EXPECTED_UNIT: Final = "one unit or selector from the list"


@dataclass(frozen=True)
class Ask:
    """One line of the worksheet: the candidates of a category in a scope, and the roles that the list suggests."""

    list_no: str
    category: str
    name: str
    scope: str
    when: str
    basis: str
    candidates: tuple[tuple[str, str, str], ...]
    """(role suggested or "", spelling in the list, unit or selector or "") of each candidate."""

    def suggested(self, role: str, units: Units) -> tuple[str, ...]:
        """Return the units that the list gives a role, if every one of them is known; else none."""
        named = [unit for suggested, _, unit in self.candidates if suggested == role]
        known = all(unit in units or (is_selector(unit) and selector_fault(unit, units) is None) for unit in named)
        return tuple(dict.fromkeys(named)) if known else ()


@dataclass(frozen=True)
class Draft:
    """The tables that a worksheet speaks of: of an import's draft, or of a pack with undecided rows in it."""

    directory: Path
    units: Units
    lines: tuple[Line, ...]
    asks: tuple[Ask, ...]

    @property
    def decided(self) -> list[Line]:
        """The rows of duties.csv that are decided already, as they are."""
        return [line for line in self.lines if line["role"] != UNDECIDED]


def read_draft(directory: Path) -> Draft:
    """Read what a worksheet needs of a folder. Raises PackError if its units, categories or rows can't be read."""
    problems = Problems()
    units = read_units(directory, problems)
    rows = list(read_rows(directory / "duties.csv", COLUMNS, problems))
    columns = ("scheme", "category", "name_zh")
    names = {
        row.cells["category"].strip(): row.cells["name_zh"].strip()
        for row in read_rows(directory / "categories.csv", columns, problems)
        if row.cells["scheme"].strip() == CITY
    }
    problems.raise_if_any()
    lines = tuple({name: text.strip() for name, text in row.cells.items() if name} for row in rows)
    groups: dict[tuple[str, str, str], list[Line]] = {}
    for line in lines:
        if line["role"] == UNDECIDED:
            key = line["category"], f"{line['scope_type']}:{line['scope_code']}", line["when"]
            groups.setdefault(key, []).append(line)
    asks = tuple(
        Ask(
            list_no=group[0]["list_no"],
            category=category,
            name=names.get(category, ""),
            scope=scope,
            when=when,
            basis=next((line["basis"] for line in group if line["basis"]), ""),
            candidates=tuple((one.get("suggested", ""), one.get("spelling", ""), one["unit"]) for one in group),
        )
        for (category, scope, when), group in groups.items()
    )
    return Draft(directory, units, lines, asks)


@dataclass
class _Answers:
    """Decided rows as they are read, with the cell that each of their fields comes from."""

    draft: Draft
    sheet: Sheet
    columns: Mapping[str, int]
    rows: list[Line] = field(default_factory=list)
    cells: list[dict[str, str]] = field(default_factory=list)
    faults: list[Problem] = field(default_factory=list)
    lines: dict[tuple[str, str, str], list[tuple[int, str, str]]] = field(default_factory=dict)

    def where(self, row: int, name: str) -> str:
        return self.sheet.where(row, self.columns[name])

    def fault(self, row: int, name: str, expected: str, found: str | None = None) -> None:
        text = self.sheet.text(row, self.columns[name])
        self.faults.append(Problem(self.where(row, name), 0, "", repr(text) if found is None else found, expected))

    def units(self, row: int, name: str) -> list[str]:
        """Return what a cell names: codes where it names known units, otherwise its own words for the loader."""
        parts = [part.strip() for part in _BETWEEN.split(self.sheet.text(row, self.columns[name])) if part.strip()]
        found = []
        for part in parts:
            code = part.split()[0]
            found.append(
                code if code in self.draft.units or is_selector(code) else self.draft.units.named(part) or part
            )
        return list(dict.fromkeys(found))

    def take(self, row: int, used: set[str]) -> None:
        """Read one line; its rows get ids that no other row has."""
        said = {name: self.sheet.text(row, column) for name, column in self.columns.items()}
        for name in TITLES:
            if (row, self.columns[name]) in self.sheet.formulas:
                self.fault(row, name, "its value; paste it as values", "a formula")
                said[name] = ""
        asked = [ask for ask in self.draft.asks if ask.category == said["category"]]
        if not asked:
            self.fault(row, "category", "a category of which rows are undecided")
            return
        self._other_line(row, said)
        named = {role: self.units(row, name) for name, role in ROLE_FIELDS.items()}
        self._check_units(row, named)
        scope_type, _, scope_code = said["scope"].partition(":")
        texts = ("category", "when", "basis", "effective_from", "effective_to", "decided_by")
        given = {name: said[name] for name in texts} | {
            name: csv_text(said[name]) for name in ("basis", "decided_by")
        }
        given |= {"scope_type": scope_type, "scope_code": scope_code}
        cells = {name: self.where(row, name) for name in texts}
        cells |= dict.fromkeys(("scope_type", "scope_code"), self.where(row, "scope"))
        for name, role in ROLE_FIELDS.items():
            for unit in named[role][: 1 if role == LEAD else None]:
                ids = (f"{asked[0].list_no or said['category']}-{serial:02d}" for serial in count(1))
                fallback = next(iter(self.units(row, "fallback")), "") if role == LEAD else ""
                fixed = {"row": next(one for one in ids if one not in used), "list_no": asked[0].list_no}
                self.rows.append(
                    dict.fromkeys(COLUMNS, "") | given | fixed | {"role": role, "unit": unit, "fallback": fallback}
                )
                used.add(fixed["row"])
                self.cells.append(cells | {"unit": self.where(row, name), "fallback": self.where(row, "fallback")})

    def _other_line(self, row: int, said: Mapping[str, str]) -> None:
        """Refuse a line that says for the same category, scope, condition and days what another says."""
        span = said["effective_from"] or "0000", said["effective_to"] or "9999"
        others = self.lines.setdefault((said["category"], said["scope"], said["when"]), [])
        for other, start, end in others:
            if start < span[1] and span[0] < end:
                self.fault(row, "category", f"another scope, condition or dates than row {other}")
                break
        others.append((row, *span))

    def _check_units(self, row: int, named: Mapping[str, Sequence[str]]) -> None:
        """Check what the loader can't see: one lead, who doesn't supervise itself, and is always somebody."""
        leads, fallback = named[LEAD], self.units(row, "fallback")
        if len(leads) != 1:
            self.fault(row, "lead", _EXPECTED_UNIT)
        if len(fallback) > 1 or (not fallback and leads and leads[0] in _OF_COMPONENT):
            self.fault(row, "fallback", f"{_EXPECTED_UNIT}, for components without an owner and for events")
        if set(leads) & set(named["SUPERVISE"]):
            self.fault(row, "supervise", "another unit than the lead: who checks is not who does")


def read_worksheet(path: Path, directory: Path) -> list[Line]:
    """Read a worksheet that was filled in; return all rows of duties.csv, those decided before it included.

    Raises PackError with every wrong cell at once, as `sheet!cell: found; expected`.
    """
    draft = read_draft(directory)
    sheet = next((one for one in read_workbook(path) if one.name == SHEET), None)
    if sheet is None:
        raise PackError([Problem(path.name, 0, "", f"no sheet {SHEET}", "a worksheet of onegrid duties worksheet")])
    titles = {sheet.text(HEADER, column): column for column in range(1, sheet.columns + 1)}
    if missing := [title for title in TITLES.values() if title not in titles]:
        raise PackError(
            [Problem(f"{SHEET}!A{HEADER}", 0, "", f"no column {', '.join(missing)}", "the titles as made")]
        )
    answers = _Answers(draft, sheet, {name: titles[title] for name, title in TITLES.items()})
    used = {line["row"] for line in draft.decided}
    for row in sorted({row for row, _ in sheet.cells if row > HEADER}):
        answers.take(row, used)
    if not any(fault.file.startswith(f"{SHEET}!A") for fault in answers.faults):
        answered = {category for category, _, _ in answers.lines}
        for category in dict.fromkeys(ask.category for ask in draft.asks if ask.category not in answered):
            answers.faults.append(Problem(f"{SHEET}!A{HEADER}", 0, "", f"no line for {category}", "a line for each"))
    columns = [*COLUMNS, *(name for line in draft.lines[:1] for name in line if name not in (*COLUMNS, *_SOURCE))]
    rows = [{name: line.get(name, "") for name in columns} for line in (*draft.decided, *answers.rows)]
    others = _load_faults(answers, rows)
    if faults := _once(answers.faults) + others:
        raise PackError(faults)
    return rows


def _load_faults(answers: _Answers, rows: Sequence[Line]) -> list[Problem]:
    """Note by cell what the loader says of the new rows; return what it says of anything else."""
    draft = answers.draft
    with tempfile.TemporaryDirectory() as scratch:
        trial, problems = Path(scratch) / "pack", Problems()
        _copy(draft.directory, trial, rows)
        if (trial / "city.toml").exists():
            try:
                read_rules(trial)
            except PackError as error:
                problems.extend(error.problems)
        else:
            read_duties(trial, read_catalogue(trial, Problems()), draft.units, {}, problems)
    first, others = len(rows) - len(answers.rows) + 2, []
    for problem in problems:
        if problem.file == "duties.csv" and problem.row >= first:
            cell = answers.cells[problem.row - first].get(problem.field, f"{SHEET}!A{HEADER}")
            answers.faults.append(Problem(cell, 0, "", problem.found, problem.expected))
        else:
            others.append(problem)
    return others


def _once(faults: Iterable[Problem]) -> list[Problem]:
    """Keep the first fault of every cell, in the order of a reader: by row, then by column."""
    by_cell: dict[str, Problem] = {}
    for fault in faults:
        by_cell.setdefault(fault.file, fault)

    def place(fault: Problem) -> tuple[int, int, str]:
        letters, digits = re.fullmatch(r".*!([A-Z]+)([0-9]+)", fault.file).groups()  # type: ignore[union-attr]
        return int(digits), len(letters), letters

    return sorted(by_cell.values(), key=place)


def _copy(source: Path, target: Path, rows: Sequence[Line]) -> None:
    shutil.copytree(source, target, ignore=shutil.ignore_patterns(".*"))
    write_table(target / "duties.csv", rows, COLUMNS)


def write_decided(directory: Path, rows: Sequence[Line], target: Path) -> None:
    """Write a pack (or draft) with decided rows into a new folder; everything else is as in `directory`.

    Raises PackError if there is anything in the folder already.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise PackError([Problem(str(target), 0, "", "not empty", "a new folder")])
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        target.rmdir()
    _copy(directory, target, rows)
