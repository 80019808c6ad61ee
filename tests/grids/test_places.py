from __future__ import annotations

import pytest

from grids.errors import Problem
from grids.places import PLAIN, Area, AreaClass, Desk, Place, Places, Zone, read_area_classes, read_areas
from grids.tables import Problems
from tests.packs import add_line, write_pack


def places(**changes: object) -> Places:
    desks = (
        Desk("990100", "市", "City", "CITY", ("9901",), ""),
        Desk("990101", "西", "West", "DISTRICT", ("990101",), ""),
        Desk("9901HT", "高新", "Zone", "ZONE", ("990101002", "990101001002"), ""),
    )
    fields = {
        "areas": {},
        "zones": (Zone("TF", "天府", "TF", ("990101",)), Zone("HT", "高新", "HT", ("990101002",))),
        "desks": {desk.code: desk for desk in desks},
        "classes": {},
        **changes,
    }
    return Places(**fields)  # type: ignore[arg-type]


def test_a_community_has_its_street_district_desk_and_zones_by_its_code():
    assert places().at("990101001001") == Place(
        "", "", "990101001001", "990101001", "990101", "990101", ("TF",), "", 1.0
    )


@pytest.mark.parametrize(
    ("area", "community", "street", "district"),
    [("990101001", "", "990101001", "990101"), ("990101", "", "", "990101"), ("", "", "", "")],
)
def test_levels_below_the_known_one_are_empty(area, community, street, district):
    place = places().at(area)
    assert (place.community, place.street, place.district) == (community, street, district)


@pytest.mark.parametrize(
    ("area", "desk"),
    [
        ("990101001001", "990101"),
        ("990101001002", "9901HT"),  # one community of a district's street
        ("990101002001", "9901HT"),  # a whole street whose code still says the district
        ("990101", "990101"),
        ("990102001001", "990100"),  # a district without a desk of its own
        ("110101", "990100"),  # somewhere else altogether
        ("", "990100"),
    ],
)
def test_the_desk_with_the_longest_area_that_begins_a_place_commands_it(area, desk):
    assert places().at(area).desk == desk


def test_the_order_of_desks_never_changes_who_commands():
    straight = places()
    turned = places(desks=dict(reversed(straight.desks.items())))
    for area in ("990101001001", "990101001002", "990101002001", "990102", ""):
        assert turned.desk_of(area) == straight.desk_of(area)


def test_a_place_may_lie_in_several_zones_which_are_sorted():
    assert places().at("990101002001").zones == ("HT", "TF")
    assert places().at("990102001001").zones == ()


def test_a_place_that_is_not_known_is_in_no_zone_even_of_an_empty_code():
    assert places(zones=(Zone("Z", "", "", ("",)),)).at("").zones == ()


def test_the_class_of_the_smallest_area_counts():
    classes = {
        "990101": AreaClass("C", 1.5),
        "990101001": AreaClass("B", 1.0),
        "990101001002": AreaClass("A", 0.8),
        "990101001002003": AreaClass("S", 0.5),
    }
    known = places(classes=classes)
    assert known.at("990101001002", cell="990101001002003").area_class == "S"
    assert known.at("990101001002", cell="990101001002004").area_class == "A"
    assert (known.at("990101001001").area_class, known.at("990101001001").factor) == ("B", 1.0)
    assert (known.at("990101002").area_class, known.at("990101002").factor) == ("C", 1.5)
    assert (known.at("990102").area_class, known.at("990102").factor) == PLAIN


BOROUGHS = {
    area.code: area
    for area in (
        Area("NYC", "纽约", "New York", "CITY", ""),
        Area("Manhattan", "曼哈顿", "Manhattan", "DISTRICT", "NYC"),
        Area("Manhattan 1", "一", "One", "STREET", "Manhattan"),
        Area("Manhattan 12", "十二", "Twelve", "STREET", "Manhattan"),
        Area("A", "甲", "A", "DISTRICT", "B"),
        Area("B", "乙", "B", "CITY", "A"),
    )
}
NEW_YORK = places(
    areas=BOROUGHS,
    zones=(Zone("Z1", "", "", ("Manhattan 1",)),),
    desks={
        "NYC000": Desk("NYC000", "市", "City", "CITY", ("NYC",), ""),
        "MANHAT": Desk("MANHAT", "曼", "Manhattan", "DISTRICT", ("Manhattan",), ""),
        "MANH12": Desk("MANH12", "十二", "Twelve", "DISTRICT", ("Manhattan 12",), ""),
    },
    classes={"Manhattan": AreaClass("A", 0.8), "Manhattan 12": AreaClass("B", 1.0)},
)


def test_a_code_of_another_form_is_a_place_only_if_the_pack_names_it():
    assert NEW_YORK.at("Manhattan").district == "Manhattan"
    assert NEW_YORK.at("Brooklyn").district == ""


def test_codes_of_another_form_hold_one_another_by_their_parents_and_not_by_how_they_begin():
    one, twelve = NEW_YORK.at("Manhattan 1"), NEW_YORK.at("Manhattan 12")
    assert (one.street, one.district, one.desk, one.zones, one.area_class) == (
        "Manhattan 1", "Manhattan", "MANHAT", ("Z1",), "A",
    )  # fmt: skip
    assert (twelve.street, twelve.desk, twelve.zones, twelve.area_class) == ("Manhattan 12", "MANH12", (), "B")


def test_areas_that_are_each_others_parents_end_the_chain():
    assert NEW_YORK.chain("A") == ("A", "B")
    assert NEW_YORK.chain("nowhere") == ()


def test_what_has_no_place_is_at_the_citys_own_desk():
    nowhere = places().nowhere
    assert nowhere == Place("", "", "", "", "", "990100", (), "", 1.0)
    assert places().city_desk.level == "CITY"


class FewCells:
    codes = ("c1", "c2", "c3")
    grids = ("g1", "g1", "g2")
    communities = ("990101001001", "990101001001", "")


class FewForeignCells:
    codes = ("c1", "c2")
    grids = ("Manhattan 1", "elsewhere")
    communities = ("", "")


def test_every_cell_has_its_place_in_the_order_of_the_cells():
    found = places(classes={"c2": AreaClass("A", 0.8)}).of_cells(FewCells())  # type: ignore[arg-type]
    assert [place.cell for place in found] == ["c1", "c2", "c3"]
    assert [place.grid for place in found] == ["g1", "g1", "g2"]
    assert [place.desk for place in found] == ["990101", "990101", "990100"]
    assert [place.area_class for place in found] == ["", "A", ""]


def test_a_cell_without_a_community_is_placed_by_its_grid():
    found = NEW_YORK.of_cells(FewForeignCells())  # type: ignore[arg-type]
    assert [(place.street, place.desk) for place in found] == [("Manhattan 1", "MANHAT"), ("", "NYC000")]


@pytest.fixture
def pack(tmp_path):
    return write_pack(tmp_path / "city")


def test_areas_and_their_classes_are_read(pack):
    problems = Problems()
    areas, classes = read_areas(pack, problems), read_area_classes(pack, problems)
    assert not problems
    assert areas["990101001"] == Area("990101001", "码头街道", "Wharf", "STREET", "990101")
    assert classes == {"990101001": AreaClass("A", 0.8), "990102001": AreaClass("C", 1.5)}


def test_both_tables_may_be_missing(tmp_path):
    problems = Problems()
    assert read_areas(tmp_path, problems) == {}
    assert read_area_classes(tmp_path, problems) == {}
    assert not problems


@pytest.mark.parametrize(
    ("file", "line", "field", "found", "expected"),
    [
        ("areas.csv", "990101,西,,DISTRICT,990100", "code", "'990101'", "a code that no other row has"),
        ("areas.csv", ",西,,DISTRICT,990100", "code", "''", "a value"),
        ("areas.csv", "990103,,,DISTRICT,990100", "name_zh", "''", "a value"),
        ("areas.csv", "990103,南,,TOWN,990100", "level", "'TOWN'", "one of CITY COMMUNITY DISTRICT STREET"),
        ("areas.csv", "990103,南,,DISTRICT,9901", "parent", "'9901'", "an area of this file, or empty"),
        ("area_classes.csv", "990101001,B,1", "area_code", "'990101001'", "a code that no other row has"),
        ("area_classes.csv", ",B,1", "area_code", "''", "a value"),
        ("area_classes.csv", "990101002,,1", "area_class", "''", "a value"),
        ("area_classes.csv", "990101002,B,0", "factor", "'0'", "a number above 0"),
        ("area_classes.csv", "990101002,B,-1", "factor", "'-1'", "a number above 0"),
        ("area_classes.csv", "990101002,B,half", "factor", "'half'", "a number"),
        ("area_classes.csv", "990101002,B,nan", "factor", "'nan'", "a number"),
    ],
)
def test_a_fault_of_a_place_names_file_row_field_and_expectation(pack, file, line, field, found, expected):
    row = add_line(pack, file, line)
    problems = Problems()
    read_areas(pack, problems)
    read_area_classes(pack, problems)
    assert problems == [Problem(file, row, field, found, expected)]
