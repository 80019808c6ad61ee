from __future__ import annotations

import contextlib
import itertools
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grids.places import Place
from grids.when import ALWAYS, VARIABLES, WhenError, facts, parse_when

FACTS = {"severity": 4, "urgency": "NORMAL", "hour": 12, "area_class": "B", "zone": ()}


def holds(text: str, **facts: object) -> bool:
    return parse_when(text)({**FACTS, **facts})


def fault(text: str) -> str:
    with pytest.raises(WhenError) as error:
        parse_when(text)
    return str(error.value)


def test_the_facts_of_a_matter_are_those_that_conditions_may_ask_for():
    here = Place("c1", "g1", "990101001001", "990101001", "990101", "990101", ("HT",), "A", 0.8)
    known = facts(2, "URGENT", datetime(2026, 3, 2, 23, 30, tzinfo=ZoneInfo("Asia/Shanghai")), here)
    assert known == {"severity": 2, "urgency": "URGENT", "hour": 23, "area_class": "A", "zone": ("HT",)}
    assert set(known) == set(VARIABLES)


@pytest.mark.parametrize("text", ["", "   ", "\t"])
def test_an_empty_condition_always_holds_and_counts_nothing(text):
    assert parse_when(text) is ALWAYS
    assert ALWAYS({}) is True
    assert ALWAYS.comparisons == 0


@pytest.mark.parametrize(
    ("text", "severities"),
    [
        ("severity == 2", {2}),
        ("severity != 2", {1, 3, 4}),
        ("severity < 2", {1}),
        ("severity <= 2", {1, 2}),
        ("severity > 2", {3, 4}),
        ("severity >= 2", {2, 3, 4}),
        ("severity in (1, 4)", {1, 4}),
        ("severity in [1, 4]", {1, 4}),
        ("severity not in (1, 4)", {2, 3}),
        ("not severity == 2", {1, 3, 4}),
        ("severity == 1 or severity == 3", {1, 3}),
        ("severity >= 2 and severity <= 3", {2, 3}),
        ("not (severity >= 2 and severity <= 3)", {1, 4}),
    ],
)
def test_comparisons_hold_for_just_the_numbers_they_say(text, severities):
    assert {n for n in (1, 2, 3, 4) if holds(text, severity=n)} == severities


def test_a_night_reaches_over_midnight():
    night = parse_when("hour >= 22 or hour < 6")
    assert [hour for hour in range(24) if night({"hour": hour})] == [0, 1, 2, 3, 4, 5, 22, 23]


def test_and_binds_more_than_or():
    text = 'severity == 1 or severity == 4 and urgency == "URGENT"'
    assert holds(text, severity=1)
    assert not holds(text, severity=4)
    assert holds(text, severity=4, urgency="URGENT")


def test_texts_are_compared_as_they_are_written():
    assert holds("area_class == 'B'")
    assert not holds("area_class == 'b'")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('zone == "GX"', {"GX", "GX+TF"}),
        ('zone != "GX"', {"", "TF"}),
        ('zone in ("GX", "TF")', {"GX", "TF", "GX+TF"}),
        ('zone not in ("GX", "TF")', {""}),
        ('zone == "GX" and zone == "TF"', {"GX+TF"}),
        ('not zone == "GX"', {"", "TF"}),
    ],
)
def test_a_place_in_several_zones_is_in_each_of_them(text, expected):
    places = {"": (), "GX": ("GX",), "TF": ("TF",), "GX+TF": ("GX", "TF")}
    assert {name for name, zones in places.items() if holds(text, zone=zones)} == expected


def test_a_condition_knows_its_variables_and_counts_its_comparisons():
    when = parse_when('severity <= 2 and (hour >= 22 or hour < 6) and not zone == "GX"')
    assert when.variables == {"severity", "hour", "zone"}
    assert when.comparisons == 4


def test_a_list_of_values_is_one_comparison():
    assert parse_when("severity in (1, 2, 3)").comparisons == 1


def test_the_text_is_kept_without_its_blanks():
    assert parse_when("  severity == 1 ").text == "severity == 1"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("severity", "'severity' is not a comparison of a variable with a constant"),
        ("True", "'True' is not a comparison"),
        ("1 <= 2", "'1 <= 2' is not a comparison"),
        ("2 >= severity", "'2 >= severity' is not a comparison"),
        ("1 < severity < 4", "'1 < severity < 4' is not a comparison"),
        ("color == 'red'", "'color' is no variable; expected one of area_class hour severity urgency zone"),
        ("severity == 'red'", "expected a whole number"),
        ("severity == 1.5", "expected a whole number"),
        ("severity == True", "expected a whole number"),
        ("severity == hour", "'hour'; expected a whole number"),
        ("severity == None", "expected a whole number"),
        ("severity == -1", "expected a whole number"),
        ("urgency == 1", "'1'; expected a text in quotes"),
        ("urgency == URGENT", "'URGENT'; expected a text in quotes"),
        ("zone == b'GX'", "expected a text in quotes"),
        ("severity in 3", "'3' after `in`; expected constants in parentheses"),
        ("zone in 'GX'", "after `in`; expected constants in parentheses"),
        ("severity in (1, 'x')", "expected a whole number"),
        ("severity == 0", "0 is no severity; expected one of 1 2 3 4"),
        ("severity in (1, 5)", "5 is no severity; expected one of 1 2 3 4"),
        ("hour < 24", "24 is no hour; expected one of 0 1 2 3"),
        ("urgency == 'URGNT'", "'URGNT' is no urgency; expected one of NORMAL URGENT CRITICAL"),
        ("severity is 1", "the comparison in 'severity is 1' is not known; expected == != < <= > >= in"),
        ("severity = 1", "is no expression; expected one such as severity <= 2 and hour >= 22"),
        ("severity == ", "is no expression"),
        ("severity == 1 und hour == 2", "is no expression"),
        ("severity == 1)", "is no expression"),
    ],
)
def test_what_is_not_of_the_language_is_refused_with_the_part_that_is_not(text, said):
    assert said in fault(text)


@pytest.mark.parametrize("op", ["<", "<=", ">", ">="])
@pytest.mark.parametrize("name", [name for name, kind in VARIABLES.items() if kind is str])
def test_texts_have_no_order_so_urgent_or_more_is_written_as_a_list(name, op):
    assert f"{name} is compared with == != in or not in" in fault(f"{name} {op} 'URGENT'")


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "severity == __import__('os')",
        "severity.__class__ == 1",
        "severity == (1).__class__",
        "(lambda: 1)() == 1",
        "[x for x in (1,)] == 1",
        "severity == 1 if hour == 2 else 3",
        "(severity := 1) == 1",
        "f'{severity}' == '4'",
        "severity == 10 ** 10",
        "severity + 1 == 2",
        "zone[0] == 'GX'",
        "await_ == 1",
        "*severity",
        "severity in (*zone, 1)",
        "-severity == 1",
        "severity == 1; hour == 2",
        "\x00",
        "severity == 1 # and more\nhour == 2",
        "(" * 300,
        "severity == 1 or " * 100 + "severity == 2",
        "severity == " + "9" * 380,
        "severity" + ".a" * 190,
        "[" * 150 + "]" * 150,
    ],
)
def test_hostile_input_is_refused_and_nothing_of_it_runs(text):
    assert fault(text)


def test_a_condition_of_over_400_characters_is_refused_with_its_length():
    assert fault("severity == 1" + " " * 400 + "or hour == 2") == "425 characters; expected at most 400"


def test_deep_nesting_within_the_length_is_understood():
    assert holds("not " * 96 + "severity == 4")
    assert holds("(" * 150 + "severity == 4" + ")" * 150)


_COMPARISONS = st.one_of(
    st.tuples(st.just("severity"), st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), st.integers(1, 4)),
    st.tuples(st.just("hour"), st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), st.integers(0, 23)),
    st.tuples(st.just("urgency"), st.sampled_from(["==", "!="]), st.sampled_from(["NORMAL", "URGENT", "CRITICAL"])),
).map(lambda parts: f"{parts[0]} {parts[1]} {parts[2]!r}")
_EXPRESSIONS = st.recursive(
    _COMPARISONS,
    lambda inner: st.one_of(
        inner.map("not ({})".format),
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda t: f"({t[0]}) {t[1]} ({t[2]})"),
    ),
    max_leaves=6,
)


@given(_EXPRESSIONS.filter(lambda text: len(text) <= 400))
def test_a_condition_means_what_python_would_say(text):
    when = parse_when(text)
    for severity, hour, urgency in itertools.product((1, 2, 4), (0, 6, 23), ("NORMAL", "CRITICAL")):
        known = {"severity": severity, "hour": hour, "urgency": urgency}
        assert when(known) == eval(text, {}, known)


@given(st.text(max_size=60))
def test_any_text_is_understood_or_refused_and_never_another_error(text):
    with contextlib.suppress(WhenError):
        parse_when(text)
