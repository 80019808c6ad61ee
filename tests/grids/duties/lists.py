"""Duty lists, units and places built in memory, for tests of the rules alone.

    duties = duty_list(row("a", unit="U1"), row("b", unit="U2", scope="DISTRICT:990101"))
    duties.resolve("E-01-10", place(), facts(severity=2), DAY).lead

A row says only what matters in its test: by default the LEAD of category `E-01` in the whole city, always.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from grids.duties.resolution import Decision, Duties
from grids.duties.rows import DutyRow
from grids.duties.selectors import Component
from grids.places import Place
from grids.tables import OPEN_END, OPEN_START
from grids.units import Unit, Units
from grids.when import parse_when

if TYPE_CHECKING:
    from collections.abc import Iterable

DAY = date(2026, 3, 2)
LEAF = "E-01-10"
STREET, DISTRICT, COMMUNITY = "990101001", "990101", "990101001001"


def unit(
    code: str,
    level: str = "CITY",
    kind: str = "DEPARTMENT",
    area: str = "990100",
    function: str = "",
    *,
    since: date = OPEN_START,
    until: date = OPEN_END,
) -> Unit:
    return Unit(code, code, "", (), level, kind, function, "", area, since, until)


UNITS = (
    *(unit(f"U{n}") for n in range(1, 7)),
    unit("CITY-WT", function="water"),
    unit("CITY-GAS", kind="COMPANY", function="gas"),
    unit("CITY-EN", kind="ENFORCEMENT", function="enforcement"),
    *(
        one
        for code in ("990101", "990102")
        for one in (
            unit(f"{code}-UM", "DISTRICT", area=code, function="urban-management"),
            unit(f"{code}-EN", "DISTRICT", "ENFORCEMENT", code, "enforcement"),
        )
    ),
    *(unit(f"{code}-OF", "STREET", "OFFICE", code) for code in ("990101001", "990101002", "990102001")),
    *(unit(f"{code}-CM", "COMMUNITY", "OFFICE", code) for code in ("990101001001", "990101001002", "990101002001")),
    unit("HT-CM", "ZONE", "OFFICE", "HT", "committee"),
    unit("HT-UM", "ZONE", "DEPARTMENT", "HT", "urban-management"),
    unit("TF-CM", "ZONE", "CENTRE", "TF", "committee"),
)


def units(*more: Unit) -> Units:
    return Units({one.code: one for one in (*UNITS, *more)})


def row(name: str, *, unit: str = "U1", role: str = "LEAD", scope: str = "CITY:990100", **fields: Any) -> DutyRow:
    """Build a row; `scope` is type:code, `when` and the dates `start` and `end` may be texts."""
    scope_type, _, scope_code = scope.partition(":")
    start, end = fields.pop("start", OPEN_START), fields.pop("end", OPEN_END)
    given = {
        "list_no": "",
        "category": "E-01",
        "fallback": "",
        "mode": "STATUTORY",
        "delegated_from": "",
        "basis": "",
        "decided_by": "",
        **fields,
        "when": parse_when(fields.get("when", "")),
        "effective_from": date.fromisoformat(start) if isinstance(start, str) else start,
        "effective_to": date.fromisoformat(end) if isinstance(end, str) else end,
    }
    return DutyRow(row=name, scope_type=scope_type, scope_code=scope_code, role=role, unit=unit, **given)


def duty_list(*rows: DutyRow, known: Iterable[Unit] = ()) -> Duties:
    return Duties(rows, units(*known))


def place(community: str = COMMUNITY, *, cell: str = "c1", grid: str = "g1", **fields: Any) -> Place:
    found = Place(cell, grid, community, community[:9], community[:6], community[:6], (), "", 1.0)
    return found._replace(**fields)


def facts(**some: Any) -> dict[str, Any]:
    return {"severity": 4, "urgency": "NORMAL", "hour": 12, "area_class": "", "zone": (), **some}


def component(owner: str = "", maintainer: str = "", name: str = "M1") -> Component:
    return Component(name, "C-01-01", 104.0, 30.6, owner, maintainer)


def decide(
    *rows: DutyRow, at: Place | None = None, on: date = DAY, thing: Component | None = None, **some: Any
) -> Decision:
    """Resolve the leaf E-01-10 (or `leaf`) among the rows."""
    leaf, known = some.pop("leaf", LEAF), some.pop("known", ())
    return duty_list(*rows, known=known).resolve(leaf, at or place(), facts(**some), on, thing)


def why(decision: Decision) -> dict[str, str]:
    """Return what became of every row: its id to its reason."""
    return {verdict.row: verdict.why for verdict in decision.rows}
