from __future__ import annotations

import json

import pytest
from packs import change, write_pack


@pytest.fixture
def pauses(tmp_path):
    """Write a file of pauses and return its path."""

    def write(text: str, name: str = "pauses.csv"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def ask(onegrid, small_pack):
    """Ask for a deadline as JSON; fails unless there is one."""

    def run(at: str, limit: str, *more):
        code, out, err = onegrid("deadline", "--city", small_pack, "--at", at, "--limit", limit, "--json", *more)
        assert (code, err) == (0, "")
        return json.loads(out)

    return run


@pytest.fixture
def refused(onegrid, small_pack):
    """Ask for a deadline that there can't be; returns what is said."""

    def run(at: str, limit: str, *more):
        code, out, err = onegrid("deadline", "--city", small_pack, "--at", at, "--limit", limit, *more)
        assert (code, out) == (2, "")
        assert "Traceback" not in err
        return err

    return run


def spans(found) -> list[str]:
    return [f"{one['from'][5:16]} {one['to'][5:16]} {one['minutes']:g}" for one in found["intervals"]]


def test_the_command_explains_itself_with_an_example(onegrid):
    code, out, _ = onegrid("deadline", "--help")
    assert code == 0
    assert "Example: onegrid deadline --city" in " ".join(out.replace("│", " ").split())


def test_a_deadline_comes_with_the_intervals_that_it_is_made_of(ask):
    found = ask("2026-04-30T16:00", "1 WORK_DAY")
    assert found["due"] == "2026-05-05T16:00:00+08:00"
    assert found["provisional"] is False
    assert spans(found) == [
        "04-30T16:00 04-30T18:00 120",
        "05-05T08:00 05-05T12:00 240",
        "05-05T14:00 05-05T16:00 120",
    ]
    assert found["intervals"][0]["from"] == "2026-04-30T16:00:00+08:00"


def test_a_make_up_day_is_worked(ask):
    assert ask("2026-05-08T17:00", "2 WORK_HOUR")["due"] == "2026-05-09T09:00:00+08:00"


def test_a_start_has_the_citys_time_unless_it_has_an_offset(ask):
    for text in ("2026-03-02T09:00", "2026-03-02 09:00", "2026-03-02T01:00Z", "2026-03-02T09:00:00+08:00"):
        assert ask(text, "1 URGENT_HOUR")["due"] == "2026-03-02T10:00:00+08:00"


def test_the_hours_are_those_of_the_pack(onegrid, tmp_path):
    pack = write_pack(tmp_path / "city")
    change(pack, "city.toml", '"08:00-12:00", "14:00-18:00"', '"09:30-17:30"')
    asked = ("--city", pack, "--at", "2026-03-02T09:00", "--limit", "1 WORK_DAY", "--json")
    assert json.loads(onegrid("deadline", *asked)[1])["due"] == "2026-03-02T17:30:00+08:00"


def test_a_deadline_in_a_year_without_known_holidays_is_provisional(ask, onegrid, small_pack):
    assert ask("2026-12-31T17:00", "2 WORK_HOUR")["provisional"] is True
    asked = ("--at", "2026-12-31T17:00", "--limit", "2 WORK_HOUR")
    _, out, _ = onegrid("deadline", "--city", small_pack, *asked)
    assert "结果为暂定 provisional: holidays after 2026 are not known yet" in out


CSV = "from,to,why\n2026-03-02T10:00,2026-03-02T16:00,等待\n\n2026-03-02T15:00+08:00,2026-03-02T16:30,\n"
NDJSON = (
    '{"from": "2026-03-02T10:00", "to": "2026-03-02T16:00", "why": 1}\n'
    '\n{"from": "2026-03-02T15:00", "to": "2026-03-02T16:30"}\n'
)


@pytest.mark.parametrize(("name", "text"), [("p.csv", CSV), ("p.csv", "\ufeff" + CSV), ("p.ndjson", NDJSON)])
def test_a_clock_stands_still_in_the_pauses_of_a_file(ask, pauses, name, text):
    found = ask("2026-03-02T09:00", "2 WORK_HOUR", "--pauses", pauses(text, name))
    assert found["due"] == "2026-03-02T17:30:00+08:00"
    assert spans(found) == ["03-02T09:00 03-02T10:00 60", "03-02T16:30 03-02T17:30 60"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("p.csv", "from,to\n2026-03-02T10:00,\n"),
        ("p.ndjson", '{"from": "2026-03-02T10:00", "to": null}'),
        ("p.jsonl", '{"from": "2026-03-02T10:00"}'),
    ],
)
def test_a_pause_that_lasts_leaves_no_deadline(ask, onegrid, small_pack, pauses, name, text):
    file = pauses(text, name)
    found = ask("2026-03-02T09:00", "2 WORK_HOUR", "--pauses", file)
    assert found["due"] is None
    assert found["provisional"] is False
    assert spans(found) == ["03-02T09:00 03-02T10:00 60"]
    asked = ("--at", "2026-03-02T09:00", "--limit", "2 WORK_HOUR", "--pauses", file)
    _, out, _ = onegrid("deadline", "--city", small_pack, *asked)
    assert "尚无到期时间 the clock stands still: there is no deadline yet" in out


def test_people_get_a_table_that_can_be_added_up_by_hand(onegrid, small_pack):
    asked = ("--at", "2026-03-06T11:30:15", "--limit", "1 WORK_HOUR")
    code, out, err = onegrid("deadline", "--city", small_pack, *asked)
    assert (code, err) == (0, "")
    rows = [" ".join(line.replace("│", " ").split()) for line in out.splitlines()]
    assert "2026-03-06 周五 Fri 11:30:15 2026-03-06 周五 Fri 12:00 29.75" in rows
    assert "2026-03-06 周五 Fri 14:00 2026-03-06 周五 Fri 14:30:15 30.25" in rows
    assert "合计 in all 60" in rows
    assert "到期 due 2026-03-06 周五 Fri 14:30:15" in rows
    assert "暂定" not in out


# What is refused


@pytest.mark.parametrize("at", ["", "2026-03-02", "tomorrow", "2026-02-30T09:00"])
def test_a_start_that_is_no_moment_is_refused(refused, at):
    assert "expected a time such as 2026-03-02T09:00" in refused(at, "2 WORK_DAY")


def test_a_limit_that_is_none_is_refused_with_the_clocks_there_are(refused):
    assert "'2 DAYS' is no limit; expected an amount and one of" in refused("2026-03-02T09:00", "2 DAYS")


@pytest.mark.parametrize(
    ("at", "limit"),
    [
        ("2019-03-02T09:00", "1 WORK_DAY"),
        ("2026-03-02T09:00", "99999 WORK_DAY"),
        ("2026-03-02T09:00", f"{10**9} NATURAL_DAY"),
    ],
)
def test_what_is_outside_the_calendar_is_refused(refused, at, limit):
    assert "expected less or earlier" in refused(at, limit)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("p.csv", "from,to\n2026-03-02T10:00,soon\n", "p.csv, row 2, to: 'soon'; expected a time such as"),
        ("p.csv", "from,to\n,2026-03-02T10:00\n", "p.csv, row 2, from: ''; expected a value"),
        ("p.csv", "from,to\n2026-03-02,2026-03-03\n", "p.csv, row 2, from: '2026-03-02'; expected a time such as"),
        ("p.csv", "start,to\n", "p.csv, row 1, from: no such column; expected a header with from, to"),
        (
            "p.csv",
            "from,to\n2026-03-02T10:00,2026-03-02T09:00\n",
            "p.csv, row 2, to: '2026-03-02T09:00'; expected a time after",
        ),
        ("p.ndjson", '{"from": "2026-03-02T10:00"}\n[1]\n', "p.ndjson, row 2: '[1]'; expected an object such as"),
        ("p.ndjson", '\n{"from": 5}\n', "p.ndjson, row 2, from: '5'; expected a time such as"),
        ("p.ndjson", '{"to": "2026-03-02T10:00"}\n', "p.ndjson, row 1, from: ''; expected a value"),
    ],
)
def test_a_fault_in_the_pauses_is_told_by_file_row_field_and_expectation(refused, pauses, name, text, said):
    assert said in refused("2026-03-02T09:00", "2 WORK_DAY", "--pauses", pauses(text, name))


def test_all_faults_of_the_pauses_are_told_at_once(refused, pauses):
    said = refused("2026-03-02T09:00", "2 WORK_DAY", "--pauses", pauses("from,to\nx,y\n2026-03-02T10:00,z\n"))
    assert [f"row {row}, {field}" in said for row, field in ((2, "from"), (2, "to"), (3, "to"))] == [True] * 3


@pytest.mark.parametrize("name", ["nowhere.csv", "nowhere.ndjson"])
def test_pauses_that_are_not_there_are_refused(refused, tmp_path, name):
    assert f"{name}: no such file" in refused("2026-03-02T09:00", "2 WORK_DAY", "--pauses", tmp_path / name)


def test_a_broken_pack_is_refused(onegrid, tmp_path):
    pack = write_pack(tmp_path / "city")
    change(pack, "calendar.csv", "2026-05-01,HOLIDAY", "2026-05-01,HOLYDAY")
    code, _, err = onegrid("deadline", "--city", pack, "--at", "2026-03-02T09:00", "--limit", "2 WORK_DAY")
    assert code == 2
    assert "calendar.csv, row 5, kind: 'HOLYDAY'; expected one of HOLIDAY MAKEUP_WORKDAY" in err
