from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from mosaic import METRIC, SOUTH, WEST, columns

from grids.cells import Cells
from grids.errors import LayerError
from grids.fusion import fuse
from grids.locator import NONE, Locator
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
    versions = Versions.open(folders)
    days = [date(2025, 5, 5), NEW, date(2023, 12, 31)]
    located, number = versions.locate([place[0]] * 3, [place[1]] * 3, days)
    assert number.tolist() == [0, 1, -1]
    assert [
        versions.locators[n].cells.labels["ZZ"][i] for n, i in zip(number[:2], located.index[:2], strict=True)
    ] == [
        "2",
        "1",
    ]
    assert located.method[2] == NONE
    assert np.isnan(located.border_m[2])


def test_one_day_names_one_locator_and_a_day_before_the_first_is_refused(folders):
    versions = Versions.open(folders)
    assert versions.at(date(2025, 12, 31)) is versions.locators[0]
    with pytest.raises(LayerError, match="2024-01-01 or later"):
        versions.at(date(2023, 1, 1))
    with pytest.raises(ValueError, match="no version"):
        Versions({})


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
