"""Map files as they are: rows of geometry and fields, and the CRS that the file states. No judgement yet.

GeoParquet is read by pyarrow, every other format by GDAL.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely
from pyproj import CRS
from pyproj.exceptions import CRSError

from grids.errors import LayerError, Problem
from grids.projection import WGS84

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Raw:
    """A map file's content: `geometries` (2-d; None where a row has none or it can't be decoded), fields, CRS."""

    geometries: NDArray[Any]
    fields: Mapping[str, NDArray[Any]]
    crs: CRS | None


def parse_crs(text: str | CRS, file: str) -> CRS:
    """Read a CRS such as `EPSG:4544`. Raises LayerError that names `file`."""
    try:
        return CRS.from_user_input(text)
    except CRSError:
        expected = "a coordinate reference system, such as EPSG:4544"
        raise LayerError([Problem(file, 0, "crs", repr(text), expected)]) from None


def read_raw(path: str | Path, encoding: str | None = None) -> Raw:
    """Read a GeoJSON, shapefile, GeoPackage or GeoParquet file. Raises LayerError if it can't be read."""
    path = Path(path)
    if not path.is_file():
        raise LayerError([Problem(str(path), 0, "", "no such file", "a map layer")])
    try:
        raw = _read_parquet(path) if path.suffix.lower() == ".parquet" else _read_gdal(path, encoding)
    except (RuntimeError, ValueError, OSError, KeyError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        expected = "a readable GeoJSON, shapefile, GeoPackage or GeoParquet file of one layer"
        raise LayerError([Problem(str(path), 0, "", reason, expected)]) from error
    if not len(raw.geometries):
        raise LayerError([Problem(str(path), 0, "", "no features", "at least one polygon")])
    return raw


def texts(column: NDArray[Any]) -> NDArray[Any]:
    """Write a field as text: a whole number without its point, leading zeros kept, '' where there is nothing."""
    found = np.empty(len(column), dtype=object)
    found[:] = [_text(value) for value in column.tolist()]
    return found


def _text(value: Any) -> str:
    if value is None or value != value:  # noqa: PLR0124 - NaN is what isn't equal to itself
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def _read_gdal(path: Path, encoding: str | None) -> Raw:
    import pyogrio  # noqa: PLC0415 - it brings pandas along, 0.3 s that most commands need not wait

    if path.suffix.lower() == ".gpkg" and len(layers := pyogrio.list_layers(path)) > 1:
        raise ValueError(f"{len(layers)} layers: {', '.join(layers[:, 0])}")
    meta, _, wkb, columns = pyogrio.raw.read(path, encoding=encoding, force_2d=True)
    if wkb is None:
        raise ValueError("a table without geometry")
    crs = None if meta["crs"] is None else CRS.from_user_input(meta["crs"])
    return Raw(_decode(wkb), dict(zip(meta["fields"].tolist(), columns, strict=True)), crs)


def _read_parquet(path: Path) -> Raw:
    table = pq.read_table(path)
    stated = (table.schema.metadata or {}).get(b"geo")
    if stated is None:
        raise ValueError("a Parquet file without GeoParquet metadata")
    geo = json.loads(stated)
    column = geo["columns"][geo["primary_column"]]
    if column.get("encoding") != "WKB":
        raise ValueError(f"geometry encoding {column.get('encoding')}, not WKB")
    # GeoParquet: a missing key means longitude and latitude on WGS-84, a null means unknown
    crs = WGS84 if "crs" not in column else None if column["crs"] is None else CRS.from_user_input(column["crs"])
    wkb = np.array(table.column(geo["primary_column"]).cast(pa.binary()).to_pylist(), dtype=object)
    rest = [name for name in table.column_names if name != geo["primary_column"]]
    fields = {name: np.array(table.column(name).to_pylist(), dtype=object) for name in rest}
    return Raw(_decode(wkb), fields, crs)


def _decode(wkb: NDArray[Any]) -> NDArray[Any]:
    geometries: NDArray[Any] = shapely.force_2d(shapely.from_wkb(wkb, on_invalid="ignore"))
    return geometries
