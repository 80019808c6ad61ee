"""Layers: one department's grid as polygons with ids, checked when read; and the check a data clerk can act on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from grids.datum import DATUMS, to_wgs84
from grids.errors import LayerError, Problem
from grids.geofiles import Raw, parse_crs, read_raw, texts
from grids.layercheck import Finding, check_layer, impossible_coordinates
from grids.projection import WGS84, convert, project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray
    from pyproj import CRS

__all__ = ["Finding", "Layer", "check_layer", "read_layer"]

POLYGONS = (3, 6)
"""Shapely's type ids of Polygon and MultiPolygon."""

OVERLAP_SHARE = 0.01
"""Rows of one id are parts of one unit if they share at most this much of the smaller one's area."""


@dataclass(frozen=True, eq=False)
class Layer:
    """One net's units. `ids`, `names` (Chinese), `names_en`, `parents` are texts ('' where a unit has none).

    `geometries` are polygons in `crs`, on WGS-84 where the source was in GCJ-02 or BD-09; they may be invalid.
    Unit i stands in row `rows[i]` of the file `source`, in row i + 1 where `rows` is None. `joined` tells of rows
    that were taken as further parts of a unit.
    """

    net: str
    ids: NDArray[Any]
    names: NDArray[Any]
    parents: NDArray[Any]
    geometries: NDArray[Any]
    crs: CRS
    source: str
    rows: NDArray[np.int64] | None = None
    joined: tuple[Problem, ...] = ()
    names_en: NDArray[Any] | None = None

    def row_of(self, unit: int) -> int:
        """Return the row of the source file that unit number `unit` stands in, counted from 1."""
        return unit + 1 if self.rows is None else int(self.rows[unit])


def read_layer(  # noqa: PLR0913 - each says what a file doesn't say about itself
    path: str | Path,
    net: str,
    id_field: str,
    *,
    name_field: str | None = None,
    name_en_field: str | None = None,
    parent_field: str | None = None,
    datum: str = "WGS84",
    crs: str | None = None,
    encoding: str | None = None,
    join_parts: bool = False,
) -> Layer:
    """Read a department's layer; `crs` overrides what the file states, `encoding` is for shapefiles.

    Real layers sometimes write a unit's parts into several rows (New York's school district 10 is one). With
    `join_parts` rows of one id are one unit if they don't lie on each other, and `joined` says so; without it an
    id that comes twice is an error.

    A GeoJSON without a crs member is WGS-84 (RFC 7946). A layer with `datum` GCJ02, BD09 or BD09MC is converted
    to WGS-84. Raises LayerError with all problems at once: unreadable file, no or an impossible CRS, missing
    field, missing or duplicate ids, rows without a polygon.
    """
    file = str(path)
    stated = None if crs is None else parse_crs(crs, file)
    if datum not in DATUMS:
        expected = f"one of {', '.join(sorted(DATUMS))}"
        raise LayerError([Problem(file, 0, "datum", repr(datum), expected)])
    raw = read_raw(path, encoding)
    source_crs = stated or raw.crs or (None if datum in {"WGS84", "CGCS2000"} else WGS84)
    problems = [*_id_problems(file, raw, id_field, again=join_parts), *_shape_problems(file, raw)]
    named = [field for field in (name_field, name_en_field, parent_field) if field is not None]
    problems += [_no_field(file, raw, field) for field in named if field not in raw.fields]
    if source_crs is None:
        problems.append(
            Problem(file, 0, "crs", "no coordinate reference system", "a .prj beside it, or --crs EPSG:n")
        )
    elif datum != "BD09MC" and (odd := impossible_coordinates(raw.geometries, source_crs)):
        problems.append(Problem(file, 0, "crs", odd, f"coordinates of {source_crs.to_string()}"))
    if problems or source_crs is None:
        raise LayerError(sorted(problems))
    geometries, known = _on_wgs84(raw.geometries, source_crs, datum)
    ids = texts(raw.fields[id_field])
    keep, geometries, joined = _join(file, id_field, ids, geometries)
    return Layer(
        net=net,
        ids=ids[keep],
        names=_column(raw, name_field)[keep],
        parents=_column(raw, parent_field)[keep],
        geometries=geometries,
        crs=known,
        source=file,
        rows=keep + 1,
        joined=joined,
        names_en=_column(raw, name_en_field)[keep],
    )


def _join(
    file: str, id_field: str, ids: NDArray[Any], geometries: NDArray[Any]
) -> tuple[NDArray[np.int64], NDArray[Any], tuple[Problem, ...]]:
    """Join the rows of each id; return the first row's index of each unit, its whole shape, and what was joined."""
    _, first, unit = np.unique(ids.astype(str), return_index=True, return_inverse=True)
    keep = np.sort(first)
    if len(keep) == len(ids):
        return keep, geometries, ()
    joined, overlapping = [], []
    whole = geometries.copy()
    for index in np.flatnonzero(first[unit] != np.arange(len(ids))):
        start = first[unit[index]]
        part, rest = shapely.make_valid([geometries[index], whole[start]], method="structure", keep_collapsed=False)
        again = f"id {ids[index]!r}, already in row {start + 1}"
        if shapely.area(shapely.intersection(part, rest)) > OVERLAP_SHARE * min(part.area, rest.area):
            expected = "an id that no other row has"
            overlapping.append(Problem(file, int(index) + 1, id_field, f"{again} and on the same ground", expected))
        else:
            broken = "" if shapely.is_valid(geometries[index]) else f"; {shapely.is_valid_reason(geometries[index])}"
            expected = "an id that no other row has; taken as a part of that unit"
            joined.append(Problem(file, int(index) + 1, id_field, again + broken, expected))
            whole[start] = shapely.union(rest, part)
    if overlapping:
        raise LayerError(overlapping)
    return keep, whole[keep], tuple(joined)


def _on_wgs84(geometries: NDArray[Any], crs: CRS, datum: str) -> tuple[NDArray[Any], CRS]:
    """Undo the offset of a shifted datum; leave other layers as they are."""
    if datum in {"WGS84", "CGCS2000"}:
        return geometries, crs
    if datum != "BD09MC" and not crs.is_geographic:
        geometries = project(geometries, crs, WGS84)
    return convert(geometries, lambda x, y: to_wgs84(x, y, datum)), WGS84


def _column(raw: Raw, field: str | None) -> NDArray[Any]:
    if field is None:
        return np.full(len(raw.geometries), "", dtype=object)
    return texts(raw.fields[field])


def _no_field(file: str, raw: Raw, field: str) -> Problem:
    return Problem(file, 0, field, "no such field", f"one of {', '.join(raw.fields) or '(no fields)'}")


def _id_problems(file: str, raw: Raw, id_field: str, *, again: bool) -> Iterator[Problem]:
    if id_field not in raw.fields:
        yield _no_field(file, raw, id_field)
        return
    first: dict[str, int] = {}
    for row, unit in enumerate(texts(raw.fields[id_field]), start=1):
        if not unit:
            yield Problem(file, row, id_field, "no id", "an id")
        elif unit in first and not again:
            expected = "an id that no other row has"
            yield Problem(file, row, id_field, f"id {unit!r}, already in row {first[unit]}", expected)
        else:
            first.setdefault(unit, row)


def _shape_problems(file: str, raw: Raw) -> Iterator[Problem]:
    for index in np.flatnonzero(shapely.is_empty(raw.geometries) | shapely.is_missing(raw.geometries)):
        yield Problem(file, int(index) + 1, "geometry", "no shape", "a polygon")
    types = shapely.get_type_id(raw.geometries)
    for index in np.flatnonzero(~np.isin(types, (-1, *POLYGONS)) & ~shapely.is_empty(raw.geometries)):
        yield Problem(file, int(index) + 1, "geometry", raw.geometries[index].geom_type, "a polygon")
    finite = ~np.isinf(shapely.bounds(raw.geometries)).any(axis=1)
    for index in np.flatnonzero(~finite):
        yield Problem(file, int(index) + 1, "geometry", "an infinite coordinate", "finite coordinates")
