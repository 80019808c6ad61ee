"""The equivalence classes over which a duty list is proven, linted and compared.

Two cells that the rows of a leaf can't tell apart are one class; between two dates on which anything changes,
and within one region of the conditions that any row asks about, nothing can change its mind.
"""

from __future__ import annotations

from datetime import date, timedelta
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

from grids.catalogue import URGENCIES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from grids.duties.ground import Ground
    from grids.duties.resolution import Decision, Duties
    from grids.places import Place

_QUIET_DAY = date(2026, 1, 1)
"""The one day that stands for all where no row and no unit ever starts or ends."""


class Class(NamedTuple):
    """Cells that get the same decisions for a leaf: one of them, and how many they are."""

    place: Place
    pairs: int


class Point(NamedTuple):
    """One decision of the sweep: what was asked, and the answer."""

    day: date
    facts: dict[str, Any]
    decision: Decision


def classes(lists: Sequence[Duties], leaf: str, ground: Ground) -> list[Class]:
    """Group the places that none of some duty lists can tell apart for a leaf."""
    first, count = ground.classes([duties.shape(leaf) for duties in lists])
    return [Class(ground.places[index], size) for index, size in zip(first.tolist(), count.tolist(), strict=True)]


def regions(lists: Sequence[Duties], leaf: str) -> list[tuple[date, dict[str, Any]]]:
    """List one day and one set of facts for each region in which no row of some duty lists changes its mind."""
    shapes = [duties.shape(leaf) for duties in lists]
    asked = {name for shape in shapes for name in shape.variables}
    dates = sorted({day for shape in shapes for day in shape.dates})
    severities = (1, 2, 3, 4) if "severity" in asked else (4,)
    urgencies = URGENCIES if "urgency" in asked else ("NORMAL",)
    hours = range(24) if "hour" in asked else (12,)
    days = (dates[0] - timedelta(days=1), *dates) if dates else (_QUIET_DAY,)
    return [
        (day, {"severity": severity, "urgency": urgency, "hour": hour})
        for day, severity, urgency, hour in product(days, severities, urgencies, hours)
    ]


def points(duties: Duties, leaf: str, place: Place, asked: Sequence[tuple[date, dict[str, Any]]]) -> Iterator[Point]:
    """Decide for one class in every region."""
    for day, region in asked:
        facts = {**region, "area_class": place.area_class, "zone": place.zones}
        yield Point(day, facts, duties.decide(leaf, place, facts, day))
