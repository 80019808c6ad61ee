from __future__ import annotations

from datetime import date

import pytest

from streams.outlets.measures.asking import DIMENSIONS, Question
from streams.outlets.measures.registry import AGGREGATES, BETTER, MeasureError, read_measure, registry

GOOD = """\
-- id: some
-- version: 2
-- zh: 某率
-- en: Some rate
-- unit: ratio
-- aggregate: ratio
-- better: high
-- formula: a / b
-- cohort: all
SELECT 1
"""


def test_a_measure_says_all_that_travels_with_its_figures():
    found = read_measure(GOOD, "some.sql")
    assert (found.id, found.version, found.zh, found.en, found.formula) == ("some", 2, "某率", "Some rate", "a / b")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("-- zh: 某率\n", "", "no zh in the header"),
        ("-- version: 2", "-- version: two", "version 'two'; expected a whole number"),
        ("-- aggregate: ratio", "-- aggregate: mean", "expected one of ratio median"),
        ("-- better: high", "-- better: more", "expected one of high low none"),
        ("-- id: some", "-- id: other", "expected the file's own name"),
        ("-- unit: ratio", "-- colour: ratio", "expected -- and one of"),
    ],
)
def test_a_header_that_is_not_whole_is_refused_by_name(old, new, said):
    with pytest.raises(MeasureError, match=said):
        read_measure(GOOD.replace(old, new), "some.sql")


def test_every_file_of_the_registry_is_whole_and_speaks_both_languages():
    for one in registry().values():
        assert one.aggregate in AGGREGATES
        assert one.better in BETTER
        assert not one.zh.isascii()
        assert one.en.isascii()
        assert " · " in one.formula or one.formula.isascii() is False


@pytest.mark.parametrize(
    ("question", "said"),
    [
        (Question(date(2026, 3, 2), date(2026, 3, 2)), "before the end"),
        (Question(date(2026, 3, 2), date(2026, 3, 3), ("planet",)), "expected some of city,desk"),
        (Question(date(2026, 3, 2), date(2026, 3, 3), window="hour"), "expected one of day, week, month"),
        (Question(date(2026, 3, 2), date(2026, 3, 3), measures=("luck",)), "measure: 'luck'"),
        (Question(date(2020, 1, 1), date(2026, 3, 3), window="day"), "at most 400"),
    ],
)
def test_what_cannot_be_asked_is_told_with_what_can(question, said):
    with pytest.raises(MeasureError, match=said):
        question.checked()


def test_windows_at_the_ends_are_cut():
    weeks = list(Question(date(2026, 3, 4), date(2026, 3, 17), window="week").windows())
    assert weeks == [
        ("2026-W10", date(2026, 3, 4), date(2026, 3, 9)),
        ("2026-W11", date(2026, 3, 9), date(2026, 3, 16)),
        ("2026-W12", date(2026, 3, 16), date(2026, 3, 17)),
    ]
    months = [label for label, _, _ in Question(date(2025, 12, 31), date(2026, 2, 1), window="month").windows()]
    assert months == ["2025-12", "2026-01"]
    assert {"city", "desk", "street", "unit", "category", "net"} <= set(DIMENSIONS)
