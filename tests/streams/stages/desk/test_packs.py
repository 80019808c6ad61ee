"""What happens to desks and their open cases when another pack is put in force."""

from __future__ import annotations

from datetime import UTC

import msgspec
import pytest
from redrawn import BELLTOWER, MOVED, WHARF
from scenes import DESK, OFFICE, OTHER_OFFICE, Scene, make_report, when

from streams.records import Item, PackActivated
from streams.stages.acceptance import Accepted
from streams.stages.desk.casebook import DeskState
from streams.stages.desk.desks import Desks, MissingPackError
from streams.stages.intake import route

ZONE_AREAS = 'areas = ["990102002"]\ncentre'


def at_moved(**fields):
    return {"lon": MOVED[0], "lat": MOVED[1], **fields}


@pytest.fixture
def redrawing(city, redrawn_city):
    return Scene(city, redrawn_city)


def test_an_open_case_follows_its_ground_into_the_new_grid(redrawing, redrawn_city):
    number = redrawing.report("03-02 09:00", **at_moved())
    assert redrawing[number].placement.street == WHARF
    redrawing.activate(redrawn_city, "07-01 00:00")
    case = redrawing[number]
    assert (case.placement.street, case.placement.grid_version) == (BELLTOWER, redrawn_city.grid.version)
    assert (case.unit, case.receipt.lead) == (OTHER_OFFICE, OTHER_OFFICE)
    step = next(step for step in redrawing.transitions if step.verb == "FOLLOW")
    assert step.payload["to"] == case.placement.cell
    assert step.cause == f"pack:{redrawn_city.digest[:16]}"


def test_a_case_on_ground_that_did_not_change_is_left_alone(redrawing, redrawn_city):
    number = redrawing.report("03-02 09:00", street="990102001")
    before = redrawing[number].placement
    redrawing.activate(redrawn_city, "07-01 00:00")
    assert redrawing[number].placement == before


def test_a_closed_case_stays_where_it_was(redrawing, redrawn_city):
    number = redrawing.report("06-30 09:00", self_handled=True, **at_moved())
    redrawing.activate(redrawn_city, "07-01 00:00")
    assert redrawing[number].placement.street == WHARF


def test_a_case_whose_place_another_desk_commands_now_goes_there(city, bent_city):
    after = bent_city(("city.toml", ZONE_AREAS, 'areas = ["990102002", "990101001"]\ncentre'))
    scene = Scene(city, after)
    number = scene.report("03-02 09:00", street=WHARF)
    scene.activate(after, "03-02 10:00")
    case = scene[number]
    assert (case.desk, case.state) == ("9901HT", "FILED")
    assert scene.verbs(number)[-4:] == ["FOLLOW", "TRANSFER", "RECEIVE", "FILE"]


def test_a_case_at_work_stays_with_its_desk_until_it_is_done(city, bent_city):
    after = bent_city(("city.toml", ZONE_AREAS, 'areas = ["990102002", "990101001"]\ncentre'))
    scene = Scene(city, after)
    number = scene.report("03-02 09:00", street=WHARF)
    for verb in ("SIGN", "START"):
        scene.act(number, verb, "03-02 09:10")
    scene.activate(after, "03-02 10:00")
    assert (scene[number].desk, scene[number].state) == (DESK, "HANDLING")


def test_what_was_routed_under_another_pack_is_routed_anew_when_it_arrives(city, bent_city):
    row = "002-01,002,E-01,CITY,990100,,LEAD,@street-office,,STATUTORY,,办法第2条,,,"
    after = bent_city(("duties.csv", row, row.replace("@street-office", "@district:urban-management")))
    scene = Scene(city, after)
    report = make_report(when("03-02 09:00"))
    old = route(city, [Accepted(report, when("03-02 09:00").astimezone(UTC), b"")])[0]
    assert old.receipt.lead == OFFICE
    scene.activate(after, "03-02 09:30")
    effects = scene.give(DESK, when("03-02 09:31"), old)
    number = next(step.case_no for step in effects.transitions if step.verb == "REPORT")
    assert scene[number].receipt.lead == "990101-UM"
    assert scene[number].receipt.duty_version == after.version
    assert scene.count("routed_again") == 1


def test_clocks_count_by_the_rules_in_force(city, bent_city):
    after = bent_city(("escalation.toml", "share = 0.8", "share = 0.5"))
    scene = Scene(city, after)
    number = scene.report("03-02 08:00")
    for verb in ("SIGN", "START"):
        scene.act(number, verb, "03-02 08:01")
    scene.activate(after, "03-02 09:00")
    scene.tick("03-02 10:30")
    assert [step.at for step in scene.transitions if step.payload.get("clock") == "HANDLE"] == [when("03-02 10:00")]


def test_a_desk_that_lacks_the_pack_in_force_refuses_to_go_on(city):
    desks = Desks(city)
    item = Item(1, DESK, when("03-02 09:00").astimezone(UTC), PackActivated("f" * 64, when("03-02 09:00"), DESK))
    with pytest.raises(MissingPackError, match="expected"):
        desks.receive([item])


def test_a_restarted_desk_works_under_the_pack_that_was_in_force(redrawing, redrawn_city):
    redrawing.report("03-02 09:00", **at_moved())
    redrawing.activate(redrawn_city, "07-01 00:00")
    written = msgspec.json.encode([desk.state() for desk in redrawing.desks])
    again = Desks(redrawing.packs[next(iter(redrawing.packs))], redrawing.packs.__getitem__)
    again.restore(msgspec.json.decode(written, type=list[DeskState]))
    assert again[DESK].clerk.city.digest == redrawn_city.digest
    assert again[DESK].state() == redrawing.desks[DESK].state()


def test_the_same_pack_put_in_force_again_changes_nothing(redrawing, redrawn_city):
    redrawing.report("03-02 09:00", **at_moved())
    redrawing.activate(redrawn_city, "07-01 00:00")
    before = len(redrawing.transitions)
    redrawing.activate(redrawn_city, "07-01 00:00")
    assert len(redrawing.transitions) == before
