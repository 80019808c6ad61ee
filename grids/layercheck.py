"""The check of one layer that a data clerk can act on: what is wrong, where on the ground, and what to do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import shapely

from grids.covercheck import POLYGONS, cover_findings, spotter
from grids.crsguess import Bounds, guess_crs, old_datum
from grids.encodings import encoding_findings
from grids.findings import Finding
from grids.fusion.prepare import invalid_place
from grids.geofiles import Raw, parse_crs, read_raw, texts
from grids.misfit import Misfit, find_misfit
from grids.projection import WGS84, transformer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from pyproj import CRS

__all__ = ["Finding", "Inspection", "check_layer", "impossible_coordinates", "inspect_layer"]

_SLACK_DEGREES = 2.0
"""How far outside a projection's area of use coordinates may lie before they are suspicious."""


class Inspection(msgspec.Struct, frozen=True):
    """A checked layer: how many features it has, its CRS ('' if unknown) and what is wrong with it.

    `multipart` counts the parts of units that have several (islands are no fault), `misfit` says how the layer lies
    beside the base layer, if it lies badly and one was given.
    """

    features: int
    crs: str
    findings: list[Finding]
    multipart: dict[str, int] = {}
    misfit: Misfit | None = None


def check_layer(path: str | Path, id_field: str | None = None, crs: str | None = None) -> list[Finding]:
    """List what is wrong with a layer. Ids are checked if their field is named; `crs` overrides the file's own.

    Raises LayerError only if the file can't be read at all.
    """
    return inspect_layer(path, id_field, crs).findings


def inspect_layer(
    path: str | Path,
    id_field: str | None = None,
    crs: str | None = None,
    encoding: str | None = None,
    base: str | Path | None = None,
) -> Inspection:
    """Check a layer as `check_layer` does, and say what was looked at; `base` is a layer to compare it with.

    The base layer must be right: in WGS-84 or CGCS2000, with a CRS. Raises LayerError if either can't be read.
    """
    path = Path(path)
    stated = None if crs is None else parse_crs(crs, str(path))
    raw = read_raw(path, encoding)
    beside = None if base is None else read_raw(base)
    known = stated or raw.crs
    names = [f"row {row}" for row in range(1, len(raw.geometries) + 1)]
    findings: list[Finding] = [] if encoding is not None else encoding_findings(path)
    if id_field is not None and id_field in raw.fields:
        ids = texts(raw.fields[id_field])
        names = [unit or row for unit, row in zip(ids, names, strict=True)]
        findings += _id_findings(ids)
    elif id_field is not None:
        known_fields = ", ".join(raw.fields) or "(none)"
        message, suggestion = f"there is no field {id_field!r}", f"name one of the fields: {known_fields}"
        findings.append(Finding("MISSING_ID", "", None, message, suggestion))
    odd = "" if known is None else impossible_coordinates(raw.geometries, known)
    findings += _crs_findings(path, raw, known, odd, beside)
    trusted = None if odd else known
    misfit = None
    if beside is not None and beside.crs is not None and trusted is not None:
        misfit = find_misfit(_drawn(raw), trusted, _drawn(beside), beside.crs)
        findings += [] if misfit is None else [_misfit_finding(path, misfit)]
    findings += _shape_findings(raw, names, trusted)
    degrees = not impossible_coordinates(raw.geometries, WGS84)
    findings += cover_findings(raw.geometries, names, trusted, degrees=degrees)
    parts = shapely.get_num_geometries(raw.geometries)
    multipart = {names[index]: int(parts[index]) for index in np.flatnonzero(parts > 1)}
    return Inspection(len(raw.geometries), "" if known is None else known.to_string(), findings, multipart, misfit)


def _drawn(raw: Raw) -> NDArray[Any]:
    """Return the polygons that can be worked with."""
    usable = np.isin(shapely.get_type_id(raw.geometries), POLYGONS) & ~shapely.is_empty(raw.geometries)
    usable &= np.isfinite(shapely.bounds(raw.geometries)).all(axis=1)
    return np.asarray(raw.geometries[usable], dtype=object)


def _crs_findings(path: Path, raw: Raw, known: CRS | None, odd: str, beside: Raw | None) -> Iterator[Finding]:
    """Say that the CRS is missing, impossible or of an old survey, and what the numbers look like."""
    if known is not None and not odd:
        if old := old_datum(known):
            message = f"{known.name} is on {old}, for which no public parameters are exact enough for a city"
            suggestion = "have it converted to CGCS2000 with the survey office's control points"
            yield Finding("OLD_DATUM", "", None, message, suggestion)
        return
    guesses = []
    if np.isfinite(numbers := shapely.total_bounds(raw.geometries)).all():
        guesses = guess_crs(_box(numbers), None if beside is None else _degrees(beside))
    likely = "; ".join(f"{guess.why}{' (north first)' if guess.swapped else ''}" for guess in guesses[:3])
    coded = [guess for guess in guesses if guess.code]
    if len(coded) == 1 and not coded[0].swapped:
        suggestion = f"if its maker agrees: onegrid layer check {path} --crs {coded[0].code}"
    elif coded and coded[0].swapped:
        suggestion = f"exchange the two numbers of every position; then it may be {coded[0].code}"
    elif guesses and not coded:
        suggestion = "have it converted to CGCS2000 with the survey office's control points"
    else:
        suggestion = (
            "ask who drew it; then put a .prj file beside it or pass --crs EPSG:n; --base FILE narrows it down"
        )
    looks = f"; they look like {likely}" if likely else ""
    if known is None:
        message = (
            f"the file states no coordinate reference system; its coordinates span {_span(raw.geometries)}{looks}"
        )
        yield Finding("NO_CRS", "", None, message, suggestion)
    else:
        yield Finding("SUSPICIOUS_CRS", "", None, odd + looks, suggestion)


def _box(bounds: NDArray[np.float64]) -> Bounds:
    west, south, east, north = (float(bound) for bound in bounds)
    return west, south, east, north


def _degrees(beside: Raw) -> Bounds | None:
    """Return the box of the base layer in degrees."""
    if beside.crs is None:
        return None
    west, south, east, north = shapely.total_bounds(_drawn(beside))
    lon, lat = transformer(beside.crs, WGS84)(
        np.array([west, west, east, east]), np.array([south, north, south, north])
    )
    return float(min(lon)), float(min(lat)), float(max(lon)), float(max(lat))


def _misfit_finding(path: Path, misfit: Misfit) -> Finding:
    name = {"GCJ02": "GCJ-02", "BD09": "BD-09"}.get(misfit.datum)
    offset = f"median offset {misfit.before:.0f} m → {misfit.after:.1f} m"
    share = (
        f"{100.0 * misfit.fitting:.0f} % of its points then lie on base borders, {100.0 * misfit.fitted:.0f} % now"
    )
    where = f"{misfit.east:+.0f} m east, {misfit.north:+.0f} m north"
    if name is None:
        message = f"lies beside the base layer by one shift of {where} (to put it right): {offset}; {share}"
        suggestion = "ask who drew it for the datum (北京54 and 西安80 need control points) and have it converted"
    elif misfit.base_is_off:
        message = f"it is the base layer that looks like {name}, not this one: {offset} if that is converted; {share}"
        suggestion = f"check the base layer; if its maker agrees: onegrid grid fuse --datum NET={misfit.datum} for it"
    else:
        message = f"looks like {name}: {offset} after conversion ({where}); {share}"
        suggestion = f"if its maker agrees: onegrid grid fuse --layer NET={path}:ID --datum NET={misfit.datum} …"
    return Finding("DATUM_MISFIT", "", None, message, suggestion)


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


def _shape_findings(raw: Raw, names: list[str], crs: CRS | None) -> Iterator[Finding]:
    spot = spotter(crs)
    for index, shape in enumerate(raw.geometries):
        if shape is None or shape.is_empty:
            message = f"row {index + 1} has no shape"
            yield Finding("EMPTY", names[index], None, message, "draw the unit or delete the row")
        elif shapely.get_type_id(shape) not in POLYGONS:
            message = f"row {index + 1} is a {shape.geom_type}, not a polygon"
            yield Finding("INVALID_SHAPE", names[index], None, message, "draw the unit as an area")
        elif not shape.is_valid:
            reason, place = invalid_place(shapely.is_valid_reason(shape))
            words = "the boundary crosses itself" if "elf-intersection" in reason else "the boundary is broken"
            at = "" if place is None else f" at x {place[0]:.10g}, y {place[1]:.10g}"
            message = f"row {index + 1}: {words}{at} ({reason})"
            where = None if place is None else spot(*place)
            yield Finding("INVALID_SHAPE", names[index], where, message, "redraw the boundary at this place")
