"""The units: departments, offices, centres, teams and companies, with the names people call them by."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from grids.synthetic.places import rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grids.synthetic.places import Places

CITY = "510100"
ZONE, ZONE_UNITS, ZONE_ZH, ZONE_EN = "GX", "5101GX", "高新示范区", "High-tech Demonstration Zone"


class UnitRow(NamedTuple):
    """One row of units.csv, in the order of its columns."""

    unit: str
    name_zh: str
    name_en: str
    aliases: str
    level: str
    kind: str
    function: str
    parent: str
    area_code: str
    active_from: str = ""
    active_to: str = ""


_BODIES = (
    ("CC", "CENTRE", "centre", "城市运行中心", "City Operations Centre", "城运中心"),
    ("SV", "SUPERVISION", "supervision", "监督评价中心", "Supervision and Evaluation Centre", "监督中心"),
    ("EN", "ENFORCEMENT", "enforcement", "综合行政执法大队", "Law Enforcement Team", "执法大队"),
)

_COMPANIES = (
    ("QY-WATER", "蓉城供水有限公司（示意）", "Rongcheng Water Supply (illustrative)", "供水公司;自来水公司", "water"),
    ("QY-GAS", "蓉城燃气有限公司（示意）", "Rongcheng Gas (illustrative)", "燃气公司;天然气公司", "gas"),
    ("QY-POWER", "蓉城供电公司（示意）", "Rongcheng Power (illustrative)", "供电公司;供电局", "power"),
    ("QY-TELECOM", "蓉城通信公司（示意）", "Rongcheng Telecom (illustrative)", "通信公司;各通信运营商", "telecom"),
)


def unit_rows(places: Places) -> list[UnitRow]:
    """List every unit of the pack, the city's first."""
    return [
        *_city(),
        *_districts(places),
        *_zone(),
        *_streets(places),
        *_communities(places),
        *(
            UnitRow(code, zh, en, aliases, "CITY", "COMPANY", function, "", CITY)
            for code, zh, en, aliases, function in _COMPANIES
        ),
    ]


def _city() -> Iterator[UnitRow]:
    for row in rows("functions.csv"):
        aliases = f"市{row['short_zh']};成都{row['short_zh']}"
        name = f"成都市{row['city_zh']}"
        yield UnitRow(
            f"{CITY}-{row['code']}", name, f"Chengdu {row['city_en']}", aliases, "CITY", "DEPARTMENT",
            row["function"], "", CITY,
        )  # fmt: skip
    for code, kind, function, zh, en, short in _BODIES:
        # The checker answers to nobody who handles, so supervision has no one above it.
        yield UnitRow(
            f"{CITY}-{code}", f"成都市{zh}", f"Chengdu {en}", f"市{short}", "CITY", kind, function, "", CITY
        )
    for code, zh, en, above in (
        ("EV-S1", "成都市生态环境监测站（驻金牛）", "City Environment Station in Jinniu", "EV"),
        ("GR-S1", "成都市园林管护队（驻青羊）", "City Greenery Crew in Qingyang", "GR"),
    ):
        yield UnitRow(f"{CITY}-{code}", zh, en, "", "CITY", "OFFICE", "office", f"{CITY}-{above}", CITY)


def _districts(places: Places) -> Iterator[UnitRow]:
    for area, name, english in zip(
        places.districts.codes, places.districts.names_zh, places.districts.names_en, strict=True
    ):
        short = name.removesuffix("区")
        for row in rows("functions.csv"):
            own = f"{name}{row['district_zh']}"
            aliases = [alias for alias in (f"{short}{row['short_zh']}", f"{name}{row['short_zh']}") if alias != own]
            yield UnitRow(
                f"{area}-{row['code']}", own, f"{english} {row['district_en']}", ";".join(aliases), "DISTRICT",
                "DEPARTMENT", row["function"], f"{CITY}-{row['code']}", area,
            )  # fmt: skip
        for code, kind, function, zh, en, nick in _BODIES:
            above = f"{area}-UM" if kind == "ENFORCEMENT" else f"{CITY}-{code}"
            yield UnitRow(
                f"{area}-{code}", f"{name}{zh}", f"{english} {en}", f"{short}{nick};{name}{nick}", "DISTRICT", kind,
                function, above, area,
            )  # fmt: skip
    yield UnitRow(
        "510108-OLD", "成华区数字化城市管理监督指挥中心（旧）", "Chenghua Digital City Management Centre (former)",
        "成华数字城管中心", "DISTRICT", "OFFICE", "office", "510108-CC", "510108", active_to="2025-01-01",
    )  # fmt: skip


def _zone() -> Iterator[UnitRow]:
    committee = f"{ZONE_UNITS}-CM"
    yield UnitRow(
        committee, f"{ZONE_ZH}管理委员会", f"{ZONE_EN} Committee", f"{ZONE_ZH}管委会;高新管委会", "ZONE", "OFFICE",
        "committee", "", ZONE,
    )  # fmt: skip
    for row in rows("functions.csv"):
        if row["zone"]:
            name = f"{ZONE_ZH}{row['district_zh']}"
            aliases = f"{ZONE_ZH}{row['short_zh']}" if row["short_zh"] != row["district_zh"] else ""
            yield UnitRow(
                f"{ZONE_UNITS}-{row['code']}", name, f"{ZONE_EN} {row['district_en']}", aliases, "ZONE", "DEPARTMENT",
                row["function"], committee, ZONE,
            )  # fmt: skip
    for code, kind, function, zh, en, nick in _BODIES:
        above = f"{CITY}-{code}" if kind == "SUPERVISION" else committee
        yield UnitRow(
            f"{ZONE_UNITS}-{code}", f"{ZONE_ZH}{zh}", f"{ZONE_EN} {en}", f"{ZONE_ZH}{nick}", "ZONE", kind, function,
            above, ZONE,
        )  # fmt: skip


def _streets(places: Places) -> Iterator[UnitRow]:
    district = dict(zip(places.districts.codes, places.districts.names_zh, strict=True))
    streets = places.streets
    for area, name, english, above in zip(
        streets.codes, streets.names_zh, streets.names_en, streets.parents, strict=True
    ):
        short = name.removesuffix("街道")
        yield UnitRow(
            f"{area}-OF", f"{district[above]}{name}办事处", f"{english} Office",
            f"{short}街办;{short}街道办;{name}办事处", "STREET", "OFFICE", "office", f"{above}-CC", area,
        )  # fmt: skip


def _communities(places: Places) -> Iterator[UnitRow]:
    street = dict(zip(places.streets.codes, places.streets.names_zh, strict=True))
    communities = places.communities
    called = Counter(communities.names_zh)
    for area, name, english, above in zip(
        communities.codes, communities.names_zh, communities.names_en, communities.parents, strict=True
    ):
        body = "居民委员会" if name.endswith("社区") else "民委员会"
        aliases = [f"{street[above].removesuffix('街道')}·{name}"]
        if called[name] == 1:
            aliases.append(f"{name}居委会" if name.endswith("社区") else f"{name}委会")
        yield UnitRow(
            f"{area}-CO", f"{street[above]}{name}{body}", f"{english} Committee", ";".join(aliases), "COMMUNITY",
            "OFFICE", "office", f"{above}-OF", area,
        )  # fmt: skip
