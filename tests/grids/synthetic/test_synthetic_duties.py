"""The generated duty list: one lead nearly everywhere, exceptions that do what they say, and a plain re-reading."""

from __future__ import annotations

import csv
import re
from datetime import date
from itertools import product

import pyarrow.parquet as pq
import pytest

from grids.duties.proof import prove
from grids.duties.selectors import Component
from grids.rules import read_rules

RANK = {"CITY": 1, "DISTRICT": 2, "STREET": 3, "COMMUNITY": 4, "ZONE": 5}
DAYS = [date(y, m, d) for y, m, d in [(2025, 1, 1), (2025, 3, 1), (2025, 8, 1), (2026, 3, 2), (2026, 6, 30)]] + [
    date(2026, 7, 1), date(2031, 8, 1), date(2032, 6, 1),
]  # fmt: skip
DISTRICTS = ["510104", "510105", "510106", "510107", "510108"]
SPECIAL = ["510104017001", "510105005003", "510106032001", "510104019001"]


@pytest.fixture(scope="module")
def rules(pack):
    return read_rules(pack.directory)


@pytest.fixture(scope="module")
def places(rules):
    """One community a street: apart from the special ones no row looks deeper."""
    first = {area[:9]: area for area in sorted(rules.areas, reverse=True) if len(area) == 12}
    return [rules.places.at(area) for area in sorted({*first.values(), *SPECIAL})]


def decide(rules, leaf, area, day, severity=4, hour=12, urgency="NORMAL"):
    place = rules.places.at(area)
    facts = {"severity": severity, "urgency": urgency, "hour": hour, "area_class": place.area_class}
    return rules.duties.resolve(leaf, place, facts | {"zone": place.zones}, day)


def test_nothing_is_disputed_or_uncovered_and_nearly_everything_has_a_lead_by_a_row(rules, places):
    proof = prove(rules.duties, rules.catalogue.leaves, places)
    assert proof.holds
    assert 0.98 <= proof.explicit / proof.pairs < 1.0
    assert proof.backstop > 0


def test_a_plain_reading_of_the_list_gives_the_same_leads(pack, rules, places):
    with (pack.directory / "duties.csv").open(encoding="utf-8", newline="") as file:
        leads = [row for row in csv.DictReader(file) if row["role"] == "LEAD" and row["scope_type"] != "COMPONENT"]
    strata = {(p.district, p.zones, p.area_class, p.community in SPECIAL and p.community): p for p in places}
    moments = list(product(DAYS, (1, 2, 4), (3, 12, 21), ("NORMAL", "CRITICAL")))
    for leaf in rules.catalogue.leaves:
        rows = [row for row in leads if leaf == row["category"] or leaf.startswith(row["category"] + "-")]
        assert rows, leaf
        for place in strata.values():
            here = {*(place.community[:n] for n in (6, 9, 12)), *place.zones, "510100"}
            for day, severity, hour, urgency in moments:
                facts = {
                    "severity": severity, "hour": hour, "urgency": urgency, "area_class": place.area_class,
                    "zone": "".join(place.zones),
                }  # fmt: skip
                named = plain_lead(rows, here, facts, day.isoformat())
                found = decide(rules, leaf, place.community, day, severity, hour, urgency)
                if named is None:
                    assert found.outcome == "BACKSTOP", (leaf, place, day)
                else:
                    assert found.outcome == "LEAD", (leaf, place, day)
                    assert found.lead == plain_unit(named, place), (leaf, place, day, facts)


def plain_lead(rows, here, facts, day):
    """Name the unit of the most specific row, read straight from the table; None where no row speaks."""
    best = []
    for row in rows:
        ended = bool(row["effective_to"]) and day >= row["effective_to"]
        begun = day >= (row["effective_from"] or "0000")
        if row["scope_code"] not in here or not begun or (ended and not row["delegated_from"]):
            continue
        if row["when"] and not eval(row["when"], {}, facts):
            continue
        unit = row["delegated_from"] if ended else row["unit"]
        if unit in ("@owner", "@maintainer"):
            unit = row["fallback"]
        count = len(re.findall(r"[<>=!]=|[<>]", row["when"]))
        best.append(((RANK[row["scope_type"]], len(row["category"]), count, not ended), unit))
    return max(best)[1] if best else None


def plain_unit(name, place):
    codes = {"@street-office": f"{place.street}-OF", "@community": f"{place.community}-CO"}
    codes["@zone-committee"] = "5101GX-CM"
    short = {
        "urban-management": "UM", "housing": "HS", "transport": "TR", "water": "WT", "environment": "EV",
        "emergency": "EM", "greening": "GR", "market": "MK", "police": "PL", "civil-affairs": "CA", "health": "HL",
        "enforcement": "EN",
    }  # fmt: skip
    if name.startswith("@district:"):
        return f"{place.district}-{short[name.partition(':')[2]]}"
    return codes.get(name, name)


@pytest.mark.parametrize(
    ("leaf", "area", "before", "after"),
    [
        ("E-01-12", "510104017001", "510104017-OF", "510104-UM"),
        ("E-09-83", "510105005003", "510105005-OF", "510105-CA"),
        ("E-04-05", "510104017001", "510104017-OF", "510104-UM"),
    ],
)
def test_a_delegation_that_ends_on_1_july_2031_goes_back_on_that_day(rules, leaf, area, before, after):
    assert decide(rules, leaf, area, date(2031, 6, 30)).lead == before
    assert decide(rules, leaf, area, date(2031, 7, 1)).lead == after


def test_the_zone_takes_over_some_matters_and_leaves_the_others_where_they_were(rules):
    day = date(2026, 3, 2)
    assert decide(rules, "E-01-10", "510107063001", day).lead == "5101GX-UM"
    assert decide(rules, "E-01-01", "510107063001", day).lead == "5101GX-EN"
    assert decide(rules, "E-04-10", "510104019001", day).lead == "5101GX-UM"
    assert decide(rules, "E-08-84", "510107063001", day).lead == "510107-PL"
    assert decide(rules, "E-01-10", "510107005001", day).lead == "510107005-OF"


def test_severity_and_the_hour_decide_who_leads(rules):
    day = date(2026, 3, 2)
    leads = [decide(rules, "E-05-02", "510106024010", day, severity).lead for severity in (4, 2, 1)]
    assert leads == ["QY-GAS", "510106-EM", "510100-EM"]
    assert decide(rules, "E-07-84", "510106024010", day, hour=23).lead == "510106-PL"
    assert decide(rules, "E-07-84", "510106024010", day, hour=12).lead == "510106024-OF"


def test_a_city_unit_stationed_in_a_district_is_managed_by_it(rules):
    row = next(row for row in rules.duties.rows if row.mode == "MANAGED" and row.scope_code == "510106")
    assert rules.units[row.unit].level == "CITY"
    assert decide(rules, row.category, "510106024010", date(2026, 3, 2)).lead == row.unit


def test_with_its_component_a_matter_goes_to_the_owner_and_nobody_checks_themselves(pack, rules):
    components = pq.read_table(pack.directory / "components.parquet").to_pylist()
    district = {code: next(a for a in sorted(rules.areas) if len(a) == 12 and a[:6] == code) for code in DISTRICTS}
    leads = set()
    for row in components[::25]:
        component = Component(row["id"], row["category"], row["lon"], row["lat"], row["owner"], row["maintainer"])
        place = rules.places.at(district[row["id"][:6]])
        facts = {"severity": 4, "urgency": "NORMAL", "hour": 12, "area_class": place.area_class, "zone": place.zones}
        decision = rules.duties.resolve(row["category"], place, facts, date(2026, 3, 2), component)
        assert decision.outcome == "LEAD"
        assert not decision.self_supervised
        if row["category"] == "C-01-01":
            leads.add((row["owner"], decision.lead))
    assert {owner for owner, _ in leads} >= {"QY-WATER", "510106-WT"}
    assert all(owner == lead for owner, lead in leads if not lead.startswith("510104"))


def test_a_duty_for_one_component_names_a_component_that_there_is(pack, rules):
    components = pq.read_table(pack.directory / "components.parquet").to_pylist()
    known = {row["id"]: row["category"] for row in components}
    named = [row for row in rules.duties.rows if row.scope_type == "COMPONENT"]
    assert named
    assert all(known[row.scope_code] == row.category for row in named)


def test_every_matter_has_a_limit_and_a_closing_test_in_both_languages(pack, rules):
    with (pack.directory / "conditions.csv").open(encoding="utf-8", newline="") as file:
        conditions = list(csv.DictReader(file))
    assert {row["category"] for row in conditions} == set(rules.catalogue.leaves)
    assert all(row[key] for row in conditions for key in ("text", "text_en", "closing_test", "closing_test_en"))
    assert {row["clock"] for row in conditions} == {"URGENT_HOUR", "NATURAL_DAY", "WORK_HOUR", "WORK_DAY"}


def test_a_missing_manhole_cover_has_two_urgent_hours(rules):
    condition = rules.catalogue.condition("C-01-01", None, date(2026, 3, 2))
    assert (condition.limit.amount, condition.limit.clock) == (2, "URGENT_HOUR")


def test_every_foreign_code_is_mapped_to_one_leaf_at_every_severity(rules):
    foreign = [key for key in rules.catalogue.categories if key[0] != "city"]
    assert len({scheme for scheme, _ in foreign}) == 4
    for (scheme, code), severity in product(foreign, (1, 2, 3, 4)):
        assert rules.catalogue.to_city(scheme, code, {"severity": severity}) in rules.catalogue.leaves


def test_a_unit_is_found_under_any_of_its_spellings(rules):
    assert rules.units.named("锦江城管局") == rules.units.named("锦江区城市管理局") == "510104-UM"
    assert rules.units.named("锦官驿街办") == "510104017-OF"
