"""Cells: the atoms of the fused grid, each in one unit of every layer or in none, and the file they live in."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely
from pyproj import CRS

from grids.errors import LayerError, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

FILE = "cells.parquet"
RESERVED = ("cell", "area_m2", "grid", "community", "geometry")
"""Columns of cells.parquet that are no net's; a net may not have one of these names."""


@dataclass(frozen=True, eq=False)
class Cells:
    """The fused grid. Arrays run over the cells, whose `codes` ascend.

    `grids` is the grid a worker is given, `communities` its 12-digit community ('' where unknown), `labels` per
    net the unit's id or None, `area_m2` and `geometry` are in the metric `crs`. `version` names the content: 16
    hex digits of its SHA-256. `special` is the net of special-purpose grids ('' without one), `retired` the codes
    that earlier versions gave and that stay unused, in order; `folder` is where they were read from.
    """

    crs: CRS
    nets: tuple[str, ...]
    base: str
    codes: NDArray[Any]
    grids: NDArray[Any]
    communities: NDArray[Any]
    labels: Mapping[str, NDArray[Any]]
    area_m2: NDArray[np.float64]
    geometry: NDArray[Any]
    version: str
    special: str = ""
    retired: tuple[str, ...] = ()
    folder: Path | None = None

    def __len__(self) -> int:
        return len(self.codes)

    @classmethod
    def of(
        cls,
        *,
        crs: CRS,
        base: str,
        codes: NDArray[Any],
        grids: NDArray[Any],
        communities: NDArray[Any],
        labels: Mapping[str, NDArray[Any]],
        geometry: NDArray[Any],
        special: str = "",
        retired: tuple[str, ...] = (),
    ) -> Cells:
        """Put columns in any order together: sorts them by code, measures areas and names the version."""
        order = np.argsort(codes.astype(str))
        columns = {
            "codes": codes[order],
            "grids": grids[order],
            "communities": communities[order],
            "labels": {net: column[order] for net, column in labels.items()},
            "geometry": shapely.normalize(geometry[order]),
        }
        digest = hashlib.sha256(f"{_name_of(crs)}\n{base}\n{json.dumps(list(labels))}\n".encode())
        texts = (columns["codes"], columns["grids"], columns["communities"], *columns["labels"].values())
        for row in zip(*texts, strict=True):
            digest.update((json.dumps(row, ensure_ascii=False) + "\n").encode())
        for wkb in shapely.to_wkb(columns["geometry"], byte_order=1):
            digest.update(wkb)
        area = np.asarray(shapely.area(columns["geometry"]), dtype=np.float64)
        version = digest.hexdigest()[:16]
        more = {"special": special, "retired": retired, **columns}
        return cls(crs=crs, nets=tuple(labels), base=base, area_m2=area, version=version, **more)

    def write(self, directory: Path) -> None:
        """Write `directory`/cells.parquet, a GeoParquet 1.1 file; the same cells give the same bytes."""
        directory.mkdir(parents=True, exist_ok=True)
        columns = {
            "cell": pa.array(self.codes, pa.string()),
            **{net: pa.array(self.labels[net], pa.string()) for net in self.nets},
            "area_m2": pa.array(self.area_m2),
            "grid": pa.array(self.grids, pa.string()),
            "community": pa.array(self.communities, pa.string()),
            "geometry": pa.array(shapely.to_wkb(self.geometry, byte_order=1), pa.binary()),
        }
        kinds = sorted({shape.geom_type for shape in self.geometry})
        geo = {
            "version": "1.1.0",
            "primary_column": "geometry",
            "columns": {
                "geometry": {
                    "encoding": "WKB",
                    "geometry_types": kinds,
                    "crs": self.crs.to_json_dict(),
                    "bbox": shapely.total_bounds(self.geometry).tolist(),
                }
            },
        }
        about = {"nets": list(self.nets), "base": self.base, "version": self.version}
        about |= {"special": self.special, "retired": list(self.retired)}
        metadata = {"geo": json.dumps(geo), "onegrid": json.dumps(about, ensure_ascii=False)}
        pq.write_table(pa.table(columns).replace_schema_metadata(metadata), directory / FILE, compression="zstd")

    @classmethod
    def read(cls, directory: Path) -> Cells:
        """Read what `write` wrote. Raises LayerError if `directory` holds no fused grid."""
        return CellsFile(directory).read()


class CellsFile:
    """cells.parquet of a folder, held open: it can be read later, even if somebody has tidied the folder away."""

    def __init__(self, folder: Path) -> None:
        """Open the file. Raises LayerError if the folder holds no fused grid."""
        path = folder / FILE
        self.folder = folder
        self._one_at_a_time = Lock()
        try:
            self._file = pq.ParquetFile(path, memory_map=True)
            metadata = self._file.schema_arrow.metadata or {}
            self._about, self._geo = json.loads(metadata[b"onegrid"]), json.loads(metadata[b"geo"])
        except (OSError, KeyError, ValueError) as error:
            found = "no such file" if isinstance(error, FileNotFoundError) else "not a fused grid"
            raise LayerError([Problem(str(path), 0, "", found, "cells.parquet of `onegrid grid fuse`")]) from error

    @property
    def version(self) -> str:
        """The version of the cells."""
        return str(self._about["version"])

    def read(self) -> Cells:
        """Read the cells."""
        with self._one_at_a_time:
            table = self._file.read()
        about = self._about
        return Cells(
            crs=CRS.from_json_dict(self._geo["columns"]["geometry"]["crs"]),
            nets=tuple(about["nets"]),
            base=about["base"],
            codes=_texts(table, "cell"),
            grids=_texts(table, "grid"),
            communities=_texts(table, "community"),
            labels={net: _texts(table, net) for net in about["nets"]},
            area_m2=table.column("area_m2").to_numpy(),
            geometry=shapely.from_wkb(_texts(table, "geometry")),
            version=self.version,
            special=about.get("special", ""),
            retired=tuple(about.get("retired", ())),
            folder=self.folder,
        )


def _texts(table: pa.Table, name: str) -> NDArray[Any]:
    return np.array(table.column(name).to_numpy(zero_copy_only=False), dtype=object)


def _name_of(crs: CRS) -> str:
    authority = crs.to_authority()
    return ":".join(authority) if authority else crs.to_wkt()
