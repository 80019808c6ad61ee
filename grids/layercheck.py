"""The check of one layer that a data clerk can act on: what is wrong, where on the ground, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import shapely

from grids.fusion.labels import NO_UNIT, label, spots
from grids.fusion.noding import GRID_M, Borders, Faces, planar_faces, shared_borders
from grids.fusion.prepare import invalid_place
from grids.geofiles import Raw, parse_crs, read_raw, texts
from grids.projection import WGS84, centre, is_metric, project, transformer, utm_crs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray
    from pyproj import CRS

    Spotter = Callable[[float, float], list[float] | None]

_POLYGONS = (3, 6)
_SLACK_DEGREES = 2.0
"""How far outside a projection's area of use coordinates may lie before they are suspicious."""

_NAMED = 4
"""How many neighbours a message names before it says how many more there are."""


class Finding(msgspec.Struct, frozen=True):
    """One fault: `feature` is the unit's id or `row n` ('' for the layer as a whole), `where` [lon, lat] if known.

    Kinds: INVALID_SHAPE, GAP, OVERLAP, NO_CRS, SUSPICIOUS_CRS, DUPLICATE_ID, MISSING_ID.
    """

    kind: str
    feature: str
    where: list[float] | None
    message: str
    suggestion: str


class Inspection(msgspec.Struct, frozen=True):
    """A checked layer: how many features it has, its CRS ('' if unknown) and what is wrong with it."""

    features: int
    crs: str
    findings: list[Finding]


def check_layer(path: str | Path, id_field: str | None = None, crs: str | None = None) -> list[Finding]:
    """List what is wrong with a layer. Ids are checked if their field is named; `crs` overrides the file's own.

    Raises LayerError only if the file can't be read at all.
    """
    return inspect_layer(path, id_field, crs).findings


def inspect_layer(
    path: str | Path, id_field: str | None = None, crs: str | None = None, encoding: str | None = None
) -> Inspection:
    """Check a layer as `check_layer` does, and say what was looked at."""
    stated = None if crs is None else parse_crs(crs, str(path))
    raw = read_raw(path, encoding)
    known = stated or raw.crs
    names = [f"row {row}" for row in range(1, len(raw.geometries) + 1)]
    findings: list[Finding] = []
    if id_field is not None and id_field in raw.fields:
        ids = texts(raw.fields[id_field])
        names = [unit or row for unit, row in zip(ids, names, strict=True)]
        findings += _id_findings(ids)
    elif id_field is not None:
        known_fields = ", ".join(raw.fields) or "(none)"
        message, suggestion = f"there is no field {id_field!r}", f"name one of the fields: {known_fields}"
        findings.append(Finding("MISSING_ID", "", None, message, suggestion))
    odd = "" if known is None else impossible_coordinates(raw.geometries, known)
    if known is None:
        message = f"the file states no coordinate reference system; its coordinates span {_span(raw.geometries)}"
        suggestion = "ask who drew it; then put a .prj file beside it or pass --crs EPSG:n"
        findings.append(Finding("NO_CRS", "", None, message, suggestion))
    elif odd:
        suggestion = "ask who drew it which system the numbers are in, and pass it as --crs EPSG:n"
        findings.append(Finding("SUSPICIOUS_CRS", "", None, odd, suggestion))
    trusted = None if odd else known
    findings += _shape_findings(raw, names, trusted)
    findings += _cover_findings(raw, names, trusted)
    return Inspection(len(raw.geometries), "" if known is None else known.to_string(), findings)


def impossible_coordinates(geometries: NDArray[Any], crs: CRS) -> str:
    """Say how coordinates contradict their CRS; '' if they don't."""
    if not (np.isfinite(bounds := shapely.total_bounds(geometries))).all():
        return ""
    west, south, east, north = bounds
    span = _span(geometries)
    if crs.is_geographic:
        fits = -180.0 <= west <= east <= 180.0 and -90.0 <= south <= north <= 90.0  # noqa: PLR2004 - the globe
        swapped = " (longitude and latitude look swapped)" if max(-south, north) <= 180.0 and not fits else ""  # noqa: PLR2004
        return "" if fits else f"coordinates span {span}, which can't be degrees of {crs.name}{swapped}"
    use = crs.area_of_use
    if use is None:
        return ""
    lon, lat = transformer(crs, WGS84)((west + east) / 2.0, (south + north) / 2.0)
    turn = (lon - (use.west + ((use.east - use.west) % 360.0) / 2.0) + 180.0) % 360.0 - 180.0
    half = ((use.east - use.west) % 360.0) / 2.0
    fits = np.isfinite(lon) and abs(turn) <= half + _SLACK_DEGREES
    fits = fits and use.south - _SLACK_DEGREES <= lat <= use.north + _SLACK_DEGREES
    return "" if fits else f"coordinates span {span}, which lies outside the area that {crs.name} is made for"


def _span(geometries: NDArray[Any]) -> str:
    west, south, east, north = shapely.total_bounds(geometries)
    return f"x {west:.6g} to {east:.6g}, y {south:.6g} to {north:.6g}"


def _id_findings(ids: NDArray[Any]) -> Iterator[Finding]:
    first: dict[str, int] = {}
    for row, unit in enumerate(ids, start=1):
        if not unit:
            yield Finding("MISSING_ID", f"row {row}", None, f"row {row} has no id", "give the unit its id")
        elif unit in first:
            message = f"id {unit!r} stands in row {first[unit]} and again in row {row}"
            suggestion = "make one multipart unit of them, or correct one of the two ids"
            yield Finding("DUPLICATE_ID", unit, None, message, suggestion)
        else:
            first[unit] = row


def _spotter(crs: CRS | None) -> Spotter:
    def spot(x: float, y: float) -> list[float] | None:
        if crs is None:
            return None
        lon, lat = transformer(crs, WGS84)(x, y)
        return [round(float(lon), 7), round(float(lat), 7)] if np.isfinite(lon) and np.isfinite(lat) else None

    return spot


def _shape_findings(raw: Raw, names: list[str], crs: CRS | None) -> Iterator[Finding]:
    spot = _spotter(crs)
    for index, shape in enumerate(raw.geometries):
        if shape is None or shape.is_empty:
            message = f"row {index + 1} has no shape"
            yield Finding("INVALID_SHAPE", names[index], None, message, "draw the unit or delete the row")
        elif shapely.get_type_id(shape) not in _POLYGONS:
            message = f"row {index + 1} is a {shape.geom_type}, not a polygon"
            yield Finding("INVALID_SHAPE", names[index], None, message, "draw the unit as an area")
        elif not shape.is_valid:
            reason, place = invalid_place(shapely.is_valid_reason(shape))
            words = "the boundary crosses itself" if "elf-intersection" in reason else "the boundary is broken"
            at = "" if place is None else f" at x {place[0]:.10g}, y {place[1]:.10g}"
            message = f"row {index + 1}: {words}{at} ({reason})"
            where = None if place is None else spot(*place)
            yield Finding("INVALID_SHAPE", names[index], where, message, "redraw the boundary at this place")


def _cover_findings(raw: Raw, names: list[str], crs: CRS | None) -> Iterator[Finding]:
    """Find gaps and overlaps wider than the noding grid; without a trusted CRS numbers like degrees count as such."""
    usable = np.flatnonzero(
        np.isin(shapely.get_type_id(raw.geometries), _POLYGONS) & ~shapely.is_empty(raw.geometries)
    )
    usable = usable[np.isfinite(shapely.bounds(raw.geometries[usable])).all(axis=1)]
    polygons = raw.geometries[usable]
    if not len(polygons):
        return
    degrees = crs is None and not impossible_coordinates(polygons, WGS84)
    source = metric = WGS84 if degrees else crs
    if source is not None and not is_metric(source):
        metric = utm_crs(*centre(polygons, source))
        polygons = project(polygons, source, metric)
    polygons = shapely.make_valid(polygons, method="structure", keep_collapsed=False)
    faces = planar_faces(polygons)
    if not len(faces):
        return
    found, borders = label(shapely.points(faces.inside), polygons), shared_borders(faces.polygons)
    spot = _spotter(metric if crs is not None else None)
    units = [names[index] for index in usable]
    yield from _gap_findings(faces, borders, found.unit, units, spot)
    yield from _overlap_findings(faces, borders, polygons, units, spot)


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
            message = f"a gap of {gap.area:.2f} m², {gap.width:.2f} m wide, between {_list(around)}"
            suggestion = "move the boundary of a neighbour onto the other's, or say that nobody is responsible there"
            yield Finding("GAP", ", ".join(around[:_NAMED]), spot(*faces.inside[gap.face]), message, suggestion)


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
