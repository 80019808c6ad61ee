from __future__ import annotations

from datetime import timedelta

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packs import SOUTH, STEP, WEST, point
from redrawn import CHANGE, MOVED, STAYS
from scenes import BELLTOWER, CITY_DESK, EASTGATE, OFFICE, PARK, WHARF, make_report, when

from grids import datum
from grids.duties.receipts import intact
from grids.duties.routing import recheck
from streams.records import DeadLetter, RoutedReport
from streams.stages.acceptance import Accepted, check_report
from streams.stages.intake import content_digest, route

AT = when("03-02 09:00")


def accepted(report):
    return Accepted(report, AT, msgspec.json.encode(report))


def routed(city, **fields):
    return route(city, [accepted(make_report(AT, **fields))])[0]


def shifted(name, street=BELLTOWER):
    """Return a place's position as it reads in another datum."""
    lon, lat = point(street)
    x, y = datum.from_wgs84(np.array([lon]), np.array([lat]), name)
    return float(x[0]), float(y[0])


# Place


def test_a_position_is_placed_in_its_cell_with_everything_above_it(city):
    placement = routed(city).placement
    assert placement.cell.startswith("990101002001")
    assert (placement.community, placement.street, placement.district) == ("990101002001", BELLTOWER, "990101")
    assert (placement.desk, placement.method, placement.confidence) == ("990101", "POINT", 1.0)
    assert placement.grid_version == city.cells.version
    assert placement.border_m > 1
    assert placement.flags == ()


def test_a_zone_commands_its_streets_although_statistics_file_them_under_a_district(city):
    placement = routed(city, street=PARK).placement
    assert (placement.desk, placement.district, placement.zones) == ("9901HT", "990102", ("HT",))


def test_the_area_class_comes_with_the_place(city):
    placement = routed(city, street=WHARF).placement
    assert (placement.area_class, placement.factor) == ("A", 0.8)


@pytest.mark.parametrize(("channel", "name"), [("GRID_WORKER", "WGS84"), ("HOTLINE", "GCJ02"), ("MEDIA", "BD09")])
def test_a_position_is_read_in_the_datum_of_its_channel(city, channel, name):
    lon, lat = shifted(name)
    found = routed(city, channel=channel, lon=lon, lat=lat)
    assert found.placement.street == BELLTOWER
    assert (found.placement.lon, found.placement.lat) == pytest.approx(point(BELLTOWER), abs=1e-6)
    assert found.receipt.place.datum == name
    assert (found.receipt.place.lon, found.receipt.place.lat) == (lon, lat)


def test_a_channel_without_a_datum_speaks_wgs84(city):
    assert routed(city, channel="LEADER").receipt.place.datum == "WGS84"


def test_a_reports_own_datum_wins_and_the_conflict_is_flagged(city):
    lon, lat = shifted("BD09")
    placement = routed(city, channel="HOTLINE", datum="BD09", lon=lon, lat=lat).placement
    assert (placement.lon, placement.lat) == pytest.approx(point(BELLTOWER), abs=1e-6)
    assert placement.flags == ("DATUM_CONFLICT",)
    assert placement.confidence == 0.9


def test_cgcs2000_is_no_conflict_with_wgs84_and_the_channels_own_datum_none_at_all(city):
    assert routed(city, datum="CGCS2000").placement.flags == ()
    assert routed(city, datum="WGS84").placement.flags == ()
    assert routed(city, channel="LEADER", datum="WGS84").placement.flags == ()


def test_positions_of_several_datums_in_one_batch_do_not_disturb_each_other(city):
    rows = [("GRID_WORKER", "WGS84"), ("HOTLINE", "GCJ02"), ("MEDIA", "BD09")] * 2
    batch = []
    for channel, name in rows:
        lon, lat = shifted(name)
        batch.append(accepted(make_report(AT, channel=channel, lon=lon, lat=lat)))
    cells = {one.placement.cell for one in route(city, batch)}
    assert len(cells) == 1


def test_a_coarse_position_is_not_trusted_to_name_a_cell(city):
    placement = routed(city, lon=104.01, lat=30.6).placement
    assert placement.flags == ("COARSE_POSITION",)
    assert placement.confidence == 0.5


def test_a_position_just_outside_the_city_snaps_and_is_less_sure(city):
    placement = routed(city, lon=WEST - 0.0001234, lat=SOUTH + STEP).placement
    assert (placement.method, placement.confidence) == ("SNAP", 0.9)
    assert placement.cell


def test_a_position_outside_that_could_be_meant_is_left_for_a_person_to_place(city):
    found = routed(city, lon=WEST - 0.1234567, lat=SOUTH + STEP)
    assert found.placement.flags == ("OUTSIDE",)
    assert (found.placement.method, found.placement.desk) == ("NONE", CITY_DESK)
    assert found.receipt.outcome == "NO_GRID"
    assert found.placement.lon == pytest.approx(WEST - 0.1234567)


@pytest.mark.parametrize(("lon", "lat"), [(0.0, 0.0), (116.4, 39.9), (-104.0, 30.6), (180.0, 90.0)])
def test_a_position_far_away_is_a_dead_letter_that_says_where_the_city_is(city, lon, lat):
    letter = routed(city, lon=lon, lat=lat)
    assert isinstance(letter, DeadLetter)
    assert (letter.stage, letter.reason) == ("intake", "OUT_OF_CITY")
    assert "104.00" in letter.text
    assert msgspec.json.decode(letter.original)["lon"] == lon


def test_swapped_coordinates_that_still_are_on_the_globe_are_told_as_that(city, monkeypatch):
    monkeypatch.setitem(city.__dict__, "bounds", (40.0, 30.0, 41.0, 31.0))
    letter = routed(city, lon=30.5, lat=40.5)
    assert letter.reason == "SWAPPED_COORDINATES"


PLACED = {
    "component": ({"component_id": "M-1"}, "COMPONENT", 0.8),
    "old grid": ({"source_layer": "CG", "source_grid": "CG4"}, "CROSSWALK", 0.8),
    "address": ({"address": "双江市东区钟楼街道"}, "ADDRESS", 0.7),
    "address that nobody knows": ({"address": "nowhere road 1"}, "NONE", 0.0),
}


@pytest.mark.parametrize("named", PLACED)
@pytest.mark.parametrize("flag", ["ZERO_POSITION", "SWAPPED_POSITION"])
def test_a_position_of_0_0_or_with_swapped_axes_is_passed_over_for_what_else_the_report_says(
    city, lit_city, flag, named
):
    said, method, confidence = PLACED[named]
    city = lit_city if named == "component" else city
    lon, lat = point(EASTGATE)
    lon, lat = (0.0, 0.0) if flag == "ZERO_POSITION" else (lat, lon)
    report = make_report(AT, lon=lon, lat=lat, **said)
    assert check_report(report, AT) is None
    found = route(city, [accepted(report)])[0]
    without = routed(city, lon=None, lat=None, **said)
    assert flag in found.placement.flags
    assert found.placement.method == method
    assert found.placement.confidence == min(confidence, without.placement.confidence)
    assert found.placement.confidence <= without.placement.confidence
    assert found.placement.cell == without.placement.cell
    assert found.placement.street == without.placement.street
    assert found.receipt.lead == without.receipt.lead
    assert recheck(city, found.receipt) == [] if found.placement.cell else True


def test_what_is_swapped_is_not_filed_by_itself_however_sure_its_component_is(lit_city):
    lon, lat = point(BELLTOWER)
    swapped = routed(lit_city, lon=lat, lat=lon, component_id="M-1", category="C-01-01")
    right = routed(lit_city, lon=None, lat=None, component_id="M-1", category="C-01-01")
    assert right.receipt.automation["FILE"] == "auto"
    assert swapped.receipt.automation["FILE"] != "auto"


# Versions of the grid

BEFORE = CHANGE - timedelta(minutes=1)


def redrawn(city, *reports, place=MOVED, **fields):
    """Route reports of litter at a place, each by when it occurred and when it was reported."""
    lon, lat = place
    batch = [
        Accepted(report, report.reported_at, msgspec.json.encode(report))
        for report in (
            make_report(reported, occurred_at=occurred, **{"lon": lon, "lat": lat, **fields})
            for occurred, reported in reports
        )
    ]
    return route(city, batch)


def test_before_and_after_a_new_grid_one_place_is_in_different_cells_and_goes_to_different_offices(redrawn_city):
    before, after = redrawn(redrawn_city, (BEFORE, BEFORE), (CHANGE, CHANGE))
    assert (before.placement.street, after.placement.street) == (WHARF, BELLTOWER)
    assert (before.receipt.lead, after.receipt.lead) == (f"{WHARF}-OF", OFFICE)
    assert before.placement.cell != after.placement.cell
    for one, grid in zip((before, after), redrawn_city.versions, strict=True):
        assert one.placement.grid_version == one.receipt.place.grid_version == grid.version
        assert recheck(redrawn_city, one.receipt) == []


def test_a_late_report_is_placed_on_the_grid_of_the_day_on_which_it_happened(redrawn_city):
    late, without = redrawn(redrawn_city, (BEFORE, CHANGE + timedelta(days=9)), (None, CHANGE + timedelta(days=9)))
    assert (late.placement.street, without.placement.street) == (WHARF, BELLTOWER)


def test_a_batch_over_several_versions_is_routed_as_each_report_alone(redrawn_city):
    days = [CHANGE + timedelta(days=n) for n in (-400, 3, -1, 0, 1, -2)]
    places = [MOVED, STAYS, (WEST - 0.0001234, SOUTH + STEP), (None, None), STAYS, MOVED]
    batch = []
    for day, (lon, lat) in zip(days, places, strict=True):
        report = make_report(day, lon=lon, lat=lat, source_layer="CG", source_grid="CG1")
        batch.append(Accepted(report, day, msgspec.json.encode(report)))
    together, alone = route(redrawn_city, batch), [route(redrawn_city, [one])[0] for one in batch]
    assert [msgspec.json.encode(one) for one in together] == [msgspec.json.encode(one) for one in alone]
    assert [one.placement.method for one in together] == ["POINT", "POINT", "SNAP", "CROSSWALK", "POINT", "POINT"]


def test_what_has_no_place_still_names_the_version_that_was_asked(redrawn_city):
    before, after = redrawn(redrawn_city, (BEFORE, BEFORE), (CHANGE, CHANGE), lon=None, lat=None)
    assert [one.placement.grid_version for one in (before, after)] == [one.version for one in redrawn_city.versions]
    assert {one.placement.method for one in (before, after)} == {"NONE"}


def test_a_former_grids_code_is_still_resolved_after_the_grid_was_drawn_anew(redrawn_city):
    fields = {"lon": None, "lat": None, "source_layer": "CG"}
    was, kept = redrawn(redrawn_city, (BEFORE, BEFORE), (CHANGE, CHANGE), source_grid="CG4", **fields)
    assert {one.placement.method for one in (was, kept)} == {"CROSSWALK"}
    assert {one.placement.street for one in (was, kept)} == {PARK}
    assert kept.placement.confidence == was.placement.confidence == pytest.approx(1 / 3, abs=0.01)
    early, new = redrawn(redrawn_city, (BEFORE, BEFORE), (CHANGE, CHANGE), source_grid="CG9", **fields)
    assert early.placement.grid_version != new.placement.grid_version
    assert {one.placement.method for one in (early, new)} == {"CROSSWALK"}


def test_without_a_position_the_old_grid_places_as_surely_as_its_heaviest_cell_weighs(city):
    placement = routed(city, lon=None, lat=None, source_layer="CG", source_grid="CG1").placement
    assert placement.method == "CROSSWALK"
    assert 0 < placement.confidence < 1
    assert placement.street == WHARF
    assert placement.lon is None


def test_an_unknown_old_grid_places_nothing(city):
    placement = routed(city, lon=None, lat=None, source_layer="CG", source_grid="CG99").placement
    assert (placement.method, placement.flags, placement.confidence) == ("NONE", ("NO_POSITION",), 0.0)


def test_an_old_grid_helps_where_the_position_is_outside(city):
    found = routed(city, lon=WEST - 0.1234567, lat=SOUTH, source_layer="CG", source_grid="CG4")
    assert (found.placement.method, found.placement.desk) == ("CROSSWALK", "9901HT")


def test_a_component_is_where_the_register_says_if_the_report_doesnt_say(lit_city):
    placement = routed(lit_city, lon=None, lat=None, component_id="M-1", category="C-01-01").placement
    assert (placement.method, placement.confidence, placement.street) == ("COMPONENT", 1.0, EASTGATE)


def test_a_reports_own_position_is_taken_before_the_registers(lit_city):
    placement = routed(lit_city, component_id="M-1", category="C-01-01").placement
    assert (placement.method, placement.street) == ("POINT", BELLTOWER)


def test_a_report_that_names_no_component_is_about_the_nearest_of_its_kind(lit_city):
    lon, lat = point(EASTGATE)
    near = routed(lit_city, lon=lon + 5e-5, lat=lat, category="C-01-01")
    far = routed(lit_city, lon=lon + 5e-4, lat=lat, category="C-01-01")
    other = routed(lit_city, lon=lon, lat=lat, category="E-01-10")
    assert [one.receipt.place.component for one in (near, far, other)] == ["M-1", "", ""]
    assert near.report.component_id is None, "what the report said stays as it was"


def test_what_is_no_incident_or_of_an_unknown_category_asks_no_register(lit_city):
    lon, lat = point(EASTGATE)
    praise = routed(lit_city, lon=lon, lat=lat, matter="PRAISE", scheme=None, category=None)
    assert praise.receipt.place.component == ""
    assert routed(lit_city, lon=lon, lat=lat, category="C-99-99").reason == "UNKNOWN_CATEGORY"


def test_a_component_that_the_register_does_not_know_is_flagged(lit_city):
    assert routed(lit_city, component_id="M-7").placement.flags == ("UNKNOWN_COMPONENT",)


def test_a_component_outside_the_grid_is_left_to_a_person(lit_city):
    placement = routed(lit_city, lon=None, lat=None, component_id="M-9", category="C-01-01").placement
    assert (placement.method, placement.flags) == ("NONE", ("OUTSIDE",))


# Category and duty


def test_a_foreign_category_is_mapped_and_the_receipt_says_how(city):
    step = routed(city, scheme="12345", category="101").receipt.category
    assert (step.scheme, step.category, step.city_category, step.condition) == ("12345", "101", "E-01-10", "A")


def test_a_mapping_may_depend_on_the_severity(city):
    assert routed(city, scheme="12345", category="102").receipt.category.city_category == "E-01-10"
    assert routed(city, scheme="12345", category="102", severity=2).receipt.category.city_category == "E-02-01"


@pytest.mark.parametrize(
    ("fields", "reason", "said"),
    [
        ({"category": "E-01-11"}, "UNKNOWN_CATEGORY", "E-01-10"),
        ({"category": "E-01"}, "UNKNOWN_CATEGORY", "group"),
        ({"scheme": "legacy"}, "UNKNOWN_CATEGORY", "12345, city"),
        ({"scheme": "12345", "category": "103"}, "UNMAPPED_CATEGORY", "category_map.csv"),
        ({"condition": "Z"}, "UNKNOWN_CONDITION", "expected one of A"),
    ],
)
def test_a_category_or_condition_that_is_none_is_a_dead_letter_that_names_the_field(city, fields, reason, said):
    letter = routed(city, **fields)
    assert isinstance(letter, DeadLetter)
    assert (letter.reason, letter.stage) == (reason, "intake")
    assert said in letter.text
    assert letter.text.split(":")[0] in ("category", "scheme", "condition")
    assert letter.source.startswith("grid-app/")


def test_a_dead_letter_without_a_report_id_is_named_by_its_bytes(city):
    assert len(routed(city, category="E-99-99", report_id="").id) == 32


@pytest.mark.parametrize(
    ("fields", "outcome", "lead"),
    [
        ({}, "LEAD", OFFICE),
        ({"category": "E-02-02"}, "BACKSTOP", OFFICE),
        ({"category": "E-02-01"}, "LEAD", "990101-UM"),
        ({"category": "E-02-01", "severity": 2}, "LEAD", "990100-UM"),
        ({"lon": None, "lat": None}, "NO_GRID", ""),
        ({"matter": "PRAISE"}, "NOT_AN_INCIDENT", ""),
    ],
)
def test_every_report_gets_an_outcome_and_at_most_one_lead(city, fields, outcome, lead):
    receipt = routed(city, **fields).receipt
    assert (receipt.outcome, receipt.lead) == (outcome, lead)
    assert intact(receipt)


def test_duty_is_decided_by_when_it_happened_and_not_by_when_it_was_reported(city):
    night = routed(city, category="E-01-20", occurred_at=when("03-01 23:00")).receipt
    day = routed(city, category="E-01-20", occurred_at=when("03-01 21:59")).receipt
    assert (night.lead, day.lead) == (OFFICE, "990101-EN")
    assert night.at == when("03-01 23:00")


def test_a_delegation_ends_by_itself(city):
    before = routed(city, street=WHARF, category="C-01-01", occurred_at=when("2025-12-31 23:59")).receipt
    after = routed(city, street=WHARF, category="C-01-01", occurred_at=when("2026-01-01 00:00")).receipt
    assert (before.lead, after.lead) == ("990101-UM", f"{WHARF}-OF")


@pytest.mark.parametrize(("severity", "level"), [(4, "STREET"), (3, "DISTRICT"), (2, "DISTRICT"), (1, "CITY")])
def test_the_severity_says_who_commands(city, severity, level):
    assert routed(city, severity=severity).receipt.level == level


def test_automation_in_the_receipt_follows_outcome_and_confidence(city):
    assert set(routed(city).receipt.automation.values()) == {"auto"}
    assert set(routed(city, lon=104.01, lat=30.6).receipt.automation.values()) == {"manual"}
    assert set(routed(city, category="E-02-02").receipt.automation.values()) == {"manual"}


# Batches and digests


def test_a_batch_is_answered_one_by_one_and_in_order(city):
    reports = [make_report(AT), make_report(AT, category="X"), make_report(AT, lon=0.0, lat=0.0), make_report(AT)]
    found = route(city, [accepted(report) for report in reports])
    assert [type(one) for one in found] == [RoutedReport, DeadLetter, DeadLetter, RoutedReport]
    assert [one.report.report_id for one in (found[0], found[3])] == [reports[0].report_id, reports[3].report_id]
    assert route(city, []) == []


def test_the_digest_of_a_report_ignores_its_id_and_the_order_of_its_attributes():
    report = make_report(AT, attributes={"a": 1, "b": 2})
    same = msgspec.structs.replace(report, report_id="x", attributes={"b": 2, "a": 1})
    assert content_digest(same) == content_digest(report)
    assert content_digest(msgspec.structs.replace(report, text="other")) != content_digest(report)


@settings(deadline=None)
@given(
    st.lists(
        st.builds(
            make_report,
            st.just(AT),
            street=st.sampled_from((BELLTOWER, EASTGATE, PARK)),
            category=st.sampled_from(("E-01-10", "E-02-02", "nonsense")),
            lon=st.one_of(st.none(), st.floats(-180, 180), st.floats(103.99, 104.04)),
            lat=st.one_of(st.floats(-90, 90), st.floats(30.59, 30.62)),
            datum=st.sampled_from((None, "WGS84", "GCJ02", "BD09", "CGCS2000")),
            occurred_at=st.sampled_from((None, AT - timedelta(days=40_000))),
            severity=st.sampled_from((1, 2, 3, 4)),
        ),
        max_size=8,
    )
)
def test_the_answer_for_a_report_does_not_depend_on_its_batch(city, reports):
    whole = [report for report in reports if report.lon is not None]
    batch = [accepted(report) for report in whole]
    together = msgspec.json.encode(route(city, batch))
    alone = msgspec.json.encode([route(city, [one])[0] for one in batch])
    assert together == alone
