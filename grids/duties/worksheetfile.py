"""Writing the worksheet: one sheet of questions, one of units and selectors to choose from, one that explains."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from openpyxl import Workbook
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation

from grids.duties.worksheet import HEADER, ROLE_FIELDS, SHEET, TITLES
from grids.spreadsheets import put

if TYPE_CHECKING:
    from pathlib import Path

    from openpyxl.worksheet.worksheet import Worksheet

    from grids.duties.worksheet import Ask, Draft
    from grids.units import Units

UNITS_SHEET: Final = "单位"
HELP_SHEET: Final = "说明"

_SELECTORS: Final = {
    "@street-office": "所在街道办事处 the street office of the place",
    "@community": "所在社区 the community of the place",
    "@zone-committee": "所在功能区管委会 the committee of the zone",
    "@owner": "部件产权单位 the component's owner (needs a fallback)",
    "@maintainer": "部件养护单位 the component's maintainer (needs a fallback)",
}
_OF_FUNCTION: Final = {
    "DISTRICT": "所在区的部门 the department of the district",
    "CITY": "市级部门 the city's department",
}

_WIDTHS: Final = {
    "category": 11, "name": 20, "scope": 14, "when": 14, "written": 46, "lead": 26, "cooperate": 30, "supervise": 26,
    "approve": 18, "enforce": 22, "fallback": 22, "basis": 30, "effective_from": 13, "effective_to": 13,
    "decided_by": 18,
}  # fmt: skip
_ONE: Final = ("lead", "fallback")
_GIVEN: Final = PatternFill("solid", fgColor="F1F3F5")
_NEEDED: Final = PatternFill("solid", fgColor="FFF3BF")
_HEAD: Final = PatternFill("solid", fgColor="1F3A5F")
_LINE: Final = Border(*(Side(style="thin", color="C8CDD3") for _ in range(4)))

_HELP: Final = (
    ("职责清单待定项 · Undecided duties", True),
    ("请各单位填写“待定职责”表，填好后交回。", False),
    ("1. 每行一个类别。灰色列是清单原有内容，请勿改动；黄色列“牵头”必填，只能有一个单位。", False),
    ("2. 配合、监管、审批、执法可以填多个单位，用分号（；）隔开；没有则留空。", False),
    ("3. 单位从下拉列表选取，也可以填代码或名称。以 @ 开头的是相对名称，按事发地点确定单位。", False),
    ("4. 牵头为 @owner 或 @maintainer 时，必须填写没有产权人时由谁负责。", False),
    ("5. 监管单位不能与牵头单位相同。日期写作 2026-03-02；失效日期当天不再有效；留空表示长期。", False),
    ("6. 同一类别在不同范围由不同单位牵头时，复制该行，修改范围，如 DISTRICT:990101、ZONE:HT。", False),
    ("", False),
    ("How to fill it in", True),
    (
        "1. One line a category. Grey columns come from the list: leave them. Yellow: exactly one lead is needed.",
        False,
    ),
    ("2. The other roles take several units with a semicolon between them, or stay empty.", False),
    ("3. Choose units from the list, or write a code or a name. Names with @ mean the unit of the place.", False),
    ("4. If @owner or @maintainer leads, say who does where a component has none, and for events.", False),
    (
        "5. Who supervises is not who leads. Dates as 2026-03-02; the last date no longer counts; empty is open.",
        False,
    ),
    (
        "6. If several units lead in several places, copy the line and change the scope: DISTRICT:990101, ZONE:HT.",
        False,
    ),
)


def write_worksheet(draft: Draft, path: Path) -> None:
    """Write the undecided rows of a draft as an XLSX for the offices."""
    book = Workbook()
    sheet = book.active
    sheet.title = SHEET
    _head(sheet)
    for row, ask in enumerate(draft.asks, start=HEADER + 1):
        _line(sheet, row, ask, draft.units)
    choices = _choices(draft.units)
    listed = book.create_sheet(UNITS_SHEET)
    for row, text in enumerate(("单位与相对名称 units and selectors", *choices), start=1):
        put(listed.cell(row, 1), text)
    listed.column_dimensions["A"].width = 60
    _drop_downs(sheet, len(draft.asks), len(choices))
    about = book.create_sheet(HELP_SHEET)
    about.column_dimensions["A"].width = 110
    for row, (text, bold) in enumerate(_HELP, start=1):
        put(about.cell(row, 1), text)
        about.cell(row, 1).font = Font(bold=bold)
        about.cell(row, 1).alignment = Alignment(wrap_text=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    book.save(path)


def _head(sheet: Worksheet) -> None:
    for column, (name, title) in enumerate(TITLES.items(), start=1):
        cell = sheet.cell(HEADER, column, title)
        cell.font, cell.fill, cell.border = Font(bold=True, color="FFFFFF"), _HEAD, _LINE
        cell.alignment = Alignment(wrap_text=True, vertical="center")
        sheet.column_dimensions[get_column_letter(column)].width = _WIDTHS[name]
    sheet.freeze_panes = sheet.cell(HEADER + 1, 3)
    sheet.print_title_rows = f"{HEADER}:{HEADER}"
    sheet.page_setup.orientation, sheet.page_setup.paperSize = "landscape", sheet.PAPERSIZE_A3
    sheet.page_setup.fitToHeight, sheet.sheet_properties.pageSetUpPr.fitToPage = 0, True


def _line(sheet: Worksheet, row: int, ask: Ask, units: Units) -> None:
    texts = {
        "category": ask.category,
        "name": ask.name,
        "scope": ask.scope,
        "when": ask.when,
        "written": "\n".join(_candidate(*one) for one in ask.candidates),
        "basis": ask.basis,
        **{
            name: "；".join(_named(unit, units) for unit in ask.suggested(role, units))
            for name, role in ROLE_FIELDS.items()
        },
    }
    for column, name in enumerate(TITLES, start=1):
        cell = sheet.cell(row, column)
        put(cell, texts.get(name, ""))
        cell.alignment, cell.border = Alignment(wrap_text=True, vertical="top"), _LINE
        if name in ("category", "name", "written"):
            cell.fill = _GIVEN
        if name == "lead":
            cell.fill = _NEEDED
        if name.startswith("effective"):
            cell.number_format = "yyyy-mm-dd"


def _candidate(role: str, spelling: str, unit: str) -> str:
    """Say what the list has for one unit: its role if the list gives one, its spelling, and what that means."""
    return f"{role + ' ' if role else ''}{spelling or '—'} → {unit or '？'}"


def _named(unit: str, units: Units) -> str:
    """Write a unit as the drop-down has it, code first; a selector as it is."""
    return f"{unit} {units[unit].name_zh}" if unit in units else unit


def _choices(units: Units) -> list[str]:
    """List what a drop-down offers: selectors first, then the units, those of single communities left out."""
    functions = sorted(
        (unit.level, unit.function)
        for unit in units.by_code.values()
        if unit.level in _OF_FUNCTION and unit.function and unit.kind in ("DEPARTMENT", "ENFORCEMENT")
    )
    return [
        *(f"{name} {what}" for name, what in _SELECTORS.items()),
        *(f"@{level.lower()}:{function} {_OF_FUNCTION[level]}" for level, function in dict.fromkeys(functions)),
        *(_named(unit.code, units) for unit in units.by_code.values() if unit.level != "COMMUNITY"),
    ]


def _drop_downs(sheet: Worksheet, lines: int, choices: int) -> None:
    """Let units be chosen; a column that takes several also takes what is written by hand."""
    for column, name in enumerate(TITLES, start=1):
        if name not in (*ROLE_FIELDS, *_ONE):
            continue
        rule = DataValidation(
            type="list", formula1=f"'{UNITS_SHEET}'!$A$2:$A${choices + 1}", allow_blank=True, errorStyle="warning",
            showErrorMessage=name in _ONE, errorTitle="单位 unit", error="请从列表选取 choose from the list",
        )  # fmt: skip
        letter = get_column_letter(column)
        rule.add(f"{letter}{HEADER + 1}:{letter}{HEADER + lines + 200}")
        sheet.add_data_validation(rule)
