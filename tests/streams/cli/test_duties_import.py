from __future__ import annotations

import json

import pytest
from offices import fill, put_together, spoil
from otherlist import write_list
from packs import write_pack

IMPORT_KEYS = {
    "categories", "conditions", "limits", "with_text", "unparsed", "multiple_units", "relative_units",
    "no_concrete_unit", "unit_spellings",
}  # fmt: skip


@pytest.fixture
def files(tmp_path):
    """The list of the other shape and its map."""
    return write_list(tmp_path)


@pytest.mark.parametrize("command", ["import", "worksheet", "matrix"])
def test_every_command_explains_itself_with_an_example(onegrid, command):
    code, out, _ = onegrid("duties", command, "--help")
    assert code == 0
    assert f"Example: onegrid duties {command}" in " ".join(out.replace("│", " ").split())
    assert "--json" in out


def test_an_import_says_its_counts_to_machines(onegrid, files, tmp_path):
    path, map_path = files
    code, out, _ = onegrid("duties", "import", path, "--map", map_path, "--out", tmp_path / "draft", "--json")
    said = json.loads(out)
    assert code == 0
    assert said.keys() >= IMPORT_KEYS
    assert (said["categories"], said["conditions"], said["limits"]["URGENT_HOUR"]) == (5, 8, 1)
    assert {one.name for one in (tmp_path / "draft").iterdir()} == {
        "categories.csv", "conditions.csv", "units.csv", "duties.csv", "report.json",
    }  # fmt: skip
    assert json.loads((tmp_path / "draft" / "report.json").read_bytes()) == said


def test_an_import_says_to_people_what_it_could_not_read(onegrid, files, tmp_path):
    path, map_path = files
    code, out, _ = onegrid("duties", "import", path, "--map", map_path, "--out", tmp_path / "draft")
    assert code == 0
    for text in ("5 类别", "权责清单!9 C-01-01 尽快", "2个钟头内", "某某", "NO_OFFICE", "待定 undecided rows"):
        assert text in out


def test_an_import_may_hold_the_list_against_a_citys_units(onegrid, files, tmp_path):
    path, map_path = files
    pack = write_pack(tmp_path / "city")
    given = ("duties", "import", path, "--map", map_path, "--city", pack, "--out", tmp_path / "draft", "--json")
    code, out, _ = onegrid(*given)
    assert code == 0
    assert {office["code"] for office in json.loads(out)["offices"]} == {"990100-UM", "990100-WC", "990100-WT"}
    units = (tmp_path / "draft" / "units.csv").read_text(encoding="utf-8")
    assert "自来水公司;水司公司" in units
    assert units.count("\n") == (pack / "units.csv").read_text(encoding="utf-8").count("\n")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), "expected one of --format and --map"),
        (("--format", "yuncheng", "--map", "map.toml"), "expected one of --format and --map"),
        (("--format", "other"), "'other'; expected one of yuncheng"),
        (("--map", "none.toml"), "no such file"),
    ],
)
def test_an_import_without_one_clear_map_is_bad_input(onegrid, files, tmp_path, arguments, expected):
    code, _, err = onegrid("duties", "import", files[0], *arguments, "--out", tmp_path / "draft")
    assert code == 2
    assert expected in err
    assert not (tmp_path / "draft").exists()


def test_a_list_becomes_a_proven_city_by_commands_alone(onegrid, files, tmp_path):
    path, map_path = files
    rows = tmp_path / "draft" / "conditions.csv"
    pack = write_pack(tmp_path / "city")
    onegrid("duties", "import", path, "--map", map_path, "--city", pack, "--out", tmp_path / "draft")
    rows.write_text(rows.read_text(encoding="utf-8").replace("渗漏,,,", "渗漏,2,WORK_HOUR,"), encoding="utf-8")
    put_together(tmp_path / "draft", pack, whole_units=True)
    sheet = tmp_path / "worksheet.xlsx"
    code, out, _ = onegrid("duties", "worksheet", "--city", pack, "--out", sheet, "--json")
    assert (code, json.loads(out)["asks"]) == (0, 5)
    fill(sheet, 1)
    decided = tmp_path / "decided"
    code, out, _ = onegrid("duties", "worksheet", "--read", sheet, "--city", pack, "--out", decided)
    assert code == 0
    assert "rows" in out
    code, out, _ = onegrid("duties", "prove", "--city", decided, "--json")
    assert code == 0
    assert json.loads(out)["explicit"] == json.loads(out)["pairs"]
    spoilt = spoil(sheet, 1)
    code, out, err = onegrid(
        "duties", "worksheet", "--read", sheet, "--city", pack, "--out", tmp_path / "no", "--json"
    )
    assert code == 2
    assert len(json.loads(out)["errors"]) == len(spoilt)
    assert all(f"{at}: " in err for at in spoilt)
    assert not (tmp_path / "no").exists()


def test_a_worksheet_is_an_xlsx(onegrid, small_pack, tmp_path):
    code, _, err = onegrid("duties", "worksheet", "--city", small_pack, "--out", tmp_path / "w.csv")
    assert code == 2
    assert "expected a file that ends in .xlsx" in err


@pytest.mark.parametrize("ending", ["html", "xlsx"])
def test_a_matrix_is_written_for_a_day(onegrid, small_pack, tmp_path, ending):
    out_path = tmp_path / f"matrix.{ending}"
    code, out, _ = onegrid(
        "duties", "matrix", "--city", small_pack, "--out", out_path, "--at", "2026-03-02", "--json"
    )
    assert code == 0
    assert json.loads(out)["categories"] == 5
    assert json.loads(out)["day"] == "2026-03-02"
    assert out_path.stat().st_size > 1000
    assert onegrid("duties", "matrix", "--city", small_pack, "--out", out_path)[0] == 0  # today


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [(("--out", "m.pdf"), "ends in .html or .xlsx"), (("--out", "m.html", "--at", "heute"), "expected a date")],
)
def test_a_matrix_needs_a_known_ending_and_a_date(onegrid, small_pack, arguments, expected):
    code, _, err = onegrid("duties", "matrix", "--city", small_pack, *arguments)
    assert code == 2
    assert expected in err
