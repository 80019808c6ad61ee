from __future__ import annotations

import shutil
from datetime import date

import numpy as np
import pytest
from mosaic import METRIC, SOUTH, WEST, box, columns, layer

from grids.cells import Cells
from grids.errors import LayerError
from grids.fusion import fuse
from grids.locator import NONE, POINT, Locator
from grids.projection import WGS84, transformer
from grids.raster import open_raster
from grids.versions import Versions

OLD, NEW = date(2024, 1, 1), date(2026, 1, 1)
place = transformer(METRIC, WGS84)(WEST + 450.0, SOUTH + 500.0)


@pytest.fixture
def folders(tmp_path):
    fuse([columns("ZZ", 0, 400, 1000)]).write(tmp_path / "old")
    fuse([columns("ZZ", 0, 500, 1000)]).write(tmp_path / "new")
    return {OLD: tmp_path / "old", NEW: tmp_path / "new"}


def test_a_report_is_located_on_the_version_in_force_when_it_happened(folders):
    days = [date(2025, 5, 5), NEW, date(2023, 12, 31)]
    located, grids = Versions.open(folders).locate([place[0]] * 3, [place[1]] * 3, days)
    assert [grid.first for grid in grids] == [OLD, NEW, OLD]
    units = [grid.cells.labels["ZZ"][i] for grid, i in zip(grids, located.index, strict=True)]
    assert units == ["2", "1", "2"]
    assert (located.method == POINT).all()
    assert located.border_m == pytest.approx([50.0, 50.0, 50.0], abs=0.1)


def test_a_batch_in_one_version_is_located_as_that_version_locates_it(folders):
    versions = Versions.open(folders)
    lon, lat = np.array([place[0], 0.0, np.nan]), np.array([place[1], 0.0, np.nan])
    located, grids = versions.locate(lon, lat, [NEW] * 3)
    assert {grid.first for grid in grids} == {NEW}
    alone = versions.newest.locator.locate(lon, lat)
    assert (located.index == alone.index).all()
    assert located.method.tolist() == [POINT, NONE, NONE]
    assert versions.locate([], [], [])[1] == []


def test_a_version_is_in_force_until_the_next_one_and_the_first_since_ever(folders):
    versions = Versions.open(folders)
    old, new = versions
    assert [versions.at(day) for day in (date.min, OLD, date(2025, 12, 31))] == [old] * 3
    assert [versions.at(day) for day in (NEW, date.max)] == [new] * 2
    assert (len(versions), versions.newest) == (2, new)
    with pytest.raises(ValueError, match="no version"):
        Versions(())


def test_a_version_is_found_by_its_name_and_an_unknown_one_is_not(folders):
    versions = Versions.open(folders)
    assert [versions.named(grid.version) for grid in versions] == list(versions)
    assert versions.named("0" * 16) is None


def test_to_be_named_a_version_need_not_be_read(folders):
    old, _ = Versions.open(folders)
    assert old.version == Cells.read(folders[OLD]).version
    assert "cells" not in vars(old)
    with pytest.raises(LayerError, match="no such file"):
        Versions.open({OLD: folders[OLD] / "elsewhere"})


def test_a_version_can_still_be_used_when_its_folder_has_been_tidied_away(folders):
    old, _ = Versions.open(folders)
    shutil.rmtree(folders[OLD])
    assert old.cells.labels["ZZ"][old.locator.locate_one(*place)[0]] == "2"
    assert len(old.crosswalk) == len(old.cells)


def test_an_unknown_code_is_resolved_by_the_ground_it_had_in_another_version(tmp_path):
    fuse([columns("ZZ", 0, 500, 1000), columns("CG", 0, 300, 1000)]).write(tmp_path / "old")
    fuse([columns("ZZ", 0, 500, 1000), layer("CG", {"n": box(0, 0, 900, 1000)})]).write(tmp_path / "new")
    versions = Versions.open({OLD: tmp_path / "old", NEW: tmp_path / "new"})
    old, new = versions
    assert [(new.cells.codes[cell], round(share, 3)) for cell, share in versions.cells_of("CG", "2", new)] == [
        ("2-001", 0.571), ("1-001", 0.286), ("2-002", 0.143),
    ]  # fmt: skip
    assert versions.cells_of("CG", "2", new) is versions.cells_of("CG", "2", new)
    assert sum(share for _, share in versions.cells_of("CG", "n", old)) == pytest.approx(1.0)
    assert versions.cells_of("CG", "1", old) == [(0, 1.0)]
    assert versions.cells_of("CG", "nobody", new) == []


def test_a_code_of_two_former_versions_means_the_ground_of_the_later_one(tmp_path):
    days = [date(2020, 1, 1), OLD, NEW]
    for day, edge in zip(days[:2], (200, 600), strict=True):
        fuse([columns("ZZ", 0, 1000), columns("CG", 0, edge)]).write(tmp_path / day.isoformat())
    fuse([columns("ZZ", 0, 200, 600, 1000)]).write(tmp_path / NEW.isoformat())
    versions = Versions.open({day: tmp_path / day.isoformat() for day in days})
    found = versions.cells_of("CG", "1", versions.newest)
    assert [versions.newest.cells.codes[cell] for cell, _ in found] == ["2-001", "1-001"]


def test_a_compiled_locator_answers_as_one_that_is_built(folders):
    cells = Cells.read(folders[OLD])
    compiled, built = Locator(cells), Locator(fuse([columns("ZZ", 0, 400, 1000)]).cells)
    rng = np.random.default_rng(1)
    x, y = WEST + rng.uniform(-50, 1050, 2000), SOUTH + rng.uniform(-50, 1050, 2000)
    one, other = compiled.locate_xy(x, y), built.locate_xy(x, y)
    assert (one.index == other.index).all()
    assert np.array_equal(one.border_m, other.border_m, equal_nan=True)


def test_files_of_another_version_or_damaged_ones_are_not_used(folders):
    assert open_raster(folders[OLD], "0" * 16) is None
    version = Cells.read(folders[OLD]).version
    assert open_raster(folders[OLD], version) is not None
    (folders[OLD] / "locator" / "first.npy").write_bytes(b"nothing")
    assert open_raster(folders[OLD], version) is None
    assert Locator(Cells.read(folders[OLD])).locate(*place).index[0] == 1
