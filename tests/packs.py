"""A small, valid city pack for tests: two districts of two streets each, and a special zone.

    directory = write_pack(tmp_path / "city")
    change(directory, "units.csv", "Eastgate Office", "East Office")   # replace what stands there exactly once
    add_line(directory, "duties.csv", "009-01,009,E-01-10,…")           # one more row
    (directory / "calendar.csv").unlink()                               # or anything else: they are plain files

The ground is a strip near 104E 30.6N, about 3.1 km from west to east and 0.9 km from south to north:

    | 990101001 | 990101002 | 990102001 | 990102002 |   four streets; the last one is the zone HT, desk 9901HT
    |  001 002  |  001 002  |  001 002  |  001 002  |   two communities a street, each of a southern and a
                                                        northern ZZ grid: 16 units, the base layer
    |   CG1  |    CG2       |     CG3      |   CG4   |  urban management, cuts two communities from south to north
    YJ1 is the southern quarter, YJ2 the rest           emergency, cuts the southern ZZ grids

so that fusion gives 30 cells, none of them thin. `point(street, community)` is a position well inside.
Leaves: C-01-01 manhole cover (district; street 990101001 by delegation in the first half of 2026), E-01-10 litter
(street; the zone's own department in HT), E-01-20 building noise (district enforcement, at night the street),
E-02-01 gas leak (district; the city at severity 1 and 2), E-02-02 road collapse (nobody: the backstop).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

CITY, ZONE, ZONE_DESK = "990100", "HT", "9901HT"
DISTRICTS = ("990101", "990102")
STREETS = ("990101001", "990101002", "990102001", "990102002")
LEAVES = ("C-01-01", "E-01-10", "E-01-20", "E-02-01", "E-02-02")
CELLS = 30

WEST, SOUTH, STEP = 104.0, 30.6, 0.002
"""The south-western corner and the step of the lattice that every border of every layer runs on, in degrees."""

_NAMES = {
    "990100": ("双江市", "Twin Rivers"),
    "990101": ("西岸区", "West Bank"),
    "990102": ("东岸区", "East Bank"),
    "990101001": ("码头街道", "Wharf"),
    "990101002": ("钟楼街道", "Belltower"),
    "990102001": ("东门街道", "Eastgate"),
    "990102002": ("软件园街道", "Software Park"),
}

CITY_TOML = """\
schema = 1
adcode = "990100"
name_zh = "双江市"
name_en = "Twin Rivers"
timezone = "Asia/Shanghai"
crs = "EPSG:4544"
base = "ZZ"

[hours]
periods = ["08:00-12:00", "14:00-18:00"]
weekdays = [1, 2, 3, 4, 5]

[[zone]]
code = "HT"
name_zh = "高新区"
name_en = "High-tech Zone"
areas = ["990102002"]

[[desk]]
code = "990100"
name_zh = "双江市"
name_en = "Twin Rivers"
level = "CITY"
areas = ["9901"]
centre = "990100-CC"

[[desk]]
code = "990101"
name_zh = "西岸区"
name_en = "West Bank"
level = "DISTRICT"
areas = ["990101"]
centre = "990101-CC"

[[desk]]
code = "990102"
name_zh = "东岸区"
name_en = "East Bank"
level = "DISTRICT"
areas = ["990102"]
centre = "990102-CC"

[[desk]]
code = "9901HT"
name_zh = "高新区"
name_en = "High-tech Zone"
level = "ZONE"
areas = ["990102002"]
centre = "HT-CC"

[channel_datum]
GRID_WORKER = "WGS84"
HOTLINE = "GCJ02"
MEDIA = "BD09"

[limits]
answer = "2 WORK_DAY"

[[automation]]
steps = ["ACCEPT", "FILE", "DISPATCH", "REQUEST_CHECK", "CLOSE"]
mode = "auto"
outcomes = ["LEAD"]
min_confidence = 0.9

[[automation]]
steps = ["CLOSE"]
mode = "suggest"
severities = [1, 2]
"""

LAYERS_TOML = """\
[[layer]]
net = "ZZ"
file = "layers/zz.geojson"
id = "code"
name = "name"
parent = "community"

[[layer]]
net = "CG"
file = "layers/cg.geojson"
id = "code"

[[layer]]
net = "YJ"
file = "layers/yj.geojson"
id = "code"
"""

CATEGORIES = """\
scheme,category,name_zh,name_en,kind,parent,net
city,C-01,公用设施,Utilities,COMPONENT,,CG
city,C-01-01,上水井盖,Water manhole cover,COMPONENT,C-01,CG
city,E-01,市容环境,Street scene,EVENT,,CG
city,E-01-10,暴露生活垃圾,Exposed litter,EVENT,E-01,CG
city,E-01-20,施工噪声,Building noise,EVENT,E-01,HB
city,E-02,突发事件,Emergencies,EVENT,,YJ
city,E-02-01,燃气泄漏,Gas leak,EVENT,E-02,YJ
city,E-02-02,路面塌陷,Road collapse,EVENT,E-02,YJ
12345,101,垃圾,Litter,EVENT,,MS
12345,102,异味,Smell,EVENT,,MS
12345,103,其他,Other,EVENT,,MS
"""

CATEGORY_MAP = """\
scheme,category,to_category,when
12345,101,E-01-10,
12345,102,E-01-10,
12345,102,E-02-01,severity <= 2
"""

CONDITIONS = """\
category,condition,text,limit,clock,closing_test,urgency,effective_from,effective_to
C-01-01,A,缺失,2,URGENT_HOUR,已加盖,CRITICAL,,
C-01-01,B,破损,3,WORK_DAY,已更换,NORMAL,,
E-01-10,A,有垃圾,4,WORK_HOUR,已清理,NORMAL,,
E-01-20,A,夜间施工,1,NATURAL_DAY,已停工,URGENT,,
E-02-01,A,有泄漏,1,URGENT_HOUR,已关阀,CRITICAL,,
E-02-02,A,有塌陷,2,WORK_DAY,已修复,URGENT,,
"""

DUTIES = """\
row,list_no,category,scope_type,scope_code,when,role,unit,fallback,mode,delegated_from,basis,effective_from,effective_to,decided_by
000-01,000,*,CITY,990100,,BACKSTOP,@street-office,,STATUTORY,,属地兜底,,,
001-01,001,C-01,CITY,990100,,LEAD,@district:urban-management,,STATUTORY,,办法第1条,,,
001-02,001,C-01,CITY,990100,,SUPERVISE,@city:urban-management,,STATUTORY,,办法第1条,,,
001-03,001,C-01-01,STREET,990101001,,LEAD,@street-office,,DELEGATED,@district:urban-management,下放清单第1项,2026-01-01,2026-07-01,
002-01,002,E-01,CITY,990100,,LEAD,@street-office,,STATUTORY,,办法第2条,,,
002-02,002,E-01,CITY,990100,,COOPERATE,@community,,STATUTORY,,办法第2条,,,
002-03,002,E-01,CITY,990100,,SUPERVISE,@district:urban-management,,STATUTORY,,办法第2条,,,
002-04,002,E-01-10,ZONE,HT,,LEAD,HT-UM,,STATUTORY,,承接清单第1项,,,
003-01,003,E-01-20,CITY,990100,,LEAD,@district:enforcement,,CONSOLIDATED,,办法第3条,,,
003-02,003,E-01-20,CITY,990100,hour >= 22 or hour < 6,LEAD,@street-office,,STATUTORY,,办法第3条,,,
004-01,004,E-02-01,CITY,990100,,LEAD,@district:urban-management,,STATUTORY,,办法第4条,,,
004-02,004,E-02-01,CITY,990100,severity <= 2,LEAD,@city:urban-management,,STATUTORY,,办法第4条,,,
"""

CALENDAR = """\
date,kind,name
2026-01-01,HOLIDAY,元旦
2026-01-02,HOLIDAY,元旦
2026-01-04,MAKEUP_WORKDAY,元旦调休上班
2026-05-01,HOLIDAY,劳动节
2026-05-04,HOLIDAY,劳动节
2026-05-09,MAKEUP_WORKDAY,劳动节调休上班
"""

ESCALATION = """\
tier = [
    { share = 0.8, notify = "HANDLER" },
    { share = 1.0, notify = "UNIT_HEAD" },
    { share = 1.5, notify = "STREET", verb = "SUPERVISE", order = 1 },
    { share = 2.0, notify = "DISTRICT", verb = "SUPERVISE", order = 2 },
    { share = 3.0, notify = "CITY", verb = "SUPERVISE", order = 3 },
]
"""


def write_pack(directory: Path) -> Path:
    """Write the whole pack into a new folder and return the folder."""
    (directory / "layers").mkdir(parents=True)
    files = {
        "city.toml": CITY_TOML,
        "layers.toml": LAYERS_TOML,
        "areas.csv": _areas(),
        "area_classes.csv": "area_code,area_class,factor\n990101001,A,0.8\n990102001,C,1.5\n",
        "units.csv": _units(),
        "workers.csv": _workers(),
        "categories.csv": CATEGORIES,
        "category_map.csv": CATEGORY_MAP,
        "conditions.csv": CONDITIONS,
        "duties.csv": DUTIES,
        "calendar.csv": CALENDAR,
        "escalation.toml": ESCALATION,
        "duplicates.toml": "memory_days = 400\n",
        "alerts.toml": "near_m = 0\n",
        "layers/zz.geojson": layer(
            {"code": code, "name": code[-3:], "community": code[:12], "box": box} for code, box in zz_grids().items()
        ),
        "layers/cg.geojson": layer(
            {"code": f"CG{n}", "box": box}
            for n, box in enumerate([(0, 0, 3, 4), (3, 0, 8, 4), (8, 0, 13, 4), (13, 0, 16, 4)], start=1)
        ),
        "layers/yj.geojson": layer([{"code": "YJ1", "box": (0, 0, 16, 1)}, {"code": "YJ2", "box": (0, 1, 16, 4)}]),
    }
    for name, text in files.items():
        (directory / name).write_text(text, encoding="utf-8")
    return directory


def change(directory: Path, file: str, old: str, new: str) -> None:
    """Replace `old`, which must stand in the file exactly once."""
    text = (directory / file).read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {file}"
    (directory / file).write_text(text.replace(old, new), encoding="utf-8")


def add_line(directory: Path, file: str, line: str) -> int:
    """Add one line at the end of a file and return its number as messages count it: the header is row 1."""
    text = (directory / file).read_text(encoding="utf-8") + line + "\n"
    (directory / file).write_text(text, encoding="utf-8")
    return text.count("\n")


def point(street: str, community: int = 1) -> tuple[float, float]:
    """Return longitude and latitude (WGS-84) of a place well inside a street's first or second community."""
    return WEST + STEP * (4 * STREETS.index(street) + 2 * community - 1.5), SOUTH + STEP * 2.5


def zz_grids() -> dict[str, tuple[int, int, int, int]]:
    """Return the base units: 15-digit code to box (west, south, east, north) in steps of the lattice."""
    return {
        f"{street}00{community + 1}00{half + 1}": (
            4 * number + 2 * community, 2 * half, 4 * number + 2 * community + 2, 2 * half + 2,
        )
        for number, street in enumerate(STREETS)
        for community in (0, 1)
        for half in (0, 1)
    }  # fmt: skip


def layer(units: Iterable[dict[str, object]]) -> str:
    """Write units as GeoJSON; `box` is the shape in steps of the lattice, every lattice point on it a vertex."""
    features = []
    for unit in units:
        west, south, east, north = cast("tuple[int, int, int, int]", unit["box"])
        ring = [
            *((x, south) for x in range(west, east)),
            *((east, y) for y in range(south, north)),
            *((x, north) for x in range(east, west, -1)),
            *((west, y) for y in range(north, south - 1, -1)),
        ]
        coordinates = [[round(WEST + STEP * x, 7), round(SOUTH + STEP * y, 7)] for x, y in ring]
        properties = {key: value for key, value in unit.items() if key != "box"}
        geometry = {"type": "Polygon", "coordinates": [coordinates]}
        features.append({"type": "Feature", "properties": properties, "geometry": geometry})
    return json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False)


def _areas() -> str:
    lines = ["code,name_zh,name_en,level,parent", f"{CITY},{','.join(_NAMES[CITY])},CITY,"]
    lines += [f"{code},{','.join(_NAMES[code])},DISTRICT,{CITY}" for code in DISTRICTS]
    lines += [f"{code},{','.join(_NAMES[code])},STREET,{code[:6]}" for code in STREETS]
    for code in STREETS:
        zh, en = _NAMES[code]
        lines += [f"{code}00{n},{zh}第{n}社区,{en} {n},COMMUNITY,{code}" for n in (1, 2)]
    return "\n".join(lines) + "\n"


def _units() -> str:
    """Write units.csv. Codes: area + UM, WT, EN, SV (supervision), CC (centre), OF (street office), CM."""
    um, water, supply = "DEPARTMENT,urban-management", "DEPARTMENT,water", "COMPANY,water-supply"
    force, checker, centre = "ENFORCEMENT,enforcement", "SUPERVISION,supervision", "CENTRE,centre"
    rows = [
        (CITY, "UM", "双江市城管局", "City Urban Management", "市城管局;双江城管局", "CITY", um, ""),
        (CITY, "WT", "双江市水务局", "City Water", "市水务局", "CITY", water, ""),
        (CITY, "WC", "双江自来水公司", "Water Company", "自来水公司", "CITY", supply, ""),
        (CITY, "SV", "双江市监督中心", "City Supervision", "", "CITY", checker, ""),
        (CITY, "CC", "双江市指挥中心", "City Centre", "", "CITY", centre, ""),
        (ZONE, "CM", "高新区管委会", "Zone Committee", "高新管委会", "ZONE", "OFFICE,committee", ""),
        (ZONE, "UM", "高新区城管局", "Zone Urban Management", "", "ZONE", um, "HT-CM"),
        (ZONE, "SV", "高新区监督中心", "Zone Supervision", "", "ZONE", checker, f"{CITY}-SV"),
        (ZONE, "CC", "高新区指挥中心", "Zone Centre", "", "ZONE", centre, "HT-CM"),
    ]
    for code in DISTRICTS:
        zh, en = _NAMES[code]
        rows += [
            (code, "UM", f"{zh}城管局", f"{en} Urban Management", "", "DISTRICT", um, f"{CITY}-UM"),
            (code, "EN", f"{zh}执法大队", f"{en} Enforcement", "", "DISTRICT", force, f"{code}-UM"),
            (code, "SV", f"{zh}监督中心", f"{en} Supervision", "", "DISTRICT", checker, f"{CITY}-SV"),
            (code, "CC", f"{zh}指挥中心", f"{en} Centre", "", "DISTRICT", centre, f"{CITY}-CC"),
        ]
    for code in STREETS:
        zh, en = _NAMES[code]
        office = f"{code[:6]}-CC"
        rows.append((code, "OF", f"{zh}办事处", f"{en} Office", f"{zh[:-2]}街办", "STREET", "OFFICE,office", office))
        for n in (1, 2):
            names = (f"{zh}第{n}社区居委会", f"{en} Community {n}")
            rows.append((f"{code}00{n}", "CM", *names, "", "COMMUNITY", "OFFICE,community", f"{code}-OF"))
    lines = ["unit,name_zh,name_en,aliases,level,kind,function,parent,area_code,active_from,active_to"]
    lines += [
        f"{area}-{what},{zh},{en},{aliases},{level},{kind},{parent},{area},,"
        for area, what, zh, en, aliases, level, kind, parent in rows
    ]
    return "\n".join(lines) + "\n"


def _workers() -> str:
    lines = [f"W{n:03d},{code[:9]}-OF,{code},CG;ZZ,08:00,18:00" for n, code in enumerate(zz_grids(), start=1)]
    return "\n".join(["worker,unit,grid,skills,shift_from,shift_to", *lines]) + "\n"
