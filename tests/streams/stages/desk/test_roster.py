from __future__ import annotations

import dataclasses
import random
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from packs import SOUTH, STEP, WEST, point
from pyproj import Geod

from grids.city import City, demo_pack, fuse_pack
from grids.rules import Worker, read_rules
from grids.units import Units
from streams.stages.desk.authority import independent
from streams.stages.desk.roster import Roster

ZONE = ZoneInfo("Asia/Shanghai")
WHARF, BELLTOWER, EASTGATE, PARK = "990101001", "990101002", "990102001", "990102002"
MONDAY = datetime(2026, 3, 2, 10, tzinfo=ZONE)
GEOD = Geod(ellps="WGS84")


def worker(name: str, grid: str, unit: str = "", shift: str = "00:00-00:00") -> Worker:
    begins, _, ends = shift.partition("-")
    return Worker(name, unit or f"{grid[:9]}-OF", grid, time.fromisoformat(begins), time.fromisoformat(ends))


def with_workers(city: City, *workers: Worker) -> Roster:
    return Roster(City(dataclasses.replace(city.rules, workers=workers), city.cells))


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-03-{text}").replace(tzinfo=ZONE)


def name(found: Worker | None) -> str:
    return found.worker if found else ""


@pytest.fixture(scope="module")
def two(city):
    """A at the western end, B at the eastern end, both at any time."""
    return with_workers(city, worker("B", f"{PARK}002001"), worker("A", f"{WHARF}001001"))


# Who is near


def test_the_nearest_worker_is_asked(two):
    assert name(two.nearest(*point(WHARF), "", MONDAY)) == "A"
    assert name(two.nearest(*point(BELLTOWER), "", MONDAY)) == "A"
    assert name(two.nearest(*point(EASTGATE, 2), "", MONDAY)) == "B"
    assert len(two) == 2


def test_who_walks_the_very_grid_comes_before_one_who_stands_nearer(city):
    grid = f"{WHARF}001901"
    # the street's roamer stands in the middle of it, where four grids meet
    roster = with_workers(city, worker("A", "", f"{WHARF}-OF"), worker("B", f"{WHARF}001001"))
    corner = WEST + 1.99 * STEP, SOUTH + 1.99 * STEP
    assert name(roster.nearest(*corner, "", MONDAY)) == "A"
    assert name(roster.nearest(*corner, grid, MONDAY)) == "B"


def test_of_several_in_one_grid_the_first_by_pseudonym_is_asked(city):
    roster = with_workers(city, *(worker(who, f"{BELLTOWER}001002") for who in ("W3", "W1", "W2")))
    assert name(roster.nearest(*point(BELLTOWER), f"{BELLTOWER}001902", MONDAY)) == "W1"
    assert name(roster.nearest(*point(PARK), "", MONDAY)) == "W1"
    assert name(roster.nearest(*point(PARK), "", MONDAY, off={"W1"})) == "W2"


def test_a_place_without_a_position_is_in_the_middle_of_its_grid(two):
    assert name(two.nearest(None, None, f"{BELLTOWER}001901", MONDAY)) == "A"
    assert name(two.nearest(None, None, f"{EASTGATE}002902", MONDAY)) == "B"


@pytest.mark.parametrize("grid", ["", "990109001001901"])
@pytest.mark.parametrize(("lon", "lat"), [(None, None), (104.0, None), (None, 30.6)])
def test_nobody_is_near_to_a_place_that_is_not_known(two, grid, lon, lat):
    assert two.nearest(lon, lat, grid, MONDAY) is None


def test_a_grid_may_be_named_by_its_fused_code_or_by_the_base_layers(city):
    """The base layer's 990101001001002 is the north of a community; the cell of that code is in the south."""
    old, fused = worker("A", f"{WHARF}001002"), worker("B", f"{WHARF}001902")
    for one in (old, fused):
        roster = with_workers(city, one)
        assert name(roster.nearest(None, None, f"{WHARF}001902", MONDAY)) == one.worker
    near = with_workers(city, old, worker("C", f"{WHARF}001001"))
    assert name(near.nearest(WEST + STEP, SOUTH + 3 * STEP, "", MONDAY)) == "A"
    assert name(near.nearest(WEST + STEP, SOUTH + STEP, "", MONDAY)) == "C"


@pytest.mark.parametrize("grid", ["", "990199001001001"])
@pytest.mark.parametrize(
    ("unit", "middle"),
    [(f"{EASTGATE}001-CM", 8.5), (f"{EASTGATE}-OF", 10), ("990101-EN", 4), ("HT-UM", 14), ("990100-UM", 8)],
)
def test_who_has_no_grid_on_the_map_is_in_the_middle_of_their_units_area(city, unit, middle, grid):
    whereabouts = with_workers(city, worker("A", grid, unit))
    assert whereabouts._lon[0] == pytest.approx(WEST + STEP * middle, abs=STEP)
    assert name(whereabouts.nearest(*point(WHARF), "", MONDAY)) == "A"


def test_who_is_nowhere_on_the_map_is_never_asked(city):
    units = dict(city.rules.units.by_code)
    units["X"] = dataclasses.replace(units[f"{WHARF}-OF"], code="X", area_code="990109001")
    lost, far = worker("A", "", "X"), worker("B", f"{PARK}002001")
    rules = dataclasses.replace(city.rules, units=Units(units))
    assert with_workers(City(rules, city.cells), lost).nearest(*point(WHARF), "", MONDAY) is None
    assert name(with_workers(City(rules, city.cells), lost, far).nearest(*point(WHARF), "", MONDAY)) == "B"


def test_a_city_without_a_roster_has_nobody(city):
    assert with_workers(city).nearest(*point(WHARF), f"{WHARF}001901", MONDAY) is None


# Who is on duty


@pytest.mark.parametrize(
    ("shift", "moment", "asked"),
    [
        ("08:00-18:00", "02 07:59", False),
        ("08:00-18:00", "02 08:00", True),
        ("08:00-18:00", "02 17:59:59", True),
        ("08:00-18:00", "02 18:00", False),
        ("22:00-06:00", "02 21:59", False),
        ("22:00-06:00", "02 22:00", True),
        ("22:00-06:00", "03 00:00", True),
        ("22:00-06:00", "03 05:59", True),
        ("22:00-06:00", "03 06:00", False),
        ("22:00-06:00", "03 12:00", False),
        ("08:00-08:00", "03 03:00", True),
        ("08:00-18:00", "07 10:00", True),  # a Saturday
    ],
)
def test_a_shift_begins_on_its_minute_and_ends_before_its_minute_on_every_day(city, shift, moment, asked):
    roster = with_workers(city, worker("A", f"{WHARF}001001", shift=shift))
    for grid in ("", f"{WHARF}001901"):
        assert bool(roster.nearest(*point(WHARF), grid, at(moment))) is asked
        assert bool(roster.nearest(*point(WHARF), grid, at(moment).astimezone(UTC))) is asked


def test_who_is_off_duty_leaves_the_case_to_the_next_nearest(city):
    day, night = worker("A", f"{WHARF}001001", shift="08:00-18:00"), worker("B", f"{PARK}001001", shift="18:00-08:00")
    roster = with_workers(city, day, night)
    assert name(roster.nearest(*point(WHARF), "", at("02 17:00"))) == "A"
    assert name(roster.nearest(*point(WHARF), "", at("02 19:00"))) == "B"


def test_what_workers_say_of_themselves_overrides_their_shift(city):
    roster = with_workers(
        city, worker("A", f"{WHARF}001001", shift="08:00-18:00"), worker("B", f"{PARK}001001", shift="18:00-08:00")
    )

    def ask(moment, **said):
        return name(roster.nearest(*point(WHARF), f"{WHARF}001901", at(moment), **said))

    assert ask("02 17:00", off=frozenset({"A"})) == ""
    assert ask("02 17:00", off=frozenset({"A"}), on=frozenset({"B"})) == "B"
    assert ask("02 19:00", on=frozenset({"A"})) == "A"
    assert ask("02 19:00", on=frozenset({"A"}), off=frozenset({"A"})) == "B"
    assert ask("02 19:00", on=frozenset({"stranger"}), off=frozenset({"nobody"})) == "B"
    assert ask("02 19:00") == "B"


def test_a_worker_whose_unit_does_not_exist_on_the_date_is_not_asked(city):
    units = dict(city.rules.units.by_code)
    code = f"{WHARF}-OF"
    units[code] = dataclasses.replace(units[code], active_from=date(2026, 3, 2), active_to=date(2026, 3, 4))
    rules = dataclasses.replace(city.rules, units=Units(units))
    roster = with_workers(City(rules, city.cells), worker("A", f"{WHARF}001001"))
    asked = {text: name(roster.nearest(*point(WHARF), "", at(text), on={"A"})) for text in ("01 23:59", "02 00:00")}
    assert asked == {"01 23:59": "", "02 00:00": "A"}
    assert name(roster.nearest(*point(WHARF), "", at("03 23:59"))) == "A"
    assert roster.nearest(*point(WHARF), "", at("04 00:00"), on={"A"}) is None


# Who is independent


@pytest.mark.parametrize(
    "outside", [f"{WHARF}-OF", f"{WHARF}002-CM", "990101-CC", "990100-CC"], ids=["own", "below", "above", "top"]
)
def test_nobody_in_the_line_of_the_handling_unit_is_asked(city, outside):
    here, there = worker("A", f"{WHARF}001001"), worker("B", f"{PARK}001001", "HT-UM")
    roster = with_workers(city, here, there)
    assert name(roster.nearest(*point(WHARF), f"{WHARF}001901", MONDAY)) == "A"
    assert name(roster.nearest(*point(WHARF), f"{WHARF}001901", MONDAY, outside)) == "B"


def test_a_neighbour_of_the_handling_unit_is_independent(two):
    assert name(two.nearest(*point(WHARF), f"{WHARF}001901", MONDAY, f"{BELLTOWER}-OF")) == "A"


def test_a_worker_of_a_supervision_centre_is_independent_even_in_the_line(city):
    roster = with_workers(city, worker("A", f"{WHARF}001001", "990101-SV"))
    assert name(roster.nearest(*point(WHARF), "", MONDAY, "990100-SV")) == "A"


@pytest.mark.parametrize("outside", ["", "999999-XX"])
def test_outside_of_no_unit_is_everybody(two, outside):
    assert name(two.nearest(*point(WHARF), f"{WHARF}001901", MONDAY, outside)) == "A"


# Laws, against a plain search


def _by_search(roster, city, lon, lat, moment, outside) -> dict[str, float]:
    """Measure how far everybody is who may be asked, on the ellipsoid."""
    local, found = moment.astimezone(ZONE), {}
    for number, one in enumerate(roster._workers):
        now, over_midnight = local.time(), one.shift_to <= one.shift_from
        begun, not_ended = one.shift_from <= now, now < one.shift_to
        present = begun or not_ended if over_midnight else begun and not_ended
        active = city.rules.units[one.unit].active(local.date())
        if present and active and independent(city.rules, outside, one.unit):
            found[one.worker] = GEOD.inv(lon, lat, roster._lon[number], roster._lat[number])[2]
    return found


_HOURS = st.integers(0, 23).map(lambda hour: f"{hour:02d}:00")
_GRIDS = st.builds("{}00{}00{}".format, st.sampled_from([WHARF, BELLTOWER, PARK]), *[st.integers(1, 2)] * 2)


@given(
    st.lists(st.tuples(_GRIDS, st.sampled_from(["", "990101-SV", "990101-EN"]), _HOURS, _HOURS), max_size=12),
    st.floats(WEST, WEST + 16 * STEP),
    st.floats(SOUTH, SOUTH + 4 * STEP),
    st.timedeltas(timedelta(0), timedelta(days=7)).map(lambda after: at("01") + after),
    st.sampled_from(["", f"{WHARF}-OF", f"{BELLTOWER}001-CM", "990101-UM"]),
)
def test_nobody_who_may_be_asked_is_nearer_than_who_is(small_city, drawn, lon, lat, moment, outside):
    workers = (worker(f"W{n}", grid, unit, f"{a}-{b}") for n, (grid, unit, a, b) in enumerate(drawn))
    roster = with_workers(small_city, *workers)
    free = _by_search(roster, small_city, lon, lat, moment, outside)
    found = roster.nearest(lon, lat, "", moment, outside)
    assert (found is None) == (not free)
    if found:
        assert free[found.worker] <= min(free.values()) * 1.001 + 0.1
        stands = dict(
            zip((one.worker for one in roster._workers), zip(roster._lon, roster._lat, strict=True), strict=True)
        )
        beside = [who for who in free if stands[who] == stands[found.worker]]
        assert found.worker == min(beside)


@pytest.fixture(scope="module")
def chengdu():
    """The demo city on its base layer alone, which is what its grids are made of."""
    rules = read_rules(demo_pack())
    base = tuple(form for form in rules.layers if form.net == rules.form.base)
    return City(rules, fuse_pack(demo_pack(), dataclasses.replace(rules, layers=base)).cells)


def test_everybody_in_the_demo_citys_roster_has_a_grid_on_the_map(chengdu):
    roster = Roster(chengdu)
    assert len(roster) == len(chengdu.rules.workers) > 1600
    assert sum(map(len, roster._walkers.values())) == len(roster)
    assert np.isfinite(roster._lon).all()


def test_in_the_demo_city_a_check_goes_to_the_nearest_worker_of_another_office(chengdu):
    roster, draw = Roster(chengdu), random.Random(20260302)
    points, asked = chengdu.inner_points(), 0
    for cell in draw.sample(range(len(points)), 60):
        lon, lat = points[cell].tolist()
        grid, office = str(chengdu.cells.grids[cell]), f"{chengdu.cells.grids[cell][:9]}-OF"
        moment = at(f"0{draw.randrange(1, 9)} {draw.randrange(24):02d}:30")
        free = _by_search(roster, chengdu, lon, lat, moment, office)
        found = roster.nearest(lon, lat, grid, moment, office)
        assert (found is None) == (not free)
        if found:
            asked += 1
            assert found.unit != office
            assert free[found.worker] <= min(free.values()) * 1.001 + 0.1
    assert asked > 20
