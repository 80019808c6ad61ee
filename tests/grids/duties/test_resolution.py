from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grids.duties import resolution
from grids.duties.resolution import Verdict
from tests.grids.duties.lists import (
    COMMUNITY,
    DAY,
    LEAF,
    component,
    decide,
    duty_list,
    facts,
    place,
    row,
    unit,
    units,
    why,
)

SCOPES = (
    "CITY:990100",
    "DISTRICT:990101",
    "STREET:990101001",
    "COMMUNITY:990101001001",
    "CELL:c1",
    "COMPONENT:M1",
)
HERE = place(zones=("HT",))


@pytest.mark.parametrize("narrow", range(1, len(SCOPES)))
def test_a_narrower_scope_wins_over_every_wider_one(narrow):
    rows = [row(f"r{n}", unit=f"U{n + 1}", scope=SCOPES[n]) for n in range(narrow + 1)]
    decision = decide(*rows, at=HERE, thing=component())
    assert (decision.outcome, decision.lead) == ("LEAD", f"U{narrow + 1}")
    assert why(decision) == {f"r{narrow}": "WON", **{f"r{n}": "LESS_SPECIFIC" for n in range(narrow)}}


def test_a_wider_scope_does_not_win_by_a_longer_category_or_more_conditions():
    city = row("a", unit="U1", category=LEAF, when="severity == 4 and hour == 12")
    street = row("b", unit="U2", category="*", scope="STREET:990101001")
    assert decide(city, street).lead == "U2"


def test_a_zone_ranks_with_a_cell_and_above_a_community():
    zone, community = row("z", unit="U1", scope="ZONE:HT"), row("c", unit="U2", scope=f"COMMUNITY:{COMMUNITY}")
    assert decide(zone, community, at=HERE).lead == "U1"
    assert decide(zone, row("k", unit="U3", scope="CELL:c1"), at=HERE).outcome == "DISPUTED"


def test_a_zone_row_speaks_of_the_places_in_the_zone_only():
    zone, city = row("z", unit="HT-UM", scope="ZONE:HT"), row("c", unit="U1")
    assert decide(zone, city, at=HERE).lead == "HT-UM"
    assert decide(zone, city, at=place()).lead == "U1"


def test_a_cell_row_may_name_a_cell_or_a_grid():
    assert decide(row("a", scope="CELL:c1")).lead == "U1"
    assert decide(row("a", scope="CELL:g1")).lead == "U1"
    assert decide(row("a", scope="CELL:c2")).outcome == "NONE"


def test_a_component_row_speaks_of_that_component_only():
    rows = row("a", unit="U2", scope="COMPONENT:M1"), row("b", unit="U1")
    assert decide(*rows, thing=component()).lead == "U2"
    assert decide(*rows, thing=component(name="M2")).lead == "U1"
    assert decide(*rows).lead == "U1"


def test_of_one_scope_the_longer_category_wins():
    rows = row("a", unit="U1", category="*"), row("b", unit="U2", category="E-01"), row("c", unit="U3", category=LEAF)
    assert decide(*rows).lead == "U3"
    assert decide(*rows, leaf="E-01-11").lead == "U2"
    assert decide(*rows, leaf="C-01-01").lead == "U1"


def test_of_one_category_more_conditions_win_where_they_hold():
    rows = (
        row("a", unit="U1"),
        row("b", unit="U2", when="severity <= 2"),
        row("c", unit="U3", when="severity <= 2 and hour >= 22"),
    )
    assert decide(*rows).lead == "U1"
    assert decide(*rows, severity=2).lead == "U2"
    assert decide(*rows, severity=2, hour=23).lead == "U3"
    assert why(decide(*rows, severity=2)) == {"a": "LESS_SPECIFIC", "b": "WON", "c": "CONDITION_FALSE"}


def test_a_longer_category_wins_over_more_conditions():
    rows = row("a", unit="U1", category=LEAF), row("b", unit="U2", when="severity == 4 and hour == 12")
    assert decide(*rows).lead == "U1"


def test_a_tie_is_disputed_and_both_rows_are_named():
    decision = decide(row("a", unit="U1"), row("b", unit="U2"))
    assert (decision.outcome, decision.lead) == ("DISPUTED", "")
    assert decision.rows == (
        Verdict("a", "LEAD", "U1", won=False, why="TIE"),
        Verdict("b", "LEAD", "U2", won=False, why="TIE"),
    )


def test_a_dispute_does_not_fall_to_the_backstop():
    decision = decide(row("a", unit="U1"), row("b", unit="U2"), row("c", unit="U3", role="BACKSTOP", category="*"))
    assert (decision.outcome, decision.lead) == ("DISPUTED", "")


def test_two_equal_rows_that_name_the_same_unit_are_no_dispute():
    decision = decide(row("a", unit="990101-UM"), row("b", unit="@district:urban-management"))
    assert (decision.outcome, decision.lead) == ("LEAD", "990101-UM")
    assert why(decision) == {"a": "WON", "b": "WON"}


def test_a_tie_of_wider_rows_does_not_matter_under_a_narrower_one():
    rows = row("a", unit="U1"), row("b", unit="U2"), row("c", unit="U3", scope="DISTRICT:990101")
    assert decide(*rows).lead == "U3"


def test_a_selector_that_means_two_units_is_disputed():
    twin = unit("990101001-O2", "STREET", "OFFICE", "990101001")
    decision = decide(row("a", unit="@street-office"), known=[twin])
    assert decision.outcome == "DISPUTED"
    assert decision.rows == (Verdict("a", "LEAD", "990101001-OF;990101001-O2", won=False, why="TIE"),)


def test_no_lead_falls_to_the_backstop_and_is_called_so():
    decision = decide(row("a", unit="@street-office", role="BACKSTOP", category="*"), row("b", when="severity == 1"))
    assert (decision.outcome, decision.lead) == ("BACKSTOP", "990101001-OF")
    assert why(decision) == {"a": "WON", "b": "CONDITION_FALSE"}


def test_a_lead_makes_the_backstop_idle():
    decision = decide(row("a", unit="U1"), row("b", unit="U2", role="BACKSTOP", scope="CELL:c1"))
    assert (decision.outcome, decision.lead) == ("LEAD", "U1")


def test_two_backstops_are_disputed():
    rows = row("a", unit="U1", role="BACKSTOP"), row("b", unit="U2", role="BACKSTOP")
    assert (decide(*rows).outcome, decide(*rows).lead) == ("DISPUTED", "")


def test_without_any_row_nobody_is_responsible():
    decision = decide()
    assert (decision.outcome, decision.lead, decision.rows) == ("NONE", "", ())


def test_a_category_is_not_taken_for_a_longer_one_that_begins_alike():
    assert decide(row("a", category="E-01-1"), leaf="E-01-10").outcome == "NONE"


# delegation


DELEGATED = row(
    "d", unit="@street-office", mode="DELEGATED", delegated_from="990101-UM", start="2026-01-01", end="2026-07-01"
)


def test_a_delegation_ends_at_midnight_of_the_city_and_not_a_second_earlier():
    zone = ZoneInfo("Asia/Shanghai")
    last = datetime(2026, 6, 30, 15, 59, 59, tzinfo=UTC).astimezone(zone)
    first = last + timedelta(seconds=1)
    assert (f"{last:%H:%M:%S}", f"{first:%H:%M:%S}") == ("23:59:59", "00:00:00")
    assert decide(DELEGATED, on=last.date()).lead == "990101001-OF"
    assert decide(DELEGATED, on=first.date()).lead == "990101-UM"


def test_a_delegation_that_has_not_begun_is_out_of_date():
    decision = decide(DELEGATED, row("c", unit="U1"), on=date(2025, 12, 31))
    assert decision.lead == "U1"
    assert why(decision)["d"] == "OUT_OF_DATE"


def test_a_duty_whose_delegation_ended_goes_back_and_the_receipt_says_so():
    assert why(decide(DELEGATED, on=date(2026, 7, 1))) == {"d": "WENT_BACK"}


def test_a_duty_may_go_back_to_a_selector():
    back = row("d", unit="U1", delegated_from="@district:urban-management", end="2026-01-01", mode="DELEGATED")
    assert decide(back, at=place("990102001001")).lead == "990102-UM"


def test_a_renewed_delegation_holds_over_the_one_that_went_back():
    renewed = row(
        "e", unit="@street-office", mode="DELEGATED", delegated_from="990101-UM", start="2026-07-01", end="2027-01-01"
    )
    assert decide(DELEGATED, renewed, on=date(2026, 7, 1)).lead == "990101001-OF"
    assert why(decide(DELEGATED, renewed, on=date(2026, 7, 1))) == {"d": "LESS_SPECIFIC", "e": "WON"}
    assert decide(DELEGATED, renewed, on=date(2027, 1, 1)).lead == "990101-UM"


def test_between_two_delegations_the_duty_is_back_for_a_while():
    later = row("e", unit="U2", mode="DELEGATED", delegated_from="990101-UM", start="2026-09-01", end="2027-01-01")
    leads = [decide(DELEGATED, later, on=date(2026, month, 15)).lead for month in (6, 8, 10)]
    assert leads == ["990101001-OF", "990101-UM", "U2"]


def test_a_row_in_its_own_dates_holds_over_an_equal_one_that_went_back():
    new_rule = row("n", unit="U3", start="2026-07-01")
    assert decide(DELEGATED, new_rule, on=date(2026, 7, 1)).lead == "U3"


def test_two_delegations_that_went_back_to_different_units_are_disputed():
    other = row("e", unit="U2", mode="DELEGATED", delegated_from="U3", end="2026-02-01")
    assert decide(DELEGATED, other, on=date(2026, 8, 1)).outcome == "DISPUTED"


def test_a_row_that_is_no_delegation_ends_with_its_dates():
    ended = row("a", end="2026-01-01")
    assert decide(ended, on=date(2025, 12, 31)).lead == "U1"
    assert why(decide(ended, on=date(2026, 1, 1))) == {"a": "OUT_OF_DATE"}


# units


def test_a_row_of_a_unit_that_is_not_active_gives_way_and_says_why():
    gone = unit("U9", until=date(2026, 1, 1))
    rows = row("a", unit="U9", scope="DISTRICT:990101"), row("b", unit="U1")
    decision = decide(*rows, known=[gone])
    assert decision.lead == "U1"
    assert why(decision) == {"a": "NO_SUCH_UNIT_HERE", "b": "WON"}
    assert decide(*rows, known=[gone], on=date(2025, 12, 31)).lead == "U9"


def test_a_selector_without_a_unit_gives_way_and_keeps_its_name_in_the_verdict():
    decision = decide(row("a", unit="@zone-committee"), row("b", unit="U1", role="BACKSTOP"))
    assert (decision.outcome, decision.lead) == ("BACKSTOP", "U1")
    assert Verdict("a", "LEAD", "@zone-committee", won=False, why="NO_SUCH_UNIT_HERE") in decision.rows


def test_a_fallback_stands_in_where_the_selector_names_nobody():
    rows = row("a", unit="@zone-committee", fallback="@street-office")
    assert decide(rows, at=place()).lead == "990101001-OF"
    assert decide(rows, at=HERE).lead == "HT-CM"


def test_a_fallback_that_names_nobody_either_is_a_finding():
    decision = decide(row("a", unit="@zone-committee", fallback="@owner"))
    assert decision.outcome == "NONE"
    assert why(decision) == {"a": "NO_SUCH_UNIT_HERE"}


def test_the_owner_of_the_component_leads_and_an_event_without_one_goes_to_the_fallback():
    rows = row("a", unit="@owner", fallback="@district:urban-management")
    assert decide(rows, thing=component(owner="U4")).lead == "U4"
    assert decide(rows, thing=component()).lead == "990101-UM"
    assert decide(rows).lead == "990101-UM"


def test_the_maintainer_of_the_component_may_cooperate():
    rows = row("a", unit="@owner"), row("b", unit="@maintainer", role="COOPERATE")
    decision = decide(*rows, thing=component("U4", "U5"))
    assert (decision.lead, decision.cooperate) == ("U4", ("U5",))


def test_a_component_is_never_answered_from_the_memory_of_another():
    duties = duty_list(row("a", unit="@owner", fallback="U1"))
    leads = [
        duties.resolve(LEAF, place(), facts(), DAY, thing).lead
        for thing in (None, component("U4"), component("U5"), None)
    ]
    assert leads == ["U1", "U4", "U5", "U1"]


def test_a_component_that_a_row_names_is_never_answered_from_the_memory_of_another():
    duties = duty_list(row("a", unit="U2", scope="COMPONENT:M1"), row("b", unit="U1"))
    things = component("U4"), component("U4", name="M2"), component("U5"), None
    leads = [duties.resolve(LEAF, place(), facts(), DAY, thing).lead for thing in things]
    assert leads == ["U2", "U1", "U2", "U1"]


# the other roles


@pytest.mark.parametrize("role", ["COOPERATE", "SUPERVISE", "APPROVE", "ENFORCE"])
def test_of_a_plural_role_all_units_of_the_most_specific_level_are_taken(role):
    rows = (
        row("l", unit="U6"),
        row("a", unit="U1", role=role),
        row("b", unit="U3", role=role, scope="STREET:990101001"),
        row("c", unit="U2", role=role, scope="STREET:990101001"),
    )
    decision = decide(*rows)
    assert decision.outcome == "LEAD"
    assert getattr(decision, role.lower()) == ("U2", "U3")
    assert why(decision) == {"l": "WON", "a": "LESS_SPECIFIC", "b": "WON", "c": "WON"}


def test_the_lead_does_not_cooperate_with_itself():
    rows = row("a", unit="U1"), row("b", unit="U1", role="COOPERATE"), row("c", unit="U2", role="COOPERATE")
    assert decide(*rows).cooperate == ("U2",)


def test_a_lead_that_supervises_itself_is_seen():
    assert decide(row("a", unit="U1"), row("b", unit="U1", role="SUPERVISE")).self_supervised
    assert not decide(row("a", unit="U1"), row("b", unit="U2", role="SUPERVISE")).self_supervised
    assert not decide(row("b", unit="U1", role="SUPERVISE")).self_supervised


def test_a_backstop_that_supervises_itself_is_seen():
    assert decide(row("a", unit="U1", role="BACKSTOP"), row("b", unit="U1", role="SUPERVISE")).self_supervised


def test_roles_do_not_compete_with_each_other():
    rows = row("a", unit="U1"), row("b", unit="U2", role="SUPERVISE", scope="CELL:c1")
    assert (decide(*rows).lead, decide(*rows).supervise) == ("U1", ("U2",))


def test_verdicts_come_by_role_then_winners_first_then_by_row():
    rows = (
        row("4", unit="U1", role="SUPERVISE"),
        row("3", unit="U3", when="severity == 1"),
        row("2", unit="U2"),
        row("1", unit="U1", category="*"),
    )
    assert [verdict.row for verdict in decide(*rows).rows] == ["2", "1", "3", "4"]


def test_rows_of_another_place_are_not_in_the_verdicts():
    assert why(decide(row("a", unit="U1"), row("b", unit="U2", scope="STREET:990101002"))) == {"a": "WON"}


# memory


def test_the_memory_starts_anew_when_it_is_full(monkeypatch):
    monkeypatch.setattr(resolution, "_MEMORY", 3)
    duties = duty_list(row("a", unit="@street-office", when="hour < 6"), row("b", unit="U1", role="BACKSTOP"))
    for _ in range(2):
        for hour in range(10):
            expected = "990101001-OF" if hour < 6 else "U1"
            assert duties.resolve(LEAF, place(), facts(hour=hour), DAY).lead == expected
    assert len(duties._memory) <= 3


def test_areas_whose_codes_begin_alike_are_told_apart():
    duties = duty_list(row("a", unit="U1", scope="DISTRICT:Manhattan 01"), row("b", unit="U2", category="*"))
    leads = [
        duties.resolve(LEAF, place("", street="", district=name), facts(), DAY).lead
        for name in ("Manhattan 01", "Manhattan 12")
    ]
    assert leads == ["U1", "U2"]


# laws

_WHEN = st.sampled_from(
    ["", "", "severity <= 2", "hour >= 22", 'zone == "HT"', 'severity <= 2 and area_class == "A"']
)
_DATES = st.sampled_from([None, None, ("2026-01-01", "2026-07-01"), ("2026-03-01", "2027-01-01")])
_PLACES = st.sampled_from(
    [
        place(),
        HERE,
        place("990101001002", cell="c2", area_class="A"),
        place("990101002001", cell="c3", zones=("HT", "TF")),
        place("990102001001", cell="c4", grid="g2"),
        place("", street="990101001", district="990101"),
        place("990103001001", cell="c5", grid=""),
    ]
)
_ROW_PARTS = st.fixed_dictionaries(
    {
        "unit": st.sampled_from(
            ["U1", "U2", "U9", "@owner", "@street-office", "@community", "@district:enforcement", "@zone-committee"]
        ),
        "scope": st.sampled_from(
            f"CITY: CITY: DISTRICT:990101 STREET:990101001 COMMUNITY:{COMMUNITY} CELL:c1 CELL:g2 ZONE:HT".split()
        ),
        "category": st.sampled_from(["*", "E-01", LEAF, "C-01"]),
        "role": st.sampled_from(["LEAD", "LEAD", "LEAD", "BACKSTOP", "COOPERATE", "SUPERVISE"]),
        "when": _WHEN,
        "fallback": st.sampled_from(["", "", "U4"]),
    }
)  # fmt: skip


@st.composite
def lists_of_rows(draw, most=6):
    rows = []
    for number, parts in enumerate(draw(st.lists(_ROW_PARTS, max_size=most))):
        dates = {}
        if span := draw(_DATES):
            dates = {"start": span[0], "end": span[1], "delegated_from": draw(st.sampled_from(["", "U5"]))}
        rows.append(row(f"r{number}", **parts, **dates))
    return rows


_FACTS = st.fixed_dictionaries({"severity": st.integers(1, 4), "hour": st.sampled_from([0, 12, 23])})
_DAYS = st.sampled_from([date(2025, 6, 1), date(2026, 1, 1), date(2026, 3, 1), date(2026, 7, 1), date(2027, 1, 1)])
CLOSED = unit("U9", until=date(2026, 2, 1))


def situation(where, some):
    return facts(**some, area_class=where.area_class, zone=where.zones)


@given(lists_of_rows(), st.randoms(use_true_random=False), _PLACES, _FACTS, _DAYS)
def test_the_order_of_rows_never_changes_anything(rows, draw, where, some, day):
    shuffled = draw.sample(rows, len(rows))
    known = situation(where, some)
    answers = [duty_list(*order, known=[CLOSED]).resolve(LEAF, where, known, day) for order in (rows, shuffled)]
    assert answers[0] == answers[1]


@given(lists_of_rows(), st.lists(st.tuples(_PLACES, _FACTS, _DAYS), min_size=2, max_size=12))
def test_what_is_remembered_is_what_would_be_decided_anew(rows, situations):
    duties = duty_list(*rows, known=[CLOSED])
    for where, some, day in situations * 2:
        known = situation(where, some)
        assert duties.resolve(LEAF, where, known, day) == duties.decide(LEAF, where, known, day, None)


@given(lists_of_rows(), _PLACES, _FACTS, _DAYS, st.sampled_from(["CELL:nowhere", "STREET:990199001", "ZONE:XX"]))
def test_a_more_specific_row_elsewhere_never_changes_the_decision_here(rows, where, some, day, scope):
    known = situation(where, some)
    more = [*rows, row("zz", unit="U6", category=LEAF, scope=scope)]
    before, after = (duty_list(*each, known=[CLOSED]).resolve(LEAF, where, known, day) for each in (rows, more))
    assert before == after


@given(lists_of_rows(), _PLACES, _FACTS, _DAYS)
def test_a_new_row_for_one_cell_takes_that_cell_and_leaves_every_other_lead(rows, where, some, day):
    known = situation(where, some)
    wide = [one for one in rows if one.scope_type not in ("CELL", "ZONE")]
    more = [*wide, row("zz", unit="U6", category=LEAF, scope="CELL:c1")]
    before, after = (duty_list(*each, known=[CLOSED]).resolve(LEAF, where, known, day) for each in (wide, more))
    if where.cell == "c1":
        assert (after.outcome, after.lead) == ("LEAD", "U6")
    else:
        assert (after.outcome, after.lead) == (before.outcome, before.lead)


@given(lists_of_rows(), _PLACES, _FACTS, _DAYS)
def test_a_lead_is_named_just_when_the_outcome_says_so_and_is_an_active_unit(rows, where, some, day):
    decision = duty_list(*rows, known=[CLOSED]).resolve(LEAF, where, situation(where, some), day)
    assert bool(decision.lead) is (decision.outcome in ("LEAD", "BACKSTOP"))
    if decision.lead:
        assert units(CLOSED)[decision.lead].active(day)
        role = decision.outcome
        assert decision.lead in {verdict.unit for verdict in decision.rows if verdict.won and verdict.role == role}
    assert decision.lead not in decision.cooperate
