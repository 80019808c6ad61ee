"""Offices that fill in a worksheet: by a seed, rightly or with faults in cells that are returned."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from openpyxl import load_workbook

from grids.duties.worksheet import HEADER, SHEET, TITLES
from grids.duties.worksheetfile import UNITS_SHEET

if TYPE_CHECKING:
    from pathlib import Path

COLUMN = {name: number for number, name in enumerate(TITLES, start=1)}
_OF_COMPONENT = ("@owner", "@maintainer")

FAULTS = {
    "lead": "城管的同志",
    "cooperate": "@street",
    "supervise": "990100-XX",
    "effective_from": "明年一月",
    "scope": "TOWN:990101",
}
"""Five wrong answers, one a column."""


def fill(path: Path, seed: int) -> None:
    """Answer every line: one lead from the drop-down, some helpers and supervisors that are not the lead, dates."""
    dice = random.Random(seed)
    book = load_workbook(path)
    sheet = book[SHEET]
    offered = [cell.value for cell in book[UNITS_SHEET]["A"][1:]]
    lasting = [text for text in offered if text.split()[0] in ("@street-office", "@community") or text[0] != "@"]
    lasting += [text for text in offered if text.split()[0] == "@district:urban-management"]
    for row in range(HEADER + 1, sheet.max_row + 1):
        lead = dice.choice([*lasting, *(text for text in offered if text.split()[0] in _OF_COMPONENT)])
        others = [text for text in lasting if text != lead]
        fallback = dice.choice(others)
        checkers = [text for text in others if text != fallback and "监督中心" in text]
        sheet.cell(row, COLUMN["lead"], lead)
        sheet.cell(row, COLUMN["fallback"], fallback if lead.split()[0] in _OF_COMPONENT else None)
        sheet.cell(row, COLUMN["cooperate"], "；".join(dice.sample(others, dice.randint(0, 2))) or None)
        sheet.cell(row, COLUMN["supervise"], dice.choice(checkers))
        sheet.cell(row, COLUMN["basis"], f"会议纪要第{row}项")
        sheet.cell(row, COLUMN["decided_by"], "990100-CC")
    book.save(path)


def spoil(path: Path, seed: int) -> dict[str, str]:
    """Write the faults into cells of five different lines; return what stands where."""
    dice = random.Random(seed)
    book = load_workbook(path)
    sheet = book[SHEET]
    spoilt = {}
    rows = dice.sample(range(HEADER + 1, sheet.max_row + 1), len(FAULTS))
    for row, (name, text) in zip(rows, FAULTS.items(), strict=True):
        cell = sheet.cell(row, COLUMN[name], text)
        spoilt[f"{SHEET}!{cell.coordinate}"] = text
    book.save(path)
    return spoilt


def put_together(draft: Path, pack: Path, *, whole_units: bool = False) -> Path:
    """Put a draft's catalogue, units and candidates into a small city, in place of its own duties.

    `whole_units`: the draft's units are the city's own already, with more aliases.
    """
    for name in ("categories.csv", "conditions.csv", "duties.csv"):
        (pack / name).write_bytes((draft / name).read_bytes())
    own = (pack / "units.csv").read_text(encoding="utf-8")
    new = (draft / "units.csv").read_text(encoding="utf-8").splitlines()
    order = own.splitlines()[0].split(",")
    assert new[0].split(",") == order
    kept = new[0] + "\n" if whole_units else own
    (pack / "units.csv").write_text(kept + "\n".join(new[1:]) + "\n", encoding="utf-8")
    (pack / "category_map.csv").unlink()
    return pack
