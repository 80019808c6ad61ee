"""The register of components: read by id, faults named."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import shapely
from pyproj import CRS

from grids.components import NearestComponents, read_components
from grids.duties.selectors import Component
from grids.projection import WGS84, transformer
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


def test_positions_may_be_the_points_of_a_geoparquet(tmp_path):
    points = shapely.to_wkb(shapely.points([104.0, 104.1], [30.6, 30.7])).tolist()
    write(tmp_path, lon=None, lat=None, geometry=points)
    problems = Problems()
    found = read_components(tmp_path, problems)
    assert not problems
    assert (found["P2"].lon, found["P2"].lat) == (104.1, 30.7)


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


def lit(number, x, y, category="C-01-01"):
    """A component so many metres east and north of a corner of UTM zone 48."""
    lon, lat = LONLAT(500_000 + x, 3_400_000 + y)
    return Component(f"P{number}", category, float(lon), float(lat), "QY", "QY")


LONLAT = transformer(CRS.from_epsg(32648), WGS84)
UTM = CRS.from_epsg(32648)


def nearest(components, asked, within=10.0):
    places = [LONLAT(500_000 + x, 3_400_000 + y) for _, x, y in asked]
    found = NearestComponents(components, UTM).find(
        [category for category, _, _ in asked], [lon for lon, _ in places], [lat for _, lat in places], within
    )
    return [component and component.component_id for component in found]


def test_the_nearest_component_of_the_right_category_is_found():
    register = [lit(1, 0, 0), lit(2, 8, 0), lit(3, 1, 0, "C-02-01")]
    asked = [("C-01-01", 1, 0), ("C-01-01", 7, 0), ("C-02-01", 9, 0), ("C-03-01", 0, 0)]
    assert nearest(register, asked) == ["P1", "P2", "P3", None]


def test_none_is_near_enough_beyond_the_distance():
    assert nearest([lit(1, 0, 0)], [("C-01-01", 9.9, 0), ("C-01-01", 10.1, 0)]) == ["P1", None]


def test_of_two_equally_near_the_lowest_id_counts_whatever_the_order():
    register = [lit(2, 0, 0), lit(1, 0, 0)]
    assert nearest(register, [("C-01-01", 0, 3)]) == nearest(register[::-1], [("C-01-01", 0, 3)]) == ["P1"]


def test_no_question_has_no_answer():
    assert nearest([lit(1, 0, 0)], []) == []
