from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from grids.errors import LayerError
from grids.pointfiles import read_points, write_points


def csv_file(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "points.csv"
    path.write_bytes(text.encode(encoding))
    return path


def test_a_csv_keeps_every_value_as_the_text_it_was(tmp_path):
    path = csv_file(tmp_path, 'no,lon,text\n007,104.10,"a, ""b""\n"\n008,,\n')
    points = read_points(path)
    assert points.table.column("no").to_pylist() == ["007", "008"]
    write_points(points, tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text() == 'no,lon,text\n007,104.10,"a, ""b""\n"\n008,,\n'


def test_a_byte_order_mark_is_not_part_of_the_first_name(tmp_path):
    assert read_points(csv_file(tmp_path, "lon,lat\n1,2\n", "utf-8-sig")).numbers("lon").tolist() == [1.0]


def test_what_is_no_number_is_a_missing_coordinate(tmp_path):
    points = read_points(csv_file(tmp_path, "lon\n104.1\nunknown\n''\n"))
    assert np.isnan(points.numbers("lon")).tolist() == [False, True, True]


def test_parquet_numbers_stay_numbers_with_nulls_missing(tmp_path):
    pq.write_table(pa.table({"lon": [1.5, None], "n": [1, 2]}), tmp_path / "points.parquet")
    points = read_points(tmp_path / "points.parquet")
    assert points.numbers("lon")[0] == 1.5
    assert np.isnan(points.numbers("lon")[1])
    assert points.numbers("n").tolist() == [1.0, 2.0]


def test_a_header_alone_is_a_table_without_rows(tmp_path):
    points = read_points(csv_file(tmp_path, "lon,lat\n"))
    write_points(points, tmp_path / "out.parquet")
    assert pq.read_table(tmp_path / "out.parquet").num_rows == 0


def test_rows_of_another_length_and_double_names_are_refused_with_their_row(tmp_path):
    with pytest.raises(LayerError) as caught:
        read_points(csv_file(tmp_path, "lon,lat,lon\n1,2\n1,2,3\n"))
    assert [(problem.row, problem.field) for problem in caught.value.problems] == [(2, ""), (1, "lon")]


@pytest.mark.parametrize(("name", "content"), [("a.csv", b""), ("a.csv", b"\xff\xfe\n"), ("a.parquet", b"no")])
def test_an_unreadable_file_is_said_to_be_so(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(LayerError, match=name):
        read_points(tmp_path / name)


def test_a_missing_file_a_strange_ending_and_an_absent_column_are_named(tmp_path):
    with pytest.raises(LayerError, match="no such file"):
        read_points(tmp_path / "points.csv")
    with pytest.raises(LayerError, match=r"\.xlsx"):
        read_points(tmp_path / "points.xlsx")
    with pytest.raises(LayerError, match="one of lon, lat"):
        read_points(csv_file(tmp_path, "lon,lat\n1,2\n")).numbers("x")


def test_a_column_that_is_there_already_is_not_overwritten(tmp_path):
    points = read_points(csv_file(tmp_path, "lon,cell\n1,2\n"))
    with pytest.raises(LayerError, match="cell"):
        points.with_columns({"cell": pa.array(["9"])})
    assert points.with_columns({"grid": pa.array(["9"])}).table.column_names == ["lon", "cell", "grid"]
