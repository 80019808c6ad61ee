from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grids.errors import Problem
from grids.settings import (
    CAUTION,
    STEPS,
    AutomationRule,
    CityForm,
    DeskForm,
    DuplicatesForm,
    EscalationForm,
    LayersForm,
    Nearness,
    StepLimits,
    Weights,
    convert,
)
from grids.tables import Problems
from grids.worktime import Limit

CITY = {
    "adcode": "990100",
    "name_zh": "市",
    "name_en": "City",
    "timezone": "Asia/Shanghai",
    "crs": "EPSG:4544",
    "base": "ZZ",
    "desk": [{"code": "990100", "name_zh": "市", "name_en": "City", "level": "CITY", "areas": ["9901"]}],
}
MATTER = {"outcome": "LEAD", "channel": "HOTLINE", "severity": 4, "matter": "INCIDENT", "confidence": 1.0}


def city(**changes: object) -> tuple[CityForm | None, Problems]:
    problems = Problems()
    return convert(CityForm, {**CITY, **changes}, Path("city.toml"), problems), problems


RULE = {"steps": ["ACCEPT"], "mode": "auto"}


def automation(*rules: AutomationRule, **matter: object) -> dict[str, str]:
    form = CityForm("1", "市", "City", "Asia/Shanghai", "EPSG:4544", "ZZ", [], automation=list(rules))
    return form.automation_of(**{**MATTER, **matter})  # type: ignore[arg-type]


def test_what_a_city_leaves_out_has_the_standards_values():
    form, problems = city()
    assert form is not None
    assert not problems
    assert form.hours.periods == ["08:00-12:00", "14:00-18:00"]
    assert form.hours.weekdays == [1, 2, 3, 4, 5]
    assert (form.tolerances.sliver_m, form.tolerances.snap_m) == (5.0, 30.0)
    assert form.desk == [DeskForm("990100", "市", "City", "CITY", ["9901"])]


@pytest.mark.parametrize(
    ("changes", "field", "found"),
    [
        ({"adcode": 990100}, "adcode", "Expected `str`, got `int`"),
        ({"colour": "red"}, "", "Object contains unknown field `colour`"),
        ({"hours": {"periods": ["08:00-12:00", 14]}}, "hours.periods[1]", "Expected `str`, got `int`"),
        ({"hours": {"periods": []}}, "hours.periods", "Expected `array` of length >= 1"),
        ({"hours": {"weekdays": []}}, "hours.weekdays", "Expected `array` of length >= 1"),
        ({"hours": {"weekdays": [0]}}, "hours.weekdays[0]", "Expected `int` >= 1"),
        ({"hours": {"weekdays": [8]}}, "hours.weekdays[0]", "Expected `int` <= 7"),
        ({"tolerances": {"snap_m": "far"}}, "tolerances.snap_m", "Expected `float`, got `str`"),
        ({"tolerances": {"snap_m": -1}}, "tolerances.snap_m", "Expected `float` >= 0.0"),
        ({"tolerances": {"snap_km": 1}}, "tolerances", "Object contains unknown field `snap_km`"),
        ({"desk": [{"code": "990100"}]}, "desk[0]", "Object missing required field `name_zh`"),
        ({"desk": "990100"}, "desk", "Expected `array`, got `str`"),
        ({"limits": {"sign": {"NORMAL": 2}}}, "limits.sign[...]", "Expected `str`, got `int`"),
        ({"automation": [{"steps": ["ACCEPT"]}]}, "automation[0]", "Object missing required field `mode`"),
        ({"automation": [RULE | {"outcomes": ["LEED"]}]}, "automation[0].outcomes[0]", "Invalid enum value 'LEED'"),
        ({"automation": [RULE | {"channels": ["SMS"]}]}, "automation[0].channels[0]", "Invalid enum value 'SMS'"),
        ({"automation": [RULE | {"matters": ["EVENT"]}]}, "automation[0].matters[0]", "Invalid enum value 'EVENT'"),
        ({"automation": [RULE | {"severities": [0]}]}, "automation[0].severities[0]", "Invalid enum value 0"),
        ({"channel_datum": {"HOTLNE": "GCJ02"}}, "channel_datum", "Invalid enum value 'HOTLNE'"),
        ({"illustrative": "yes"}, "illustrative", "Expected `bool`, got `str`"),
    ],
)
def test_what_does_not_fit_the_form_is_named_by_its_key(changes, field, found):
    form, problems = city(**changes)
    assert form is None
    assert problems == [Problem("city.toml", 0, field, found, "the form described in docs/city-pack.md")]


@pytest.mark.parametrize("name", sorted(CITY))
def test_a_key_that_is_needed_and_missing_is_named(name):
    problems = Problems()
    raw = {key: value for key, value in CITY.items() if key != name}
    assert convert(CityForm, raw, Path("city.toml"), problems) is None
    assert f"`{name}`" in problems[0].found


@pytest.mark.parametrize(
    ("form", "raw", "field"),
    [
        (LayersForm, {"layer": [{"net": "ZZ", "file": "zz.geojson"}]}, "layer[0]"),
        (EscalationForm, {"tier": [{"share": "all", "notify": "HANDLER"}]}, "tier[0].share"),
        (EscalationForm, {"tier": [{"share": 0, "notify": "HANDLER"}]}, "tier[0].share"),
        (EscalationForm, {"tier": [{"share": float("nan"), "notify": "HANDLER"}]}, "tier[0].share"),
        (EscalationForm, {"tier": [{"share": 1, "notify": "MAYOR"}]}, "tier[0].notify"),
        (EscalationForm, {"tier": [{"share": 1, "notify": "CITY", "verb": "URGE"}]}, "tier[0].verb"),
        (DuplicatesForm, {"event": {"metres": 50, "hours": 24, "kilometres": 1}}, "event"),
        (DuplicatesForm, {"event": {"metres": -50, "hours": 24}}, "event.metres"),
        (DuplicatesForm, {"event": {"metres": 50, "hours": 0}}, "event.hours"),
        (DuplicatesForm, {"memory_days": 0}, "memory_days"),
        (DuplicatesForm, {"repeat": {"times": 0}}, "repeat.times"),
        (DuplicatesForm, {"merge": 1.1}, "merge"),
        (DuplicatesForm, {"suggest": 0}, "suggest"),
        (DuplicatesForm, {"weights": {"text": -0.1}}, "weights.text"),
        (DuplicatesForm, {"weights": {"text": float("nan")}}, "weights.text"),
        (DuplicatesForm, {"coarse_m": 0}, "coarse_m"),
        (DuplicatesForm, {"unstated_m": -1}, "unstated_m"),
        (DuplicatesForm, {"special": [{"metres": 5}]}, "special[0]"),
    ],
)
def test_the_other_forms_are_as_strict(form, raw, field):
    problems = Problems()
    assert convert(form, raw, Path("x.toml"), problems) is None
    assert problems[0].field == field


def test_without_a_file_duplicates_are_found_by_the_standards_distances():
    form = convert(DuplicatesForm, {}, Path("duplicates.toml"), Problems())
    assert form is not None
    assert [(n.metres, n.hours) for n in (form.component, form.event, form.diffuse)] == [
        (10, 168),
        (50, 24),
        (300, 12),
    ]
    assert (form.repeat.times, form.repeat.days, form.memory_days) == (3, 30, 400)
    assert (form.merge, form.suggest, form.weights) == (0.9, 0.7, Weights(0.4, 0.2, 0.2, 0.2))


def test_a_category_is_as_near_as_the_most_particular_table_that_names_it_says():
    form = DuplicatesForm(
        event=Nearness(50, 24, ["C-9"]),
        diffuse=Nearness(300, 12, ["E-1", "E-2"]),
        special=[Nearness(5, 1, ["E-2"])],
    )
    asked = (("E-1", "EVENT"), ("E-2", "EVENT"), ("E-3", "EVENT"), ("C-9", "COMPONENT"), ("C-1", "COMPONENT"))
    assert [form.nearness(*one).metres for one in asked] == [300, 5, 50, 50, 10]


def test_signing_has_a_limit_for_each_urgency():
    limits = StepLimits()
    assert limits.of("accept") == Limit(15, "URGENT_MINUTE")
    assert limits.of("sign") == Limit(2, "WORK_HOUR")
    assert limits.of("sign", "CRITICAL") == Limit(5, "URGENT_MINUTE")


# automation

BOLD = AutomationRule(list(STEPS), "auto", outcomes=["LEAD"], min_confidence=0.9)


def test_without_a_rule_every_step_is_manual():
    assert automation() == dict.fromkeys(STEPS, "manual")


def test_a_rule_speaks_of_its_steps_only():
    modes = automation(AutomationRule(["ACCEPT", "FILE"], "auto"))
    assert modes == {**dict.fromkeys(STEPS, "manual"), "ACCEPT": "auto", "FILE": "auto"}


@pytest.mark.parametrize(
    ("rule", "matter"),
    [
        ({"outcomes": ["LEAD"]}, {"outcome": "BACKSTOP"}),
        ({"channels": ["HOTLINE"]}, {"channel": "MEDIA"}),
        ({"severities": [3, 4]}, {"severity": 2}),
        ({"matters": ["INCIDENT"]}, {"matter": "INQUIRY"}),
        ({"min_confidence": 0.9}, {"confidence": 0.89}),
        ({"outcomes": []}, {}),
    ],
)
def test_every_stated_condition_of_a_rule_must_hold(rule, matter):
    one = AutomationRule(["ACCEPT"], "auto", **rule)
    assert automation(one, **matter)["ACCEPT"] == "manual"
    if matter:
        assert automation(one)["ACCEPT"] == "auto"


def test_the_least_confidence_that_is_stated_is_enough():
    assert automation(BOLD, confidence=0.9)["ACCEPT"] == "auto"


@given(st.permutations([BOLD, AutomationRule(["CLOSE"], "suggest"), AutomationRule(["CLOSE", "FILE"], "manual")]))
def test_of_several_rules_the_most_cautious_counts_in_any_order(rules):
    assert automation(*rules) == {
        "ACCEPT": "auto", "FILE": "manual", "DISPATCH": "auto", "REQUEST_CHECK": "auto", "CLOSE": "manual",
    }  # fmt: skip


@given(st.lists(st.tuples(st.sampled_from(STEPS), st.sampled_from(CAUTION)), max_size=6), st.sampled_from(CAUTION))
def test_one_rule_more_never_makes_a_ruled_step_bolder(given_rules, mode):
    rules = [AutomationRule([step], chosen) for step, chosen in given_rules]
    before, after = automation(*rules), automation(*rules, AutomationRule(list(STEPS), mode))
    ruled = {step for step, _ in given_rules}
    assert all(CAUTION.index(after[step]) >= CAUTION.index(before[step]) for step in ruled)
