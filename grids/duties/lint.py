"""The lint of a duty list, L1 to L12 (DOMAIN §3): what is wrong, in which row, where, and how much is at stake.

Some faults show in a row by itself (`faults`), others only in what the rows decide together, over the same
classes as the proof. A fault is told once, under the rule that is its cause: a tie that comes of overlapping
dates is L4 and not L2 as well.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from grids.duties.faults import Finding, at_stake, date_clashes, has_parent, of_catalogue, of_ground, of_rows
from grids.duties.ground import Ground
from grids.duties.rows import BACKSTOP, LEAD, SCOPES
from grids.duties.selectors import is_selector
from grids.duties.sweep import classes, points, regions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import date

    from grids.duties.faults import Clash
    from grids.duties.resolution import Decision, Verdict
    from grids.places import Place
    from grids.rules import Rules

_OF_COMPONENT = ("@owner", "@maintainer")


@dataclass
class _Ledger:
    """Findings that come up class by class, added up to one for each rule, row and category."""

    pairs: dict[tuple[str, str, str], int] = field(default_factory=lambda: defaultdict(int))
    first: dict[tuple[str, str, str], tuple[str, str]] = field(default_factory=dict)

    def note(self, keys: set[tuple[str, str, str]], place: str, size: int, messages: dict[str, str]) -> None:
        """Add what one class shows, each thing once however many moments show it."""
        for key in keys:
            self.pairs[key] += size
            self.first.setdefault(key, (place, messages[key[0]]))

    def findings(self) -> list[Finding]:
        """List what was added up."""
        return [
            Finding(rule, row, category, self.first[rule, row, category][0], size, self.first[rule, row, category][1])
            for (rule, row, category), size in self.pairs.items()
        ]


_MESSAGES = {
    "L1": "nobody is responsible: no LEAD and no BACKSTOP applies; add a LEAD row",
    "L2": "two leads are equally specific; make one of them narrower, or end it",
    "L6": "the selector means no unit or several here; name a unit or state a fallback",
    "L7": "the lead supervises itself; let another unit supervise",
    "L8": "the unit does not exist on some days on which the row needs it",
    "L12": "units cooperate but no LEAD row says with whom",
}


def lint(
    rules: Rules,
    places: Sequence[Place],
    today: date,
    step: Callable[[str, float], None] = lambda _name, _share: None,
) -> list[Finding]:
    """Lint a pack's duty list over the places of all cells; `today` is the city date that delegations are judged by.

    The findings are in the order of rules, rows and categories; none means clean.
    """
    duties, leaves = rules.duties, rules.catalogue.leaves
    clashes = date_clashes(duties.rows)
    rooted = Ground(
        [place for place in places if has_parent(place)]
    )  # the others are L11, and nothing can be said of them
    ledger, alive = _Ledger(), set[str]()
    for number, leaf in enumerate(leaves):
        asked = regions([duties], leaf)
        for place, size in classes([duties], leaf, rooted):
            found: set[tuple[str, str, str]] = set()
            for day, _, decision in points(duties, leaf, place, asked):
                alive.update(v.row for v in decision.rows if v.won or v.why == "TIE")
                found |= _of_decision(decision, leaf, day, clashes)
            ledger.note(found, place.cell or place.grid or place.desk, size, _MESSAGES)
        step("检查职责 lint duties", (number + 1) / len(leaves))
    findings = of_rows(rules, clashes, places, today)
    told = {(finding.rule, finding.row) for finding in findings}
    findings += [finding for finding in ledger.findings() if (finding.rule, finding.row) not in told]
    findings += of_catalogue(rules, len(places), today)
    findings += of_ground(places, len(leaves))
    findings += _shadowed(rules, places, alive, {finding.row for finding in findings})
    return sorted(findings, key=lambda f: (int(f.rule[1:]), f.row, f.category))


def _of_decision(decision: Decision, leaf: str, day: date, clashes: Sequence[Clash]) -> set[tuple[str, str, str]]:
    """Return (rule, row, category) of what one decision shows."""
    found: set[tuple[str, str, str]] = set()
    for verdict in decision.rows:
        if verdict.why == "NO_SUCH_UNIT_HERE" and verdict.unit not in _OF_COMPONENT:
            found.add(("L6" if is_selector(verdict.unit) else "L8", verdict.row, leaf))
        elif (
            ";" in verdict.unit and verdict.why in ("WON", "TIE", "WENT_BACK") and verdict.role in (LEAD, "BACKSTOP")
        ):
            found.add(("L6", verdict.row, leaf))
    explained = any(v.why == "NO_SUCH_UNIT_HERE" and v.role in (LEAD, BACKSTOP) for v in decision.rows) or any(
        clash.explains_gap(leaf, day) for clash in clashes
    )
    if decision.outcome == "NONE" and not explained:
        found.add(("L1", "", leaf))
    elif decision.outcome == BACKSTOP and decision.cooperate and not explained:
        found.add(("L12", _first(decision, "COOPERATE"), leaf))
    elif decision.outcome == "DISPUTED":
        tied = [v for v in decision.rows if v.why == "TIE"]
        if not _several(tied) and not any(clash.explains_tie({v.row for v in tied}) for clash in clashes):
            found.add(("L2", ";".join(sorted(v.row for v in tied)), leaf))
    if decision.self_supervised:
        found.add(("L7", _first(decision, "SUPERVISE"), leaf))
    return found


def _several(tied: Sequence[Verdict]) -> bool:
    """Whether the tie is one row's own: its selector means several units."""
    return any(";" in verdict.unit for verdict in tied)


def _first(decision: Decision, role: str) -> str:
    return next(verdict.row for verdict in decision.rows if verdict.role == role and verdict.won)


def _shadowed(rules: Rules, places: Sequence[Place], alive: set[str], blamed: set[str]) -> list[Finding]:
    """L3: rows that never win anywhere, at any moment, and of which nothing else is wrong.

    Rows about single components, and those that ask a component for its owner, need one to apply; a BACKSTOP
    that is never needed is as it should be.
    """
    idle = [
        row
        for row in rules.duties.rows
        if row.row not in alive
        and row.role != BACKSTOP
        and row.scope_type != "COMPONENT"
        and not (row.unit in _OF_COMPONENT and not row.fallback)
        and not any(row.row in rows.split(";") for rows in blamed)
    ]
    message = "the row can never apply: more specific rows take everything it says, or its scope holds no cell"
    found = []
    for row in sorted(idle, key=lambda row: (SCOPES[row.scope_type], row.row)):
        place, pairs = at_stake(row, places, rules.catalogue.leaves)
        found.append(Finding("L3", row.row, row.category, place, pairs, message))
    return found
