from __future__ import annotations

import msgspec
from scenes import Scene

from streams.hosts.sharing import Shared
from streams.records import Case


def decoded(scene, number):
    return msgspec.json.decode(msgspec.json.encode(scene[number]), type=Case)


def two_cases(scene):
    return [decoded(scene, scene.bring("HANDLING", at)) for at in ("03-02 09:00", "03-05 09:00")]


def test_what_cases_say_alike_is_one_object_and_says_the_same(manual_city):
    scene = Scene(manual_city)
    cases = two_cases(scene)
    before = msgspec.json.encode(cases)
    one, other = cases
    assert one.receipt.rows == other.receipt.rows
    assert one.receipt.rows is not other.receipt.rows
    Shared().cases(cases)
    assert msgspec.json.encode(cases) == before
    assert one.receipt.rows is other.receipt.rows
    assert one.placement.grid_version is one.receipt.place.grid_version is other.placement.grid_version
    assert [clock.unit for clock in one.clocks] == [clock.unit for clock in other.clocks]
    assert all(a.unit is b.unit for a, b in zip(one.clocks, other.clocks, strict=True))


def test_nothing_is_shared_that_may_still_be_changed(manual_city):
    scene = Scene(manual_city)
    one, other = cases = two_cases(scene)
    Shared().cases(cases)
    for name in ("clocks", "flags", "alerts", "actions", "merged"):
        assert getattr(one, name) is not getattr(other, name), name
    assert one.receipt.automation is not other.receipt.automation
    assert one.receipt.facts is not other.receipt.facts
