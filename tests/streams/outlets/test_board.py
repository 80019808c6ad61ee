from __future__ import annotations

import sqlite3

import msgspec
import pytest
from scenes import DESK, EASTGATE, OFFICE, make_report, when

from streams.hosts.embedded import EmbeddedHost
from streams.outlets.board.sqlite import SqliteBoard
from streams.records import DeadLetter
from streams.stages.acceptance import Accepted

AT = when("03-02 09:00")


@pytest.fixture
def host(city, tmp_path):
    host = EmbeddedHost(city, tmp_path, AT)
    yield host
    host.close()


@pytest.fixture
def board(host):
    reports = [
        make_report(AT),
        make_report(AT, street=EASTGATE, severity=2),
        make_report(AT, matter="PRAISE"),
        make_report(AT, category="E-99-99"),
        make_report(AT, lon=0.0, lat=0.0),
    ]
    host.accept([Accepted(report, AT, msgspec.json.encode(report)) for report in reports])
    host.drain()
    board = SqliteBoard(host.store.path)
    yield board
    board.close()


def test_a_board_only_reads(board):
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        board.db.execute("DELETE FROM cases")


def test_a_case_is_found_by_its_number_with_all_its_transitions_in_order(board):
    (case, *_) = board.cases(desk=DESK)
    assert board.case(case.case_no) == case
    steps = board.transitions(case.case_no)
    assert [step.verb for step in steps] == ["REPORT", "ACCEPT", "FILE", "DISPATCH"]
    assert {step.case_no for step in steps} == {case.case_no}
    assert board.case("none") is None
    assert board.transitions("none") == []


def test_the_latest_transitions_are_the_last_that_the_log_holds(board):
    everything = board.latest(1000)
    taken = [step for case in board.cases() for step in board.transitions(case.case_no)]
    assert len(everything) == len(taken) > 3
    assert board.latest(3) == everything[-3:]
    assert board.latest(1)[0].at == max(step.at for step in taken)


@pytest.mark.parametrize(
    ("equal", "count"),
    [
        ({}, 3),
        ({"desk": DESK}, 2),
        ({"unit": OFFICE}, 1),
        ({"street": EASTGATE}, 1),
        ({"matter": "PRAISE"}, 1),
        ({"state": "REPORTED"}, 1),
        ({"category": "E-01-10"}, 2),
        ({"desk": DESK, "state": "CLOSED"}, 0),
        ({"desk": ""}, 3),
        ({"nonsense": "x"}, 3),
        ({"state": "' OR 1=1 --"}, 0),
    ],
)
def test_cases_are_listed_by_what_they_are(board, equal, count):
    assert len(board.cases(**equal)) == count


def test_lists_go_on_behind_a_number(board):
    numbers = [case.case_no for case in board.all_cases()]
    assert numbers == sorted(numbers)
    assert [case.case_no for case in board.cases(after=numbers[0], limit=1)] == [numbers[1]]
    assert board.cases(after=numbers[-1]) == []


def test_alerts_are_listed_by_desk_and_behind_a_name(board):
    alerts = board.alerts()
    assert [alert.desk for alert in alerts] == ["990100", "990102"]
    assert board.alerts(desk="990102") == alerts[1:]
    assert board.alerts(after=alerts[0].alert_id) == alerts[1:]
    assert board.alerts(limit=1) == alerts[:1]


def test_dead_letters_are_counted_by_reason_and_those_of_actions_apart(host, board):
    host.refuse(
        [
            DeadLetter("a", "desk", "ILLEGAL_TRANSITION", "", AT, b"", ""),
            DeadLetter("b", "desk", "LATE_UPDATE", "", AT, b"", ""),
        ]
    )
    assert board.dead_letter_reasons(of_reports=True) == {"LATE_UPDATE": 1, "OUT_OF_CITY": 1, "UNKNOWN_CATEGORY": 1}
    assert sum(board.dead_letter_reasons().values()) == 4
    assert [letter.reason for letter in board.dead_letters(limit=2)] == ["UNKNOWN_CATEGORY", "OUT_OF_CITY"]
    assert len(board.dead_letters(after=2)) == 2


def test_counters_and_counts_say_what_was_applied(board):
    assert board.counters()["cases"] == 2
    assert [board.count(table) for table in ("reports", "cases", "alerts", "dead_letters")] == [5, 3, 2, 2]
    with pytest.raises(KeyError):
        board.count("sqlite_master")
