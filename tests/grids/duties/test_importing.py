from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook
from otherlist import MAP, ROWS, write_list
from packs import write_pack

from grids.catalogue import read_catalogue
from grids.duties.importing import spellings
from grids.duties.importing.draft import make_draft, with_aliases
from grids.duties.importing.form import ColumnsForm, MapForm, SheetForm, UnitsForm, built_in, read_map
from grids.duties.importing.limits import CLOCK_WORDS, Reading, read_limit
from grids.duties.importing.lists import read_list, split_units
from grids.duties.importing.spellings import resolve
from grids.duties.rows import read_duties
from grids.errors import PackError
from grids.spreadsheets import read_workbook
from grids.tables import Problems
from grids.units import read_units


@pytest.fixture
def read(tmp_path):
    """Read a list of the other shape, with rows and map as the test bends them."""

    def reader(rows=ROWS, change=lambda text: text):
        path, map_path = write_list(tmp_path, rows)
        map_path.write_text(change(map_path.read_text(encoding="utf-8")), encoding="utf-8")
        form = read_map(map_path)
        return (*read_list(read_workbook(path), form), form)

    return reader


@pytest.fixture
def table(tmp_path):
    """Read a CSV list by a small map: columns A to F as named, blanks repeat what stands above."""

    def reader(text, extra="", columns='group = "A"\nname = "B"\nlimit = "C"\nunits = "D"'):
        (tmp_path / "list.csv").write_text(text, encoding="utf-8")
        toml = f'{extra}\n[[sheet]]\nheader = 0\nfirst = 1\nkind = "EVENT"\n[columns]\n{columns}\n'
        (tmp_path / "map.toml").write_text(toml, encoding="utf-8")
        form = read_map(tmp_path / "map.toml")
        return (*read_list(read_workbook(tmp_path / "list.csv"), form), form)

    return reader


def lines(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


# Limits


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2紧急工作时", (2, "URGENT_HOUR", "")),
        ("2 紧急工作日", (2, "NATURAL_DAY", "")),
        ("4小时", (4, "WORK_HOUR", "")),
        ("4工作时", (4, "WORK_HOUR", "")),
        ("15天", (15, "WORK_DAY", "")),
        ("15个工作日", (15, "WORK_DAY", "")),
        ("\uff11.\uff15天", (1.5, "WORK_DAY", "")),
        ("两小时", (2, "WORK_HOUR", "")),
        ("半天", (0.5, "WORK_DAY", "")),
        ("1紧急工作时制止", (1, "URGENT_HOUR", "制止")),
        ("种植季节15工作日", (15, "WORK_DAY", "种植季节")),
    ],
)
def test_a_limit_is_read_with_its_clock_and_the_words_beside_it(text, expected):
    assert read_limit(text) == Reading(*expected)


@pytest.mark.parametrize("text", ["", "尽快", "0天", "1-3天", "三至五天", "十二天", "2小时或1天", "30分钟", "3"])
def test_a_limit_that_is_not_one_amount_of_a_known_clock_is_not_guessed(text):
    assert read_limit(text) is None


@given(amount=st.integers(1, 99), word=st.sampled_from(sorted(CLOCK_WORDS)), left=st.sampled_from(["", "内", "完成"]))
def test_every_clock_word_counts_whole_and_no_word_is_dropped(amount, word, left):
    assert read_limit(f"{amount}{word}{left}") == Reading(amount, CLOCK_WORDS[word], left)


def test_a_map_may_add_a_clock_word():
    assert read_limit("2个钟头", {"个钟头": "WORK_HOUR"}) == Reading(2, "WORK_HOUR", "")


# Lists


def test_another_shape_comes_in_by_its_map_alone(read):
    matters, assumed, _ = read()
    assert assumed == []
    assert [(m.category, m.group, m.name) for m in matters] == [
        ("E-01-01", "市容", "占道经营"),
        ("E-01-02", "市容", "乱倒垃圾"),
        ("C-01-01", "公用", "水管漏水"),
        ("C-01-02", "公用", "路灯不亮"),
        ("E-01-03", "市容", "噪声扰民"),
    ]
    assert [(c.where, c.text, c.limit) for c in matters[1].conditions] == [
        ("权责清单!7", "少量", "4小时"),
        ("权责清单!8", "成堆", "4小时"),  # the limit's cell is merged over both
    ]
    assert matters[0].parts == {"LEAD": ["本辖区街道"], "COOPERATE": ["双江市城管局", "本辖区城管"]}
    assert matters[0].basis == ["办法第1条"]


def test_its_counts_and_its_open_questions_are_told(read):
    matters, assumed, form = read()
    report = make_draft(matters, assumed, form).report
    assert (report.categories, report.conditions) == (5, 8)
    assert report.limits == {"NATURAL_DAY": 0, "URGENT_HOUR": 1, "WORK_DAY": 3, "WORK_HOUR": 3}
    assert [(one.row, one.words) for one in report.with_text] == [("权责清单!10", "内")]
    assert [(one.row, one.limit) for one in report.unparsed] == [("权责清单!9", "尽快")]
    assert (report.multiple_units, report.relative_units, report.no_concrete_unit) == (4, 2, 1)
    assert [(office.name, set(office.spellings)) for office in report.offices] == [
        ("双江市城管局", {"双江市城管局", "市城管局", "双江城管局"}),
        ("双江自来水公司", {"水司公司", "双江自来水公司"}),
        ("市水务局", {"市水务局"}),
    ]
    assert {one.spelling: one.why for one in report.unmatched} == {
        "相关单位": "NO_SELECTOR",
        "水务局和城管局": "SEVERAL_NAMES",
        "某某": "NO_OFFICE",
    }


def test_a_list_with_its_own_offices_meets_a_citys_units(read, tmp_path):
    units = read_units(write_pack(tmp_path / "city"), Problems())
    matters, assumed, form = read()
    report = make_draft(matters, assumed, form, units).report
    assert {office.code for office in report.offices} == {"990100-UM", "990100-WC", "990100-WT"}
    elsewhere = msgspec.structs.replace(form, units=msgspec.structs.replace(form.units, area_code="330000"))
    candidates = make_draft(matters, assumed, elsewhere, units).tables["duties.csv"]
    assert {line["scope_code"] for line in candidates} == {"990100"}  # the city's own code, whatever the map says
    strange = resolve(["市城管局", "市城市局", "双江"], UnitsForm(), units)
    assert strange.meaning == {"市城管局": "990100-UM"}
    assert [(one.spelling, one.why) for one in strange.unmatched] == [
        ("市城市局", "NO_SUCH_UNIT"),
        ("双江", "NO_SUCH_UNIT"),
    ]
    assert strange.unmatched[0].nearest[0].startswith("990100-UM ")


def test_a_spelling_that_fits_two_units_of_the_city_is_not_settled(tmp_path):
    units = read_units(write_pack(tmp_path / "city"), Problems())
    found = resolve(["城管局"], UnitsForm(prefixes=["西岸区", "东岸区"]), units)
    assert found.meaning == {}
    assert found.unmatched[0].why == "SEVERAL_UNITS 990101-UM 990102-UM"


def test_a_packs_units_learn_the_spellings_of_the_list():
    (known,) = with_aliases(
        [{"unit": "U1", "name_zh": "市城管局", "aliases": "城管局", "extra": "x"}],
        resolve(
            ["市城管局", "城管局", "市城市管理局"], UnitsForm(same={"市城管局": ["城管局", "市城市管理局"]})
        ).offices,
    )
    assert known == {"unit": "U1", "name_zh": "市城管局", "aliases": "城管局", "extra": "x"}
    offices = resolve(["城管", "城管局"], UnitsForm(same={"城管局": ["城管"]}, area_code="U")).offices
    assert with_aliases([{"unit": "U-D001", "name_zh": "城管局", "aliases": ""}], offices)[0]["aliases"] == "城管"


def test_two_offices_of_nearly_the_same_name_stay_two_and_are_shown(read):
    offices = resolve(["市场监管局", "市场监督管理局"], UnitsForm()).offices
    assert [office.similar for office in offices] == [("D002 市场监督管理局",), ("D001 市场监管局",)]


def test_blanks_under_a_value_repeat_it_in_a_csv(table):
    matters, _, _ = table("市容,甲,1天,U1、U2\n,,2天,\n,乙,3天,U1\n")
    assert [(m.name, m.group, [c.limit for c in m.conditions]) for m in matters] == [
        ("甲", "市容", ["1天", "2天"]),
        ("乙", "市容", ["3天"]),
    ]
    assert [m.parts[""] for m in matters] == [["U1", "U2"], ["U1"]]


def test_a_list_that_repeats_everything_on_every_row_gives_the_same(table):
    blank, _, _ = table("市容,甲,1天,U1\n,,2天,\n")
    full, _, _ = table("市容,甲,1天,U1\n市容,甲,2天,U1\n")
    assert [(m.category, m.parts, [c.limit for c in m.conditions]) for m in blank] == [
        (m.category, m.parts, [c.limit for c in m.conditions]) for m in full
    ]


def test_a_list_without_groups_is_one_group(table):
    matters, _, _ = table("甲,1天\n乙,2天\n", columns='name = "A"\nlimit = "B"')
    assert [m.category for m in matters] == ["E-01-01", "E-01-02"]


def test_a_missing_group_code_is_that_of_the_group_and_is_told(table):
    columns = 'group_code = "A"\ngroup = "B"\ncode = "C"\nname = "D"'
    matters, assumed, _ = table("1,市容,1,甲\n", columns=columns)
    assert [m.category for m in matters] == ["E-01-01"]
    with pytest.raises(PackError, match=r"^A1: ''; expected a number of 1 to 3 digits"):
        table(",市容,1,甲\n", columns=columns)
    _, assumed, _ = table("1,市容,1,甲\n2,广告,1,乙\n,市容,2,丙\n", 'spans = "merged"', columns)
    assert [(one.where, one.used) for one in assumed] == [("A3", "1")]


def test_wrong_cells_are_told_all_at_once(table):
    columns = 'group_code = "A"\ngroup = "B"\ncode = "C"\nname = "D"\nlimit = "E"'
    text = "1,市容,1,甲,1天\n1,市容,1,乙,1天\n1,市容,x,丙,1天\n1,市容,4,,1天\n,,,,2天\n"
    with pytest.raises(PackError) as caught:
        table(text, 'spans = "merged"', columns)
    assert [str(problem).partition(";")[0] for problem in caught.value.problems] == [
        "C2: '1' 乙", "C3: 'x'", "D4: ''", "D5: ''",
    ]  # fmt: skip


def test_a_code_without_a_name_is_not_the_matter_above(table):
    with pytest.raises(PackError, match=r"^B2: ''; expected a name"):
        table("1,甲\n2,\n", columns='code = "A"\nname = "B"')


def test_a_kind_in_words_that_the_map_does_not_know_is_told(read):
    with pytest.raises(PackError, match=r"权责清单!D5: '事项'; expected a word of the map's \[kinds\]"):
        read(change=lambda text: text.replace('"事项" = "EVENT"', ""))


def test_a_formula_in_a_column_that_counts_is_refused(tmp_path):
    path, map_path = write_list(tmp_path)
    book = load_workbook(path)
    book["权责清单"]["E5"] = "=A1"
    book.save(path)
    with pytest.raises(PackError, match="权责清单!E5: a formula; expected its value"):
        read_list(read_workbook(path), read_map(map_path))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('net = "ZZ"', 'net = "XX"', "net: 'XX'; expected one of CG"),
        ('"设施" = "COMPONENT"', '"设施" = "THING"', "kinds.设施: 'THING'"),
        ('"URGENT_HOUR"', '"HOUR"', "clocks.个钟头: 'HOUR'"),
        ('lead = "牵头单位"', 'lead = "牵头单位"\nunits = "配合单位"', "both units and lead"),
        ('kind = "性质"\n', "", r"sheet\[0\].kind: ''; expected one of COMPONENT EVENT"),
        ('spans = "merged"', 'spans = "merges"', "map.toml, spans"),
        ('group = "领域"', 'group = "领地"', "columns.group: '领地'; expected a letter or a title of row 4: 序号"),
        ('name = "权责清单"', 'name = "清单"', "sheet.name: '清单'; expected one of 目录 权责清单"),
        ("first = 5\nlast = 12", "first = 40", "no matters"),
        ('area_code = "990100"', 'area_code = "990100"\nlevel = "TOP"', "units.level: 'TOP'"),
        ("[units.same]", '[units.kinds]\n"局" = "BUREAU"\n[units.same]', "units.kinds.局: 'BUREAU'"),
        ("[columns]", "[columns]\nlimits = 'F'", "columns"),
    ],
)
def test_a_faulty_map_says_where_and_what(read, old, new, expected):
    assert old in MAP
    with pytest.raises(PackError, match=expected):
        read(change=lambda text: text.replace(old, new))


def test_every_key_of_a_map_is_explained_and_the_example_is_a_valid_map(tmp_path):
    page = (Path(__file__).parents[3] / "docs" / "duty-lists.md").read_text(encoding="utf-8")
    explained = set(re.findall(r"`(\w+)`", page))
    for form in (MapForm, ColumnsForm, SheetForm, UnitsForm):
        assert [name for name in form.__struct_fields__ if name not in explained] == []
    (example,) = re.findall(r"^```toml\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)
    (tmp_path / "map.toml").write_text(example, encoding="utf-8")
    assert read_map(tmp_path / "map.toml").sheet[0].last == 12


def test_every_reason_of_an_unmatched_spelling_is_explained():
    page = (Path(__file__).parents[3] / "docs" / "duty-lists.md").read_text(encoding="utf-8")
    source = Path(spellings.__file__).read_text(encoding="utf-8")
    reasons = set(re.findall(r'"([A-Z]+_[A-Z_]+)[ "]', source))
    assert reasons == set(re.findall(r"^\| `([A-Z]+_[A-Z_]+)` \|", page, flags=re.MULTILINE))


def test_the_maps_that_come_with_the_program_are_valid(tmp_path):
    for name in ("list.xlsx", "list.csv"):
        assert isinstance(read_map(built_in("yuncheng", tmp_path / name)), MapForm)


@given(names=st.lists(st.text(alphabet="甲乙 局", min_size=1, max_size=5), max_size=5))
def test_units_are_split_at_separators_only(names):
    plain = ["".join(name.split()) for name in names]
    assert split_units("、\n".join(names), ["、", "\n"]) == [name for name in plain if name]


# Drafts


def test_a_draft_is_refused_by_the_loader_until_it_is_decided(read, tmp_path):
    matters, assumed, form = read()
    draft = make_draft(matters, assumed, form)
    draft.write(tmp_path / "draft")
    problems = Problems()
    units = read_units(tmp_path / "draft", problems)
    assert problems == []
    catalogue = read_catalogue(tmp_path / "draft", problems)
    assert {(problem.file, problem.field) for problem in problems} == {
        ("conditions.csv", "limit"), ("conditions.csv", "clock"),
    }  # fmt: skip
    assert {problem.row for problem in problems} == {6}  # the one limit that nobody can read
    assert catalogue.leaves == ("C-01-01", "C-01-02", "E-01-01", "E-01-02", "E-01-03")
    problems.clear()
    rows = read_duties(tmp_path / "draft", catalogue, units, {}, problems)
    refused = {problem.row for problem in problems if problem.field == "role" and problem.found == "'UNDECIDED'"}
    assert len(refused) == len(rows) == draft.report.undecided


def test_a_candidate_says_what_the_list_says_and_what_it_may_mean(read, tmp_path):
    matters, assumed, form = read()
    make_draft(matters, assumed, form).write(tmp_path / "draft")
    rows = lines(tmp_path / "draft" / "duties.csv")
    first = [(row["suggested"], row["spelling"], row["unit"]) for row in rows if row["category"] == "E-01-01"]
    assert first == [
        ("LEAD", "本辖区街道", "@street-office"),
        ("COOPERATE", "双江市城管局", "990100-D001"),
        ("COOPERATE", "本辖区城管", "@district:urban-management"),
    ]
    assert [row["unit"] for row in rows if row["category"] == "C-01-02"] == ["", "", ""]
    assert [row["spelling"] for row in rows if row["category"] == "E-01-03"] == [""]  # named nobody: still asked
    assert {row["basis"] for row in rows if row["category"] == "E-01-02"} == {"'=1+1 号文"}
    report = json.loads((tmp_path / "draft" / "report.json").read_bytes())
    assert report["categories"] == 5


def test_a_draft_never_overwrites_a_city(read, tmp_path):
    matters, assumed, form = read()
    pack = write_pack(tmp_path / "city")
    before = (pack / "duties.csv").read_bytes()
    with pytest.raises(PackError, match="a city pack; expected a folder for the draft alone"):
        make_draft(matters, assumed, form).write(pack)
    assert (pack / "duties.csv").read_bytes() == before


def test_conditions_are_lettered_past_z(table):
    text = "市容,甲,1天,U1\n" + ",,1天,\n" * 27
    matters, assumed, form = table(text)
    letters = [line["condition"] for line in make_draft(matters, assumed, form).tables["conditions.csv"]]
    assert letters[:2] + letters[25:] == ["A", "B", "Z", "AA", "AB"]
