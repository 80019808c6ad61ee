"""The invented ground: an outline, districts, streets, communities, and the finer partitions on top.

No real boundary goes in. The city's outline is a smooth shape round rough positions of the streets; streets
are what lies nearest to such a position; communities and grids are cut at random inside their parents. So
neighbourhood and size are about right, and every line is invented.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pyproj
import shapely

from grids.synthetic import topology

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from grids.synthetic.places import Places

CRS = "EPSG:4544"
CENTRE = (104.065, 30.66)
"""Longitude and latitude that the streets' rough positions are counted from, in km east and north."""

AREA_M2 = 465e6
"""Area of the five districts together."""

STEP_M = 90.0
"""Spacing of the vertices of a drawn line."""


@dataclass(frozen=True)
class Truth:
    """The ground as it is before anybody draws it: communities as one partition, and what they belong to."""

    outline: shapely.Polygon
    streets: NDArray[Any]
    communities: NDArray[Any]
    community_codes: NDArray[Any]
    community_streets: NDArray[Any]


def to_metres(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Project longitudes and latitudes onto the working plane."""
    east, north = pyproj.Transformer.from_crs("EPSG:4490", CRS, always_xy=True).transform(lon, lat)
    return np.asarray(east), np.asarray(north)


def to_degrees(east: NDArray[np.float64], north: NDArray[np.float64]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Turn metres of the working plane into CGCS2000 longitudes and latitudes."""
    lon, lat = pyproj.Transformer.from_crs(CRS, "EPSG:4490", always_xy=True).transform(east, north)
    return np.asarray(lon), np.asarray(lat)


def build(places: Places, rng: Generator) -> Truth:
    """Invent the ground for these places. Raises ValueError where a seed's lines happen to swallow a place."""
    origin = np.array(to_metres(*np.array(CENTRE)))
    seeds = origin + 1000 * np.column_stack([places.streets.east_km, places.streets.north_km])
    outline = _outline(seeds, rng)
    parts, _ = topology.split([outline], [seeds], STEP_M, rng)
    _all_there("streets", parts, places.streets.codes)
    streets = _in_order(parts, seeds)
    outline = cast("shapely.Polygon", topology.dissolve(list(streets)))
    codes = places.streets.codes
    children = [places.communities.codes[places.communities.parents == code] for code in codes]
    inner = [topology.scatter(street, len(kids), rng) for street, kids in zip(streets, children, strict=True)]
    communities, _ = topology.split(list(streets), inner, STEP_M, rng)
    _all_there("communities", communities, places.communities.codes)
    return Truth(
        outline=outline,
        streets=streets,
        communities=communities,
        community_codes=np.concatenate(children),
        community_streets=np.repeat(codes, [len(kids) for kids in children]),
    )


def _all_there(what: str, drawn: NDArray[Any], codes: NDArray[Any]) -> None:
    if len(drawn) != len(codes):
        raise ValueError(
            f"{len(drawn)} {what} drawn; expected {len(codes)}: rough lines swallowed one, try another seed"
        )


def _in_order(parts: NDArray[Any], seeds: NDArray[np.float64]) -> NDArray[Any]:
    """Give each seed the part that holds it, or else the nearest one that is left."""
    far = shapely.distance(shapely.points(seeds)[:, None], parts[None, :])
    order = np.full(len(seeds), -1)
    for seed in np.argsort(far.min(axis=1), kind="stable"):
        part = int(np.argmin(far[seed]))
        order[seed] = part
        far[:, part] = np.inf
    return cast("NDArray[Any]", parts[order])


def _outline(seeds: NDArray[np.float64], rng: Generator) -> shapely.Polygon:
    """Draw a rough outline of the wanted area round the seeds."""
    hull = shapely.concave_hull(shapely.multipoints(seeds), ratio=0.65)
    low, high = 0.0, 6000.0
    while high - low > 1.0:
        reach = (low + high) / 2
        low, high = (reach, high) if _round(hull, reach).area < AREA_M2 else (low, reach)
    corners = shapely.get_coordinates(_round(hull, low).simplify(250.0))
    rough = topology.fractal(corners[:-1], corners[1:], STEP_M, rng)
    faces = topology.polygonize(rough)
    drawn = max(faces, key=lambda face: face.area)
    centre = shapely.get_coordinates(drawn.centroid)
    scaled = shapely.transform(drawn, lambda xy: centre + (xy - centre) * np.sqrt(AREA_M2 / drawn.area))
    return cast("shapely.Polygon", scaled)


def _round(shape: shapely.Geometry, reach: float) -> shapely.Geometry:
    """Grow the shape by `reach` metres and take its sharp inner corners away."""
    return shapely.buffer(shapely.buffer(shape, reach + 1500.0), -1500.0)


def cut(
    truth: Truth, count: int, crowding: float, step_m: float, rng: Generator
) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """Cut the communities into about `count` parts in all; returns the parts and their communities.

    Communities are small where many people live, so a community's share of the parts goes with its area to the
    power of `crowding`: 1 gives parts of equal area, less gives smaller ones in the crowded centre.
    """
    share = shapely.area(truth.communities) ** crowding
    counts = np.maximum(1, np.round(count * share / share.sum())).astype(int)
    seeds = [topology.scatter(c, n, rng) for c, n in zip(truth.communities, counts, strict=True)]
    return topology.split(list(truth.communities), seeds, step_m, rng)


def rings(truth: Truth, rng: Generator) -> NDArray[Any]:
    """Cut the city by winding ring roads and rivers, whatever its streets: 4 + 8 + 12 + 16 sectors."""
    middle = np.array([truth.outline.centroid.x, truth.outline.centroid.y])
    radii = [0.0, 3600.0, 6300.0, 9000.0, 30_000.0]
    bearings = np.linspace(0.0, 2 * np.pi, 73)[:-1]
    wave = np.sum([rng.normal(0, 0.035) * np.sin(k * bearings + rng.uniform(0, 7)) for k in (2, 3, 5)], axis=0)
    stretch = np.column_stack([np.cos(bearings), 0.86 * np.sin(bearings)]) * (1.0 + wave)[:, None]
    lines = [shapely.boundary(truth.outline)]
    for ring, (inner, outer) in enumerate(itertools.pairwise(radii)):
        circle = middle + outer * stretch
        if ring < len(radii) - 2:
            lines += list(topology.fractal(circle, np.roll(circle, -1, axis=0), STEP_M, rng))
        sectors = 4 * (ring + 1)
        spokes = (np.arange(sectors) * 72 // sectors + int(rng.integers(72))) % 72
        lines += list(topology.fractal(middle + inner * stretch[spokes], circle[spokes], STEP_M, rng))
    faces = topology.polygonize(np.array(lines, dtype=object))
    shapely.prepare(truth.outline)
    faces = faces[shapely.contains(truth.outline, shapely.point_on_surface(faces))]
    return topology.without_crumbs(faces, 2e6)
