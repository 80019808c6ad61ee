"""A duty list of another shape than the published standards, for tests of maps.

One sheet `权责清单` with its header in row 4 and no codes: group, matter and limit in merged cells, the kind as a
word in a column, lead and cooperating offices in columns of their own with a line break between two names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from openpyxl import Workbook

if TYPE_CHECKING:
    from pathlib import Path

MAP = """\
spans = "merged"
net = "ZZ"

[[sheet]]
name = "权责清单"
header = 4
first = 5
last = 12

[columns]
group = "领域"
name = "C"
kind = "性质"
condition = "情形"
limit = "办理时限"
closing_test = "办结标准"
lead = "牵头单位"
cooperate = "配合单位"
basis = "依据"

[kinds]
"设施" = "COMPONENT"
"事项" = "EVENT"

[clocks]
"个钟头" = "URGENT_HOUR"

[units]
separators = ["\\n", "；"]
relative_prefixes = ["本辖区", "相关"]
relative = { "本辖区街道" = "@street-office", "本辖区城管" = "@district:urban-management" }
prefixes = ["双江市", "双江", "市"]
endings = ["局", "公司", "街道", "居委会", "城管"]
connectives = ["和"]
area_code = "990100"

[units.same]
"双江自来水公司" = ["水司公司"]
"""

ROWS = [
    ("双江市社会治理权责清单",),
    ("印发稿",),
    (),
    ("序号", "领域", "事项名称", "性质", "情形", "办理时限", "办结标准", "牵头单位", "配合单位", "依据"),
    (
        1,
        "市容",
        "占道经营",
        "事项",
        "流动摊贩",
        "2小时",
        "劝离",
        "本辖区街道",
        "双江市城管局\n本辖区城管",
        "办法第1条",
    ),
    (None, None, None, None, "固定摊点", "三天", "清除", None, None, None),
    (2, None, "乱倒垃圾", "事项", "少量", "4小时", "清理", "市城管局；双江城管局", None, "=1+1 号文"),
    (None, None, None, None, "成堆", None, "清运", None, None, None),
    (3, "公用", "水管漏水", "设施", "渗漏", "尽快", "止水", "水司公司", "双江自来水公司\n市水务局", "办法第3条"),
    (None, None, None, None, "爆管", "2个钟头内", "抢通", None, None, None),
    (4, None, "路灯不亮", "设施", "不亮", "5工作日", "修复", "相关单位", "水务局和城管局\n某某", ""),
    (5, "市容", "噪声扰民", "事项", "夜间", "1天", "停止", "", "", ""),
    ("注：本清单自印发之日起施行。",),
]
MERGED = (
    "A1:J1", "B5:B8", "C5:C6", "D5:D6", "H5:H6", "I5:I6", "J5:J6", "C7:C8", "D7:D8", "F7:F8", "H7:H8", "I7:I8",
    "J7:J8", "B9:B11", "C9:C10", "D9:D10", "H9:H10", "I9:I10", "J9:J10", "A13:J13",
)  # fmt: skip


def write_list(directory: Path, rows: list[tuple[object, ...]] = ROWS) -> tuple[Path, Path]:
    """Write the list and its map; return both paths."""
    book = Workbook()
    book.active.title = "目录"
    sheet = book.create_sheet("权责清单")
    for number, row in enumerate(rows, start=1):
        for column, value in enumerate(row, start=1):
            cell = sheet.cell(number, column, value)
            if isinstance(value, str):
                cell.data_type = "s"  # a text that begins with = is a text here, as it may be in a real list
    for area in MERGED:
        sheet.merge_cells(area)
    book.save(directory / "list.xlsx")
    (directory / "map.toml").write_text(MAP, encoding="utf-8")
    return directory / "list.xlsx", directory / "map.toml"
