"""Partitions drawn as one line-work: fractal lines, splitting a face into parts, adjacency, connected groups.

A partition is an array of polygons that share their borders vertex by vertex. Everything here keeps that:
lines are noded together on one grid before polygons are made of them.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import shapely

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.random import Generator
    from numpy.typing import NDArray

GRID_M = 0.01
"""Grid that all line-work is noded on."""

ROUGHNESS = 0.11
"""Standard deviation of a midpoint's sideways shift, as a share of its segment's length."""


def fractal(starts: NDArray[np.float64], ends: NDArray[np.float64], step_m: float, rng: Generator) -> NDArray[Any]:
    """Draw a rough line between each pair of points (n, 2), by midpoint displacement down to about `step_m`.

    Returns n LineStrings; the end points stay exactly where they are.
    """
    lengths = np.hypot(*(ends - starts).T)
    halvings = np.ceil(np.log2(np.maximum(lengths / step_m, 1.0))).astype(int)
    lines = np.empty(len(starts), dtype=object)
    for times in np.unique(halvings):
        chosen = np.flatnonzero(halvings == times)
        path = np.stack([starts[chosen], ends[chosen]], axis=1)
        for _ in range(times):
            along = np.diff(path, axis=1)
            sideways = np.stack([-along[..., 1], along[..., 0]], axis=-1)
            shift = np.clip(rng.normal(0.0, ROUGHNESS, along.shape[:2]), -2 * ROUGHNESS, 2 * ROUGHNESS)
            middle = (path[:, :-1] + path[:, 1:]) / 2 + sideways * shift[..., None]
            finer = np.empty((len(chosen), 2 * path.shape[1] - 1, 2))
            finer[:, ::2], finer[:, 1::2] = path, middle
            path = finer
        lines[chosen] = shapely.linestrings(path)
    return lines


def scatter(polygon: shapely.Polygon, count: int, rng: Generator, *, rounds: int = 2) -> NDArray[np.float64]:
    """Spread `count` seeds over the polygon, evened out by `rounds` of Lloyd's method; returns (count, 2)."""
    west, south, east, north = polygon.bounds
    shapely.prepare(polygon)
    seeds = np.empty((0, 2))
    while len(seeds) < count:
        tried = rng.uniform((west, south), (east, north), (4 * count + 8, 2))
        seeds = np.concatenate([seeds, tried[shapely.contains_xy(polygon, *tried.T)]])
    seeds = seeds[:count]
    for _ in range(rounds if count > 1 else 0):
        parts = shapely.intersection(_voronoi(seeds, polygon), polygon)
        parts = parts[~shapely.is_empty(parts)]
        centres = shapely.centroid(parts)
        outside = ~shapely.contains(polygon, centres)
        centres[outside] = shapely.point_on_surface(parts[outside])
        seeds = shapely.get_coordinates(centres)
    return seeds


def _voronoi(seeds: NDArray[np.float64], extent: shapely.Geometry, *, edges: bool = False) -> NDArray[Any]:
    drawn = shapely.voronoi_polygons(shapely.multipoints(seeds), extend_to=extent, only_edges=edges)
    return cast("NDArray[Any]", shapely.get_parts(drawn))


def split(
    parents: Sequence[shapely.Polygon],
    seeds: Sequence[NDArray[np.float64]],
    step_m: float,
    rng: Generator,
) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """Split every parent into as many parts as it has seeds, along rough lines between them.

    Returns the parts, ordered by parent and then from north to south, and each part's parent. All parts of all
    parents form one partition. Where rough lines happen to swallow a part there is one less.
    """
    inner = []
    for parent, points in zip(parents, seeds, strict=True):
        if len(points) > 1:
            cut = shapely.get_parts(shapely.intersection(_voronoi(points, parent, edges=True), parent))
            ends = np.array([line.coords[:][:: len(line.coords) - 1] for line in _straight(cut)])
            inner.append(fractal(ends[:, 0], ends[:, 1], step_m, rng))
    outlines = shapely.boundary(np.asarray(parents, dtype=object))
    faces = polygonize(np.concatenate([outlines, *inner]))
    inside = shapely.point_on_surface(faces)
    face, parent_of = shapely.STRtree(np.asarray(parents, dtype=object)).query(inside, predicate="within")
    owner = np.full(len(faces), -1)
    owner[face] = parent_of
    parts = [without_crumbs(faces[owner == i], np.inf, at_least=len(points)) for i, points in enumerate(seeds)]
    return np.concatenate(parts), np.repeat(np.arange(len(parts)), [len(group) for group in parts])


def _straight(pieces: NDArray[Any]) -> NDArray[Any]:
    """Take the pieces of line that are long enough to mean something, in a stable order."""
    lines = pieces[(shapely.get_dimensions(pieces) == 1) & (shapely.length(pieces) > GRID_M)]
    middle = shapely.get_coordinates(shapely.centroid(lines))
    return cast("NDArray[Any]", lines[np.lexsort((middle[:, 1], middle[:, 0]))])


def polygonize(lines: NDArray[Any]) -> NDArray[Any]:
    """Node the lines on the common grid and return the faces between them."""
    linework = shapely.union_all(lines, grid_size=GRID_M)
    return cast("NDArray[Any]", shapely.get_parts(shapely.polygonize(shapely.get_parts(linework))))


def without_crumbs(faces: NDArray[Any], under_m2: float, *, at_least: int = 1) -> NDArray[Any]:
    """Dissolve the smallest face into the neighbour with the longest shared border, again and again.

    Stops when no face is under `under_m2` or `at_least` are left. Returns them from north to south.
    """
    parts = list(faces)
    while len(parts) > at_least:
        smallest = min(range(len(parts)), key=lambda i: parts[i].area)
        if parts[smallest].area >= under_m2:
            break
        gone = parts.pop(smallest)
        shared = shapely.length(shapely.intersection(gone.boundary, shapely.boundary(np.array(parts))))
        best = int(np.argmax(shared))
        parts[best] = dissolve([parts[best], gone])
    found = np.array(parts, dtype=object)
    centre = shapely.get_coordinates(shapely.centroid(found))
    return found[np.lexsort((centre[:, 0], -np.round(centre[:, 1], -2)))]


def dissolve(parts: Sequence[shapely.Polygon]) -> shapely.Geometry:
    """Join neighbouring parts of one partition into one shape, keeping every vertex of its outline."""
    return shapely.coverage_union_all(np.asarray(parts, dtype=object)).normalize()


def shared_borders(parts: NDArray[Any]) -> dict[tuple[int, int], float]:
    """Measure the border in metres that each touching pair (i < j) of a partition shares."""
    one, two = shapely.STRtree(parts).query(parts, predicate="intersects")
    one, two = one[one < two], two[one < two]
    edges = shapely.boundary(parts)
    length = shapely.length(shapely.intersection(edges[one], edges[two]))
    return {(int(i), int(j)): float(m) for i, j, m in zip(one, two, length, strict=True) if m > 1.0}


def groups(parts: NDArray[Any], count: int, rng: Generator) -> NDArray[np.intp]:
    """Gather the parts of one connected face into `count` connected groups of about even area.

    Grows all groups at once from far-apart parts, always the smallest one first; returns each part's group.
    """
    near: list[set[int]] = [set() for _ in parts]
    for i, j in shared_borders(parts):
        near[i].add(j)
        near[j].add(i)
    centres = shapely.get_coordinates(shapely.centroid(parts))
    chosen = [int(rng.integers(len(parts)))]
    while len(chosen) < min(count, len(parts)):
        gap = np.min(np.hypot(*(centres[:, None] - centres[chosen]).transpose(2, 0, 1)), axis=1)
        chosen.append(int(np.argmax(gap)))
    group = np.full(len(parts), -1)
    areas = shapely.area(parts)
    queue: list[tuple[float, int]] = []
    fringe: list[set[int]] = []
    for number, start in enumerate(chosen):
        group[start] = number
        fringe.append(set(near[start]))
        heapq.heappush(queue, (float(areas[start]), number))
    while queue:
        size, number = heapq.heappop(queue)
        free = [part for part in sorted(fringe[number]) if group[part] < 0]
        if free:
            start = centres[chosen[number]]
            taken = min(free, key=lambda part: float(np.hypot(*(centres[part] - start))))
            group[taken] = number
            fringe[number] |= near[taken]
            heapq.heappush(queue, (size + float(areas[taken]), number))
    return group
