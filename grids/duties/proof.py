"""The proof that every place and matter has exactly one lead, at every moment and under every condition.

It runs over equivalence classes: cells that the rows of a category can't tell apart, intervals between the dates
on which anything changes, and regions of the conditions that any row asks about. A pair (cell, leaf) is counted
once, in the worst class it falls into; a pair that only a backstop covers never counts as explicit.
"""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import TYPE_CHECKING, Any

import msgspec

from grids.duties.ground import Ground
from grids.duties.sweep import classes, points, regions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from grids.duties.resolution import Decision, Duties
    from grids.places import Place

_ORDER = ("NONE", "DISPUTED", "BACKSTOP", "LEAD")
_EXAMPLES = 20


class Example(msgspec.Struct, frozen=True):
    """One pair that is not as it should be, with the moment and facts under which it isn't."""

    fault: str
    cell: str
    category: str
    day: date
    facts: dict[str, Any]
    rows: list[str]
    pairs: int


class Proof(msgspec.Struct, frozen=True):
    """The counts of DESIGN §4.6; explicit + backstop + disputed + none = pairs."""

    pairs: int
    classes: int
    explicit: int
    backstop: int
    disputed: int
    none: int
    self_supervised: int
    examples: list[Example]

    @property
    def holds(self) -> bool:
        """Whether no pair is disputed, uncovered or supervises itself."""
        return not (self.disputed or self.none or self.self_supervised)


def prove(
    duties: Duties,
    leaves: Sequence[str],
    places: Sequence[Place],
    step: Callable[[str, float], None] = lambda _name, _share: None,
) -> Proof:
    """Prove a duty list over the places of all cells and all leaf categories."""
    counts: Counter[str] = Counter()
    examples: list[Example] = []
    decided = self_supervised = 0
    ground = Ground(places)
    for number, leaf in enumerate(leaves):
        asked = regions([duties], leaf)
        for place, size in classes([duties], leaf, ground):
            worst, owned = "LEAD", False
            for day, facts, decision in points(duties, leaf, place, asked):
                decided += 1
                fault = _fault(decision)
                if fault and (not examples or examples[-1].category != leaf) and len(examples) < _EXAMPLES:
                    rows = [verdict.row for verdict in decision.rows if verdict.why in ("TIE", "WON")]
                    examples.append(Example(fault, place.cell, leaf, day, facts, rows, size))
                owned = owned or decision.self_supervised
                worst = min(worst, decision.outcome, key=_ORDER.index)
            counts[worst] += size
            self_supervised += size * owned
        step("证明职责 prove duties", (number + 1) / len(leaves))
    return Proof(
        pairs=sum(counts.values()),
        classes=decided,
        explicit=counts["LEAD"],
        backstop=counts["BACKSTOP"],
        disputed=counts["DISPUTED"],
        none=counts["NONE"],
        self_supervised=self_supervised,
        examples=examples,
    )


def _fault(decision: Decision) -> str:
    if decision.outcome in ("DISPUTED", "NONE"):
        return decision.outcome
    return "SELF_SUPERVISED" if decision.self_supervised else ""
