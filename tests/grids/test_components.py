"""The register of components: read by id, faults named."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq

from grids.components import read_components
from grids.tables import Problems


def write(directory, **columns):
    rows = {
        "id": ["P1", "P2"],
        "category": ["C-01-01", "C-01-01"],
        "lon": [104.0, 104.1],
        "lat": [30.6, 30.6],
        "owner": ["QY", ""],
        "maintainer": ["QY", "QY"],
    }
    rows |= columns
    pq.write_table(
        pa.table({name: value for name, value in rows.items() if value is not None}), directory / "components.parquet"
    )


def test_components_are_found_by_their_id(tmp_path):
    write(tmp_path)
    problems = Problems()
    found = read_components(tmp_path, problems)
    assert found["P1"].owner == "QY"
    assert (found["P2"].lon, found["P2"].maintainer) == (104.1, "QY")
    assert not problems


def test_a_city_without_a_register_has_no_components(tmp_path):
    problems = Problems()
    assert read_components(tmp_path, problems) == {}
    assert not problems


def test_a_missing_column_is_named(tmp_path):
    write(tmp_path, owner=None)
    problems = Problems()
    assert read_components(tmp_path, problems) == {}
    assert (problems[0].file, problems[0].field, problems[0].found) == (
        "components.parquet",
        "owner",
        "no such column",
    )


def test_an_id_that_comes_twice_is_named_with_its_row(tmp_path):
    write(tmp_path, id=["P1", "P1"])
    problems = Problems()
    read_components(tmp_path, problems)
    assert (problems[0].row, problems[0].field, problems[0].found) == (2, "id", "'P1'")


def test_a_file_that_is_no_parquet_is_a_fault_and_no_crash(tmp_path):
    (tmp_path / "components.parquet").write_bytes(b"id,category\nP1,C-01-01\n")
    problems = Problems()
    assert read_components(tmp_path, problems) == {}
    assert problems[0].expected == "a Parquet file"
