"""The usual 24-column export of urban management systems (数字城管): times of the city, positions in Baidu Mercator.

    任务号 案件类型 大类名称 小类名称 立案条件 问题来源 问题描述 地址描述 上报时间 立案时间 派遣时间 处置部门
    处置截止时间 处置完成时间 结案时间 案卷状态 所属区域 所属街道 所属社区 单元网格 部件编码 监督员编号 X坐标 Y坐标

Order does not matter, and names may be spelt as in _COLUMNS. X and Y are BD-09 Mercator metres (2.6 to 15 million);
where they are degrees, they are BD-09 degrees.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from grids.datum import to_wgs84
from streams.inlets.adapters.reading import Context, Fault, Reading, first, header, moment, named, number, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_COLUMNS: dict[str, tuple[str, ...]] = {
    "number": ("任务号", "案卷号", "任务编号", "案件编号"),
    "kind": ("案件类型", "问题类型", "类型"),
    "group": ("大类名称", "大类"),
    "leaf": ("小类名称", "小类"),
    "condition": ("立案条件",),
    "channel": ("问题来源", "来源"),
    "text": ("问题描述", "描述"),
    "address": ("地址描述", "地址", "位置描述"),
    "reported_at": ("上报时间", "受理时间"),
    "updated": ("结案时间", "处置完成时间", "处置时间", "派遣时间", "立案时间"),
    "status": ("案卷状态", "当前阶段", "状态"),
    "unit": ("处置部门", "处置单位"),
    "due": ("处置截止时间", "截止时间"),
    "street": ("所属街道", "街道"),
    "community": ("所属社区", "社区"),
    "grid": ("单元网格", "单元网格编号", "网格编码"),
    "component": ("部件编码", "部件标识码"),
    "collector": ("监督员编号", "监督员", "采集员"),
    "x": ("X坐标", "X", "x", "经度"),
    "y": ("Y坐标", "Y", "y", "纬度"),
}

_CHANNELS = {
    "监督员上报": "GRID_WORKER", "采集员上报": "GRID_WORKER", "网格员上报": "GRID_WORKER", "公众举报": "PUBLIC_APP",
    "微信": "PUBLIC_APP", "市民APP": "PUBLIC_APP", "12319": "HOTLINE", "12345": "HOTLINE", "热线": "HOTLINE",
    "视频": "VIDEO", "视频抓拍": "VIDEO", "物联感知": "SENSOR", "领导批示": "LEADER", "领导交办": "LEADER",
    "媒体": "MEDIA", "媒体曝光": "MEDIA", "专项普查": "INSPECTION", "巡查": "INSPECTION",
}  # fmt: skip

_NEEDED = ("number", "leaf", "reported_at")
_DEGREES = 180


class CityManagement:
    """The format."""

    system = "city-management"

    def knows(self, path: Path) -> bool:
        """Say whether a file has a task number, a sub-category and a time of report."""
        names = set(header(path))
        return all(names & set(_COLUMNS[field]) for field in _NEEDED) and bool(names & set(_COLUMNS["group"]))

    def read(self, path: Path, context: Context) -> Iterator[Reading]:
        """Yield every row."""
        for row, texts in table(path):
            yield _reading(row, {field: first(texts, names) for field, names in _COLUMNS.items()}, texts, context)


def _reading(row: int, said: Mapping[str, str], texts: Mapping[str, str], context: Context) -> Reading:
    faults: list[Fault] = [Fault(_COLUMNS[field][0], "", "a value") for field in _NEEDED if not said[field]]
    at = moment(said["reported_at"], context.zone)
    if at is None and said["reported_at"]:
        faults.append(Fault("上报时间", said["reported_at"], "a time such as 2026-03-02 08:15:00"))
    if faults:
        return Reading(row, None, tuple(faults))
    assert at is not None
    report: dict[str, Any] = {
        "system": context.system or CityManagement.system,
        "system_no": said["number"],
        "channel": _CHANNELS.get(said["channel"], "DEPARTMENT"),
        "reported_at": at,
        "text": said["text"],
    }
    if code := named(context.catalogue, said["kind"], said["group"], said["leaf"]):
        report |= {"scheme": "city", "category": code}
    else:
        report |= {"scheme": "city-management", "category": f"{said['group']}/{said['leaf']}"}
        if context.catalogue is not None:
            faults.append(Fault("小类名称", said["leaf"], "a name of categories.csv"))
    for field, to in (("address", "address"), ("component", "component_id"), ("status", "source_status")):
        if said[field]:
            report[to] = said[field]
    if said["grid"]:
        report |= {"source_layer": "CG", "source_grid": said["grid"]}
    updated = [when for name in _COLUMNS["updated"] if (when := moment(texts.get(name, ""), context.zone))]
    if updated:
        report["source_updated_at"] = max(*updated, at)
    place, fault = _position(said["x"], said["y"])
    report |= place
    kept = {
        name: said[field]
        for field, name in (
            ("street", "所属街道"),
            ("community", "所属社区"),
            ("unit", "处置部门"),
            ("due", "处置截止时间"),
        )
        if said[field]
    }
    if kept:
        report["attributes"] = kept
    return Reading(row, report, (*faults, *([fault] if fault else ())))


def _position(x: str, y: str) -> tuple[dict[str, Any], Fault | None]:
    """Return a position on WGS-84, converted here because reports know no Mercator metres."""
    if not x and not y:
        return {}, None
    east, north = number(x), number(y)
    if east is None or north is None or (east == 0 and north == 0):
        return {}, Fault("X坐标, Y坐标", f"{x}, {y}", "Baidu Mercator metres")
    if abs(east) <= _DEGREES:
        return {"lon": east, "lat": north, "datum": "BD09"}, None
    lon, lat = to_wgs84(np.array([east]), np.array([north]), "BD09MC")
    if not (np.isfinite(lon[0]) and np.isfinite(lat[0])):
        return {}, Fault("X坐标, Y坐标", f"{x}, {y}", "Baidu Mercator metres")
    return {"lon": round(float(lon[0]), 7), "lat": round(float(lat[0]), 7), "datum": "WGS84"}, None
