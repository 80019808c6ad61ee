"""What stands where in the simulated city, so that those who report one place speak of one place.

Roads, house numbers, shops and landmarks follow from the position alone. All names are invented.
"""

from __future__ import annotations

import math
import zlib
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

METRES_PER_DEGREE = 111_320.0

_FRONT, _ROAD, _BLOCK = 10, (600, 120), 90
"""Metres: the side of a plot with one shop, the length and depth of a road with its plots, the side of a block."""

_ROADS = (
    "红星路", "东大街", "玉林巷", "锦屏路", "双桥路", "莲花街", "青石巷", "文殊街", "望江路", "桐梓林路",
    "草市街", "书院街", "牛市口路", "马家花园路", "金沙路", "石人路", "倪家桥路", "龙舟路", "水碾河路",
    "三官堂街", "芳邻路", "永丰路", "洗面桥街", "白果林路", "沙湾路", "花牌坊街", "一环路", "二环路",
    "建设巷", "八里桥路", "李家沱路", "槐树街",
)  # fmt: skip
_OWNERS = (
    "老张", "李姐", "红旗", "康达", "蓝天", "阿婆", "好又多", "惠民", "天府", "川渝", "小胖", "金牌", "老灶",
    "百姓", "万家", "同仁", "巷子深", "三毛", "桃园", "顺风", "华兴", "春熙", "大明", "佳美", "刘记", "王婆",
    "蜀香", "乐山", "德源", "新世纪",
)  # fmt: skip
_SHOPS = (
    "面馆", "超市", "药房", "火锅店", "理发店", "水果店", "五金店", "茶楼", "宾馆", "网吧", "蛋糕店",
    "修车铺", "烟酒行", "洗衣店", "串串香", "诊所", "文具店", "房产中介",
)  # fmt: skip
_MARKS = (
    "锦绣花园", "望江苑", "翡翠城", "东郊小区", "实验小学", "第七中学", "中心幼儿园", "玉双菜市场",
    "人民公园", "地铁站", "公交总站", "社区医院", "体育馆", "农贸市场", "时代广场", "阳光小区", "河滨公园",
    "派出所", "职工宿舍", "国际大厦", "停车场", "银行网点",
)  # fmt: skip


class Spot(NamedTuple):
    """What people call a place: a road with a house number, the shop that is there, what can be seen from afar.

    `sensor` and `camera` are the numbers of the devices that watch it; a camera sees a whole block.
    """

    road: str
    number: int
    shop: str
    landmark: str
    sensor: int
    camera: int


def spot(lon: float, lat: float) -> Spot:
    """Return what stands at a position (degrees, WGS-84)."""
    north = lat * METRES_PER_DEGREE
    east = lon * METRES_PER_DEGREE * math.cos(math.radians(round(lat)))
    plot = math.floor(east / _FRONT), math.floor(north / _FRONT)
    road = math.floor(east / _ROAD[0]), math.floor(north / _ROAD[1])
    block = math.floor(east / _BLOCK), math.floor(north / _BLOCK)
    deep = _ROAD[1] // _FRONT
    along = plot[0] % (_ROAD[0] // _FRONT) * deep + plot[1] % deep
    return Spot(
        _of(_ROADS, "road", road),
        1 + along,
        _of(_OWNERS, "owner", plot) + _of(_SHOPS, "shop", plot),
        _of(_MARKS, "mark", block),
        _chance("sensor", plot) % 10_000,
        _chance("camera", block) % 10_000,
    )


def _chance(what: str, where: tuple[int, int]) -> int:
    return zlib.crc32(f"{what}:{where[0]}:{where[1]}".encode())


def _of(names: Sequence[str], what: str, where: tuple[int, int]) -> str:
    return names[_chance(what, where) % len(names)]
