"""Addresses as places: generated ones land in their street, and what could be two places is none."""

from __future__ import annotations

import random

import pytest

from grids.city import demo_pack, open_city
from grids.gazetteer import Gazetteer
from streams.cli.places import cache_dir
from streams.records import Report
from streams.stages.acceptance import Accepted
from streams.stages.intake import route
from tests.grids.test_datumguard import MONDAY

COUNT = 2_000


@pytest.fixture(scope="module")
def chengdu():
    return open_city(demo_pack(), cache_dir())


def addresses(city, seed):
    """Addresses as people write them, each with the street that it is in."""
    chance = random.Random(seed)
    areas = city.rules.areas
    streets = [area for area in areas.values() if area.level == "STREET"]
    communities = {}
    for area in areas.values():
        if area.level == "COMMUNITY":
            communities.setdefault(area.code[:9], []).append(area)
    for _ in range(COUNT):
        street = chance.choice(streets)
        district = areas[street.code[:6]].name_zh
        inside = communities.get(street.code, [])
        short = street.name_zh.removesuffix("街道")
        form = chance.randrange(6)
        number = f"{chance.randrange(1, 400)}号"
        if form == 0:
            text = f"{district}{street.name_zh}{number}"
        elif form == 1:
            text = f"成都市{district}{street.name_zh}办事处辖区{number}附近"
        elif form == 2 and inside:
            text = f"{district}{street.name_zh}{chance.choice(inside).name_zh}{number}"
        elif form == 3 and inside:
            text = f"{district}{chance.choice(inside).name_zh}{number}{chance.randrange(1, 9)}栋"
        elif form == 4:
            text = f"{street.name_en}, {areas[street.code[:6]].name_en}, No. {chance.randrange(400)}"
        else:
            text = f"{district}{short}{chance.choice(('路', '小区', '市场旁'))}{number}"
        yield text, street.code


@pytest.mark.parametrize("seed", [7, 70_001])
def test_generated_addresses_land_in_their_street(chengdu, seed):
    asked = list(addresses(chengdu, seed))
    reports = [
        Report(
            system="a", system_no=f"{n}", channel="HOTLINE", reported_at=MONDAY, scheme="city", category="E-01-10",
            report_id=f"r{n}", address=text,
        )
        for n, (text, _) in enumerate(asked)
    ]  # fmt: skip
    routed = route(chengdu, [Accepted(one, MONDAY, b"") for one in reports])
    right = sum(one.placement.street == street for one, (_, street) in zip(routed, asked, strict=True))
    pairs = zip(routed, asked, strict=True)
    wrong = [(text, one.placement.street) for one, (text, street) in pairs if one.placement.street != street]
    assert right >= 0.95 * COUNT, wrong[:10]
    assert all(one.placement.method == "ADDRESS" for one in routed if one.placement.street)
    assert all(one.placement.confidence < 0.9 for one in routed)


def test_a_report_by_address_goes_to_its_street_with_a_receipt_that_can_be_derived_again(small_city):
    from grids.duties.routing import recheck  # noqa: PLC0415 - beside what it checks

    name = small_city.rules.areas["990101002"].name_zh
    report = Report(
        system="a", system_no="1", channel="HOTLINE", reported_at=MONDAY, scheme="city", category="E-01-10",
        report_id="r", address=f"{name}5号",
    )  # fmt: skip
    (routed,) = route(small_city, [Accepted(report, MONDAY, b"")])
    assert (routed.placement.street, routed.placement.method) == ("990101002", "ADDRESS")
    assert (routed.receipt.lead, routed.receipt.outcome) == ("990101002-OF", "LEAD")
    assert recheck(small_city, routed.receipt) == []


def test_what_names_two_places_or_none_is_placed_by_a_person(small_city):
    areas, places = small_city.rules.areas, small_city.rules.places
    gazetteer = Gazetteer(areas, places)
    one, other = areas["990101001"].name_zh, areas["990102001"].name_zh
    assert gazetteer.find(f"{one}与{other}交界") is None
    assert gazetteer.find("不知道在哪里") is None
    assert gazetteer.find("") is None
    assert gazetteer.find(areas["990101"].name_zh).level == "DISTRICT"
