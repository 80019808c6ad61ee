"""Answers as receipts, in words, and derived anew."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest

from grids.catalogue import CategoryError
from grids.city import open_city
from grids.duties.readable import LANGUAGES, in_words
from grids.duties.receipts import sealed
from grids.duties.routing import Question, answer, recheck
from grids.duties.routing import ask as ask_at
from tests.packs import STREETS, change, point, write_pack
from tests.redrawn import BELLTOWER, CHANGE, MOVED, WHARF

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOON = datetime(2026, 3, 2, 12, tzinfo=SHANGHAI)


@pytest.fixture(scope="module")
def city(tmp_path_factory):
    return open_city(write_pack(tmp_path_factory.mktemp("routing") / "city"))


def ask(city, category, street=STREETS[0], at=NOON, **more):
    lon, lat = point(street)
    index = city.locator.locate_one(lon, lat)[0]
    question = Question(at, city.cell_places[index], "city", category, lon=lon, lat=lat, datum="WGS84", **more)
    return answer(city.rules, city.cells.version, question)


def fields(differences):
    return {one.field for one in differences}


def test_a_delegation_ending_at_midnight_hands_over_at_midnight_city_time_and_the_receipt_says_why(city):
    last = ask(city, "C-01-01", at=datetime(2026, 6, 30, 23, 59, 59, tzinfo=SHANGHAI))
    first = ask(city, "C-01-01", at=datetime(2026, 7, 1, tzinfo=SHANGHAI))
    assert (last.lead, first.lead) == ("990101001-OF", "990101-UM")
    assert [row.why for row in last.rows if row.row == "001-03"] == ["WON"]
    assert [row.why for row in first.rows if row.row == "001-03"] == ["WENT_BACK"]


def test_a_backstop_that_is_not_needed_says_so(city):
    rows = {row.row: row for row in ask(city, "E-01-10").rows}
    assert (rows["000-01"].won, rows["000-01"].why) == (False, "NOT_NEEDED")


def test_a_receipt_derived_anew_from_its_pack_is_the_same(city):
    for category in city.rules.catalogue.leaves:
        for street in STREETS:
            assert recheck(city, ask(city, category, street, severity=2)) == []


def test_a_receipt_without_a_place_is_derived_anew_too(city):
    question = Question(NOON, city.rules.places.nowhere, "city", "E-01-10", method="NONE", confidence=0.0)
    receipt = answer(city.rules, city.cells.version, question)
    assert receipt.outcome == "NO_GRID"
    assert recheck(city, receipt) == []


def test_what_is_no_incident_needs_neither_category_nor_place(city):
    question = Question(NOON, city.rules.places.nowhere, "", "", matter="PRAISE", method="NONE", confidence=0.0)
    receipt = answer(city.rules, city.cells.version, question)
    assert (receipt.outcome, receipt.lead, receipt.rows) == ("NOT_AN_INCIDENT", "", ())
    assert recheck(city, receipt) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("lead", "990101-EN"),
        ("outcome", "BACKSTOP"),
        ("cooperate", ("990101-UM",)),
        ("supervise", ()),
        ("level", "CITY"),
        ("automation", {"CLOSE": "auto"}),
        ("rows", ()),
    ],
)
def test_a_changed_receipt_is_refused_with_what_differs(city, field, value):
    forged = msgspec.structs.replace(ask(city, "E-01-10"), **{field: value})
    found = recheck(city, forged)
    assert "receipt_id" in fields(found)
    assert any(name.startswith(field) for name in fields(found))


def test_a_forgery_that_was_sealed_again_is_still_told_by_its_content(city):
    forged = sealed(msgspec.structs.replace(ask(city, "E-01-10"), lead="990101-EN"))
    assert fields(recheck(city, forged)) == {"lead"}


def test_a_receipt_for_another_cell_than_its_position_is_told(city):
    receipt = ask(city, "E-01-10", STREETS[0])
    elsewhere = ask(city, "E-01-10", STREETS[1]).place.cell
    moved = msgspec.structs.replace(receipt, place=msgspec.structs.replace(receipt.place, cell=elsewhere))
    assert "place.cell" in fields(recheck(city, moved))


def test_a_receipt_for_a_cell_that_is_not_there_is_told_and_nothing_more(city):
    receipt = ask(city, "E-01-10")
    gone = sealed(
        msgspec.structs.replace(receipt, place=msgspec.structs.replace(receipt.place, cell="990101001001999"))
    )
    assert [one.derived for one in recheck(city, gone)] == ["no cell of this grid"]


def test_another_pack_is_told_by_its_version_and_by_what_it_would_say(city, tmp_path):
    receipt = ask(city, "E-01-10", STREETS[3])
    pack = write_pack(tmp_path / "city")
    change(pack, "duties.csv", "002-04,002,E-01-10,ZONE,HT,,LEAD,HT-UM", "002-04,002,E-01-10,ZONE,HT,,LEAD,990100-UM")
    found = fields(recheck(open_city(pack), receipt))
    assert {"duty_version", "lead", "rows.002-04"} <= found


def test_a_category_that_the_pack_does_not_know_is_told(city):
    receipt = ask(city, "E-01-10")
    renamed = msgspec.structs.replace(receipt, category=msgspec.structs.replace(receipt.category, category="E-77-77"))
    assert "category" in fields(recheck(city, sealed(renamed)))


# Versions of the grid

BEFORE = CHANGE - timedelta(seconds=1)


def test_who_is_responsible_is_asked_of_the_grid_in_force_then(redrawn_city):
    before, after = (ask_at(redrawn_city, MOVED, "E-01-10", at) for at in (BEFORE, CHANGE))
    assert (before.lead, after.lead) == (f"{WHARF}-OF", f"{BELLTOWER}-OF")
    assert [one.place.grid_version for one in (before, after)] == [grid.version for grid in redrawn_city.versions]


def test_a_receipt_is_derived_anew_on_the_version_that_it_names(redrawn_city):
    for at in (BEFORE, CHANGE, BEFORE - timedelta(days=3650)):
        assert recheck(redrawn_city, ask_at(redrawn_city, MOVED, "E-01-10", at)) == []


def on(city, grid, at):
    """Answer for MOVED on a version of the grid, whatever day it is."""
    place = grid.places[grid.locator.locate_one(*MOVED)[0]]
    lon, lat = MOVED
    return answer(city.rules, grid.version, Question(at, place, "city", "E-01-10", lon=lon, lat=lat, datum="WGS84"))


def test_a_case_that_followed_the_grid_has_a_receipt_on_a_later_version_than_its_days(redrawn_city):
    old, new = redrawn_city.versions
    assert recheck(redrawn_city, on(redrawn_city, new, BEFORE)) == []
    late = recheck(redrawn_city, on(redrawn_city, old, CHANGE))
    assert {"place.grid_version", "place.cell"} <= fields(late)
    assert [one.derived for one in late if one.field == "place.grid_version"] == [new.version]


def test_a_receipt_of_a_version_that_the_pack_does_not_have_is_told_by_it(redrawn_city, city):
    receipt = on(redrawn_city, redrawn_city.grid, CHANGE)
    assert "place.grid_version" in fields(recheck(city, receipt))
    stays = ask_at(redrawn_city, point(STREETS[2]), "E-01-10", CHANGE)
    assert fields(recheck(city, stays)) == {"duty_version", "place.grid_version"}


def test_an_unknown_condition_names_those_there_are(city):
    with pytest.raises(CategoryError, match="A, B"):
        ask(city, "C-01-01", condition="Z")


def test_a_receipt_reads_in_both_languages(city):
    receipt = ask(city, "C-01-01", at=datetime(2026, 7, 1, tzinfo=SHANGHAI))
    zh, en = (dict(in_words(receipt, city.rules, language)) for language in LANGUAGES)
    assert "下放到期" in " ".join(text for _, text in in_words(receipt, city.rules, "zh"))
    assert "went back" in " ".join(text for _, text in in_words(receipt, city.rules, "en"))
    assert zh["牵头"].endswith("(990101-UM)")
    assert en["Lead"].endswith("(990101-UM)")
    assert "Water manhole cover" in en["Matter"]


def test_a_foreign_category_says_where_it_came_from(city):
    lon, lat = point(STREETS[0])
    place = city.cell_places[city.locator.locate_one(lon, lat)[0]]
    receipt = answer(city.rules, city.cells.version, Question(NOON, place, "12345", "101"))
    assert dict(in_words(receipt, city.rules, "zh"))["事项"].endswith("← 12345:101")
