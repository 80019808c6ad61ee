"""Each measure against an example worked out on paper; the cases and their letters are told in measured.py."""

from __future__ import annotations

from datetime import date

import pytest
from measured import END, ZONE_DESK, asker_of, told
from scenes import BELLTOWER, CENTRE, OFFICE, OTHER_OFFICE, Scene

from streams.outlets.measures.asking import Question
from streams.outlets.measures.registry import registry

WEEK = (date(2026, 3, 2), date(2026, 3, 9))

# Due by Friday noon: A B C D E K L N O, nine; H stands still. Filed and dispatched: those and H, ten.
# Incidents: A B C D E F G H J K L N O, thirteen; I counts with C.
EXPECTED = {
    "cases": (13, 13, 13),
    "handling_rate": (7, 9, 7 / 9),  # not C, L
    "on_time_handling_rate": (5, 9, 5 / 9),  # A D E K O; O on the very second
    "on_time_handling_rate_scored": (6, 9, 6 / 9),  # and N, excused
    "overdue_open_rate": (2, 9, 2 / 9),  # C L
    "closing_rate": (3, 9, 3 / 9),  # A B E
    "on_time_closing_rate": (2, 9, 2 / 9),  # A E
    "rework_rate": (1, 9, 1 / 9),  # E
    "extension_rate": (1, 9, 1 / 9),  # D
    # ninths: 30 of 7, 20 of 5, 20 of 8 (rework), 20 of 7 (overdue and open), 10 of 8 (extension)
    "district_score": (690 / 9, 100, 690 / 9),
    "filing_on_time_rate": (9, 10, 0.9),  # B was accepted after 20 minutes
    "filing_accuracy": (9, 10, 0.9),  # L
    "dispatch_accuracy": (9, 10, 0.9),  # K
    "valid_report_rate": (13, 14, 13 / 14),  # I is one more report; J was refused
    "response_rate": (2, 2, 1.0),
    "solution_rate": (1, 2, 0.5),
    "satisfaction_rate": (0, 1, 0.0),  # nobody reached B's caller
    "report_to_dispatch_median": (0, 10, 0.0),  # 0 0 0 0 0 0 10 20 20 70
    "report_to_dispatch_p90": (25, 10, 25.0),  # a tenth of the way from 20 to 70
    "report_to_close_median": (150, 3, 150.0),  # E 120, A 150, B 520
    "report_to_close_p90": (446, 3, 446.0),  # 150 + 0.8 * 370
    "accept_median": (0, 10, 0.0),  # A 10, B 20, else 0
    "accept_p90": (11, 10, 11.0),
    "sign_median": (10, 9, 10.0),  # D E H N 0, A 10, K's second 10, O 10, B 20, K's first 30
    "sign_p90": (22, 9, 22.0),
    "handle_median": (360, 7, 360.0),  # E 100, A 110, K 120, O 360, B 480, D 510, N 1500
    "handle_p90": (906, 7, 906.0),  # 510 + 0.4 * 990
    "check_median": (10, 4, 10.0),  # E 10 and 5, A 20, B 10
    "check_p90": (17, 4, 17.0),
    "dispute_median": (60, 1, 60.0),
    "dispute_p90": (60, 1, 60.0),
    "return_rate": (1, 10, 0.1),  # K
    "dispute_rate": (1, 10, 0.1),  # O
    "unassigned_rate": (3, 10, 0.3),  # B L O
    # B 15:20-17:20; N 15-18 and 8-10; C 15-18, three days of 480, 240; L from Wednesday 09:20: 400 + 480 + 240
    "overdue_minutes": (120 + 300 + 1860 + 1120, 4, 3400.0),
    "overdue_minutes_scored": (3100, 3, 3100.0),  # without N
    "backstop_share": (1, 13, 1 / 13),  # L
    # from 150 % of any clock on a supervision order: B at 6 of 4 hours on the very second, C, L at 2080 of 960
    # minutes, N, and K, which waited 30 of 15 minutes to be sent on
    "escalation_rate": (5, 9, 5 / 9),
    "reopen_rate": (0, 9, 0.0),
    "repeat_rate": (0, 13, 0.0),
}
ELSEWHERE = {"ack_on_time_rate", "reopen_rate", "repeat_rate"}
"""Worked out in stories of their own, below."""


@pytest.fixture(scope="module")
def week(manual_city):
    scene = Scene(manual_city)
    return told(scene), asker_of(scene)


def test_every_measure_has_an_example():
    assert set(EXPECTED) | ELSEWHERE == set(registry())
    assert len(registry()) >= 15


@pytest.mark.parametrize("measure", EXPECTED)
def test_a_measure_is_what_was_worked_out_on_paper(week, measure):
    _, asker = week
    (found,) = asker.ask(Question(*WEEK, measures=(measure,)))
    numerator, denominator, value = EXPECTED[measure]
    assert found.denominator == denominator
    assert found.numerator == pytest.approx(numerator, abs=1e-9)
    assert found.value == pytest.approx(value, abs=1e-9)
    assert (found.measure, found.version, found.by) == (measure, registry()[measure].version, {"city": "990100"})
    assert found.formula
    assert found.cohort


@pytest.mark.parametrize("measure", [name for name in EXPECTED if registry()[name].aggregate == "ratio"])
def test_a_figure_is_made_of_the_cases_that_it_lists(week, measure):
    _, asker = week
    listed = asker.cases(measure, *WEEK, {})
    assert sum(one["part"] for one in listed) == EXPECTED[measure][0]
    assert sum(one["whole"] for one in listed) == EXPECTED[measure][1]


def test_what_spoils_a_figure_stands_first(week):
    cases, asker = week
    late = asker.cases("on_time_handling_rate", *WEEK, {})[:4]
    assert {one["case_no"] for one in late} == {cases[letter] for letter in "BCLN"}
    reworked = asker.cases("rework_rate", *WEEK, {})[0]
    assert reworked["case_no"] == cases["E"]
    most = asker.cases("overdue_minutes", *WEEK, {})[0]
    assert (most["case_no"], most["part"]) == (cases["C"], 1860.0)


def figures(asker, measure, **asked):
    return {
        (one.window, *one.by.values()): (one.numerator, one.denominator)
        for one in asker.ask(Question(*WEEK, measures=(measure,), **asked))
    }


def test_a_case_counts_in_the_window_into_which_its_deadline_falls(week):
    _, asker = week
    assert figures(asker, "on_time_handling_rate", window="day") == {
        ("2026-03-02", "990100"): (4, 7),  # A E K O of A B C E K N O
        ("2026-03-03", "990100"): (1, 1),  # D, extended
        ("2026-03-04", "990100"): (0, 1),  # L
        **{(f"2026-03-0{day}", "990100"): (None, 0) for day in (5, 6, 7, 8)},
    }
    assert figures(asker, "on_time_handling_rate", window="week") == {("2026-W10", "990100"): (5, 9)}
    assert figures(asker, "on_time_handling_rate", window="month") == {("2026-03", "990100"): (5, 9)}


def test_figures_are_told_apart_by_place_unit_and_kind(week):
    _, asker = week
    whole = "2026-03-02/2026-03-09"
    assert figures(asker, "on_time_handling_rate", by=("desk",)) == {
        (whole, "990101"): (5, 8),
        (whole, ZONE_DESK): (0, 1),
    }
    assert figures(asker, "on_time_handling_rate", by=("unit",)) == {
        (whole, OFFICE): (4, 7), (whole, OTHER_OFFICE): (1, 1), (whole, "HT-UM"): (0, 1),
    }  # fmt: skip
    assert figures(asker, "handling_rate", by=("category", "net")) == {
        (whole, "E-01-10", "CG"): (7, 8), (whole, "E-02-02", "YJ"): (0, 1),
    }  # fmt: skip
    assert figures(asker, "handling_rate", by=("street",))[whole, BELLTOWER] == (6, 8)
    assert [one["case_no"] for one in asker.cases("handling_rate", *WEEK, {"unit": "HT-UM"})] == [week[0]["N"]]


def test_an_empty_cohort_gives_no_figure_neither_nought_nor_all(week):
    _, asker = week
    for found in asker.ask(Question(date(2026, 4, 1), date(2026, 5, 1))):
        assert (found.value, found.denominator) == (None, 0) or found.measure == "cases"
        assert found.denominator == 0


def test_what_is_not_due_yet_counts_in_no_rate(manual_city):
    scene = Scene(manual_city)
    done = scene.bring("HANDLED", "03-02 09:00")
    scene.bring("HANDLING", "03-02 09:00")
    (before,) = asker_of(scene, "03-02 14:59").ask(Question(*WEEK, measures=("handling_rate",)))
    assert (before.numerator, before.denominator, before.value) == (None, 0, None), done
    (after,) = asker_of(scene, "03-02 15:01").ask(Question(*WEEK, measures=("handling_rate",)))
    assert (after.numerator, after.denominator) == (1, 2)


def test_a_suspended_case_is_due_again_when_its_pause_has_ended(manual_city):
    scene = Scene(manual_city)
    number = scene.bring("HANDLING", "03-02 09:00")
    scene.act(number, "ASK_SUSPENSION", "03-02 10:00", until="2026-03-04")
    scene.act(number, "GRANT", "03-02 10:00")
    assert figures(asker_of(scene, "03-03 12:00"), "handling_rate") == {
        ("2026-03-02/2026-03-09", "990100"): (None, 0)
    }
    scene.tick("03-05 08:00")  # resumed on the 4th at 00:00 with 3 of 4 hours left: due at 11:00
    assert figures(asker_of(scene, "03-05 08:00"), "handling_rate", window="day")["2026-03-04", "990100"] == (0, 1)


def test_work_that_is_done_anew_or_ended_by_force_is_not_handled(manual_city):
    scene = Scene(manual_city)
    again = scene.bring("CHECKING", "03-02 09:00")
    scene.act(again, "CHECK_FAIL", "03-02 09:30")
    forced = scene.bring("HANDLING", "03-02 09:00")
    scene.act(forced, "FORCE_CLOSE", "03-02 10:00")
    assert figures(asker_of(scene), "handling_rate") == {("2026-03-02/2026-03-09", "990100"): (0, 2)}


def test_reopening_counts_against_the_cases_that_should_have_been_closed(manual_city):
    scene = Scene(manual_city)
    first, _ = scene.bring("CLOSED", "03-02 09:00"), scene.bring("CLOSED", "03-02 09:00")
    scene.act(first, "REOPEN", "03-02 10:00")
    assert figures(asker_of(scene), "reopen_rate") == {("2026-03-02/2026-03-09", "990100"): (1, 2)}


def test_a_place_to_which_the_same_comes_back_counts_as_repeat(manual_city):
    scene = Scene(manual_city)
    place = {"lon": 104.0107, "lat": 30.6031}
    for hour in ("09:00", "10:00", "11:00"):
        scene.bring("CLOSED", f"03-02 {hour}", **place)
    scene.report("03-02 15:00", **place)
    found = figures(asker_of(scene), "repeat_rate")["2026-03-02/2026-03-09", "990100"]
    flagged = sum(bool(case.flags.get("repeat")) for case in scene.cases)
    assert flagged >= 1
    assert found == (flagged, 4)


def test_an_alert_counts_as_confirmed_in_time_by_its_own_deadline(manual_city):
    """Severity 3 tells the desk's centre once, to be confirmed within 15 minutes."""
    scene = Scene(manual_city)
    numbers = [scene.report("03-02 09:00", category="E-02-01", severity=3) for _ in range(3)]
    for number in numbers:
        for verb in ("ACCEPT", "FILE"):
            scene.act(number, verb, "03-02 09:00")
    alerts = {alert.case_no: alert for alert in scene.alerts if alert.unit == CENTRE and alert.kind == "ALERT"}
    assert set(alerts) == set(numbers)
    scene.ack(alerts[numbers[0]].alert_id, "03-02 09:10")
    scene.ack(alerts[numbers[1]].alert_id, "03-02 09:20")
    found = asker_of(scene, "03-02 09:21").ask(Question(*WEEK, ("unit",), measures=("ack_on_time_rate",)))
    assert {one.by["unit"]: (one.numerator, one.denominator) for one in found}[CENTRE] == (1, 3)


def test_the_log_ends_when_the_story_says(week):
    assert week[1].facts.now.strftime("%m-%d %H:%M") == END
