from __future__ import annotations

import uuid
from datetime import UTC, timedelta

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from scenes import make_report, when

from streams.inlets.lines import accept_line, read_line
from streams.records import DeadLetter
from streams.stages.acceptance import Accepted, Refusal

AT = when("03-02 09:00")


def test_a_good_line_is_accepted_with_its_bytes_at_a_moment_in_utc():
    line = msgspec.json.encode(make_report(AT))
    found = accept_line(line, AT)
    assert isinstance(found, Accepted)
    assert (found.original, found.at, found.at.tzinfo) == (line, AT, UTC)


def test_a_report_without_an_id_gets_a_uuid_of_version_seven_and_another_keeps_its_own():
    bare = msgspec.json.encode(make_report(AT, report_id=""))
    names = [accept_line(bare, AT).report.report_id for _ in range(2)]
    assert len(set(names)) == 2
    assert {uuid.UUID(name).version for name in names} == {7}
    assert accept_line(msgspec.json.encode(make_report(AT, report_id="mine")), AT).report.report_id == "mine"


def test_what_the_acceptance_refuses_is_refused_here_too():
    line = msgspec.json.encode(make_report(AT + timedelta(days=2)))
    assert accept_line(line, AT).reason == "FUTURE"
    old = msgspec.json.encode(make_report(AT - timedelta(days=500)))
    assert accept_line(old, AT).reason == "TOO_OLD"
    assert isinstance(accept_line(old, AT, backfill=True), Accepted)


def test_a_refused_line_becomes_a_dead_letter_that_keeps_it():
    letter = read_line(b"ERROR 500", AT, source="12345.ndjson")
    assert isinstance(letter, DeadLetter)
    assert (letter.stage, letter.reason, letter.source) == ("inlet", "NOT_JSON", "12345.ndjson")
    assert (letter.original, letter.at) == (b"ERROR 500", AT)
    assert len(letter.id) == 32


@given(st.binary(max_size=300))
def test_a_line_of_any_bytes_is_either_accepted_or_kept(line):
    found = read_line(line, AT)
    assert found.original == line
    assert isinstance(accept_line(line, AT), Refusal) == isinstance(found, DeadLetter)
