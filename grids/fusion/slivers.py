"""Thin faces go to a neighbour, on the adjacency graph; geometry is rebuilt once, by the caller.

Precedence: no unit of any layer vanishes > base boundaries hold > no cell is thin.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely

from grids.fusion.labels import NO_UNIT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from grids.fusion.noding import Borders, Faces

    Ints = NDArray[np.int64]

MARGIN = 1.0 + 1e-9
"""Sums of areas and lengths differ in the last digits from the rebuilt geometry's; a cell must be wide in both."""

ISLAND = "an island, and its base unit has no cell wide enough to take it"
LAST = "the only place of a unit, which would vanish"
BASE = "all its neighbours lie across a base boundary, and its base unit has no cell wide enough to take it"


@dataclass(frozen=True, eq=False)
class Merged:
    """What became of each face: the group it is in (named by one of its faces) and that group's labels.

    `slivers` were merged, `detached` among them without touching their group; `kept` stayed thin, with the reason.
    """

    root: Ints
    labels: Ints
    slivers: list[int]
    detached: list[int]
    kept: dict[int, str]


class _Graph:
    """Groups of faces with their labels, sizes and shared borders; a group is named by one of its faces."""

    def __init__(self, faces: Faces, borders: Borders, labels: Ints, base: int) -> None:
        self.parent = list(range(len(faces)))
        self.area = shapely.area(faces.polygons).tolist()
        self.perimeter = shapely.length(faces.polygons).tolist()
        self.label: list[tuple[int, ...]] = [tuple(row) for row in labels.tolist()]
        self.base = base
        self.shared: list[dict[int, float]] = [{} for _ in self.parent]
        inner = borders.inner()
        for a, b, length in zip(inner.left.tolist(), inner.right.tolist(), inner.length.tolist(), strict=True):
            self.shared[a][b] = self.shared[b][a] = length
        self.groups_of: list[dict[int, int]] = []
        for column in labels.T:
            units, counts = np.unique(column, return_counts=True)
            self.groups_of.append(dict(zip(units.tolist(), counts.tolist(), strict=True)))

    def root(self, face: int) -> int:
        """Find the group that a face belongs to now."""
        while self.parent[face] != face:
            self.parent[face] = face = self.parent[self.parent[face]]
        return face

    def width(self, group: int) -> float:
        """Mean width in metres: of a long strip, its breadth."""
        return float(2.0 * self.area[group] / self.perimeter[group])

    def absorb(self, winner: int, loser: int) -> None:
        """Put `loser` into `winner`, which keeps its labels."""
        self.parent[loser] = winner
        for counts, unit in zip(self.groups_of, self.label[loser], strict=True):
            counts[unit] -= 1
        common = self.shared[winner].pop(loser, 0.0)
        self.area[winner] += self.area[loser]
        self.perimeter[winner] += self.perimeter[loser] - 2.0 * common
        for other, length in self.shared[loser].items():
            if other != winner:
                del self.shared[other][loser]
                total = self.shared[winner].get(other, 0.0) + length
                self.shared[winner][other] = self.shared[other][winner] = total
        self.shared[loser] = {}

    def twin(self, group: int) -> int | None:
        """Find a neighbour with the same labels in every layer, the first by number."""
        mine = self.label[group]
        return min((other for other in self.shared[group] if self.label[other] == mine), default=None)

    def obstacle(self, loser: int, winner: int) -> str | None:
        """Say why `loser` may not take the labels of `winner`; None if it may."""
        home, there = self.label[loser][self.base], self.label[winner][self.base]
        if home not in {NO_UNIT, there}:
            return BASE
        for counts, unit, new in zip(self.groups_of, self.label[loser], self.label[winner], strict=True):
            if unit not in {NO_UNIT, new} and counts[unit] == 1:
                return LAST
        return None


def merge_slivers(faces: Faces, borders: Borders, labels: Ints, *, base: int, sliver_m: float) -> Merged:
    """Merge faces until neighbours differ in a label and no group is thinner than `sliver_m` metres.

    `labels` holds a row a face and a column a layer (unit's rank, NO_UNIT = none), `base` is the column of the
    base layer. First neighbours with the same labels become one. Then, the thinnest first, each thin group joins
    the neighbour it shares the longest border with, among those that the precedence allows; a group in no base
    unit looks among its like first. One that no neighbour may take (a strip of one district that only touches
    another, an islet) becomes a detached part of the nearest group in its own base unit. Ties fall by the labels,
    then by the face's number, never by input order.
    """
    graph = _Graph(faces, borders, labels, base)
    limit = sliver_m * MARGIN
    for face in range(len(faces)):
        if graph.parent[face] == face:
            _join_twins(graph, face)
    slivers, stuck = _merge_touching(graph, limit)
    detached = []
    for group in sorted(stuck, key=lambda face: (graph.label[face], face)):
        if graph.parent[group] == group and stuck[group] != LAST:
            near = _nearest_home(graph, faces, group, limit)
            if near is not None:
                graph.absorb(near, group)
                _join_twins(graph, near)
                detached.append(group)
    root = np.array([graph.root(face) for face in range(len(faces))], dtype=np.int64)
    kept = {group: why for group, why in stuck.items() if graph.parent[group] == group}
    found = np.array([graph.label[group] for group in root], dtype=np.int64).reshape(labels.shape)
    return Merged(root, found, slivers + detached, detached, kept)


def _merge_touching(graph: _Graph, limit: float) -> tuple[list[int], dict[int, str]]:
    """Merge thin groups into neighbours; return the merged ones, and those that no neighbour may take, with why."""
    heap = [
        (graph.width(group), graph.label[group], group)
        for group in range(len(graph.parent))
        if graph.parent[group] == group and graph.width(group) < limit
    ]
    heapq.heapify(heap)
    slivers: list[int] = []
    stuck: dict[int, str] = {}
    while heap:
        width, _, group = heapq.heappop(heap)
        if graph.parent[group] != group or width != graph.width(group):
            continue  # merged meanwhile, or listed anew with its new width
        obstacles = set()
        for winner, loser, obstacle in _choices(graph, group, limit):
            if obstacle is None:
                slivers.append(loser)
                graph.absorb(winner, loser)
                _join_twins(graph, winner)
                for other in (winner, *(other for other in graph.shared[winner] if other in stuck)):
                    stuck.pop(other, None)
                    if graph.width(other) < limit:
                        heapq.heappush(heap, (graph.width(other), graph.label[other], other))
                break
            obstacles.add(obstacle)
        else:
            stuck[group] = LAST if LAST in obstacles else BASE if obstacles else ISLAND
    return slivers, {group: why for group, why in stuck.items() if graph.parent[group] == group}


def _nearest_home(graph: _Graph, faces: Faces, group: int, limit: float) -> int | None:
    """Find the group that a stuck one becomes a detached part of: one of the same labels, else the nearest."""
    root = np.array([graph.root(face) for face in range(len(faces))], dtype=np.int64)
    home = graph.label[group][graph.base]
    allowed = {
        other
        for other in set(root.tolist()) - {group}
        if graph.width(other) >= limit
        and graph.label[other][graph.base] == home
        and graph.obstacle(group, other) is None
    }
    near = np.flatnonzero(np.isin(root, list(allowed)))
    if not len(near):
        return None
    here = shapely.multipolygons(faces.polygons[root == group])
    distance = shapely.distance(here, faces.polygons[near])
    strange = [graph.label[other] != graph.label[group] for other in root[near]]
    return int(root[near[np.lexsort((near, distance, strange))[0]]])


def _join_twins(graph: _Graph, group: int) -> None:
    while (other := graph.twin(group)) is not None:
        graph.absorb(group, other)


def _choices(graph: _Graph, group: int, limit: float) -> Iterator[tuple[int, int, str | None]]:
    """List how a thin group may go: (winner, loser, obstacle), the best first.

    The other group's labels win, except between two thin ones, where the larger is tried first.
    """
    home = graph.label[group][graph.base]

    def order(other: int) -> tuple[bool, float, tuple[int, ...], int]:
        closes = home == NO_UNIT and graph.label[other][graph.base] != NO_UNIT
        return closes, -graph.shared[group][other], graph.label[other], other

    for other in sorted(graph.shared[group], key=order):
        ways = [(other, group)]
        if graph.width(other) < limit:
            ways.append((group, other))
            if graph.area[group] > graph.area[other]:
                ways.reverse()
        for winner, loser in ways:
            yield winner, loser, graph.obstacle(loser, winner)
