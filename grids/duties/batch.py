"""Deciding for many matters at once: each different question is put once, everybody gets its answer."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from grids.catalogue import URGENCIES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from grids.duties.ground import Ground
    from grids.duties.resolution import Decision, Duties, Shape

    Ints = NDArray[np.int64]


class Matters(NamedTuple):
    """n matters as arrays: leaf (an index into some leaves), cell (an index into the ground), and what was so.

    `urgency` is an index into URGENCIES, `hour` is 0-23 in city time, `day` the city date as datetime64[D].
    """

    leaf: Ints
    cell: Ints
    severity: Ints
    urgency: Ints
    hour: Ints
    day: NDArray[np.datetime64]

    def take(self, chosen: Ints) -> Matters:
        """Return some of the matters, by their positions."""
        return Matters(
            self.leaf[chosen],
            self.cell[chosen],
            self.severity[chosen],
            self.urgency[chosen],
            self.hour[chosen],
            self.day[chosen],
        )


class Batch:
    """A duty list on a ground, ready for many matters; what was decided once is remembered."""

    def __init__(self, duties: Duties, ground: Ground, leaves: Sequence[str]) -> None:
        self._duties = duties
        self._ground = ground
        self._leaves = leaves
        self._known: dict[tuple[int, int], int] = {}
        self.decisions: list[Decision] = []

    def resolve(self, matters: Matters) -> Ints:
        """Return for each matter the index of its decision in `decisions`."""
        found = np.empty(len(matters.leaf), dtype=np.int64)
        order = np.argsort(matters.leaf, kind="stable")
        leaves, starts = np.unique(matters.leaf[order], return_index=True)
        for leaf, chosen in zip(leaves.tolist(), np.split(order, starts[1:]), strict=False):
            found[chosen] = self._of_leaf(leaf, matters.take(chosen))
        return found

    def _of_leaf(self, leaf: int, matters: Matters) -> Ints:
        shape = self._duties.shape(self._leaves[leaf])
        keys, first, inverse = np.unique(_keys(shape, self._ground, matters), return_index=True, return_inverse=True)
        numbers = np.empty(len(keys), dtype=np.int64)
        for position, (key, example) in enumerate(zip(keys.tolist(), first.tolist(), strict=True)):
            number = self._known.get((leaf, key))
            if number is None:
                number = self._known[leaf, key] = len(self.decisions)
                self.decisions.append(self._decide(leaf, matters, example))
            numbers[position] = number
        answers: Ints = numbers[inverse]
        return answers

    def _decide(self, leaf: int, matters: Matters, example: int) -> Decision:
        place = self._ground.places[int(matters.cell[example])]
        facts: dict[str, Any] = {
            "severity": int(matters.severity[example]),
            "urgency": URGENCIES[int(matters.urgency[example])],
            "hour": int(matters.hour[example]),
            "area_class": place.area_class,
            "zone": place.zones,
        }
        day = date.fromordinal(int(matters.day[example].astype("datetime64[D]").astype(int)) + _EPOCH)
        return self._duties.decide(self._leaves[leaf], place, facts, day)


_EPOCH = date(1970, 1, 1).toordinal()


def _keys(shape: Shape, ground: Ground, matters: Matters) -> Ints:
    """Return a number for each matter of one leaf, the same for two exactly if the rows can't tell them apart."""
    keys = ground.keys(shape)[matters.cell]
    dates = np.array(shape.dates, dtype="datetime64[D]")
    keys = keys * (len(dates) + 1) + np.searchsorted(dates, matters.day.astype("datetime64[D]"), side="right")
    for name, count in (("severity", 5), ("urgency", len(URGENCIES)), ("hour", 24)):
        if name in shape.variables:
            keys = keys * count + getattr(matters, name)
    return keys
