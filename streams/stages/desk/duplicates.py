"""Duplicates by component (D1) and by nearness (D2): how alike a report is to the open cases around it (DOMAIN §5).

The score is a weighted sum of four parts, each from 0 to 1, which stay beside it as its reasons.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import TYPE_CHECKING, Literal, NamedTuple

import msgspec
from msgspec.structs import replace

from streams.stages.desk.likeness import NEUTRAL, likeness, words

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from grids.catalogue import Catalogue
    from grids.settings import DuplicatesForm, Nearness

METRES_PER_DEGREE = 111_320.0

HOUR_S = 3600.0

_FULL = 1 / 20
"""The share of the window in which time says nothing against: most reports of an incident come within an hour."""

_TWICE = 2.0
"""Stated accuracy is what two positions in three keep to; nineteen in twenty keep to twice that."""

_HALF = 0.5
"""What a place is worth that two reports may share, but for which no sure position speaks."""

_READ_MOST = 16
"""Of the candidates only the nearest in place and time have their texts read: one may not wait for a crowd."""


class Seen(msgspec.Struct, frozen=True, gc=False):
    """What is compared of a report, or of the report that opened a case.

    `category` is the city's. `component_id` is the component that the report names or that intake found. `lon`, `lat`
    are degrees (WGS-84), None if no more than the cell is known; `accuracy_m` is the sender's own estimate. `sure` is
    False for a position that doesn't decide, such as a coarse one or that of an old grid.
    """

    case_no: str
    category: str
    occurred_at: datetime
    text: str = ""
    component_id: str = ""
    lon: float | None = None
    lat: float | None = None
    accuracy_m: float | None = None
    sure: bool = True
    cell: str = ""


class Match(msgspec.Struct, frozen=True):
    """An open case that a report may repeat: how alike they are, and of which parts the score is made."""

    case_no: str
    klass: Literal["D1", "D2"]
    score: float
    parts: dict[str, float]


@dataclass(frozen=True)
class Parameters:
    """What a pack says about duplicates: its form, the nearness of every leaf, and the words usual in each."""

    form: DuplicatesForm
    near: Mapping[str, Nearness]
    usual: Mapping[str, frozenset[str]]

    @classmethod
    def of(cls, form: DuplicatesForm, catalogue: Catalogue) -> Parameters:
        """Work out the parameters of every leaf: what any report of a category says is its name and conditions."""
        anybody = frozenset[str]().union(*(words(phrase) for phrase in form.usual))
        usual = {}
        for leaf in catalogue.leaves:
            category = catalogue[leaf]
            said = (category.name_zh, category.name_en, *(one.text for one in catalogue.conditions.get(leaf, ())))
            usual[leaf] = anybody.union(*map(words, said))
        near = {leaf: form.nearness(leaf, catalogue[leaf].kind) for leaf in catalogue.leaves}
        return cls(form, near, usual)


def together(parameters: Parameters, first: Seen, others: Iterable[Seen]) -> Seen:
    """Return a case as its reports tell it: that of its first report, with more texts, and the mean position.

    More reports tell more and place it better. Only those join whose text is like the first one's: what was merged
    because nothing spoke against it doesn't speak for others, or one mistake would bring the next. The order of
    `others` doesn't matter.
    """
    usual = parameters.usual[first.category]
    joining = [other for other in others if likeness(first.text, other.text, usual) > NEUTRAL]
    told = [first, *sorted(joining, key=lambda seen: seen.case_no)]
    placed = [seen for seen in told if seen.sure and seen.lon is not None and seen.lat is not None]
    joint = replace(
        first,
        text="\n".join(seen.text for seen in told),
        component_id=next((seen.component_id for seen in told if seen.component_id), ""),
    )
    if len(placed) <= 1 and (first in placed or not placed):
        return joint
    count = len(placed)
    return replace(
        joint,
        lon=math.fsum(seen.lon or 0.0 for seen in placed) / count,
        lat=math.fsum(seen.lat or 0.0 for seen in placed) / count,
        accuracy_m=math.hypot(*(accuracy_m(seen, parameters.form) for seen in placed)) / count,
        sure=True,
    )


def judge(parameters: Parameters, seen: Seen, candidates: Iterable[Seen]) -> list[Match]:
    """Return the candidates that a report may repeat, the likeliest first, of equals the older case.

    One about the same component of the same category is D1, with score 1; two components with names of their own are
    two matters. One within the category's metres and hours is D2, and its score is the weighted sum of its parts:

    - `space`: 1 as far as the accuracy of both explains the distance, then less, slowly at first, as errors of
      position do. Only what goes beyond the accuracy counts against the metres. At most a half if one of the two
      positions isn't sure, and a half if nothing but the cell is known and the same, so that these never merge.
    - `time`: 1 within the first part of the hours, then falling to 0 at their end.
    - `category`: 1, for only reports of one category are compared.
    - `text`: that of `likeness`.

    Only scores from `suggest` on are returned; the caller merges from `merge` on.
    """
    found: list[tuple[float, datetime, str, Match]] = []
    near: list[tuple[float, datetime, str, _Bare]] = []
    for other in candidates:
        if other.case_no == seen.case_no or other.category != seen.category:
            continue
        if seen.component_id and other.component_id:
            if seen.component_id == other.component_id:
                match = Match(other.case_no, "D1", 1.0, {"component": 1.0, "category": 1.0})
                found.append((-1.0, other.occurred_at, other.case_no, match))
        elif (bare := _bare(parameters, seen, other)) is not None:
            near.append((-bare.score, other.occurred_at, other.case_no, bare))
    for _, at, number, bare in sorted(near)[:_READ_MOST]:
        if (alike := _match(parameters, seen, bare)) is not None:
            found.append((-alike.score, at, number, alike))
    return [match for *_, match in sorted(found, key=itemgetter(0, 1, 2))]


class _Bare(NamedTuple):
    """A candidate and what is sure of its score without reading it."""

    score: float
    other: Seen
    space: float
    time: float
    sure: bool


def _bare(parameters: Parameters, seen: Seen, other: Seen) -> _Bare | None:
    """Return what a candidate scores without its text; None if no text could lift it to a suggestion."""
    near, form = parameters.near[seen.category], parameters.form
    time = _time(seen, other, near.hours)
    space = None if time is None else _space(seen, other, near.metres, form)
    if time is None or space is None:
        return None
    score = form.weights.space * space + form.weights.time * time + form.weights.category
    sure = _decides(seen, form) and _decides(other, form)
    return _Bare(score, other, space, time, sure) if score + form.weights.text >= form.suggest else None


def _match(parameters: Parameters, seen: Seen, bare: _Bare) -> Match | None:
    form = parameters.form
    text = likeness(seen.text, bare.other.text, parameters.usual[seen.category])
    score = round(bare.score + form.weights.text * text, 4)
    if not bare.sure:
        score = min(score, round(form.merge - 0.0001, 4))  # whatever the weights, this alone doesn't merge
    parts = {"space": round(bare.space, 4), "time": round(bare.time, 4), "category": 1.0, "text": text}
    return Match(bare.other.case_no, "D2", score, parts) if score >= form.suggest else None


def _time(one: Seen, other: Seen, hours: float) -> float | None:
    share = abs((one.occurred_at - other.occurred_at).total_seconds()) / (hours * HOUR_S)
    if share > 1:
        return None
    return min(1.0, (1 - share) / (1 - _FULL))


def _space(one: Seen, other: Seen, metres: float, form: DuplicatesForm) -> float | None:
    between = distance_m(one, other)
    if between is None:
        return _HALF if one.cell and one.cell == other.cell else None
    allowed = allowance_m(one, other, form)
    beyond = max(0.0, between - allowed)
    if beyond > metres:
        return None
    space = 1 - _HALF * (beyond / (metres + allowed)) ** 2
    return space if _decides(one, form) and _decides(other, form) else min(_HALF, space)


def _decides(seen: Seen, form: DuplicatesForm) -> bool:
    """Say whether a position is sure enough to merge by."""
    return seen.sure and seen.lon is not None and accuracy_m(seen, form) <= form.coarse_m


def distance_m(one: Seen, other: Seen) -> float | None:
    """Return the metres between two positions, None without both. Plain geometry does for under a kilometre."""
    if one.lon is None or one.lat is None or other.lon is None or other.lat is None:
        return None
    east = (one.lon - other.lon) * math.cos(math.radians((one.lat + other.lat) / 2))
    return math.hypot(east, one.lat - other.lat) * METRES_PER_DEGREE


def accuracy_m(seen: Seen, form: DuplicatesForm) -> float:
    """Return how sure a position is, in metres: as stated, else as the pack has it."""
    return form.unstated_m if seen.accuracy_m is None else seen.accuracy_m


def allowance_m(one: Seen, other: Seen, form: DuplicatesForm) -> float:
    """Return the distance that the accuracy of both positions explains, each counted up to `coarse_m`."""
    most = form.coarse_m
    return _TWICE * math.hypot(min(accuracy_m(one, form), most), min(accuracy_m(other, form), most))


def reach_m(near: Nearness, form: DuplicatesForm) -> float:
    """Return how far apart two positions of one matter may be at most."""
    return near.metres + _TWICE * math.hypot(form.coarse_m, form.coarse_m)
