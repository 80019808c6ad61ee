"""What a source says later of a report it has sent: applied if newer, never against what people put right."""

from __future__ import annotations

import itertools

import msgspec
import pytest
from packs import point
from scenes import BELLTOWER, DESK, EASTGATE, OFFICE, OTHER_DESK, OTHER_OFFICE, WHARF, Scene, make_report, when

from streams.stages.acceptance import Accepted
from streams.stages.intake import route

FIRST = make_report(when("03-02 09:00"), system="s", system_no="7", text="litter")


def later(at, number=0, **fields):
    stamp = when(at) if at else None
    return msgspec.structs.replace(FIRST, report_id=f"u{at}{number}", source_updated_at=stamp, **fields)


def at(street):
    lon, lat = point(street)
    return {"lon": lon, "lat": lat}


def only(scene):
    (case,) = scene.cases
    return case


def test_a_later_status_becomes_a_transition_and_not_a_case(auto):
    auto.send(FIRST, when("03-02 09:00"))
    auto.send(later("03-02 10:00", source_status="Closed", text="done"), when("03-02 10:01"))
    case = only(auto)
    assert (case.sources[0].status, case.text) == ("Closed", "done")
    assert auto.verbs(case.case_no)[-1] == "APPEND"


def test_a_source_that_puts_the_place_right_has_the_case_routed_anew(auto):
    auto.send(FIRST, when("03-02 09:00"))
    assert only(auto).unit == OFFICE
    auto.send(later("03-02 10:00", **at(WHARF)), when("03-02 10:01"))
    case = only(auto)
    assert (case.placement.street, case.unit, case.state) == (WHARF, OTHER_OFFICE, "DISPATCHED")
    assert auto.verbs(case.case_no)[-4:] == ["APPEND", "RELOCATE", "FILE", "DISPATCH"]


def test_a_place_in_another_district_takes_the_case_there(auto):
    auto.send(FIRST, when("03-02 09:00"))
    routed = later("03-02 10:00", **at(EASTGATE))
    auto.give(DESK, when("03-02 10:01"), route(auto.city, [Accepted(routed, when("03-02 10:01"), b"")])[0])
    assert (only(auto).desk, only(auto).unit) == (OTHER_DESK, "990102001-OF")


def test_a_source_that_puts_the_kind_right_has_the_case_filed_anew(auto):
    auto.send(FIRST, when("03-02 09:00"))
    auto.send(later("03-02 10:00", category="E-01-20"), when("03-02 10:01"))
    case = only(auto)
    assert (case.category, case.unit, case.limit) == ("E-01-20", "990101-EN", "1 NATURAL_DAY")


def test_work_that_has_begun_is_not_torn_away_by_an_update(auto):
    auto.send(FIRST, when("03-02 09:00"))
    number = only(auto).case_no
    for verb in ("SIGN", "START"):
        auto.act(number, verb, "03-02 09:30")
    auto.send(later("03-02 10:00", category="E-01-20"), when("03-02 10:01"))
    assert (only(auto).state, only(auto).category) == ("HANDLING", "E-01-10")


def test_what_a_person_put_right_stays_when_the_source_repeats_its_old_place(auto):
    auto.send(FIRST, when("03-02 09:00"))
    number = only(auto).case_no
    auto.act(number, "RELOCATE", "03-02 09:30", **at(WHARF))
    auto.send(later("03-02 10:00", source_status="Closed"), when("03-02 10:01"))
    assert only(auto).placement.street == WHARF


def test_a_source_that_stamps_nothing_is_believed_in_the_order_in_which_it_speaks(auto):
    auto.send(FIRST, when("03-02 09:00"))
    for number, text in enumerate(("worse", "better")):
        auto.send(later("", number, text=text), when(f"03-02 10:0{number}"))
    assert only(auto).text == "better"


UPDATES = [
    later("03-02 10:00", text="a"),
    later("03-02 10:00", 1, text="b"),
    later("03-02 11:00", 2, text="c", category="E-01-20"),
    later("03-02 10:30", 3, text="d", **at(WHARF)),
]


@pytest.mark.parametrize("order", list(itertools.permutations(range(4)))[::3])
def test_stamped_updates_end_in_the_same_case_in_whatever_order_they_come(city, order):
    scene = Scene(city)
    for minute, number in enumerate(order):
        scene.send(UPDATES[number], when(f"03-02 12:{minute:02d}"))
    case = only(scene)
    assert (case.text, case.category, case.placement.street, case.unit) == ("c", "E-01-20", BELLTOWER, "990101-EN")
