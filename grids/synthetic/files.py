"""Writing what was generated: CSV, GeoJSON and Parquet, the same bytes each time."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from grids import datum
from grids.synthetic import terrain

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from grids.synthetic.layers import Drawn

DIGITS = 7
"""Decimals of a degree: about a centimetre."""

GCJ02_LAYERS = frozenset({"HB"})
"""The layers whose department draws on a commercial map."""

_POLYGON_PARQUET = frozenset({"ZZ", "CG"})


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table with a header row, UTF-8, lines ending in a line feed."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def layer_file(net: str) -> str:
    """Name a layer's file inside the pack."""
    return f"layers/{net.lower()}.{'parquet' if net in _POLYGON_PARQUET else 'geojson'}"


def write_layer(directory: Path, drawn: Drawn) -> None:
    """Write a department's layer in its own datum, as GeoJSON, or as GeoParquet where that would be large."""
    path = directory / layer_file(drawn.net)
    path.parent.mkdir(parents=True, exist_ok=True)
    shapes = shapely.transform(drawn.shapes, lambda metres: _degrees(metres, drawn.net))
    columns = {"code": drawn.codes, "name": drawn.names}
    if any(drawn.parents):
        columns["community"] = drawn.parents
    if path.suffix == ".parquet":
        _write_geoparquet(path, columns, shapes)
    else:
        _write_geojson(path, columns, shapes)


def _degrees(metres: NDArray[np.float64], net: str) -> NDArray[np.float64]:
    lon, lat = terrain.to_degrees(*metres.T)
    if net in GCJ02_LAYERS:
        lon, lat = datum.from_wgs84(lon, lat, "GCJ02")
    return np.round(np.column_stack([lon, lat]), DIGITS)


def _write_geojson(path: Path, columns: dict[str, NDArray[Any]], shapes: NDArray[Any]) -> None:
    names = list(columns)
    lines = [
        json.dumps(
            {
                "type": "Feature",
                "properties": dict(zip(names, values, strict=True)),
                "geometry": shapely.geometry.mapping(shape),
            },
            ensure_ascii=False,
            separators=(",", ":"),
        )
        for *values, shape in zip(*columns.values(), shapes, strict=True)
    ]
    text = '{"type":"FeatureCollection","features":[\n' + ",\n".join(lines) + "\n]}\n"
    path.write_text(text, encoding="utf-8")


def _write_geoparquet(path: Path, columns: dict[str, NDArray[Any]], shapes: NDArray[Any]) -> None:
    """Write GeoParquet 1.1 with its default CRS, longitude and latitude."""
    west, south, east, north = shapely.total_bounds(shapes)
    geometry = {"encoding": "WKB", "geometry_types": ["Polygon"], "bbox": [west, south, east, north]}
    about = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": geometry}}
    table = pa.table({**{name: pa.array(list(column)) for name, column in columns.items()},
                      "geometry": pa.array(list(shapely.to_wkb(shapes, byte_order=1)), pa.binary())})  # fmt: skip
    write_parquet(path, table.replace_schema_metadata({"geo": json.dumps(about)}))


def write_parquet(path: Path, table: pa.Table) -> None:
    """Write a small table as Parquet, packed as tightly as it goes."""
    pq.write_table(table, path, compression="zstd", compression_level=19)
