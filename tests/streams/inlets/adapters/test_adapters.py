"""Other systems' files: every row is accounted for, and what is understood means what it meant there."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from exports import SPOT, export_row, order, write_csv, write_xlsx

from grids.errors import PackError
from grids.inlets import SensorForm
from streams.inlets.adapters import ADAPTERS, hotline, name_of
from streams.inlets.adapters.reading import Context, moment, named
from streams.inlets.adapters.trying import attempt, convert
from tests.shared_data import shared

# City management


@pytest.mark.parametrize("kind", ["csv", "gbk", "xlsx"])
def test_the_24_columns_are_read_whatever_file_they_come_in(tmp_path, kind):
    rows = [export_row(n) for n in range(3)] + [export_row(3, 上报时间="昨天"), export_row("", 任务号="")]
    path = tmp_path / f"export.{'xlsx' if kind == 'xlsx' else 'csv'}"
    write_xlsx(path, rows) if kind == "xlsx" else write_csv(path, rows, "gb18030" if kind == "gbk" else "utf-8-sig")
    assert name_of(path) == "city-management"
    readings = list(ADAPTERS["city-management"].read(path, Context()))
    assert [reading.report is not None for reading in readings] == [True, True, True, False, False]
    assert readings[3].faults[0].field == "上报时间"
    assert readings[4].faults[0].field == "任务号"
    assert [reading.row for reading in readings] == [2, 3, 4, 5, 6]
    report = readings[0].report
    assert (report["lon"], report["lat"], report["datum"]) == (
        pytest.approx(SPOT[0], abs=1e-5), pytest.approx(SPOT[1], abs=1e-5), "WGS84",
    )  # fmt: skip
    assert report["reported_at"] == datetime(2026, 3, 2, 0, 15, tzinfo=UTC)
    assert report["source_updated_at"] == datetime(2026, 3, 3, 1, 30, tzinfo=UTC)
    assert (report["channel"], report["source_status"]) == ("GRID_WORKER", "已结案")


def test_names_of_categories_become_codes_where_the_pack_knows_them(small_city, tmp_path):
    catalogue = small_city.rules.catalogue
    code = catalogue.leaves[0]
    leaf = catalogue[code].name_zh
    assert named(catalogue, leaf) == code
    path = write_csv(tmp_path / "export.csv", [export_row(1, 小类名称=leaf), export_row(2, 小类名称="无此类")])
    known, unknown = ADAPTERS["city-management"].read(path, Context(catalogue=catalogue))
    assert (known.report["scheme"], known.report["category"]) == ("city", code)
    assert (unknown.report["scheme"], unknown.faults[0].field) == ("city-management", "小类名称")


def test_positions_that_are_none_cost_the_row_only_its_position(tmp_path):
    rows = [export_row(1, X坐标="0", Y坐标="0"), export_row(2, X坐标="abc"), export_row(3, X坐标="", Y坐标="")]
    readings = list(ADAPTERS["city-management"].read(write_csv(tmp_path / "x.csv", rows), Context()))
    assert all("lon" not in reading.report for reading in readings)
    assert [bool(reading.faults) for reading in readings] == [True, True, False]


# The hotline


def test_a_hotline_is_read_by_the_columns_it_is_known_by(tmp_path):
    path = write_csv(
        tmp_path / "hotline.csv", [order(1), order(2, 诉求类型="咨询"), order(3, 受理时间="")], "gb18030"
    )
    assert name_of(path) == "hotline"
    first, inquiry, bad = ADAPTERS["hotline"].read(path, Context())
    assert (first.report["channel"], first.report["scheme"], first.report["category"]) == (
        "HOTLINE",
        "12345",
        "建筑噪声",
    )
    assert first.report["attributes"]["person"] == {"name": "王小明", "phone": "13800138000"}
    assert inquiry.report["matter"] == "INQUIRY"
    assert "category" not in inquiry.report
    assert (bad.report, bad.faults[0].field) == (None, "reported_at")


def test_a_clerk_changes_the_mapping_and_the_file_is_read_by_it(tmp_path):
    path = write_xlsx(tmp_path / "hotline.xlsx", [{**order(1), "片区": "东", "区号": "7"}])
    lines = hotline.draft(list(order(1)))
    hotline.write_mapping(tmp_path / "map.csv", lines)
    assert hotline.read_mapping(tmp_path / "map.csv") == lines
    text = (tmp_path / "map.csv").read_text(encoding="utf-8-sig")
    text = text.replace("address,事发地址,,", "address,片区 + 事发地址,,") + "severity,区号,,7=2;*=4\n"
    (tmp_path / "map.csv").write_text(text, encoding="utf-8-sig")
    (reading,) = ADAPTERS["hotline"].read(path, Context(mapping=tmp_path / "map.csv"))
    assert (reading.report["address"], reading.report["severity"]) == ("东 码头街道1号", 2)


@pytest.mark.parametrize(
    "text", ["field,column,constant,words\nnumber,工单编号,,\n", "field,column\nsystem_no,\n", "x\n"]
)
def test_a_mapping_that_makes_no_sense_is_refused_by_row_and_field(tmp_path, text):
    (tmp_path / "map.csv").write_text(text, encoding="utf-8")
    with pytest.raises(PackError, match=r"map\.csv.*expected"):
        hotline.read_mapping(tmp_path / "map.csv")


# Sensors

LEVEL = SensorForm(kind="level", category="E-02-02", over=3.0, back=0.5, for_s=60, steps=((4.0, 2),), unit="m")


def readings(tmp_path, values, start="2026-03-02T08:00:00+08:00"):
    at = datetime.fromisoformat(start)
    lines = [
        json.dumps({"sensor": "W1", "kind": "level", "value": v, "at": (at + timedelta(seconds=30 * n)).isoformat(),
                    "lon": 104.0, "lat": 30.6})
        for n, v in enumerate(values)
    ]  # fmt: skip
    path = tmp_path / "readings.ndjson"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_a_reading_becomes_a_report_once_it_stays_beyond_and_again_only_after_it_came_back(tmp_path):
    values = [2, 3.5, 3.5, 3.6, 4.2, 2.9, 3.4, 2.4, 3.1, 3.2, 4.5]
    path = readings(tmp_path, values)
    assert name_of(path) == "sensors"
    found = list(ADAPTERS["sensors"].read(path, Context(sensors=[LEVEL])))
    told = [(reading.row, reading.report["severity"]) for reading in found if reading.report]
    assert told == [(4, 4), (11, 2)]
    assert len(found) == len(values)
    assert len({reading.report["system_no"] for reading in found if reading.report}) == 2


def test_readings_that_are_none_are_told(tmp_path):
    path = readings(tmp_path, [1])
    path.write_text(path.read_text() + 'broken\n{"sensor": "a", "kind": "heat", "value": 1, "at": "2026-03-02"}\n')
    tried = attempt(ADAPTERS["sensors"], path, Context(sensors=[LEVEL]))
    assert (tried.rows, tried.quiet, tried.not_understood) == (3, 1, 2)


# New York

FILES = {
    "feb2023_46cols.csv": 4999,
    "sep2025_api_1000.json": 1000,
    "aug2026_snapshots/2026-08-02_6e926a4.parquet": 777,
    "aug2026_snapshots/2026-08-05_b952b8e.parquet": 30990,
}


@pytest.mark.real_data
@pytest.mark.parametrize("name", FILES)
def test_each_shape_of_new_yorks_requests_is_read_to_the_last_row(name, tmp_path):
    path = shared(f"nyc/requests/{name}")
    assert name_of(path) == "nyc311"
    tried = attempt(ADAPTERS["nyc311"], path, Context())
    assert (tried.rows, tried.not_understood) == (FILES[name], 0)
    assert tried.placed > 0.95 * tried.rows
    taken, left = convert(ADAPTERS["nyc311"], path, Context(), tmp_path / "out.ndjson")
    assert (taken, left) == (FILES[name], 0)


# Files of nobody


def test_a_file_of_nobody_is_nobodys(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("a,b\n1,2\n", encoding="utf-8")
    assert name_of(path) == ""
    path.write_bytes(b"\xff\xfe\xff\xff\x00\x81")
    assert name_of(path) == ""


def test_reports_as_they_are_on_the_wire_are_read_too(tmp_path):
    good = {"system": "a", "system_no": "1", "channel": "HOTLINE", "reported_at": "2026-03-02T08:15:00+08:00"}
    path = tmp_path / "x.ndjson"
    path.write_bytes(msgspec.json.encode(good) + b"\n" + msgspec.json.encode({**good, "colour": 1}) + b"\n")
    assert name_of(path) == "reports"
    tried = attempt(ADAPTERS["reports"], path, Context())
    assert (tried.rows, tried.reports, tried.not_understood) == (2, 1, 1)


@pytest.mark.parametrize(
    "text", ["2026-03-02 08:15:00", "2026/03/02 08:15", "2026年03月02日 08:15", "20260302081500"]
)
def test_times_are_read_as_exports_write_them(text):
    assert moment(text, Context().zone) == datetime(2026, 3, 2, 0, 15, tzinfo=UTC)
