"""`onegrid measures`, `publish` and `history`, as a shell would run them on a data folder."""

from __future__ import annotations

import json

import pytest
from hosted import kept
from measured import told
from openpyxl import load_workbook
from scenes import Scene

from streams.outlets.measures.registry import registry


@pytest.fixture(scope="module")
def data(manual_city, tmp_path_factory):
    """The week of measured.py, and a tick in April, so that March is over."""
    scene = Scene(manual_city)
    told(scene)
    for desk in scene.city.rules.places.desks:
        scene.tick("04-01 08:00", desk)
    folder = tmp_path_factory.mktemp("data")
    kept(scene, manual_city, folder).close()
    return folder


def test_every_measure_comes_with_formula_parts_and_version(onegrid, data):
    code, out, _ = onegrid("measures", "--data", data, "--from", "2026-03-02", "--to", "2026-03-09", "--json")
    rows = json.loads(out)["rows"]
    assert code == 0
    assert [row["measure"] for row in rows] == list(registry())
    rate = next(row for row in rows if row["measure"] == "on_time_handling_rate")
    assert (rate["value"], rate["numerator"], rate["denominator"]) == (pytest.approx(5 / 9), 5, 9)
    assert (rate["version"], rate["window"], rate["by"]) == (1, "2026-03-02/2026-03-09", {"city": "990100"})


def test_figures_by_day_and_desk_add_up_to_those_of_the_week(onegrid, data):
    asked = ("--data", data, "--from", "2026-03-02", "--to", "2026-03-09", "--measure", "handling_rate", "--json")
    _, whole, _ = onegrid("measures", *asked)
    _, parts, _ = onegrid("measures", *asked, "--by", "desk,unit", "--window", "day")
    (one,), many = json.loads(whole)["rows"], json.loads(parts)["rows"]
    assert sum(row["denominator"] for row in many) == one["denominator"] == 9
    assert sum(row["numerator"] for row in many) == one["numerator"]
    assert {row["window"] for row in many} == {"2026-03-02", "2026-03-03", "2026-03-04"}
    assert all(set(row["by"]) == {"desk", "unit"} for row in many)


def test_people_see_names_percentages_and_the_formula(onegrid, data):
    asked = ("--measure", "handling_rate", "--by", "desk", "--to", "2026-03-09")
    code, out, _ = onegrid("measures", "--data", data, *asked)
    assert code == 0
    assert "西岸区" in out
    assert "75.00%" in out
    assert "handled / should have been handled" in out


def test_a_figure_lists_its_cases(onegrid, data):
    asked = ("--data", data, "--from", "2026-03-02", "--to", "2026-03-09", "--cases", "handling_rate")
    code, out, _ = onegrid("measures", *asked, "--where", "desk=9901HT", "--json")
    (case,) = json.loads(out)["cases"]
    assert (code, case["unit"], case["part"]) == (0, "HT-UM", 1.0)
    _, shown, _ = onegrid("measures", *asked)
    assert "9 件 cases" in shown


def test_as_of_an_earlier_record_says_what_was_known_then(onegrid, data):
    asked = ("measures", "--data", data, "--measure", "cases", "--json")
    _, now, _ = onegrid(*asked)
    _, then, _ = onegrid(*asked, "--as-of", "8")
    assert json.loads(then)["position"] == 8
    assert json.loads(then)["rows"][0]["value"] < json.loads(now)["rows"][0]["value"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--by", "planet"), "expected some of city,desk"),
        (("--window", "hour"), "expected one of day, week, month"),
        (("--from", "yesterday"), "expected a day such as 2026-03-02"),
        (("--measure", "luck"), "expected one of cases"),
        (("--cases", "handling_rate", "--where", "planet=earth"), "expected city=…"),
        (("--from", "2026-03-09", "--to", "2026-03-02"), "before the end"),
    ],
)
def test_what_cannot_be_asked_is_told_with_what_can(onegrid, data, arguments, said):
    code, _, err = onegrid("measures", "--data", data, *arguments)
    assert code == 2
    assert said in err


def test_a_folder_that_holds_no_data_is_named(onegrid, tmp_path):
    code, _, err = onegrid("measures", "--data", tmp_path)
    assert code == 2
    assert "expected a data folder" in err


def test_history_is_asked_like_the_folder_it_came_from(onegrid, data, tmp_path):
    code, out, _ = onegrid("history", "--data", data, "--out", tmp_path / "history", "--json")
    assert code == 0
    assert json.loads(out)["cases"] == 15
    asked = ("--from", "2026-03-02", "--to", "2026-03-09", "--json")
    _, first, _ = onegrid("measures", "--data", data, *asked)
    _, second, _ = onegrid("measures", "--data", tmp_path / "history", *asked)
    assert json.loads(first)["rows"] == json.loads(second)["rows"]
    _, then, _ = onegrid("measures", "--data", data, *asked, "--as-of", "40")
    _, again, _ = onegrid("measures", "--data", tmp_path / "history", *asked, "--as-of", "40")
    assert json.loads(then)["rows"] == json.loads(again)["rows"]


def test_a_month_is_published_as_a_page_and_a_workbook(onegrid, data, tmp_path):
    asked = ("--month", "2026-03", "--out", tmp_path, "--console", "http://127.0.0.1:8311", "--json")
    code, out, _ = onegrid("publish", "--data", data, *asked)
    said = json.loads(out)
    assert (code, said["corrections"]) == (0, [])
    page = (tmp_path / "report-2026-03.html").read_text(encoding="utf-8")
    assert "双江市" in page
    assert "measure=on_time_handling_rate&amp;from=2026-03-01&amp;to=2026-04-01&amp;city=990100" in page
    assert "http://" not in page.replace("http://127.0.0.1:8311", ""), "a page asks no other address"
    book = load_workbook(tmp_path / "report-2026-03.xlsx")
    rows = {row[1]: row for row in book["指标 measures"].iter_rows(min_row=2, values_only=True) if row[1]}
    assert rows["On-time handling rate"][3:6] == (0.5, 5, 10)  # H was due in March, too
    assert len(book["图表 charts"]._charts) == 3 * 5
    linked = [cell.hyperlink.location or cell.hyperlink.ref for (cell,) in
              book["指标 measures"].iter_rows(min_row=2, min_col=4, max_col=4) if cell.hyperlink]  # fmt: skip
    assert linked
    asked = (
        "--window",
        "month",
        "--from",
        "2026-03-01",
        "--to",
        "2026-04-01",
        "--measure",
        "handling_rate",
        "--json",
    )
    _, again, _ = onegrid("measures", "--data", data, *asked)
    (row,) = json.loads(again)["rows"]
    assert (row["published"], row["position"]) == (True, said["position"])
