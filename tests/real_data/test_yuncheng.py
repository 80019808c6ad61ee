"""A city's published standard, in both layouts: its counts, every limit, and the way from it to a proven city."""

from __future__ import annotations

from collections import Counter

import pytest
from offices import FAULTS, fill, put_together, spoil
from packs import write_pack
from shared_data import shared

from grids.city import open_city
from grids.duties.importing.draft import make_draft
from grids.duties.importing.form import built_in, read_map
from grids.duties.importing.lists import read_list
from grids.duties.proof import prove
from grids.duties.worksheet import read_draft, read_worksheet, write_decided
from grids.duties.worksheetfile import write_worksheet
from grids.errors import PackError
from grids.spreadsheets import read_workbook

pytestmark = pytest.mark.real_data


def imported(name):
    path = shared(f"yuncheng/{name}")
    form = read_map(built_in("yuncheng", path))
    matters, assumed = read_list(read_workbook(path), form)
    return matters, make_draft(matters, assumed, form)


@pytest.fixture(scope="module")
def standard():
    return imported("muban.xlsx")


@pytest.fixture(scope="module")
def older():
    return imported("yuncheng_parts_events_standard.csv")


def test_the_workbook_gives_the_published_counts(standard):
    matters, draft = standard
    report = draft.report
    assert Counter(matter.kind for matter in matters) == {"COMPONENT": 92, "EVENT": 98}
    kinds = Counter()
    for matter in matters:
        kinds[matter.kind] += len(matter.conditions)
    assert kinds == {"COMPONENT": 375, "EVENT": 144}
    assert (report.categories, report.conditions) == (190, 519)
    assert report.limits == {"URGENT_HOUR": 42, "NATURAL_DAY": 4, "WORK_HOUR": 61, "WORK_DAY": 412}
    assert (report.multiple_units, report.relative_units, report.no_concrete_unit) == (175, 161, 45)
    assert report.unit_spellings == 61
    assert report.unparsed == []
    assert [(one.row, one.limit, one.words) for one in report.with_text] == [("事件!29", "1紧急工作时制止", "制止")]


def test_the_older_table_gives_the_published_counts(older):
    report = older[1].report
    assert (report.categories, report.conditions) == (66, 279)
    assert report.limits == {"URGENT_HOUR": 19, "NATURAL_DAY": 0, "WORK_HOUR": 26, "WORK_DAY": 234}
    assert (report.multiple_units, report.relative_units) == (66, 64)
    assert report.unparsed == []
    assert [(one.row, one.words) for one in report.with_text] == [("230", "种植季节")]


def test_the_same_digits_of_the_two_kinds_are_two_categories(standard):
    names = {line["category"]: line["name_zh"] for line in standard[1].tables["categories.csv"]}
    assert (names["C-01-01"], names["E-01-01"]) == ("上水井盖", "私搭乱建")
    digits = Counter(code[2:] for code in names if len(code) == len("C-01-01"))
    assert sum(count == 2 for count in digits.values()) == 56


def test_every_spelling_means_one_unit_or_is_listed_with_what_it_may_mean(standard):
    matters, draft = standard
    spelt = {part for matter in matters for parts in matter.parts.values() for part in parts}
    offices = {part: office.code for office in draft.report.offices for part in office.spellings}
    unmatched = {one.spelling for one in draft.report.unmatched}
    meant = {line["spelling"]: line["unit"] for line in draft.tables["duties.csv"]}
    assert {part for part, unit in meant.items() if not unit} == unmatched
    assert all(meant[part] == code for part, code in offices.items())
    assert spelt == set(meant)
    assert len(unmatched) == 11
    ways = {office.name: set(office.spellings) for office in draft.report.offices if len(office.spellings) == 3}
    assert ways["运城市市政公用服务中心"] == {"运城市市政公用服务中心", "市政公用服务中心", "运城市政公用服务中心"}


def test_two_cells_without_a_group_code_are_told(standard):
    assert [(one.where, one.used) for one in standard[1].report.assumed] == [("事件!A73", "01"), ("事件!A74", "01")]


@pytest.mark.parametrize("name", ["standard", "older"])
def test_the_standard_becomes_a_city_by_way_of_its_offices(request, tmp_path, name):
    _, draft = request.getfixturevalue(name)
    draft.write(tmp_path / "draft")
    pack = put_together(tmp_path / "draft", write_pack(tmp_path / "city"))
    with pytest.raises(PackError, match="'UNDECIDED'; expected one of"):
        open_city(pack)
    sheet = tmp_path / "worksheet.xlsx"
    write_worksheet(read_draft(pack), sheet)
    fill(sheet, 20260302)
    write_decided(pack, read_worksheet(sheet, pack), tmp_path / "decided")
    city = open_city(tmp_path / "decided")
    proof = prove(city.rules.duties, city.rules.catalogue.leaves, city.cell_places)
    print(f"{draft.report.categories} categories: {proof.pairs} pairs, {proof.explicit} explicit")
    assert (proof.disputed, proof.none, proof.self_supervised) == (0, 0, 0)
    assert proof.explicit == proof.pairs == draft.report.categories * len(city.cell_places)
    spoilt = spoil(sheet, 20260302)
    with pytest.raises(PackError) as caught:
        read_worksheet(sheet, pack)
    assert {problem.file for problem in caught.value.problems} == set(spoilt)
    assert len(spoilt) == len(FAULTS)
