from __future__ import annotations

import csv
import io

import msgspec
import pytest
from scenes import BELLTOWER, CENTRE, DESK, EASTGATE, OFFICE, OTHER_OFFICE, Scene, make_report, when

from grids.duties.receipts import Receipt, intact
from grids.duties.routing import recheck
from grids.duties.rulings import EXPORTED, exported

UM = "990101-UM"
ROW = "002-01,002,E-01,CITY,990100,,LEAD,@street-office,,STATUTORY,,办法第2条,,,"
TWIN = ROW.replace("002-01", "002-09").replace("@street-office", "@district:urban-management")


@pytest.fixture
def tied(bent_city):
    """A city in which the street office and the district's department both lead for litter."""
    return Scene(bent_city(("duties.csv", ROW, f"{ROW}\n{TWIN}")))


def refused(effects):
    return [letter.reason for letter in effects.dead_letters]


def in_dispute(scene, at="03-02 09:00", **fields):
    number = scene.report(at, **fields)
    for verb in ("ACCEPT", "FILE"):
        scene.act(number, verb, at)
    assert scene[number].state == "DISPUTED"
    return number


def test_a_tie_goes_to_the_district_with_a_clock_of_its_own(tied):
    number = in_dispute(tied)
    step = next(step for step in tied.transitions if step.verb == "DISPUTE")
    assert (step.actor, step.from_, step.to) == ("SYSTEM", "FILED", "DISPUTED")
    assert tied.clock(number, "DISPUTE").due == when("03-03 09:00")
    assert tied.clock(number, "DISPUTE").unit == CENTRE
    assert tied.clock(number, "DISPATCH").ended == when("03-02 09:00")


def test_an_undecided_dispute_escalates_like_the_rest(tied):
    in_dispute(tied)
    tied.tick("03-10 09:00")
    assert [step.reason for step in tied.transitions if step.payload.get("clock") == "DISPUTE"] == [
        "DISPUTE 80%", "DISPUTE 100%", "DISPUTE 150%", "DISPUTE 200%", "DISPUTE 300%",
    ]  # fmt: skip


def test_two_returns_make_a_dispute_and_one_does_not(scene):
    number = scene.bring("RETURNED", "03-02 09:00")
    assert scene[number].state == "RETURNED"
    scene.act(number, "REDISPATCH", "03-02 09:10", unit=OTHER_OFFICE)
    scene.act(number, "RETURN", "03-02 09:20")
    case = scene[number]
    assert (case.state, case.unit, case.flags["returned"], case.flags["disputed"]) == ("DISPUTED", "", 2, 1)
    assert scene.clock(number, "HANDLE", OTHER_OFFICE).since is None


def test_the_pack_says_how_many_returns_make_a_dispute(bent_city):
    scene = Scene(
        bent_city(
            ("city.toml", "[limits]", "[limits]\nreturns = 1"), ("city.toml", 'mode = "auto"', 'mode = "manual"')
        )
    )
    number = scene.bring("DISPATCHED", "03-02 09:00")
    scene.act(number, "RETURN", "03-02 09:10")
    assert scene[number].state == "DISPUTED"


def test_a_receiver_returns_further_and_the_duty_officer_dispatches_again(scene):
    number = scene.bring("RETURNED", "03-02 09:00")
    scene.act(number, "RETURN", "03-02 09:05", CENTRE)
    assert (scene[number].state, scene[number].flags["returned"]) == ("FILED", 1)
    assert scene.clock(number, "DISPATCH").since == when("03-02 09:00")
    scene.act(number, "DISPATCH", "03-02 09:10", unit=OTHER_OFFICE)
    assert scene[number].unit == OTHER_OFFICE


def test_a_returned_case_is_not_dispatched_to_the_same_lead_by_the_system(auto):
    number = auto.report("03-02 09:00")
    auto.act(number, "RETURN", "03-02 09:05")
    auto.act(number, "RETURN", "03-02 09:06", CENTRE)
    assert auto[number].state == "FILED"


def test_a_ruling_dispatches_the_case_and_lays_down_a_dated_duty_row(tied):
    number = in_dispute(tied)
    effects = tied.act(number, "RULE", "03-02 10:00", unit=UM, scope_type="STREET", reason="its street")
    (ruling,) = [step.ruling for step in effects.transitions if step.verb == "RULE"]
    assert (ruling.category, ruling.scope_type, ruling.scope_code, ruling.unit) == (
        "E-01-10",
        "STREET",
        BELLTOWER,
        UM,
    )
    assert (ruling.case_no, ruling.decided_by, ruling.overrules) == (number, CENTRE, "")
    assert ruling.effective_from == when("03-02 10:00").date()
    case = tied[number]
    assert (case.state, case.unit, case.receipt.lead, case.receipt.outcome) == ("DISPATCHED", UM, UM, "LEAD")
    assert case.receipt.ruling == ruling
    assert tied.clock(number, "DISPUTE").ended == when("03-02 10:00")
    assert tied.clock(number, "HANDLE").since == when("03-02 10:00")


def test_the_next_report_of_the_kind_follows_the_ruling_without_a_dispute(tied):
    tied.act(in_dispute(tied), "RULE", "03-02 10:00", unit=UM, scope_type="STREET")
    number = tied.report("03-02 11:00")
    case = tied[number]
    assert (case.state, case.unit) == ("DISPATCHED", UM)
    assert [row.why for row in case.receipt.rows if row.won and row.role == "LEAD"] == ["RULING"]
    assert {row.why for row in case.receipt.rows if row.row in ("002-01", "002-09")} == {"OVERRULED"}


def test_a_ruling_says_nothing_of_other_places_categories_and_earlier_days(tied):
    tied.act(in_dispute(tied), "RULE", "03-02 10:00", unit=UM, scope_type="STREET")
    for fields in ({"street": "990101001"}, {"occurred_at": when("03-01 12:00")}):
        number = tied.report("03-02 11:00", **fields)
        assert tied[number].receipt.outcome == "DISPUTED"


def test_another_desk_has_rulings_of_its_own(tied):
    tied.act(in_dispute(tied), "RULE", "03-02 10:00", unit=UM, scope_type="CITY")
    assert tied[tied.report("03-02 11:00", street=EASTGATE)].receipt.outcome == "DISPUTED"


def test_a_ruling_ends_on_its_date(tied):
    number = in_dispute(tied)
    tied.act(number, "RULE", "03-02 10:00", unit=UM, scope_type="STREET", effective_to="2026-03-04")
    assert tied[tied.report("03-03 11:00")].receipt.lead == UM
    assert tied[tied.report("03-04 11:00")].receipt.outcome == "DISPUTED"


def test_the_narrower_ruling_wins_and_of_equals_the_later(tied):
    first, second, third = (in_dispute(tied, f"03-02 09:0{n}") for n in range(3))
    tied.act(first, "RULE", "03-02 10:00", unit=UM, scope_type="STREET")
    tied.act(second, "RULE", "03-02 10:01", unit=OFFICE, scope_type="DISTRICT")
    assert tied[tied.report("03-02 11:00")].receipt.lead == UM
    tied.act(third, "RULE", "03-03 10:00", unit=OFFICE, scope_type="STREET")
    assert tied[tied.report("03-03 11:00")].receipt.lead == OFFICE


def test_a_ruling_after_two_returns_takes_the_duty_from_the_lead_that_returned_it(scene):
    number = scene.bring("RETURNED", "03-02 09:00")
    scene.act(number, "REDISPATCH", "03-02 09:10", unit=OFFICE)
    scene.act(number, "RETURN", "03-02 09:20")
    scene.act(number, "RULE", "03-02 10:00", unit=UM, scope_type="COMMUNITY")
    case = scene[number]
    assert (case.receipt.ruling.overrules, case.receipt.lead) == (OFFICE, UM)
    assert scene[scene.report("03-02 11:00")].receipt.lead == UM
    assert scene[scene.report("03-02 11:00", street=EASTGATE)].receipt.lead == "990102001-OF"


def test_only_the_desks_centre_and_the_citys_rule(tied):
    number = in_dispute(tied)
    for by in (OFFICE, UM, "990102-CC"):
        assert refused(tied.act(number, "RULE", "03-02 10:00", by, unit=UM, scope_type="STREET")) == ["NOT_ALLOWED"]


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ({"unit": "nobody", "scope_type": "STREET"}, "UNKNOWN_UNIT"),
        ({"unit": UM, "scope_type": "PLANET"}, "BAD_PAYLOAD"),
        ({"unit": UM, "scope_type": "STREET", "scope_code": EASTGATE}, "BAD_PAYLOAD"),
        ({"unit": UM, "scope_type": "STREET", "category": "E-02"}, "BAD_PAYLOAD"),
        ({"unit": UM, "scope_type": "STREET", "category": "*"}, "BAD_PAYLOAD"),
        ({"unit": UM, "scope_type": "ZONE"}, "BAD_PAYLOAD"),
        ({"unit": UM, "scope_type": "STREET", "effective_to": "2026-03-01"}, "BAD_PAYLOAD"),
    ],
)
def test_a_ruling_that_would_not_settle_its_own_dispute_is_refused(tied, payload, reason):
    number = in_dispute(tied)
    assert refused(tied.act(number, "RULE", "03-02 10:00", payload=payload)) == [reason]
    assert tied[number].state == "DISPUTED"


def test_a_receipt_that_embeds_a_ruling_can_be_checked_offline(tied):
    tied.act(in_dispute(tied), "RULE", "03-02 10:00", unit=UM, scope_type="STREET")
    receipt = tied[tied.report("03-02 11:00")].receipt
    written = msgspec.json.decode(msgspec.json.encode(receipt), type=Receipt)
    assert intact(written)
    assert recheck(tied.city, written) == []
    forged = msgspec.structs.replace(written, lead=OFFICE)
    assert recheck(tied.city, forged) != []


def test_exported_rulings_stand_in_a_duty_list_and_decide_the_same(tied, bent_city):
    tied.act(in_dispute(tied), "RULE", "03-02 10:00", unit=UM, scope_type="CITY")
    (line,) = exported(tied.desks[DESK].book.rulings.values())
    row = dict(zip(EXPORTED, line, strict=True))
    assert row["supersedes"] == "002-01;002-09"
    assert (row["role"], row["unit"], row["effective_from"]) == ("LEAD", UM, "2026-03-02")
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(line[:-1])
    ended = "\n".join(one[:-1] + "2026-03-02," for one in (ROW, TWIN))
    after = Scene(bent_city(("duties.csv", ROW, f"{ended}\n{text.getvalue().strip()}")))
    assert after[after.report("03-02 11:00")].receipt.lead == UM


def test_a_ruling_survives_in_the_desks_state(tied):
    tied.act(in_dispute(tied), "RULE", "03-02 10:00", unit=UM, scope_type="STREET")
    again = Scene(tied.city)
    again.desks.restore([desk.state() for desk in tied.desks])
    assert again[again.report("03-02 11:00")].receipt.lead == UM


def test_a_report_of_another_matter_is_left_alone(tied):
    tied.act(in_dispute(tied), "RULE", "03-02 10:00", unit=UM, scope_type="STREET")
    effects = tied.send(make_report(when("03-02 11:00"), category="E-01-20"), when("03-02 11:00"))
    case = tied[next(step.case_no for step in effects.transitions if step.verb == "REPORT")]
    assert case.receipt.ruling is msgspec.UNSET
