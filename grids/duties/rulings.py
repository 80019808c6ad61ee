"""Rulings: what a centre has decided about a disputed duty, as a dated duty row.

A ruling says for one category, in one scope, from one day on, which unit leads. Until it stands in the pack's
duty list a desk applies it to what it receives: to matters in dispute or that only a backstop covers, and to
those whose lead is the one it overruled. The receipt embeds it, so that anybody can check it offline.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from grids.duties.receipts import RowVerdict, sealed
from grids.duties.resolution import DISPUTED
from grids.duties.rows import BACKSTOP, COLUMNS, LEAD, SCOPES, DutyRow
from grids.tables import OPEN_END
from grids.when import parse_when

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from grids.duties.receipts import Receipt, Ruling
    from grids.places import Place
    from grids.rules import Rules

RULING, OVERRULED = "RULING", "OVERRULED"
"""What a receipt says of the ruling that won and of the rows that it took the lead from."""

_OPEN = frozenset({DISPUTED, BACKSTOP})

EXPORTED = (*COLUMNS, "supersedes")
"""Columns of an export: those of duties.csv, and the rows that end where the new one begins."""


def as_row(ruling: Ruling) -> DutyRow:
    """Return a ruling as a row of the duty list."""
    return DutyRow(
        row=ruling.row,
        list_no="",
        category=ruling.category,
        scope_type=ruling.scope_type,
        scope_code=ruling.scope_code,
        when=parse_when(""),
        role=LEAD,
        unit=ruling.unit,
        fallback="",
        mode="STATUTORY",
        delegated_from="",
        basis=ruling.basis,
        effective_from=ruling.effective_from,
        effective_to=ruling.effective_to or OPEN_END,
        decided_by=ruling.decided_by,
    )


def find(rules: Rules, rulings: Iterable[Ruling], receipt: Receipt, place: Place) -> Ruling | None:
    """Return the ruling that decides a matter: of those in force the most specific, then the latest; else None."""
    day = receipt.at.astimezone(rules.calendar.zone).date()
    fitting = [
        (row.specificity(day), ruling.effective_from, ruling.row, ruling)
        for ruling in rulings
        if (receipt.outcome in _OPEN or (ruling.overrules and ruling.overrules == receipt.lead))
        and (row := as_row(ruling)).covers(receipt.category.city_category)
        and row.in_scope(place, receipt.place.component)
        and row.unit_on(day)
    ]
    return max(fitting, key=lambda one: one[:3])[3] if fitting else None


def apply(rules: Rules, receipt: Receipt, ruling: Ruling) -> Receipt:
    """Return a receipt whose lead is the ruling's; rows that led or tied without it say OVERRULED."""
    said = receipt.facts
    verdicts = tuple(
        msgspec.structs.replace(row, won=False, why=OVERRULED)
        if row.role in (LEAD, BACKSTOP) and (row.won or row.why == "TIE")
        else row
        for row in receipt.rows
    )
    return sealed(
        msgspec.structs.replace(
            receipt,
            lead=ruling.unit,
            cooperate=tuple(unit for unit in receipt.cooperate if unit != ruling.unit),
            outcome=LEAD,
            automation=rules.automation_of(
                LEAD, str(said["channel"]), int(said["severity"]), str(said["matter"]), receipt.place.confidence
            ),
            rows=(RowVerdict(ruling.row, LEAD, ruling.unit, won=True, why=RULING), *verdicts),
            ruling=ruling,
        )
    )


def superseded(rules: Rules, receipt: Receipt, scope_type: str) -> tuple[str, ...]:
    """List the rows of the duty list that led or tied in a receipt and that a row of this scope would not outrank."""
    by_name = {row.row: row for row in rules.duties.rows}
    return tuple(
        sorted(
            verdict.row
            for verdict in receipt.rows
            if verdict.role == LEAD
            and (verdict.won or verdict.why == "TIE")
            and verdict.row in by_name
            and SCOPES[by_name[verdict.row].scope_type] >= SCOPES[scope_type]
        )
    )


def exported(rulings: Iterable[Ruling]) -> list[Sequence[str]]:
    """Return rulings as lines for duties.csv, in the order of `EXPORTED`."""
    lines: list[Sequence[str]] = []
    for ruling in rulings:
        row = as_row(ruling)
        values = {name: str(getattr(row, name)) for name in COLUMNS}
        values |= {
            "when": "",
            "effective_from": ruling.effective_from.isoformat(),
            "effective_to": ruling.effective_to.isoformat() if ruling.effective_to else "",
            "supersedes": ";".join(ruling.supersedes),
        }
        lines.append([values[name] for name in EXPORTED])
    return lines
