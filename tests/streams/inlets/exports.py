"""Files as other systems export them, made for tests: the 24 columns of city management, and a hotline's."""

from __future__ import annotations

import csv

import numpy as np
import openpyxl

from grids.datum import from_wgs84

TITLES = (
    "任务号", "案件类型", "大类名称", "小类名称", "立案条件", "问题来源", "问题描述", "地址描述", "上报时间",
    "立案时间", "派遣时间", "处置部门", "处置截止时间", "处置完成时间", "结案时间", "案卷状态", "所属区域",
    "所属街道", "所属社区",
    "单元网格", "部件编码", "监督员编号", "X坐标", "Y坐标",
)  # fmt: skip
SPOT = (104.0012, 30.6034)


def export_row(number, **changed):
    east, north = from_wgs84(np.array([SPOT[0]]), np.array([SPOT[1]]), "BD09MC")
    row = dict.fromkeys(TITLES, "")
    row |= {
        "任务号": f"T{number}", "案件类型": "事件", "大类名称": "市容环境", "小类名称": "暴露垃圾",
        "问题来源": "监督员上报", "问题描述": "路边有垃圾", "上报时间": "2026-03-02 08:15:00",
        "结案时间": "2026/3/3 9:30", "案卷状态": "已结案",
        "所属街道": "码头街道", "X坐标": f"{east[0]:.2f}", "Y坐标": f"{north[0]:.2f}",
    }  # fmt: skip
    return {**row, **changed}


def write_csv(path, rows, encoding="utf-8-sig"):
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_xlsx(path, rows):
    book = openpyxl.Workbook()
    book.active.append(list(rows[0]))
    for row in rows:
        book.active.append(list(row.values()))
    book.save(path)
    return path


def order(number, **changed):
    row = {
        "工单编号": f"B{number}", "受理时间": "2026-03-02 08:15", "诉求类型": "投诉举报", "诉求内容": "噪声扰民",
        "三级分类": "建筑噪声", "事发地址": "码头街道1号", "来电人": "王小明",
        "来电号码": "13800138000", "工单状态": "办理中",
    }  # fmt: skip
    return {**row, **changed}
