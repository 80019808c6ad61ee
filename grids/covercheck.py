"""How the units of a layer lie beside each other: gaps, holes, overlaps, slivers, stray parts, vanished units."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from grids.findings import FAULT, NOTE, Finding
from grids.fusion.labels import NO_UNIT, label, spots
from grids.fusion.noding import GRID_M, Borders, Faces, planar_faces, shared_borders
from grids.projection import WGS84, centre, is_metric, project, transformer, utm_crs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray
    from pyproj import CRS

    Spotter = Callable[[float, float], list[float] | None]
    Ints = NDArray[np.int64]

POLYGONS = (3, 6)
_SLIVER_M = 5.0
"""A part of a unit under this mean width is a strip that nobody can patrol."""

_LONG = 30.0
"""A strip's boundary squared is more than so many times its area; a square's is 16 times."""

_NAMED = 4
"""How many neighbours a message names before it says how many more there are."""


def spotter(crs: CRS | None) -> Spotter:
    """Return a function from (x, y) of a CRS to [lon, lat]; to None where that is unknown."""

    def spot(x: float, y: float) -> list[float] | None:
        if crs is None:
            return None
        lon, lat = transformer(crs, WGS84)(x, y)
        return [round(float(lon), 7), round(float(lat), 7)] if np.isfinite(lon) and np.isfinite(lat) else None

    return spot


def cover_findings(
    geometries: NDArray[Any], names: list[str], crs: CRS | None, *, degrees: bool
) -> Iterator[Finding]:
    """Find what is wrong among units; `degrees` says that numbers without a trusted CRS look like degrees."""
    usable = np.flatnonzero(np.isin(shapely.get_type_id(geometries), POLYGONS) & ~shapely.is_empty(geometries))
    usable = usable[np.isfinite(shapely.bounds(geometries[usable])).all(axis=1)]
    polygons = geometries[usable]
    if not len(polygons):
        return
    source = metric = WGS84 if crs is None and degrees else crs
    if source is not None and not is_metric(source):
        metric = utm_crs(*centre(polygons, source))
        polygons = project(polygons, source, metric)
    whole = shapely.is_valid(polygons)  # what mending makes of a broken shape is no statement about its parts
    polygons = shapely.make_valid(polygons, method="structure", keep_collapsed=False)
    faces = planar_faces(polygons)
    spot = spotter(metric if crs is not None else None)
    units = [names[index] for index in usable]
    if not len(faces):
        yield from _vanished_findings(np.full(0, NO_UNIT), polygons, units, spot)
        return
    found, borders = label(shapely.points(faces.inside), polygons), shared_borders(faces.polygons)
    yield from _vanished_findings(found.unit, polygons, units, spot)
    yield from _part_findings(polygons[whole], [units[index] for index in np.flatnonzero(whole)], spot)
    yield from _gap_findings(faces, borders, found.unit, units, spot)
    yield from _overlap_findings(faces, borders, polygons, units, spot)


def _vanished_findings(unit: Ints, polygons: NDArray[Any], names: list[str], spot: Spotter) -> Iterator[Finding]:
    """Find units without any ground of their own on the grid of a centimetre."""
    for index in np.setdiff1d(np.arange(len(polygons)), unit):
        area = float(polygons[index].area)
        why = f"is {area:.4g} m² in all" if area < 100.0 * GRID_M else "lies wholly under other units"
        inside = polygons[index].representative_point()
        where = None if inside.is_empty else spot(inside.x, inside.y)
        message = f"{names[index]} {why}, so nothing would be left of it"
        yield Finding("VANISHED", names[index], where, message, "draw the unit again, or delete the row")


def _part_findings(polygons: NDArray[Any], names: list[str], spot: Spotter) -> Iterator[Finding]:
    """Find units that are strips; and, as notes, those with strips among their parts and those of several parts.

    Islands make honest parts. A part that touches other units and not its own is called by name.
    """
    parts, owner = shapely.get_parts(polygons, return_index=True)
    area, length = shapely.area(parts), shapely.length(parts)
    count = np.bincount(owner, minlength=len(polygons))
    width = 2.0 * area / np.maximum(length, GRID_M)
    strip = (width > 2.0 * GRID_M) & (width < _SLIVER_M) & (length**2 > _LONG * area)
    for unit in np.unique(owner[strip]):
        mine = np.flatnonzero(strip & (owner == unit))
        worst = mine[np.argmax(area[mine])]
        inside, size = shapely.point_on_surface(parts[worst]), f"{area[worst]:.2f} m², {width[worst]:.2f} m wide"
        whole = len(mine) == count[unit]
        what = f"is a strip of {size}" if whole else f"has {len(mine)} parts that are strips, the largest of {size}"
        suggestion, level = "give the strip to the unit beside it", FAULT if whole else NOTE
        yield Finding("SLIVER", names[unit], spot(inside.x, inside.y), f"{names[unit]} {what}", suggestion, level)
    stray = _stray(parts, owner)
    for unit in np.flatnonzero(count > 1):
        lost = [part for part in stray if owner[part] == unit]
        shown = max(lost or np.flatnonzero(owner == unit).tolist(), key=lambda part: -area[part])
        inside = shapely.point_on_surface(parts[shown])
        message = f"{names[unit]} has {count[unit]} parts"
        if lost:
            others = _list(sorted({names[other] for part in lost for other in stray[part]}))
            message += f"; {len(lost)} of them lie apart from the rest, beside {others}"
        suggestion = "islands and exclaves are in order if they are meant; else give them to the unit beside them"
        yield Finding("MULTIPART", names[unit], spot(inside.x, inside.y), message, suggestion, NOTE)


def _stray(parts: NDArray[Any], owner: NDArray[Any]) -> dict[int, set[int]]:
    """Find the parts of units that touch other units only, and which; a unit's largest part is never one."""
    area = shapely.area(parts)
    largest = np.zeros(owner.max(initial=-1) + 1)
    np.maximum.at(largest, owner, area)
    apart = np.flatnonzero(area < largest[owner])
    part, beside = shapely.STRtree(parts).query(parts[apart], predicate="dwithin", distance=GRID_M)
    around: dict[int, set[int]] = {}
    for index, other in zip(apart[part].tolist(), beside.tolist(), strict=True):
        if index != other:
            around.setdefault(index, set()).add(int(owner[other]))
    return {index: units for index, units in around.items() if int(owner[index]) not in units}


def _sizes(faces: Faces) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return shapely.area(faces.polygons), shapely.length(faces.polygons)


def _gap_findings(
    faces: Faces, borders: Borders, unit: NDArray[np.int64], names: list[str], spot: Spotter
) -> Iterator[Finding]:
    """Every face in no unit is enclosed by units, so it is a gap."""
    inner = borders.inner()
    for gap in spots(unit == NO_UNIT, borders, *_sizes(faces)):
        if gap.width > 2.0 * GRID_M:
            beside = np.concatenate((inner.left[inner.right == gap.face], inner.right[inner.left == gap.face]))
            around = sorted({names[unit[face]] for face in beside if unit[face] != NO_UNIT})
            where, size = spot(*faces.inside[gap.face]), f"{gap.area:.2f} m², {gap.width:.2f} m wide"
            if len(around) == 1:
                message, suggestion = f"a hole of {size} in {around[0]}", "fill it, or give it to a unit of its own"
                yield Finding("HOLE", around[0], where, message, suggestion)
                continue
            message = f"a gap of {size}, between {_list(around)}"
            suggestion = "move the boundary of a neighbour onto the other's, or say that nobody is responsible there"
            yield Finding("GAP", ", ".join(around[:_NAMED]), where, message, suggestion)


def _overlap_findings(
    faces: Faces, borders: Borders, polygons: NDArray[Any], names: list[str], spot: Spotter
) -> Iterator[Finding]:
    face_of, unit_of = _claims(faces, polygons)
    claims: dict[int, tuple[int, ...]] = {}
    for face, unit in zip(face_of.tolist(), unit_of.tolist(), strict=True):
        claims[face] = (*claims.get(face, ()), unit)
    several = {face: units for face, units in claims.items() if len(units) > 1}
    numbers = {units: number for number, units in enumerate(sorted(set(several.values())))}
    alike = np.full(len(faces), -1, dtype=np.int64)
    for face, units in several.items():
        alike[face] = numbers[units]
    for overlap in spots(alike >= 0, borders, *_sizes(faces), alike):
        if overlap.width > 2.0 * GRID_M:
            both = sorted(names[unit] for unit in several[overlap.face])
            message = f"{_list(both)} overlap on {overlap.area:.2f} m², {overlap.width:.2f} m wide"
            suggestion = "decide whose ground it is and cut the other's boundary back"
            yield Finding("OVERLAP", ", ".join(both[:_NAMED]), spot(*faces.inside[overlap.face]), message, suggestion)


def _claims(faces: Faces, polygons: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    unit_of, face_of = shapely.STRtree(shapely.points(faces.inside)).query(polygons, predicate="intersects")
    order = np.lexsort((unit_of, face_of))
    return face_of[order], unit_of[order]


def _list(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return " and ".join(names) if len(names) == 2 else ", ".join(names[:_NAMED]) + more  # noqa: PLR2004 - a pair
