from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import geopandas as gpd
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from mosaic import columns, partition, rows
from pyproj import CRS

from grids.cells import Cells, CellsFile
from grids.crosswalk import Crosswalk
from grids.errors import LayerError
from grids.fusion import fuse


def small():
    return fuse([columns("ZZ", 0, 400, 1000), rows("CG", 0, 300, 900)]).cells


def test_cells_read_back_are_the_cells_that_were_written(tmp_path):
    cells = small()
    cells.write(tmp_path)
    again = Cells.read(tmp_path)
    assert again.crs == cells.crs
    assert (again.nets, again.base, again.version) == (cells.nets, "ZZ", cells.version)
    for column in ("codes", "grids", "communities", "area_m2", "geometry"):
        assert (getattr(again, column) == getattr(cells, column)).all()
    assert again.labels["CG"].tolist() == cells.labels["CG"].tolist()
    assert None in again.labels["CG"].tolist()


def test_the_file_is_a_geoparquet_that_other_tools_read(tmp_path):
    small().write(tmp_path)
    frame = gpd.read_parquet(tmp_path / "cells.parquet")
    assert frame.crs.to_epsg() == 4544
    assert frame.columns.tolist() == ["cell", "ZZ", "CG", "area_m2", "grid", "community", "geometry"]
    assert frame.area.to_numpy() == pytest.approx(frame["area_m2"].to_numpy())


def test_codes_ascend_and_the_version_names_the_content():
    cells = small()
    assert cells.codes.tolist() == sorted(cells.codes.tolist())
    assert len(cells.version) == 16
    other = Cells.of(
        crs=CRS.from_proj4("+proj=tmerc +lon_0=104 +ellps=GRS80"),
        base=cells.base,
        codes=cells.codes[::-1],
        grids=cells.grids[::-1],
        communities=cells.communities[::-1],
        labels={net: column[::-1] for net, column in cells.labels.items()},
        geometry=cells.geometry[::-1],
    )
    assert other.codes.tolist() == cells.codes.tolist()
    assert other.version != cells.version


def test_several_threads_may_read_one_file_at_once(tmp_path):
    cells = small()
    cells.write(tmp_path)
    file = CellsFile(tmp_path)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: file.read(), range(12)))
    assert all((one.codes == cells.codes).all() for one in found)
    assert {one.version for one in found} == {file.version} == {cells.version}


def test_a_folder_without_a_grid_is_refused(tmp_path):
    with pytest.raises(LayerError, match="no such file"):
        Cells.read(tmp_path)
    pq.write_table(pa.table({"cell": ["1"]}), tmp_path / "cells.parquet")
    with pytest.raises(LayerError, match="not a fused grid"):
        Cells.read(tmp_path)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([0.0, 2.0]))
def test_the_weights_of_every_unit_sum_to_one(seed, noise):
    walk = Crosswalk.of(fuse([partition("ZZ", seed, 8, noise), partition("CG", seed + 1, 6, noise)]).cells)
    units = {}
    for net, unit, weight in zip(walk.layer, walk.unit, walk.weight_area, strict=True):
        units[net, unit] = units.get((net, unit), 0.0) + weight
    assert units
    assert max(abs(total - 1.0) for total in units.values()) < 1e-9


def test_the_cells_of_a_unit_come_heaviest_first():
    walk = Crosswalk.of(small())
    (first, heavy), (_, light) = walk.cells_of("ZZ", "1")[:2]
    assert heavy > light
    assert first.startswith("1-")
    assert sum(weight for _, weight in walk.cells_of("ZZ", "1")) == pytest.approx(1.0)


def test_an_unknown_unit_has_no_cells():
    assert Crosswalk.of(small()).cells_of("ZZ", "nobody") == []


def test_a_crosswalk_read_back_is_the_one_that_was_written(tmp_path):
    walk = Crosswalk.of(small())
    walk.write(tmp_path)
    again = Crosswalk.read(tmp_path)
    assert len(again) == len(walk)
    for column in ("layer", "unit", "cell", "area_m2", "weight_area"):
        assert (getattr(again, column) == getattr(walk, column)).all()
    assert pq.read_table(tmp_path / "crosswalk.parquet").column_names == [
        "layer",
        "unit",
        "cell",
        "area_m2",
        "weight_area",
        "grid",
    ]


def test_the_areas_of_the_crosswalk_are_those_of_the_cells():
    cells = small()
    walk = Crosswalk.of(cells)
    assert walk.area_m2[walk.layer == "ZZ"].sum() == pytest.approx(shapely.area(cells.geometry).sum())
    assert np.isfinite(walk.weight_area).all()
