from __future__ import annotations

import csv
from datetime import date

import pytest
from offices import COLUMN, fill, put_together, spoil
from openpyxl import load_workbook
from otherlist import write_list
from packs import write_pack

from grids.city import open_city
from grids.duties.importing.draft import make_draft
from grids.duties.importing.form import read_map
from grids.duties.importing.lists import read_list
from grids.duties.lint import lint
from grids.duties.proof import prove
from grids.duties.worksheet import SHEET, TITLES, read_draft, read_worksheet, write_decided
from grids.duties.worksheetfile import UNITS_SHEET, write_worksheet
from grids.errors import PackError
from grids.rules import read_rules
from grids.spreadsheets import put, read_workbook


@pytest.fixture
def pack(tmp_path):
    """The small city with the duty list of the other shape, undecided."""
    form = read_map(write_list(tmp_path)[1])
    matters, assumed = read_list(read_workbook(tmp_path / "list.xlsx"), form)
    make_draft(matters, assumed, form).write(tmp_path / "draft")
    conditions = (tmp_path / "draft" / "conditions.csv").read_text(encoding="utf-8")
    (tmp_path / "draft" / "conditions.csv").write_text(
        conditions.replace("C-01-01,A,渗漏,,,", "C-01-01,A,渗漏,2,WORK_HOUR,"), encoding="utf-8"
    )
    units = (tmp_path / "draft" / "units.csv").read_text(encoding="utf-8")
    header, *lines = units.splitlines()  # names that the small city has for units of its own
    lines = [f"{line.split(',')[0]},新{line.split(',')[0]},,{','.join(['', *line.split(',')[4:]])}" for line in lines]
    (tmp_path / "draft" / "units.csv").write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return put_together(tmp_path / "draft", write_pack(tmp_path / "city"))


@pytest.fixture
def sheet(pack, tmp_path):
    """A worksheet of that city as its offices got it."""
    write_worksheet(read_draft(pack), tmp_path / "worksheet.xlsx")
    return tmp_path / "worksheet.xlsx"


def write(path, **cells):
    """Write texts into cells named as F2."""
    book = load_workbook(path)
    for name, text in cells.items():
        book[SHEET][name] = text
    book.save(path)


def faults(path, pack):
    with pytest.raises(PackError) as caught:
        read_worksheet(path, pack)
    return {problem.file: str(problem).partition("; expected ")[2] for problem in caught.value.problems}


def cell(name, row):
    return f"{'ABCDEFGHIJKLMNO'[COLUMN[name] - 1]}{row}"


def test_the_worksheet_asks_once_for_every_category_and_says_what_the_list_says(sheet):
    asked = load_workbook(sheet)[SHEET]
    rows = list(asked.iter_rows(min_row=2, values_only=True))
    assert [row[0] for row in rows] == ["E-01-01", "E-01-02", "C-01-01", "C-01-02", "E-01-03"]
    assert rows[0][4].splitlines()[0] == "LEAD 本辖区街道 → @street-office"
    assert rows[0][COLUMN["lead"] - 1] == "@street-office"  # the list names one lead: it is proposed
    assert rows[3][4].splitlines()[-1] == "COOPERATE 某某 → ？"
    assert rows[3][COLUMN["cooperate"] - 1] is None  # one of two is not known: neither is proposed
    assert rows[4][4] == "— → ？"
    assert tuple(cell.value for cell in asked[1]) == tuple(TITLES.values())


def test_units_are_offered_in_drop_downs_with_the_selectors_of_the_pack(sheet):
    book = load_workbook(sheet)
    offered = [cell.value for cell in book[UNITS_SHEET]["A"][1:]]
    assert "@district:urban-management 所在区的部门 the department of the district" in offered
    assert "990100-UM 双江市城管局" in offered
    assert not any("居委会" in text for text in offered)
    rules = book[SHEET].data_validations.dataValidation
    assert {rule.formula1 for rule in rules} == {f"'{UNITS_SHEET}'!$A$2:$A${len(offered) + 1}"}
    strict = [str(rule.sqref) for rule in rules if rule.showErrorMessage]
    assert strict == ["F2:F206", "K2:K206"]


@pytest.mark.parametrize("seed", range(3))
def test_a_worksheet_filled_in_gives_a_pack_whose_proof_is_complete(pack, sheet, tmp_path, seed):
    fill(sheet, seed)
    write_decided(pack, read_worksheet(sheet, pack), tmp_path / "decided")
    city = open_city(tmp_path / "decided")
    proof = prove(city.rules.duties, city.rules.catalogue.leaves, city.cell_places)
    assert (proof.disputed, proof.none, proof.self_supervised, proof.backstop) == (0, 0, 0, 0)
    assert proof.explicit == proof.pairs == 5 * len(city.cell_places)


@pytest.mark.parametrize("seed", range(5))
def test_five_cells_filled_in_wrongly_are_exactly_the_five_that_are_named(pack, sheet, seed):
    fill(sheet, seed)
    spoilt = spoil(sheet, seed)
    with pytest.raises(PackError) as caught:
        read_worksheet(sheet, pack)
    named = {problem.file: problem.found for problem in caught.value.problems}
    assert set(named) == set(spoilt)
    assert all(spoilt[at].removeprefix("TOWN:990101") in named[at] or "TOWN" in named[at] for at in spoilt)


def test_a_worksheet_sent_back_empty_names_every_missing_lead(pack, sheet):
    assert set(faults(sheet, pack)) == {f"{SHEET}!F5", f"{SHEET}!F6"}  # the others have the list's own lead


def test_names_aliases_and_codes_all_mean_the_unit(pack, sheet):
    fill(sheet, 1)
    write(sheet, F2="市城管局", F3="990100-UM 双江市城管局", F4="双江市城管局", K2=None, K3=None, K4=None)
    write(sheet, H2=None, H3=None, H4=None)
    rows = read_worksheet(sheet, pack)
    leads = {row["category"]: row["unit"] for row in rows if row["role"] == "LEAD"}
    assert {leads[category] for category in ("E-01-01", "E-01-02", "C-01-01")} == {"990100-UM"}


def test_words_of_an_office_are_no_formula_in_the_pack(pack, sheet):
    fill(sheet, 1)
    book = load_workbook(sheet)
    put(book[SHEET][cell("basis", 2)], "=cmd()")
    put(book[SHEET][cell("decided_by", 3)], "-甲")
    book.save(sheet)
    rows = read_worksheet(sheet, pack)
    assert {"'=cmd()", "'-甲"} <= {row["basis"] for row in rows} | {row["decided_by"] for row in rows}


def test_what_the_loader_cannot_see_is_named_too(pack, sheet):
    fill(sheet, 2)
    write(
        sheet, F2="@owner", K2=None, F3="990100-UM；990100-WT", K3=None, F4="990100-SV", H4="双江市监督中心", K4=None
    )
    write(sheet, F5="990100-UM", K5="=1+1", E6="x", A6="E-01-99", N6=None)
    told = faults(sheet, pack)
    assert told == {
        f"{SHEET}!K2": "one unit or selector from the list, for components without an owner and for events",
        f"{SHEET}!F3": "one unit or selector from the list",
        f"{SHEET}!H4": "another unit than the lead: who checks is not who does",
        f"{SHEET}!K5": "its value; paste it as values",
        f"{SHEET}!A6": "a category of which rows are undecided",
    }


def test_a_line_that_was_deleted_is_missed(pack, sheet):
    fill(sheet, 3)
    book = load_workbook(sheet)
    book[SHEET].delete_rows(6)
    book.save(sheet)
    with pytest.raises(PackError, match=rf"{SHEET}!A1: no line for E-01-03; expected a line for each"):
        read_worksheet(sheet, pack)


def test_a_duty_may_be_split_by_place_and_by_date_but_not_said_twice(pack, sheet, tmp_path):
    fill(sheet, 4)
    book = load_workbook(sheet)
    asked = book[SHEET]
    for row in range(2, 7):
        asked.cell(row, COLUMN["supervise"]).value = None
        asked.cell(row, COLUMN["lead"]).value = "990100-UM"
    lines = [
        ("E-01-01", "DISTRICT:990101", "990101-UM", None, None),
        ("E-01-02", "CITY:990100", "990100-WT", "2027-01-01", None),
    ]
    for row, (category, scope, lead, start, end) in enumerate(lines, start=7):
        said = {"category": category, "scope": scope, "lead": lead, "effective_from": start, "effective_to": end}
        for name, text in said.items():
            asked.cell(row, COLUMN[name]).value = text
    book.save(sheet)
    assert faults(sheet, pack) == {f"{SHEET}!A8": "another scope, condition or dates than row 3"}
    write(sheet, **{cell("effective_to", 3): "2027-01-01"})
    write_decided(pack, read_worksheet(sheet, pack), tmp_path / "decided")
    city = open_city(tmp_path / "decided")
    assert prove(city.rules.duties, city.rules.catalogue.leaves, city.cell_places).holds


def test_rows_decided_before_stay_as_they_are_and_ids_are_new(pack, sheet, tmp_path):
    with (pack / "duties.csv").open("a", encoding="utf-8") as file:
        file.write("001-01x,001,*,CITY,990100,,BACKSTOP,@street-office,,STATUTORY,,属地兜底,,,,,,\n")
    fill(sheet, 5)
    rows = read_worksheet(sheet, pack)
    assert rows[0]["row"] == "001-01x"
    assert rows[0]["basis"] == "属地兜底"
    assert len({row["row"] for row in rows}) == len(rows)
    assert "spelling" not in rows[0]
    write_decided(pack, rows, tmp_path / "decided")
    assert [f.rule for f in lint_of(tmp_path / "decided") if f.rule in ("L1", "L2", "L7", "L12")] == []


def lint_of(directory):
    city = open_city(directory)
    return lint(city.rules, city.cell_places, date(2026, 3, 2))


def test_a_draft_without_a_city_can_be_decided_too(pack, sheet, tmp_path):
    bare = tmp_path / "bare"
    bare.mkdir()
    for name in ("units.csv", "categories.csv", "conditions.csv", "duties.csv"):
        (bare / name).write_bytes((pack / name).read_bytes())
    fill(sheet, 6)
    write_decided(bare, read_worksheet(sheet, bare), tmp_path / "decided")
    with (tmp_path / "decided" / "duties.csv").open(encoding="utf-8", newline="") as file:
        assert {row["role"] for row in csv.DictReader(file)} <= {"LEAD", "COOPERATE", "SUPERVISE"}
    write(sheet, F2="某人", M2="明天")
    assert set(faults(sheet, bare)) == {f"{SHEET}!F2", f"{SHEET}!M2"}


def test_faults_of_the_pack_itself_are_told_beside_those_of_the_cells(pack, sheet):
    fill(sheet, 7)
    write(sheet, F2="某人")
    (pack / "calendar.csv").unlink()
    assert set(faults(sheet, pack)) == {f"{SHEET}!F2", "calendar.csv"}


def test_another_file_is_not_taken_for_a_worksheet(pack, sheet, tmp_path):
    with pytest.raises(PackError, match="no sheet 待定职责"):
        read_worksheet(tmp_path / "list.xlsx", pack)
    write(sheet, F1="牵头")
    with pytest.raises(PackError, match="no column 牵头 LEAD"):
        read_worksheet(sheet, pack)


def test_a_decided_pack_is_written_into_a_new_folder_only(pack, sheet, tmp_path):
    fill(sheet, 8)
    rows = read_worksheet(sheet, pack)
    (tmp_path / "new").mkdir()
    write_decided(pack, rows, tmp_path / "new")
    assert read_rules(tmp_path / "new").duties.rows
    with pytest.raises(PackError, match="not empty; expected a new folder"):
        write_decided(pack, rows, tmp_path / "new")


def test_a_pack_in_which_all_is_decided_asks_nothing(small_pack, tmp_path):
    draft = read_draft(small_pack)
    assert draft.asks == ()
    write_worksheet(draft, tmp_path / "empty.xlsx")
    rows = read_worksheet(tmp_path / "empty.xlsx", small_pack)
    assert [row["row"] for row in rows] == [row.row for row in read_rules(small_pack).duties.rows]


def test_text_of_a_list_is_no_formula_in_the_worksheet(pack, tmp_path):
    duties = (pack / "duties.csv").read_text(encoding="utf-8")
    assert "'=1+1 号文" in duties
    (pack / "duties.csv").write_text(duties.replace("'=1+1", "=1+1"), encoding="utf-8")
    write_worksheet(read_draft(pack), tmp_path / "w.xlsx")
    asked = load_workbook(tmp_path / "w.xlsx")[SHEET]
    assert "f" not in {cell.data_type for row in asked.iter_rows() for cell in row}
    assert asked["L3"].value == "=1+1 号文"
