from __future__ import annotations

from datetime import date, time
from typing import TYPE_CHECKING

import pytest

from grids.city import demo_pack
from grids.errors import PackError, Problem
from grids.rules import Rules, pack_digest, read_rules
from tests.packs import add_line, change, write_pack

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def pack(tmp_path):
    return write_pack(tmp_path / "city")


def faults(pack: Path) -> list[Problem]:
    with pytest.raises(PackError) as error:
        read_rules(pack)
    return list(error.value.problems)


def test_a_good_pack_is_read_whole(pack):
    rules = read_rules(pack)
    assert rules.form.name_en == "Twin Rivers"
    assert [layer.net for layer in rules.layers] == ["ZZ", "CG", "YJ"]
    assert len(rules.areas) == 15
    assert rules.places.desk_of("990102002001").code == "9901HT"
    assert rules.units.named("码头街办") == "990101001-OF"
    assert len(rules.duties.rows) == 12
    assert [tier.share for tier in rules.tiers] == [0.8, 1.0, 1.5, 2.0, 3.0]
    assert len(rules.workers) == 16
    assert rules.workers[0].shift_to == time(18)


def test_the_calendar_has_the_packs_hours_holidays_and_zone(pack):
    calendar = read_rules(pack).calendar
    assert calendar.zone.key == "Asia/Shanghai"
    assert calendar.periods == ((time(8), time(12)), (time(14), time(18)))
    assert not calendar.is_workday(date(2026, 5, 1))
    assert calendar.is_workday(date(2026, 5, 9))
    assert calendar.last_known == date(2026, 12, 31)


def test_the_tiers_of_escalation_rise_whatever_order_they_stand_in(pack):
    change(pack, "escalation.toml", "share = 0.8", "share = 2.5")
    assert [tier.share for tier in read_rules(pack).tiers] == [1.0, 1.5, 2.0, 2.5, 3.0]


def test_the_demo_pack_is_read_without_a_fault():
    assert isinstance(read_rules(demo_pack()), Rules)


@pytest.mark.parametrize(
    "file", ["areas.csv", "area_classes.csv", "category_map.csv", "workers.csv", "duplicates.toml"]
)
def test_a_pack_may_lack_what_it_does_not_need(pack, file):
    before = read_rules(pack).digest
    (pack / file).unlink()
    assert read_rules(pack).digest != before


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("city.toml", "a TOML file"),
        ("layers.toml", "a TOML file"),
        ("escalation.toml", "a TOML file"),
        ("units.csv", "a CSV with unit, name_zh"),
        ("categories.csv", "a CSV with scheme, category"),
        ("conditions.csv", "a CSV with category, condition"),
        ("duties.csv", "a CSV with row, list_no"),
        ("calendar.csv", "a CSV with date, kind, name"),
    ],
)
def test_a_missing_file_is_named_with_what_it_should_be(pack, file, expected):
    (pack / file).unlink()
    (problem,) = [problem for problem in faults(pack) if problem.file == file and problem.found == "no such file"]
    assert problem.expected.startswith(expected)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    assert faults(tmp_path / "nowhere") == [
        Problem(str(tmp_path / "nowhere"), 0, "", "no such folder", "a city pack")
    ]


@pytest.mark.parametrize("file", ["units.csv", "duties.csv", "city.toml", "calendar.csv"])
def test_a_file_with_a_byte_order_mark_is_read_as_without(pack, file):
    plain = read_rules(pack)
    (pack / file).write_bytes(b"\xef\xbb\xbf" + (pack / file).read_bytes())
    marked = read_rules(pack)
    assert marked.form == plain.form
    assert (marked.units, marked.calendar) == (plain.units, plain.calendar)
    assert [row.row for row in marked.duties.rows] == [row.row for row in plain.duties.rows]


@pytest.mark.parametrize("file", ["units.csv", "duties.csv", "city.toml", "areas.csv"])
def test_a_file_in_another_encoding_is_refused(pack, file):
    (pack / file).write_bytes((pack / file).read_text(encoding="utf-8").encode("gb18030"))
    assert any(problem.file == file and "UTF-8" in problem.expected for problem in faults(pack))


A_DESK = "6 characters that no other desk has"
A_PERIOD = "08:00-12:00, in order"
A_DATUM = "one of BD09 BD09MC CGCS2000 GCJ02 WGS84"
BELOW = "a file below the pack"


@pytest.mark.parametrize(
    ("file", "old", "new", "problem"),
    [
        (
            "city.toml",
            'timezone = "Asia/Shanghai"',
            'timezone = "Asia/Chengdu"',
            ("timezone", "'Asia/Chengdu'", "a time zone such as Asia/Shanghai"),
        ),
        (
            "city.toml",
            'timezone = "Asia/Shanghai"',
            'timezone = "Asia"',
            ("timezone", "'Asia'", "a time zone such as Asia/Shanghai"),
        ),
        ("city.toml", 'base = "ZZ"', 'base = "XX"', ("base", "'XX'", "a net of layers.toml: ZZ CG YJ")),
        (
            "city.toml",
            'crs = "EPSG:4544"',
            'crs = "EPSG:99"',
            ("crs", "'EPSG:99'", "a coordinate reference system, such as EPSG:4544"),
        ),
        (
            "city.toml",
            'crs = "EPSG:4544"',
            'crs = "EPSG:4490"',
            (
                "crs",
                "'EPSG:4490' (China Geodetic Coordinate System 2000)",
                "a projection in metres, such as EPSG:4544",
            ),
        ),
        ("city.toml", 'code = "9901HT"', 'code = "HT"', ("desk[3].code", "'HT'", A_DESK)),
        (
            "city.toml",
            'code = "9901HT"',
            'code = "990101"',
            ("desk[3].code", "'990101'", A_DESK),
        ),
        ("city.toml", 'level = "ZONE"', 'level = "PARK"', ("desk[3].level", "'PARK'", "CITY DISTRICT ZONE")),
        ("city.toml", 'centre = "HT-CC"', 'centre = "HT-C"', ("desk[3].centre", "'HT-C'", "a unit of units.csv")),
        (
            "city.toml",
            'areas = ["990102"]',
            'areas = ["990102", "990101"]',
            ("desk[2].areas", "990101 of desk 990101 too", "one desk an area"),
        ),
        (
            "city.toml",
            'level = "CITY"',
            'level = "DISTRICT"',
            ("desk", "not exactly one of level CITY", "one desk for what has no place"),
        ),
        (
            "city.toml",
            "[channel_datum]",
            '[[zone]]\ncode = "HT"\nname_zh = "二"\nname_en = "Two"\nareas = []\n[channel_datum]',
            ("zone[1].code", "'HT'", "a code that no other zone has"),
        ),
        (
            "city.toml",
            'areas = ["990102002"]\n\n[[desk]]\ncode = "990100"',
            'areas = ["990102009"]\n\n[[desk]]\ncode = "990100"',
            ("zone[0].areas", "'990102009'", "an area of areas.csv"),
        ),
        (
            "city.toml",
            'HOTLINE = "GCJ02"',
            'HOTLINE = "GCJ2"',
            ("channel_datum.HOTLINE", "'GCJ2'", A_DATUM),
        ),
        (
            "city.toml",
            'base = "ZZ"',
            'base = "ZZ"\ndatum = "Beijing54"',
            ("datum", "'Beijing54'", A_DATUM),
        ),
        ("city.toml", '"08:00-12:00"', '"12:00-08:00"', ("hours.periods[0]", "'12:00-08:00'", A_PERIOD)),
        ("city.toml", '"14:00-18:00"', '"11:00-18:00"', ("hours.periods[1]", "'11:00-18:00'", A_PERIOD)),
        ("city.toml", '"14:00-18:00"', '"14-18"', ("hours.periods[1]", "'14-18'", A_PERIOD)),
        (
            "city.toml",
            '"14:00-18:00"',
            '"14:00+08:00-18:00"',
            ("hours.periods[1]", "'14:00+08:00-18:00'", A_PERIOD),
        ),
        (
            "city.toml",
            'mode = "suggest"',
            'mode = "maybe"',
            ("automation[1].mode", "'maybe'", "one of auto suggest manual"),
        ),
        (
            "city.toml",
            'steps = ["CLOSE"]',
            'steps = ["CLOSE", "OPEN"]',
            ("automation[1].steps", "OPEN", "some of ACCEPT FILE DISPATCH REQUEST_CHECK CLOSE"),
        ),
        (
            "city.toml",
            'answer = "2 WORK_DAY"',
            'answer = "2 DAYS"',
            (
                "limits.answer",
                "'2 DAYS'",
                "an amount and one of NATURAL_DAY URGENT_HOUR URGENT_MINUTE WORK_DAY WORK_HOUR WORK_MINUTE",
            ),
        ),
        (
            "city.toml",
            "[limits]\n",
            '[limits]\nsign = { NORMAL = "2 WORK_HOUR", URGENT = "1 WORK_HOUR" }\n',
            (
                "limits.sign.CRITICAL",
                "''",
                "an amount and one of NATURAL_DAY URGENT_HOUR URGENT_MINUTE WORK_DAY WORK_HOUR WORK_MINUTE",
            ),
        ),
        (
            "layers.toml",
            'net = "CG"',
            'net = "YJ"',
            ("layer[2].net", "'YJ'", "a net that no other layer has on the same valid_from"),
        ),
        ("layers.toml", 'net = "CG"', 'net = "CG"\ndatum = "WGS"', ("layer[1].datum", "'WGS'", A_DATUM)),
        ("layers.toml", "layers/cg.geojson", "layers/xx.geojson", ("layer[1].file", "'layers/xx.geojson'", BELOW)),
        ("layers.toml", "layers/cg.geojson", "../../etc/passwd", ("layer[1].file", "'../../etc/passwd'", BELOW)),
    ],
)
def test_a_fault_of_a_toml_file_names_file_key_and_expectation(pack, file, old, new, problem):
    change(pack, file, old, new)
    assert Problem(file, 0, *problem) in faults(pack)


@pytest.mark.parametrize(
    ("file", "line", "field", "found", "expected"),
    [
        ("calendar.csv", "2026-05-01,HOLIDAY,又", "date", "'2026-05-01'", "a date that no other row has"),
        ("calendar.csv", "2026-05-32,HOLIDAY,无", "date", "'2026-05-32'", "a date as 2026-03-02, or empty"),
        ("calendar.csv", "2026-06-19,FEAST,端午节", "kind", "'FEAST'", "one of HOLIDAY MAKEUP_WORKDAY"),
        ("workers.csv", "W900,990101001-XX,,,08:00,18:00", "unit", "'990101001-XX'", "a unit of units.csv"),
        ("workers.csv", "W001,990101001-OF,,,08:00,18:00", "worker", "'W001'", "a pseudonym that no other row has"),
        ("workers.csv", "W900,990101001-OF,,,8,18:00", "shift_from", "'8'", "a time such as 08:00"),
        ("workers.csv", "W900,990101001-OF,,,08:00,25:00", "shift_to", "'25:00'", "a time such as 08:00"),
        (
            "units.csv",
            "X,某局,,,CITY,DEPARTMENT,,990100-UN,990100,,",
            "parent",
            "'990100-UN'",
            "a unit of this file, or empty",
        ),
    ],
)
def test_a_fault_of_a_table_names_file_row_field_and_expectation(pack, file, line, field, found, expected):
    row = add_line(pack, file, line)
    assert faults(pack) == [Problem(file, row, field, found, expected)]


def test_a_category_of_duplicates_that_nobody_knows_is_named(pack):
    text = 'diffuse = { metres = 300, hours = 12, categories = ["E-01-20", "E-77"] }\n'
    (pack / "duplicates.toml").write_text(text, encoding="utf-8")
    expected = "a leaf of scheme city in categories.csv"
    assert faults(pack) == [Problem("duplicates.toml", 0, "diffuse.categories[1]", "'E-77'", expected)]


@pytest.mark.parametrize(
    ("text", "field", "found", "expected"),
    [
        ("merge = 0.6\n", "suggest", "0.7", "no more than merge, 0.6"),
        ("[weights]\nspace = 0.5\n", "weights", "1.1 together", "1 together"),
        (
            "[[special]]\nmetres = 5\nhours = 1\n",
            "special[0].categories",
            "nothing",
            "the categories that it is about",
        ),
        (
            '[[special]]\nmetres = 5\nhours = 1\ncategories = ["C-01"]\n',
            "special[0].categories[0]",
            "'C-01'",
            "a leaf of scheme city in categories.csv",
        ),
        (
            "".join(
                f'{name} = {{ metres = 5, hours = 1, categories = ["E-01-20"] }}\n' for name in ("event", "diffuse")
            ),
            "diffuse.categories[0]",
            "'E-01-20', as event.categories[0]",
            "a category in one table",
        ),
    ],
)
def test_parameters_of_duplicates_that_contradict_are_named(pack, text, field, found, expected):
    (pack / "duplicates.toml").write_text(text, encoding="utf-8")
    assert faults(pack) == [Problem("duplicates.toml", 0, field, found, expected)]


def test_a_special_table_may_say_otherwise_than_a_general_one(pack):
    table = 'metres = 5\nhours = 1\ncategories = ["E-01-20"]\n'
    (pack / "duplicates.toml").write_text(f"[[special]]\n{table}[diffuse]\n{table}", encoding="utf-8")
    assert len(read_rules(pack).duplicates.special) == 1


def test_an_unknown_unit_is_refused_with_the_nearest_one(pack):
    change(pack, "duties.csv", "LEAD,HT-UM,", "LEAD,HT-UMM,")
    with pytest.raises(PackError, match=r"duties\.csv, row 9, unit: 'HT-UMM'; expected .* did you mean HT-UM\?"):
        read_rules(pack)


def test_a_missing_column_is_named(pack):
    change(pack, "duties.csv", "row,list_no,category,", "row,list_no,kind,")
    assert Problem("duties.csv", 1, "category", "no such column", faults(pack)[0].expected) == faults(pack)[0]


def test_all_faults_of_all_files_are_told_at_once_in_the_order_of_files_and_rows(pack):
    change(pack, "city.toml", 'base = "ZZ"', 'base = "XX"')
    change(pack, "categories.csv", "E-01,HB", "E-01,XX")
    change(pack, "duties.csv", "LEAD,HT-UM", "LEAD,@mayor")
    change(pack, "duties.csv", "SUPERVISE,@city:urban-management", "HEAD,@city:urban-management")
    change(pack, "escalation.toml", "share = 0.8", 'share = "most"')
    add_line(pack, "calendar.csv", "someday,HOLIDAY,无")
    add_line(pack, "workers.csv", "W900,nobody,,,08:00,18:00")
    found = [(problem.file, problem.field) for problem in faults(pack)]
    assert found == sorted(found, key=lambda one: one[0])
    assert set(found) >= {
        ("categories.csv", "net"),
        ("calendar.csv", "date"),
        ("duties.csv", "role"),
        ("duties.csv", "unit"),
        ("escalation.toml", "tier[0].share"),
        ("workers.csv", "unit"),
    }


def test_a_broken_city_toml_does_not_hide_the_faults_of_the_tables_nor_invent_some(pack):
    change(pack, "city.toml", 'adcode = "990100"', "adcode = 990100")
    change(pack, "duties.csv", "LEAD,HT-UM", "LEAD,HT-XX-YY")
    assert [(problem.file, problem.field) for problem in faults(pack)] == [
        ("city.toml", "adcode"),
        ("duties.csv", "unit"),
    ]


def test_the_digest_names_the_content_of_a_pack(pack, tmp_path):
    before = pack_digest(pack)
    assert len(before) == 64
    assert read_rules(pack).digest == before == pack_digest(write_pack(tmp_path / "copy"))


@pytest.mark.parametrize("file", ["city.toml", "duties.csv", "layers/cg.geojson"])
def test_any_changed_file_changes_the_digest(pack, file):
    before = pack_digest(pack)
    (pack / file).write_bytes((pack / file).read_bytes() + b"\n")
    assert pack_digest(pack) != before


def test_a_renamed_file_changes_the_digest(pack):
    before = pack_digest(pack)
    (pack / "duplicates.toml").rename(pack / "duplicate.toml")
    assert pack_digest(pack) != before


def test_notes_and_hidden_files_are_no_part_of_a_pack(pack):
    before = pack_digest(pack)
    (pack / "README.md").write_text("a note", encoding="utf-8")
    (pack / ".cache").mkdir()
    (pack / ".cache" / "x").write_text("x", encoding="utf-8")
    assert pack_digest(pack) == before
