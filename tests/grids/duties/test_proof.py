from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from itertools import product

import pytest
from hypothesis import given, settings

from grids.city import demo_pack
from grids.duties.proof import prove
from grids.rules import read_rules
from tests.grids.duties.lists import LEAF, duty_list, facts, place, row, unit
from tests.grids.duties.test_resolution import lists_of_rows
from tests.packs import STREETS, write_pack

CLOSED = unit("U9", until=date(2026, 2, 1))
PLACES = (
    place(),
    place(cell="c1b", area_class="A"),
    place("990101001002", cell="c2", zones=("HT",)),
    place("990101002001", cell="c3", grid="g2", zones=("HT", "TF")),
    place("990102001001", cell="c4", grid="g3", area_class="A"),
    place("990103001001", cell="c5", grid=""),
)
LEAVES = ("C-01-01", LEAF, "E-01-20")
WORST_FIRST = ("NONE", "DISPUTED", "BACKSTOP", "LEAD")


def test_a_list_with_one_lead_everywhere_holds():
    proof = prove(duty_list(row("a", unit="U1", category="*")), LEAVES, PLACES)
    assert (proof.pairs, proof.explicit) == (18, 18)
    assert (proof.backstop, proof.disputed, proof.none, proof.self_supervised) == (0, 0, 0, 0)
    assert proof.holds
    assert proof.examples == []


def test_pairs_that_only_a_backstop_covers_are_counted_apart():
    rows = row("a", unit="U1", scope="DISTRICT:990101"), row("b", unit="U2", role="BACKSTOP", category="*")
    proof = prove(duty_list(*rows), LEAVES, PLACES)
    assert (proof.explicit, proof.backstop) == (8, 10)
    assert proof.holds


def test_a_pair_counts_in_the_worst_class_it_ever_falls_into():
    backstop, fine = row("b", unit="U2", role="BACKSTOP", category="*"), row("a", unit="U1", when="hour >= 6")
    assert prove(duty_list(fine, backstop), [LEAF], PLACES).backstop == 6
    rival = row("c", unit="U3", when="severity == 1")
    proof = prove(duty_list(fine, rival, backstop), [LEAF], PLACES)
    assert (proof.disputed, proof.holds) == (6, False)


def test_a_gap_in_the_dates_of_a_lead_is_found():
    rows = row("a", unit="U1", end="2026-03-01"), row("b", unit="U2", start="2026-03-02")
    proof = prove(duty_list(*rows), [LEAF], PLACES)
    assert proof.none == 6
    assert proof.examples[0].day == date(2026, 3, 1)


def test_a_day_on_which_a_unit_stops_to_exist_is_found():
    proof = prove(duty_list(row("a", unit="U9"), known=[CLOSED]), [LEAF], PLACES)
    assert (proof.none, proof.examples[0].day) == (6, date(2026, 2, 1))


def test_a_tie_gives_an_example_with_its_rows_and_how_many_pairs_it_stands_for():
    proof = prove(
        duty_list(row("a", unit="U1"), row("b", unit="U2"), row("c", unit="U3", category="*")), [LEAF], PLACES
    )
    (example,) = proof.examples
    assert (example.fault, example.category, example.rows) == ("DISPUTED", LEAF, ["a", "b"])
    assert example.pairs <= proof.disputed == 6


def test_a_checker_who_is_the_doer_is_found_also_under_one_condition_only():
    rows = row("a", unit="U1"), row("s", unit="U1", role="SUPERVISE", when="severity == 1")
    proof = prove(duty_list(*rows), [LEAF], PLACES)
    assert (proof.explicit, proof.self_supervised, proof.holds) == (6, 6, False)
    assert proof.examples[0].fault == "SELF_SUPERVISED"
    assert proof.examples[0].facts["severity"] == 1


def test_at_most_twenty_examples_are_given():
    leaves = [f"E-01-{n:02d}" for n in range(30)]
    assert len(prove(duty_list(), leaves, PLACES).examples) == 20


def test_without_places_there_is_nothing_to_prove():
    proof = prove(duty_list(row("a")), LEAVES, ())
    assert (proof.pairs, proof.holds) == (0, True)


def test_progress_is_told_leaf_by_leaf():
    heard = []
    prove(duty_list(), LEAVES, PLACES, lambda name, share: heard.append((name, share)))
    assert [share for _, share in heard] == pytest.approx([1 / 3, 2 / 3, 1])


def test_cells_that_no_row_tells_apart_are_one_class():
    many = [place(cell=f"x{n}") for n in range(1000)]
    assert prove(duty_list(row("a")), [LEAF], many).classes == prove(duty_list(row("a")), [LEAF], many[:1]).classes


@settings(max_examples=200, deadline=None)
@given(lists_of_rows(most=5))
def test_the_proof_agrees_with_asking_every_pair_on_every_day_under_every_condition(rows):
    duties = duty_list(*rows, known=[CLOSED])
    days = [date(2025, 12, 31) + timedelta(days=n) for n in (0, 1, 31, 32, 59, 60, 61, 181, 182, 365, 366, 367)]
    expected: Counter[str] = Counter()
    for where, leaf in product(PLACES, LEAVES):
        worst, owned = "LEAD", False
        for day, severity, hour in product(days, (1, 2, 3, 4), (0, 5, 12, 21, 22, 23)):
            asked = facts(severity=severity, hour=hour, area_class=where.area_class, zone=where.zones)
            decision = duties.decide(leaf, where, asked, day, None)
            worst = min(worst, decision.outcome, key=WORST_FIRST.index)
            owned = owned or decision.self_supervised
        expected[worst] += 1
        expected["SELF"] += owned
    proof = prove(duty_list(*rows, known=[CLOSED]), LEAVES, PLACES)
    assert proof.explicit + proof.backstop + proof.disputed + proof.none == proof.pairs == len(PLACES) * len(LEAVES)
    assert (proof.explicit, proof.backstop) == (expected["LEAD"], expected["BACKSTOP"])
    assert (proof.disputed, proof.none) == (expected["DISPUTED"], expected["NONE"])
    assert proof.self_supervised == expected["SELF"]
    assert proof.holds is not bool(proof.disputed or proof.none or proof.self_supervised)


def test_the_small_pack_proves_with_its_road_collapses_on_the_backstop(tmp_path):
    rules = read_rules(write_pack(tmp_path / "city"))
    places = [rules.places.at(f"{street}00{n}", cell=f"{street}{n}") for street in STREETS for n in (1, 2)]
    proof = prove(rules.duties, rules.catalogue.leaves, places)
    assert (proof.pairs, proof.explicit, proof.backstop, proof.holds) == (40, 32, 8, True)


def test_the_demo_pack_proves_with_95_percent_explicit_on_over_10000_pairs():
    rules = read_rules(demo_pack())
    named = {one.scope_code for one in rules.duties.rows if one.scope_type == "COMMUNITY"}
    streets: dict[str, list[str]] = {}
    for code in sorted(code for code, area in rules.areas.items() if area.level == "COMMUNITY"):
        streets.setdefault(code[:9], []).append(code)
    chosen = sorted({*named, *(code for communities in streets.values() for code in communities[:3])})
    proof = prove(rules.duties, rules.catalogue.leaves, [rules.places.at(code, cell=code) for code in chosen])
    assert proof.holds, proof.examples
    assert proof.pairs > 10_000
    assert proof.explicit >= 0.95 * proof.pairs
