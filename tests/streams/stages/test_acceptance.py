from __future__ import annotations

import json
import math
from datetime import timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scenes import make_report, when

from streams.records import Report
from streams.stages.acceptance import Refusal, check_report, decode_report

AT = when("03-02 09:00")
GOOD = {
    "system": "12345",
    "system_no": "A-1",
    "channel": "HOTLINE",
    "reported_at": "2026-03-02T08:59:00+08:00",
    "scheme": "city",
    "category": "E-01-10",
}


def decode(**fields):
    return decode_report(json.dumps({**GOOD, **fields}).encode())


def check(**fields):
    return check_report(make_report(AT, **fields), AT)


def test_what_a_client_must_send_is_enough_and_the_rest_has_its_defaults():
    report = decode()
    assert isinstance(report, Report)
    assert (report.matter, report.severity, report.urgency) == ("INCIDENT", 4, "NORMAL")
    assert (report.report_id, report.datum, report.occurred_at, report.lon) == ("", None, None, None)
    assert (report.media, report.attributes, report.self_handled) == ([], {}, False)
    assert check_report(report, AT) is None


def test_a_report_reads_back_as_it_was_written():
    report = make_report(AT, media=["a.jpg"], attributes={"who": ["x", 1]}, severity=2)
    assert msgspec.to_builtins(decode_report(msgspec.json.encode(report))) == msgspec.to_builtins(report)


@pytest.mark.parametrize("field", ["system", "system_no", "channel", "reported_at"])
def test_a_missing_field_is_named(field):
    body = {name: value for name, value in GOOD.items() if name != field}
    refusal = decode_report(json.dumps(body).encode())
    assert (refusal.reason, refusal.field) == ("MISSING_FIELD", field)


@pytest.mark.parametrize("field", ["system", "system_no", "scheme", "category"])
@pytest.mark.parametrize("value", ["", "  "])
def test_an_empty_field_is_a_missing_one(field, value):
    if field in ("scheme", "category") and value:
        value = ""
    refusal = check(**{field: value})
    assert (refusal.reason, refusal.field) == ("MISSING_FIELD", field)


@pytest.mark.parametrize("field", ["scheme", "category"])
def test_an_incident_without_a_category_is_refused_and_an_inquiry_is_not(field):
    assert check(**{field: None}).field == field
    assert check(matter="INQUIRY", scheme=None, category=None) is None


@pytest.mark.parametrize("name", ["prioritaet", "desk", "", "a`b"])
def test_an_unknown_field_is_an_error_that_points_to_attributes(name):
    refusal = decode(**{name: 1})
    assert (refusal.reason, refusal.field) == ("UNKNOWN_FIELD", name.split("`")[0])
    assert "attributes" in refusal.expected


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("channel", "FAX"),
        ("matter", "GOSSIP"),
        ("net", "XX"),
        ("datum", "BEIJING54"),
        ("urgency", "VERY"),
        ("severity", 5),
        ("severity", "serious"),
        ("severity", True),
        ("lon", "104"),
        ("reported_at", "yesterday"),
        ("reported_at", "2026-03-02"),
        ("reported_at", 1772412000),
        ("self_handled", "yes"),
        ("media", "a.jpg"),
        ("attributes", []),
        ("system", None),
        ("system_no", 7),
    ],
)
def test_a_value_of_the_wrong_kind_names_its_field(field, value):
    refusal = decode(**{field: value})
    assert (refusal.reason, refusal.field) == ("BAD_FIELD", field)
    assert str(refusal).startswith(f"{field}: ")


def test_a_wrong_value_inside_a_field_names_the_path():
    assert decode(media=["a", 7]).field == "media[1]"


@pytest.mark.parametrize(
    "body", [b"", b"{", b"ERROR 500", b"\xff\xfe", b'{"system": NaN}', b'{"text": "\\ud800"}', b"\x00"]
)
def test_what_is_no_json_is_refused_as_that(body):
    refusal = decode_report(body)
    assert (refusal.reason, refusal.field) == ("NOT_JSON", "")
    assert str(refusal).startswith("body: ")


@pytest.mark.parametrize("body", [b"[]", b"7", b'"x"', b"null"])
def test_json_that_is_no_object_is_refused(body):
    assert decode_report(body).reason == "BAD_FIELD"


def test_nesting_without_end_is_refused_and_not_a_crash():
    line = json.dumps(GOOD)[:-1].encode() + b', "attributes": {"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}}"
    assert decode_report(line).reason == "NOT_JSON"


@given(st.binary(max_size=200))
def test_no_bytes_whatever_make_decoding_fail_otherwise_than_by_a_refusal(body):
    assert isinstance(decode_report(body), (Report, Refusal))


@pytest.mark.parametrize("field", ["reported_at", "occurred_at", "source_updated_at"])
def test_times_need_an_offset_and_may_be_ten_minutes_ahead_and_not_more(field):
    assert check(**{field: AT.replace(tzinfo=None)}).reason == "BAD_TIME"
    assert check(**{field: AT + timedelta(minutes=10)}) is None
    refusal = check(**{field: AT + timedelta(minutes=10, seconds=1)})
    assert (refusal.reason, refusal.field) == ("FUTURE", field)


@pytest.mark.parametrize("field", ["reported_at", "occurred_at", "source_updated_at"])
def test_a_clock_that_was_never_set_is_refused_even_in_a_backfill(field):
    line = json.dumps({**GOOD, field: "0001-01-01T00:00:00+14:00"}).encode()
    refusal = check_report(decode_report(line), AT, backfill=True)
    assert (refusal.reason, refusal.field) == ("BAD_TIME", field)


def test_a_report_made_over_four_hundred_days_ago_needs_a_declared_backfill():
    old = AT - timedelta(days=400)
    assert check(reported_at=old) is None
    late = make_report(old - timedelta(seconds=1))
    assert check_report(late, AT).reason == "TOO_OLD"
    assert check_report(late, AT, backfill=True) is None


def test_what_occurred_long_ago_may_be_reported_today():
    assert check(occurred_at=when("1999-01-01 00:00")) is None


@pytest.mark.parametrize(("lon", "lat", "field"), [(104.0, None, "lat"), (None, 30.6, "lon")])
def test_half_a_position_is_none(lon, lat, field):
    refusal = check(lon=lon, lat=lat)
    assert (refusal.reason, refusal.field) == ("BAD_POSITION", field)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_position_must_be_finite(value):
    assert check(lon=value, lat=30.6).reason == "BAD_POSITION"
    assert check(lon=104.0, lat=value).reason == "BAD_POSITION"


@pytest.mark.parametrize(
    ("lon", "lat", "swapped"),
    [(30.6, 104.0, True), (104.0, 91.0, False), (181.0, 30.6, False), (-200.0, -100.0, False)],
)
def test_a_position_off_the_globe_is_refused_with_a_hint_where_lon_and_lat_seem_swapped(lon, lat, swapped):
    refusal = check(lon=lon, lat=lat)
    assert refusal.reason == "BAD_POSITION"
    assert ("swapped" in refusal.expected) is swapped


@pytest.mark.parametrize(("lon", "lat"), [(180.0, 90.0), (-180.0, -90.0), (0.0, 0.0)])
def test_the_ends_of_the_globe_are_positions(lon, lat):
    assert check(lon=lon, lat=lat) is None
