from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime

import msgspec
import pytest
from packs import add_line, change, write_pack
from redrawn import write_redrawn
from scenes import make_report

from streams.cli import demo, simulate
from streams.cli.places import cache_dir
from streams.hosts.embedded.service import Service
from streams.hosts.embedded.store import FILE
from streams.inlets import simulator

COMMANDS = [
    ("demo",), ("run",), ("simulate",), ("route",), ("layer", "check"), ("grid", "fuse"), ("grid", "locate"),
    ("duties", "prove"), ("city", "check"), ("city", "build"),
]  # fmt: skip


@pytest.fixture
def broken_pack(tmp_path):
    pack = write_pack(tmp_path / "broken")
    change(pack, "duties.csv", "HT-UM", "HT-UN")
    return pack


@pytest.fixture
def reports(tmp_path):
    """A file of three good lines, one that is none, and one of an unknown category."""
    at = datetime.now(UTC)
    made = [
        make_report(at),
        make_report(at, category="E-99-99"),
        make_report(at, lon=None, lat=None),
        make_report(at),
    ]
    lines = [*(msgspec.json.encode(report) for report in made), b"ERROR 500", b"", b"  "]
    path = tmp_path / "reports.ndjson"
    path.write_bytes(b"\n".join(lines) + b"\n")
    return path


# What all commands have in common


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_explains_itself_with_an_example(onegrid, command):
    code, out, _ = onegrid(*command, "--help")
    assert code == 0
    assert f"Example: onegrid {' '.join(command)}" in " ".join(out.replace("│", " ").split())
    assert "--json" in out


def test_without_a_command_the_commands_are_listed(onegrid):
    _, out, err = onegrid()
    assert all(command[0] in out + err for command in COMMANDS)


@pytest.mark.parametrize(
    "command", ["fly", "city fly", "run --nonsense", "route", "demo --days 0", "run --port 70000"]
)
def test_a_command_line_that_is_none_is_bad_input(onegrid, command):
    assert onegrid(*command.split())[0] == 2


@pytest.mark.parametrize(
    "command",
    [
        ("city", "check", "{pack}"),
        ("city", "build", "{pack}"),
        ("duties", "prove", "--city", "{pack}"),
        ("simulate", "--city", "{pack}", "--out", "{out}"),
        ("run", "--city", "{pack}", "--data", "{out}", "--port", "0"),
        ("route", "--city", "{pack}", "--reports", "x", "--out", "{out}"),
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_a_broken_pack_is_bad_input_told_by_file_row_field_and_expectation(onegrid, broken_pack, tmp_path, command):
    code, out, err = onegrid(*(part.format(pack=broken_pack, out=tmp_path / "out") for part in command))
    assert code == 2
    assert out == ""
    assert "duties.csv, row 9, unit: " in err
    assert "expected" in err
    assert "HT-UM" in err
    assert "Traceback" not in err


def test_a_pack_that_is_not_there_is_bad_input(onegrid, tmp_path):
    code, _, err = onegrid("city", "check", tmp_path / "nowhere")
    assert code == 2
    assert "no such folder; expected a city pack" in err


# city


def test_city_check_says_what_a_pack_holds(onegrid, small_pack, small_city):
    code, out, _ = onegrid("city", "check", small_pack, "--json")
    assert code == 0
    assert json.loads(out) == {
        "digest": small_city.digest, "layers": 3, "versions": 1, "units": 29, "categories": 5, "duties": 12,
        "components": 0,
    }  # fmt: skip
    code, out, _ = onegrid("city", "check", small_pack)
    assert (code, "没有问题 no problems" in out) == (0, True)


def test_city_build_compiles_a_pack_into_the_cache_and_may_be_called_again(onegrid, small_pack, small_city, cache):
    for _ in range(2):
        code, out, _ = onegrid("city", "build", small_pack, "--json")
        (grid,) = json.loads(out)["versions"]
        assert (code, json.loads(out)["digest"]) == (0, small_city.digest)
        assert (grid["from"], grid["version"], grid["cells"]) == (None, small_city.cells.version, 30)
    assert [str(found.parent) for found in cache.rglob("cells.parquet")] == [grid["folder"]]
    assert not list(cache.glob(".building-*"))
    assert small_city.digest in onegrid("city", "build", small_pack)[1].splitlines()


def test_city_build_says_from_when_each_version_of_the_grid_holds(onegrid, redrawn_city, tmp_path):
    pack = write_redrawn(tmp_path / "city")
    found = json.loads(onegrid("city", "build", pack, "--json")[1])["versions"]
    assert [one["from"] for one in found] == [None, "2026-07-01"]
    assert [one["version"] for one in found] == [grid.version for grid in redrawn_city.versions]
    said = onegrid("city", "build", pack)[1]
    assert "一直 ever since" in said
    assert "自 from 2026-07-01" in said


def test_compiled_packs_are_kept_where_the_user_keeps_caches(monkeypatch, tmp_path):
    monkeypatch.delenv("ONEGRID_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_dir() == tmp_path / "onegrid"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_dir().parts[-2:] == (".cache", "onegrid")


# duties


def test_duties_prove_counts_every_pair_and_finds_nothing_wrong(onegrid, small_pack):
    code, out, _ = onegrid("duties", "prove", "--city", small_pack, "--json")
    found = json.loads(out)
    assert code == 0
    assert found["pairs"] == 150 == found["explicit"] + found["backstop"] + found["disputed"] + found["none"]
    assert (found["backstop"], found["disputed"], found["none"], found["self_supervised"]) == (30, 0, 0, 0)
    assert set(found) >= {"classes", "examples", "seconds"}
    code, out, _ = onegrid("duties", "prove", "--city", small_pack)
    assert (code, "150 对 pairs" in out) == (0, True)


def test_duties_prove_exits_with_findings_and_shows_the_rows_of_a_dispute(onegrid, tmp_path):
    pack = write_pack(tmp_path / "city")
    add_line(pack, "duties.csv", "002-09,002,E-01,CITY,990100,,LEAD,@district:urban-management,,STATUTORY,,x,,,")
    code, out, _ = onegrid("duties", "prove", "--city", pack)
    assert code == 1
    assert "002-01, 002-09" in out


# route


def test_route_writes_routed_reports_and_dead_letters_and_counts_both(onegrid, small_pack, reports, tmp_path):
    out = tmp_path / "routed.ndjson"
    code, said, _ = onegrid("route", "--city", small_pack, "--reports", reports, "--out", out, "--json")
    found = json.loads(said)
    assert code == 1
    assert (found["lines"], found["routed"], found["dead"]) == (5, 3, 2)
    assert found["outcomes"] == {"LEAD": 2, "NO_GRID": 1}
    assert found["seconds"] >= 0
    routed = [json.loads(line) for line in out.read_bytes().splitlines()]
    assert [one["receipt"]["outcome"] for one in routed] == ["LEAD", "NO_GRID", "LEAD"]
    dead = [json.loads(line) for line in (tmp_path / "routed.dead.ndjson").read_bytes().splitlines()]
    assert {letter["reason"] for letter in dead} == {"NOT_JSON", "UNKNOWN_CATEGORY"}
    code, said, _ = onegrid("route", "--city", small_pack, "--reports", reports, "--out", out)
    assert "3 已派 routed, 2 退信 dead" in said


def test_route_takes_reports_of_any_age_and_is_done_when_all_are_routed(onegrid, small_pack, tmp_path):
    old = tmp_path / "old.ndjson"
    old.write_bytes(msgspec.json.encode(make_report(datetime(2011, 5, 1, tzinfo=UTC))) + b"\r\n")
    code, _, _ = onegrid("route", "--city", small_pack, "--reports", old, "--out", tmp_path / "out.ndjson")
    assert code == 0


def test_route_without_its_file_is_bad_input(onegrid, small_pack, tmp_path):
    code, _, err = onegrid("route", "--city", small_pack, "--reports", tmp_path / "none", "--out", tmp_path / "x")
    assert code == 2
    assert "none" in err


def test_route_does_not_write_over_what_it_reads(onegrid, small_pack, reports):
    before = reports.read_bytes()
    assert onegrid("route", "--city", small_pack, "--reports", reports, "--out", reports)[0] == 2
    assert reports.read_bytes() == before


# simulate


def test_simulate_writes_the_same_four_files_for_the_same_seed_and_good_reports_are_good(
    onegrid, small_pack, tmp_path
):
    written = []
    for name in ("one", "two"):
        out = tmp_path / name
        arguments = ("--city", small_pack, "--days", 1, "--rate", 40, "--out", out, "--json")
        code, said, _ = onegrid("simulate", *arguments)
        assert code == 0
        files = {path.name: path.read_bytes() for path in sorted(out.iterdir())}
        assert list(files) == ["actions.ndjson", "malformed.ndjson", "reports.ndjson", "truth.ndjson"]
        for kind, count in json.loads(said).items():
            assert files[f"{kind}.ndjson"].count(b"\n") == count
        written.append(files)
    assert written[0] == written[1]
    assert json.loads(written[0]["truth.ndjson"].splitlines()[0]).keys() >= {"incident", "cell", "unit"}
    arguments = ("--reports", out / "reports.ndjson", "--out", tmp_path / "routed.ndjson", "--json")
    code, said, _ = onegrid("route", "--city", small_pack, *arguments)
    assert (code, json.loads(said)["dead"]) == (0, 0)


def test_simulate_tells_people_what_it_wrote(onegrid, small_pack, tmp_path, monkeypatch):
    monkeypatch.setattr(simulate, "play", lambda *_, **__: [])
    code, said, _ = onegrid("simulate", "--city", small_pack, "--days", 1, "--rate", 10, "--out", tmp_path / "x")
    assert (code, "reports 1" in said, "malformed 0" in said) == (0, True, True)


@pytest.mark.parametrize("start", ["yesterday", "2026-13-01", "2.3.2026", "1999-01-01", "2095-01-01"])
def test_simulate_from_a_day_that_is_none_or_beyond_the_calendar_is_bad_input(onegrid, small_pack, tmp_path, start):
    code, _, err = onegrid("simulate", "--city", small_pack, "--out", tmp_path / "x", "--days", 1, "--start", start)
    assert code == 2
    assert start in err
    assert "expected" in err


# run


@pytest.fixture
def served(monkeypatch):
    """Serve nobody: note where it would have been."""
    ports = []

    def serve(_service, bound):
        ports.append(bound.getsockname()[1])
        bound.close()

    monkeypatch.setattr(Service, "serve", serve)
    return ports


def test_run_says_where_it_listens_and_keeps_everything_in_its_folder(
    onegrid, served, small_pack, small_city, tmp_path
):
    data = tmp_path / "data"
    code, out, _ = onegrid("run", "--city", small_pack, "--data", data, "--port", 0, "--json")
    assert code == 0
    said = json.loads(out)
    assert said == {"url": f"http://127.0.0.1:{served[0]}", "port": served[0], "pack": small_city.digest}
    assert (data / FILE).is_file()
    code, _, err = onegrid("run", "--city", small_pack, "--data", data, "--port", 0)
    assert f"http://127.0.0.1:{served[1]}" in err
    assert "no key is configured" in err


def test_run_on_a_folder_it_can_not_use_is_bad_input(onegrid, served, small_pack, tmp_path):
    (tmp_path / FILE).write_bytes(b"not a database, really not" * 100)
    code, _, err = onegrid("run", "--city", small_pack, "--data", tmp_path, "--port", 0)
    assert (code, "expected a file that onegrid made" in err) == (2, True)
    newer = tmp_path / "newer"
    newer.mkdir()
    db = sqlite3.connect(newer / FILE)
    db.execute("PRAGMA user_version = 99")
    db.close()
    code, _, err = onegrid("run", "--city", small_pack, "--data", newer, "--port", 0)
    assert (code, "schema version 99" in err) == (2, True)
    assert served == []


# demo


@pytest.fixture
def small_demo(monkeypatch, small_pack):
    """The demo on the small pack, with a twentieth of its reports."""
    monkeypatch.setattr(demo, "demo_pack", lambda: small_pack)
    monkeypatch.setattr(demo, "invent", lambda city, **how: simulator.simulate(city, **{**how, "rate": 150}))


def test_the_demo_says_everything_it_promises_and_its_counts_add_up(onegrid, small_demo, tmp_path):
    data = tmp_path / "data"
    code, out, _ = onegrid("demo", "--days", 1, "--no-serve", "--data", data, "--json")
    assert code == 0
    found = json.loads(out)
    assert set(found) >= {
        "layers", "units", "cells", "grids", "area_error", "pairs", "pairs_one_lead", "pairs_backstop", "reports",
        "not_incidents", "cases", "closed", "duplicates", "dead_letters", "outcomes", "on_time_rate",
        "on_time_by_desk", "median_minutes", "alerts", "seconds",
    }  # fmt: skip
    assert (found["layers"], found["cells"], found["pairs"], found["pairs_backstop"]) == (3, 30, 150, 30)
    dead = sum(found["dead_letters"].values())
    assert found["reports"] == found["cases"] + found["duplicates"] + found["not_incidents"] + dead
    assert sum(found["outcomes"].values()) == found["cases"]
    assert 0 <= found["on_time_rate"] <= 1
    assert set(found["median_minutes"]) == {"report_to_dispatch", "report_to_close"}
    assert set(found["seconds"]) >= {"fuse", "prove", "process"}
    code, _, err = onegrid("demo", "--days", 1, "--no-serve", "--data", data)
    assert (code, "not empty" in err) == (2, True)


def test_the_demo_fits_on_one_screen_serves_the_city_on_and_leaves_nothing_behind(
    onegrid, small_demo, served, monkeypatch, tmp_path
):
    monkeypatch.setattr(demo.tempfile, "mkdtemp", lambda prefix: str(tmp_path / prefix))
    code, out, err = onegrid("demo", "--days", 1)
    assert code == 0
    assert "双江市" in out
    assert len(out.splitlines()) < 40
    assert f"http://127.0.0.1:{served[0]}" in err
    assert list(tmp_path.iterdir()) == []
