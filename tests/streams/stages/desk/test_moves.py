from __future__ import annotations

import msgspec
import pytest
from packs import point
from scenes import (
    BELLTOWER,
    CENTRE,
    DESK,
    EASTGATE,
    OFFICE,
    OTHER_DESK,
    OTHER_OFFICE,
    WHARF,
    Scene,
    make_report,
    when,
)

from streams.records import Tick, Transfer
from streams.stages.desk.casebook import DeskState

EAST_CENTRE = "990102-CC"


def refused(effects):
    return [letter.reason for letter in effects.dead_letters]


def to(street, community=1):
    lon, lat = point(street, community)
    return {"lon": lon, "lat": lat}


def test_another_place_gives_another_receipt_and_the_case_is_filed_anew(scene):
    number = scene.bring("DISPATCHED", "03-02 09:00")
    scene.act(number, "RELOCATE", "03-02 09:30", **to(WHARF))
    case = scene[number]
    assert (case.state, case.placement.street, case.receipt.lead, case.unit) == ("ACCEPTED", WHARF, OTHER_OFFICE, "")
    assert case.flags["relocated"] == 1
    assert scene.clock(number, "HANDLE").since is None
    scene.act(number, "FILE", "03-02 09:40")
    assert scene[number].limit == "3.2 WORK_HOUR"


def test_a_case_that_is_not_filed_yet_stays_where_it_is_in_its_life(scene):
    number = scene.bring("REPORTED", "03-02 09:00")
    before = scene[number].clocks
    scene.act(number, "RELOCATE", "03-02 09:05", **to(WHARF))
    assert (scene[number].state, scene[number].placement.street) == ("REPORTED", WHARF)
    assert scene[number].clocks == before


def test_a_case_without_a_place_is_placed_by_a_person_and_goes_to_its_desk(auto):
    number = auto.report("03-02 09:00", lon=None, lat=None)
    assert auto[number].desk == "990100"
    auto.act(number, "RELOCATE", "03-02 09:05", "990100-CC", **to(BELLTOWER))
    case = auto[number]
    assert (case.desk, case.state, case.unit) == (DESK, "DISPATCHED", OFFICE)
    assert case.case_no == number
    assert auto.verbs(number) == ["REPORT", "RELOCATE", "TRANSFER", "RECEIVE", "ACCEPT", "FILE", "DISPATCH"]
    assert [step.seq for step in auto.transitions if step.case_no == number] == list(range(1, 8))


def test_a_cell_may_be_named_in_place_of_a_position(scene):
    number = scene.bring("REPORTED", "03-02 09:00")
    cell = next(place.cell for place in scene.city.cell_places if place.street == WHARF)
    scene.act(number, "RELOCATE", "03-02 09:05", payload={"cell": cell})
    assert (scene[number].placement.cell, scene[number].placement.method) == (cell, "MANUAL")


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ({}, "NO_PAYLOAD"),
        ({"cell": "nowhere"}, "UNKNOWN_CELL"),
        ({"lon": 10.0, "lat": 10.0}, "OUTSIDE"),
        ({"lon": "east", "lat": 30.0}, "NO_PAYLOAD"),
    ],
)
def test_a_place_that_is_none_is_refused(scene, payload, reason):
    number = scene.bring("FILED", "03-02 09:00")
    assert refused(scene.act(number, "RELOCATE", "03-02 09:30", payload=payload)) == [reason]


def test_another_category_gives_another_limit_and_the_unit_goes_on_with_what_it_had_used(scene):
    number = scene.bring("DISPATCHED", "03-02 09:00")
    scene.act(number, "RECLASSIFY", "03-02 10:00", category="E-02-02")
    assert (scene[number].state, scene[number].category) == ("ACCEPTED", "E-02-02")
    for verb in ("FILE", "DISPATCH"):
        scene.act(number, verb, "03-02 10:00", **({"unit": OFFICE} if verb == "DISPATCH" else {}))
    old, new = [clock for clock in scene[number].clocks if clock.name == "HANDLE"]
    assert (old.clock, old.round, old.ended) == ("WORK_HOUR", 1, when("03-02 10:00"))
    assert (new.clock, new.round) == ("WORK_DAY", 2)


def test_a_severity_may_be_put_right_with_the_category(scene):
    number = scene.bring("ACCEPTED", "03-02 09:00")
    scene.act(number, "RECLASSIFY", "03-02 09:05", category="E-02-01", severity=2, urgency="URGENT")
    case = scene[number]
    assert (case.severity, case.urgency, case.receipt.lead) == (2, "URGENT", "990100-UM")


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ({"category": "E-99-99"}, "UNKNOWN_CATEGORY"),
        ({"category": "E-02-01", "severity": 9}, "BAD_PAYLOAD"),
        ({"category": "E-02-01", "condition": "Z"}, "UNKNOWN_CONDITION"),
    ],
)
def test_a_category_that_is_none_is_refused(scene, payload, reason):
    number = scene.bring("ACCEPTED", "03-02 09:00")
    assert refused(scene.act(number, "RECLASSIFY", "03-02 09:05", payload=payload)) == [reason]


# Transfers


def test_a_case_goes_to_another_desk_with_its_number_and_history(scene):
    number = scene.bring("DISPATCHED", "03-02 09:00")
    scene.act(number, "TRANSFER", "03-02 09:30", desk=OTHER_DESK, reason="agreed")
    case = scene[number]
    assert (case.desk, case.state, case.unit) == (OTHER_DESK, "ACCEPTED", "")
    assert number.startswith(DESK)
    assert number not in scene.desks[DESK].book.cases
    assert scene.clock(number, "FILE", EAST_CENTRE).since == when("03-02 09:30")
    sent, taken = scene.transitions[-2:]
    assert (sent.verb, sent.desk, taken.verb, taken.desk) == ("TRANSFER", DESK, "RECEIVE", OTHER_DESK)
    assert taken.payload == {"transfer_id": f"{number}-{sent.seq}", "from": DESK}
    assert [step.seq for step in scene.transitions if step.case_no == number] == list(range(1, taken.seq + 1))


def test_the_new_desks_centre_commands_and_the_old_ones_no_more(scene):
    number = scene.bring("ACCEPTED", "03-02 09:00")
    scene.act(number, "TRANSFER", "03-02 09:30", desk=OTHER_DESK)
    assert refused(scene.act(number, "FILE", "03-02 09:31", CENTRE)) == ["NOT_ALLOWED"]
    assert not refused(scene.act(number, "FILE", "03-02 09:32", EAST_CENTRE))


def test_what_still_reaches_the_old_desk_is_sent_on_once(scene):
    report = make_report(when("03-02 09:00"))
    effects = scene.send(report, when("03-02 09:00"))
    number = effects.transitions[0].case_no
    scene.act(number, "TRANSFER", "03-02 09:30", desk=OTHER_DESK)
    scene.act(number, "ACCEPT", "03-02 09:40", EAST_CENTRE, at_desk=DESK)
    assert scene[number].state == "ACCEPTED"
    later = msgspec.structs.replace(report, report_id="later", text="worse", source_updated_at=when("03-02 09:45"))
    scene.send(later, when("03-02 09:46"))
    assert scene.verbs(number)[-1] == "APPEND"
    assert (scene.count("reports_sent_on"), scene.count("deeds_sent_on")) == (1, 1)
    assert scene.count("cases") == 1


def test_a_transfer_that_arrives_twice_is_taken_in_once(scene):
    number = scene.bring("ACCEPTED", "03-02 09:00")
    effects = scene.act(number, "TRANSFER", "03-02 09:30", desk=OTHER_DESK)
    (sent,) = effects.outgoing
    assert isinstance(sent.body, Transfer)
    before = scene[number]
    scene.give(OTHER_DESK, when("03-02 09:31"), sent.body)
    assert scene[number] == before
    assert scene.count("repeated_transfers") == 1


def test_a_case_may_come_back_and_an_old_transfer_does_not_bring_it_a_second_time(scene):
    number = scene.bring("ACCEPTED", "03-02 09:00")
    first = scene.act(number, "TRANSFER", "03-02 09:30", desk=OTHER_DESK).outgoing[0]
    scene.act(number, "TRANSFER", "03-02 09:40", desk=DESK)
    assert scene[number].desk == DESK
    assert number not in scene.desks[OTHER_DESK].book.cases
    scene.give(OTHER_DESK, when("03-02 09:50"), first.body)
    assert scene[number].desk == DESK
    assert scene.count("repeated_transfers") == 1


def test_a_transfer_that_arrives_again_after_its_case_has_left_the_book_opens_nothing(scene):
    number = scene.bring("ACCEPTED", "03-02 09:00")
    sent = scene.act(number, "TRANSFER", "03-02 09:30", desk=OTHER_DESK).outgoing[0]
    scene.act(number, "DECLINE", "03-02 09:40", EAST_CENTRE)
    scene.give(OTHER_DESK, when("05-02 09:00"), Tick(OTHER_DESK, when("05-02 09:00")))
    assert number not in scene.desks[OTHER_DESK].book.cases
    written = msgspec.json.encode([desk.state() for desk in scene.desks])
    again = Scene(scene.city)
    again.desks.restore(msgspec.json.decode(written, type=list[DeskState]))
    for each in (scene, again):
        each.give(OTHER_DESK, when("05-02 09:01"), sent.body)
        assert each.count("repeated_transfers") == 1
        assert number not in each.desks[OTHER_DESK].book.cases


@pytest.mark.parametrize("desk", [DESK, "999999"])
def test_a_case_is_transferred_to_another_desk_that_there_is(scene, desk):
    number = scene.bring("ACCEPTED", "03-02 09:00")
    assert refused(scene.act(number, "TRANSFER", "03-02 09:30", desk=desk)) == ["UNKNOWN_DESK"]


def test_both_desks_know_of_a_transfer_after_a_restart(scene):
    number = scene.bring("ACCEPTED", "03-02 09:00")
    sent = scene.act(number, "TRANSFER", "03-02 09:30", desk=OTHER_DESK).outgoing[0]
    written = msgspec.json.encode([desk.state() for desk in scene.desks])
    again = Scene(scene.city)
    again.desks.restore(msgspec.json.decode(written, type=list[DeskState]))
    again.give(OTHER_DESK, when("03-02 09:31"), sent.body)
    assert again.count("repeated_transfers") == 1
    again.act(number, "FILE", "03-02 09:40", EAST_CENTRE, at_desk=DESK)
    assert again[number].state == "FILED"


def test_a_returned_case_that_moves_is_dispatched_by_the_desk_that_commands_its_place(auto):
    number = auto.report("03-02 09:00")
    auto.act(number, "RELOCATE", "03-02 09:10", **to(EASTGATE))
    case = auto[number]
    assert (case.desk, case.unit, case.state) == (OTHER_DESK, "990102001-OF", "DISPATCHED")
    assert scene_numbers(auto) == [number]


def scene_numbers(scene):
    return [case.case_no for case in scene.cases]
