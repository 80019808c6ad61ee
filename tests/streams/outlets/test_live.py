from __future__ import annotations

import json
from datetime import UTC

import msgspec
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from scenes import BELLTOWER, OTHER_OFFICE, Scene, make_report, when

from streams.outlets.console import LOCAL, Console, Live, User, add_console
from streams.outlets.console.users import NOBODY


def state_of(scene, at, cut=None):
    """Return the page's state at a moment, heard from the beginning or taken up after `cut` batches of effects."""
    live = Live(scene.city.rules)
    for effects in scene.told[:cut]:
        live.hear(effects)
    return live.state(when(at))


def row(state, desk="990101"):
    return next(found for found in state.desks if found.desk == desk)


def test_an_empty_city_shows_its_name_and_all_its_desks(city):
    state = Live(city.rules).state(when("03-02 09:00"))
    assert (state.city_zh, state.city_en) == ("双江市", "Twin Rivers")
    assert [found.desk for found in state.desks] == ["990100", "990101", "990102", "9901HT"]
    assert (state.cases, state.closed, state.dispatch_seconds, state.feed) == (0, 0, None, [])


def test_open_overdue_finished_and_closed_cases_are_counted_by_desk_and_street(auto):
    in_time = auto.report("03-02 09:00")
    late, left = auto.report("03-02 09:00"), auto.report("03-02 09:00")
    for number, at in ((in_time, "03-02 10:00"), (late, "03-02 16:00")):
        for verb in ("SIGN", "START", "FINISH"):
            auto.act(number, verb, at)
    auto.act(in_time, "CHECK_PASS", "03-02 16:10")
    assert auto[left].state == "DISPATCHED"
    state = state_of(auto, "03-02 16:30")
    found = row(state)
    assert (found.open, found.overdue, found.finished, found.in_time, found.closed) == (2, 1, 2, 1, 1)
    assert state.streets == {BELLTOWER: (2, 1)}
    assert (state.cases, state.closed) == (3, 1)
    assert row(state_of(auto, "03-02 14:00")).overdue == 0


def test_a_returned_case_is_not_overdue_while_its_clock_stands_still(scene):
    number = scene.bring("DISPATCHED", "03-02 09:00")
    assert row(state_of(scene, "03-02 15:01")).overdue == 1
    scene.act(number, "RETURN", "03-02 10:00")
    assert row(state_of(scene, "03-02 15:01")).overdue == 0
    scene.act(number, "REDISPATCH", "03-02 15:00", unit=OTHER_OFFICE)
    assert row(state_of(scene, "03-02 15:01")).overdue == 0


def test_the_feed_shows_the_latest_first_and_names_the_unit(auto):
    number = auto.report("03-02 09:00")
    feed = state_of(auto, "03-02 09:01").feed
    assert [line.verb for line in feed] == ["DISPATCH", "FILE", "ACCEPT", "REPORT"]
    assert feed[0].case_no == number
    assert (feed[0].unit_zh, feed[0].unit_en) == ("钟楼街道办事处", "Belltower Office")
    assert (feed[0].category_zh, feed[0].category_en) == ("暴露生活垃圾", "Exposed litter")
    for minute in range(20):
        auto.report(f"03-02 09:{minute + 10}")
    assert len(state_of(auto, "03-02 10:00").feed) == 30


def test_what_is_no_incident_is_not_on_the_page(auto):
    number = auto.report("03-02 09:00", matter="PRAISE")
    auto.act(number, "ACCEPT", "03-02 09:05")
    auto.act(number, "CLOSE", "03-02 09:06")
    state = state_of(auto, "03-02 09:10")
    assert (state.cases, state.closed, state.feed) == (0, 0, [])


def test_duplicates_dead_letters_alerts_and_the_median_time_to_dispatch_are_told(scene):
    report = make_report(when("03-02 09:00"), severity=2)
    scene.send(report, when("03-02 09:00"))
    scene.send(report, when("03-02 09:00"))
    number = scene.transitions[0].case_no
    scene.act(number, "FILE", "03-02 09:01")
    for verb in ("ACCEPT", "FILE", "DISPATCH"):
        scene.act(number, verb, "03-02 09:02")
    state = state_of(scene, "03-02 09:02")
    assert (state.duplicates, state.dead_letters, state.dispatch_seconds) == (1, 1, 120.0)
    assert [alert.desk for alert in state.alerts] == ["990100", "990101"]


def test_work_done_anew_is_no_second_case(scene):
    number = scene.bring("CHECKING", "03-02 10:00")
    scene.act(number, "CHECK_FAIL", "03-02 11:00")
    assert (row(state_of(scene, "03-02 11:00")).finished, row(state_of(scene, "03-02 11:00")).in_time) == (1, 1)
    scene.act(number, "FINISH", "03-05 11:00")
    assert (row(state_of(scene, "03-05 11:00")).finished, row(state_of(scene, "03-05 11:00")).in_time) == (1, 0)


@pytest.mark.parametrize("cut", range(1, 13))
def test_a_page_taken_up_from_the_file_goes_on_like_one_that_was_never_closed(auto, cut):
    first = auto.report("03-02 09:00")
    auto.report("03-02 09:00", severity=2)
    auto.report("03-02 09:00", self_handled=True)
    auto.send(make_report(when("03-02 09:00"), system_no=auto[first].sources[0].system_no), when("03-02 09:01"))
    for verb, at in (("SIGN", "10:00"), ("START", "10:00"), ("FINISH", "14:00"), ("CHECK_FAIL", "14:10")):
        auto.act(first, verb, f"03-02 {at}")
    auto.act(first, "FINISH", "03-02 14:20")
    auto.act(first, "CHECK_PASS", "03-02 14:30")
    auto.report("03-02 16:30", category="E-02-02")
    steady = state_of(auto, "03-02 17:00")

    before = Scene(auto.city)
    for item in auto.items[:cut]:
        before.give(item.desk, item.at, item.body)
    live = Live(auto.city.rules)
    counters = {name: before.count(name) for name in ("repeats", "updates", "merged", "unmerged")}
    live.restore(before.cases, counters, len(before.dead))
    for effects in auto.told[cut:]:
        live.hear(effects)
    restored = live.state(when("03-02 17:00"))
    for name in ("cases", "closed", "duplicates", "dead_letters", "desks", "streets", "dispatch_seconds"):
        assert getattr(restored, name) == getattr(steady, name), name


def test_a_page_that_was_taken_up_shows_what_happened_last(auto):
    auto.report("03-02 09:00", severity=2)
    praise = auto.report("03-02 09:01", matter="PRAISE")
    live = Live(auto.city.rules)
    live.restore(auto.cases, {}, 0)
    live.recall(auto.transitions, auto.alerts, auto.__getitem__)
    state, steady = live.state(when("03-02 09:02")), state_of(auto, "03-02 09:02")
    assert [line.verb for line in state.feed] == [line.verb for line in steady.feed]
    assert praise not in [line.case_no for line in state.feed]
    assert state.alerts == steady.alerts != []
    assert (state.cases, state.closed) == (steady.cases, steady.closed)


def test_a_merged_report_is_no_case_until_it_is_taken_apart_again(auto):
    auto.report("03-02 09:00", component_id="M-1", category="C-01-01")
    other = auto.report("03-02 09:01", component_id="M-1", category="C-01-01")
    state = state_of(auto, "03-02 09:02")
    assert (state.cases, state.duplicates, state.closed, row(state).open) == (1, 1, 0, 1)
    auto.act(other, "UNMERGE", "03-02 09:03")
    state = state_of(auto, "03-02 09:04")
    assert (state.cases, state.duplicates, state.closed, row(state).open) == (2, 0, 0, 2)


def test_a_reopened_case_is_open_again_and_counts_once(scene):
    number = scene.bring("CLOSED", "03-02 09:00")
    assert state_of(scene, "03-02 09:01").closed == 1
    scene.act(number, "REOPEN", "03-02 10:00")
    state = state_of(scene, "03-02 10:01")
    assert (state.cases, state.closed, row(state).open, row(state).finished) == (1, 0, 1, 1)
    for verb in ("SIGN", "START", "FINISH", "REQUEST_CHECK", "CHECK_PASS", "CLOSE"):
        scene.act(number, verb, "03-02 10:10")
    state = state_of(scene, "03-02 10:11")
    assert (state.closed, row(state).finished, row(state).in_time) == (1, 1, 1)


def test_a_transferred_case_is_counted_where_it_is_now(scene):
    number = scene.bring("ACCEPTED", "03-02 09:00")
    scene.act(number, "TRANSFER", "03-02 09:30", desk="990102")
    state = state_of(scene, "03-02 09:31")
    assert (row(state).open, row(state, "990102").open) == (0, 1)


def test_the_walls_data_are_served_before_the_pages_are_made(city):
    app, live = FastAPI(), Live(city.rules)
    clock = lambda: when("03-02 09:00").astimezone(UTC)  # noqa: E731 - two lines would say no more
    add_console(app, Console(city, None, None, clock, live, None, lambda _request: LOCAL))
    client = TestClient(app)
    page = client.get("/")
    assert page.status_code == 200
    assert page.headers["retry-after"] == "1"
    drawn = client.get("/console/shapes?level=street")
    assert drawn.headers["content-encoding"] == "gzip"
    assert len(drawn.json()["shapes"]) == 4
    assert client.get("/console/shapes?level=planet").status_code == 404
    told = client.get("/console/state").json()
    assert told["city_zh"] == "双江市"
    assert told["now"].startswith("2026-03-02T09:00:00")
    assert json.loads(msgspec.json.encode(live.state(when("03-02 09:00"))))["desks"] == told["desks"]


def test_the_walls_data_are_for_whoever_the_wall_is_open_to(city):
    app, live, users = FastAPI(), Live(city.rules), [NOBODY]
    clock = lambda: when("03-02 09:00").astimezone(UTC)  # noqa: E731 - two lines would say no more
    add_console(app, Console(city, None, None, clock, live, None, lambda _request: users[-1]))
    client, paths = TestClient(app), ("state", "load?street=990101002", "shapes?level=street")
    assert [client.get(f"/console/{path}").status_code for path in paths] == [403, 403, 403]
    users.append(User("a", pages=("grid",)))
    assert [client.get(f"/console/{path}").status_code for path in paths] == [403, 403, 200]
    users.append(User("b", pages=("wall",)))
    assert [client.get(f"/console/{path}").status_code for path in paths] == [200, 200, 200]


def test_the_grids_of_a_street_show_what_is_open_and_what_is_late(scene):
    number = scene.bring("HANDLING", "03-02 09:00")
    scene.bring("HANDLING", "03-02 14:00")
    live = Live(scene.city.rules)
    for effects in scene.told:
        live.hear(effects)
    found = live.load(when("03-02 16:00"), "990101002")
    assert sum(opened for opened, _ in found.values()) == 2
    assert found[scene[number].placement.grid][1] == 1
    assert live.load(when("03-02 16:00"), "990102001") == {}


def test_todays_flow_counts_what_was_opened_and_closed_by_the_hour(scene):
    scene.bring("CLOSED", "03-01 09:00")
    scene.bring("CLOSED", "03-02 09:30")
    scene.report("03-02 11:00")
    flow = state_of(scene, "03-02 12:00").flow
    assert (len(flow), flow[9], flow[11], flow[8]) == (24, (1, 1), (1, 0), (0, 0))


def test_all_who_ask_at_the_same_moment_get_the_same_bytes(scene):
    scene.report("03-02 09:00")
    live = Live(scene.city.rules)
    for effects in scene.told:
        live.hear(effects)
    assert live.encoded(when("03-02 09:01")) is live.encoded(when("2026-03-02 09:01:00"))
    assert live.encoded(when("2026-03-02 09:01:01")) is not live.encoded(when("03-02 09:01"))


def test_the_banner_says_how_many_alerts_wait_and_which_is_due_first(scene):
    scene.bring("FILED", "03-02 09:00", severity=3)
    scene.bring("FILED", "03-02 09:05", severity=2, street="990101001")
    state = state_of(scene, "03-02 09:06")
    assert (state.unconfirmed, state.first_due) == (3, when("03-02 09:10"))
    assert state.first_unit_zh
    for alert in scene.alerts:
        scene.ack(alert.alert_id, "03-02 09:07")
    state = state_of(scene, "03-02 09:08")
    assert (state.unconfirmed, state.first_due) == (0, None)
    assert all(not alert.cap for alert in state.alerts), "documents are not sent every second"
