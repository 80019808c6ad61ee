"""What changes hands between two duty lists: which pairs get another lead, cooperators or supervisors."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import msgspec

from grids.duties.ground import Ground
from grids.duties.sweep import classes, regions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import date

    from grids.duties.resolution import Decision
    from grids.places import Place
    from grids.rules import Rules

ROLES = ("lead", "cooperate", "supervise")


class Change(msgspec.Struct, frozen=True):
    """Pairs of one leaf in which a role goes from some units to others; `place` is one of the cells."""

    category: str
    role: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    place: str
    pairs: int


class Balance(msgspec.Struct, frozen=True):
    """How many pairs a unit gains and loses in a role."""

    unit: str
    role: str
    gains: int
    loses: int


class Comparison(msgspec.Struct, frozen=True):
    """Everything that changes: `pairs` compared, `changed` ones in any role, the changes, and the balance by unit."""

    pairs: int
    changed: int
    only_old: tuple[str, ...]
    only_new: tuple[str, ...]
    changes: list[Change]
    by_unit: list[Balance]


def compare(
    old: Rules,
    new: Rules,
    places: Sequence[Place],
    today: date,
    step: Callable[[str, float], None] = lambda _name, _share: None,
) -> Comparison:
    """Compare two duty lists over the places of one grid on a city date, in every region of their conditions.

    A pair counts as changed if any region of it does. Leaves that only one catalogue has are listed apart.
    """
    lists = [old.duties, new.duties]
    before, after = set(old.catalogue.leaves), set(new.catalogue.leaves)
    counts: Counter[tuple[str, str, tuple[str, ...], tuple[str, ...]]] = Counter()
    example: dict[tuple[str, str, tuple[str, ...], tuple[str, ...]], str] = {}
    gains: Counter[tuple[str, str]] = Counter()
    loses: Counter[tuple[str, str]] = Counter()
    changed = pairs = 0
    leaves, ground = sorted(before & after), Ground(places)
    for number, leaf in enumerate(leaves):
        asked = sorted({tuple(facts.items()) for _, facts in regions(lists, leaf)})
        for place, size in classes(lists, leaf, ground):
            pairs += size
            found: set[tuple[str, tuple[str, ...], tuple[str, ...]]] = set()
            for items in asked:
                facts = {**dict(items), "area_class": place.area_class, "zone": place.zones}
                one, other = (duties.resolve(leaf, place, facts, today) for duties in lists)
                found |= _changes(one, other)
            changed += size * bool(found)
            for role, gone, come in found:
                counts[leaf, role, gone, come] += size
                example.setdefault((leaf, role, gone, come), place.cell)
            for role in ROLES:
                lost = {unit for r, gone, come in found if r == role for unit in set(gone) - set(come)}
                won = {unit for r, gone, come in found if r == role for unit in set(come) - set(gone)}
                loses.update({(unit, role): size for unit in lost})
                gains.update({(unit, role): size for unit in won})
        step("比较职责 compare duties", (number + 1) / len(leaves))
    return Comparison(
        pairs=pairs,
        changed=changed,
        only_old=tuple(sorted(before - after)),
        only_new=tuple(sorted(after - before)),
        changes=[Change(*key, example[key], count) for key, count in sorted(counts.items())],
        by_unit=[Balance(*key, gains[key], loses[key]) for key in sorted({*gains, *loses})],
    )


def _changes(one: Decision, other: Decision) -> set[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    found = set()
    for role in ROLES:
        before, after = _holders(one, role), _holders(other, role)
        if before != after:
            found.add((role, before, after))
    return found


def _holders(decision: Decision, role: str) -> tuple[str, ...]:
    """Return who holds a role: for the lead its unit, or the outcome that stands for there being none."""
    if role == "lead":
        return (decision.lead or decision.outcome,)
    return decision.cooperate if role == "cooperate" else decision.supervise
