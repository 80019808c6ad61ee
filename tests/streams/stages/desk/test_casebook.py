from __future__ import annotations

from collections import defaultdict
from datetime import timedelta

import msgspec
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from packs import point
from scenes import BELLTOWER, DESK, Scene, make_report, when
from stories import as_bytes, counters, folded, play, replay, stories

from streams.records import Effects
from streams.stages.desk.casebook import CaseBook, DeskState
from streams.stages.desk.desks import Desks
from streams.stages.desk.lifecycle import OPEN

LITTER = {"lon": point(BELLTOWER)[0], "lat": point(BELLTOWER)[1], "text": "a heap of litter by the kiosk"}

law = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@law
@given(stories())
def test_cases_are_the_fold_of_the_logs_transitions(city, story):
    scene = play(city, story)
    found = folded(scene.transitions)
    for case in scene.cases:
        assert found[case.case_no] == case
    kept = {case.case_no for case in scene.cases}
    assert all(case.state not in OPEN for number, case in found.items() if number not in kept)


@law
@given(stories(), st.integers(1, 24))
def test_desks_restored_from_their_states_go_on_like_the_live_ones(city, story, cut):
    scene = play(city, story)
    assume(len(scene.items) > cut)
    live = Desks(city)
    for item in scene.items[:cut]:
        live.receive([item])
    after = replay(city, scene.items[cut:], 1, anew(live, city))
    assert as_bytes(after) == as_bytes(scene.parts[cut:])
    assert counters(after) == counters(scene.parts[cut:])


@law
@given(stories())
def test_what_a_report_is_compared_with_follows_from_the_cases_alone(city, story):
    scene = play(city, story)
    assert compared(anew(scene.desks, city)) == compared(scene.desks)


def test_a_merged_case_of_which_its_source_says_more_speaks_anew_for_its_master(auto):
    auto.report("03-02 09:00", **LITTER)
    first = make_report(when("03-02 09:30"), **LITTER)
    auto.send(first, when("03-02 09:30"))
    said = "the cover of the litter bin has come off, and glass lies about"
    auto.send(msgspec.structs.replace(first, report_id="u", text=said), when("03-02 10:00"))
    assert [one.state for one in auto.cases] == ["DISPATCHED", "MERGED"]
    assert compared(anew(auto.desks, auto.city)) == compared(auto.desks)


def test_a_merged_case_stays_as_long_as_the_one_that_it_was_merged_into(auto):
    master = auto.report("03-02 09:00", **LITTER)
    child = auto.report("03-02 09:30", **LITTER)
    auto.tick("05-20 09:00")
    assert {case.case_no for case in auto.cases} == {master, child}
    said = "a heap of litter by the kiosk, as before, and the same again"
    auto.act(master, "APPEND", "05-20 09:01", text=said)  # by which it is looked at anew
    assert compared(anew(auto.desks, auto.city)) == compared(auto.desks)
    auto.act(master, "CANCEL", "05-20 09:02")
    auto.tick("06-01 09:00")
    assert len(auto.cases) == 2
    auto.tick("08-20 09:00")
    assert auto.cases == []


def test_a_merged_case_whose_master_goes_to_another_desk_leaves_once_its_own_time_is_over(auto):
    master = auto.report("03-02 09:00", **LITTER)
    child = auto.report("03-02 09:30", **LITTER)
    auto.tick("05-20 09:00")
    auto.act(master, "TRANSFER", "05-20 09:01")
    auto.tick("05-20 09:02")
    assert child not in auto.book.cases


def test_a_master_that_comes_back_misses_what_has_grown_old_meanwhile_whether_memory_was_cleared_or_not(auto):
    master = auto.report("03-02 09:00", **LITTER)
    auto.report("03-02 09:30", **LITTER)
    auto.act(master, "TRANSFER", "03-02 10:00")
    auto.tick("05-19 09:00")
    auto.act(master, "TRANSFER", "05-20 09:00", desk=DESK)
    assert auto[master].desk == DESK
    log = Desks(auto.city)
    for part in auto.parts:
        for desk, effects in part.items():
            log[desk].fold(msgspec.json.decode(msgspec.json.encode(effects), type=Effects))
    for desk in log:
        desk.book.forget()
    assert [list(desk.book.cases) for desk in log] == [list(desk.book.cases) for desk in auto.desks]
    assert compared(log) == compared(auto.desks)


def compared(desks):
    return {
        desk.code: {number: entry[2] for number, entry in desk.book.sightings._near._shelves._held.items()}
        for desk in desks
    }


def anew(desks, city):
    """Return desks as they are taken up from what is written of others."""
    written = msgspec.json.encode([desk.state() for desk in desks])
    fresh = Desks(city)
    fresh.restore(msgspec.json.decode(written, type=list[DeskState]))
    return fresh


@law
@given(stories())
def test_one_inbox_gives_the_same_bytes_in_batches_of_any_size(city, story):
    scene = play(city, story)
    for size in (7, 100):
        told = replay(city, scene.items, size)
        assert as_bytes(told) == as_bytes(scene.parts)
        assert counters(told) == counters(scene.parts)


@law
@given(stories())
def test_a_desk_gives_the_same_bytes_whichever_desks_share_its_partition(city, story):
    scene = play(city, story)
    for desk in {item.desk for item in scene.items}:
        alone = replay(city, [item for item in scene.items if item.desk == desk], 5)
        shared = [part for part, item in zip(scene.parts, scene.items, strict=True) if item.desk == desk]
        assert as_bytes(alone) == as_bytes(shared)


@law
@given(stories())
def test_steps_of_a_case_are_numbered_without_gaps_and_a_desks_time_never_falls(city, story):
    scene = play(city, story)
    seqs, times, serials = defaultdict(list), defaultdict(list), defaultdict(list)
    for step in scene.transitions:
        seqs[step.case_no].append(step.seq)
        times[step.desk].append(step.heard_at or step.at)
        if step.verb == "REPORT":
            serials[step.case_no[:14]].append(int(step.case_no[14:]))
    assert all(found == list(range(1, len(found) + 1)) for found in seqs.values())
    assert all(found == sorted(found) for found in times.values())
    assert all(found == list(range(1, len(found) + 1)) for found in serials.values())


@law
@given(stories())
def test_every_report_is_a_case_a_repeat_an_update_merged_or_sent_on_and_every_alert_has_its_own_name(city, story):
    scene = play(city, story)
    total = counters(scene.parts)
    came_of_it = sum(total.get(name, 0) for name in ("verb_REPORT", "repeats", "updates", "reports_sent_on"))
    assert came_of_it == total.get("items_RoutedReport", 0)
    names = [alert.alert_id for alert in scene.alerts]
    assert len(names) == len(set(names))


def test_a_closed_case_leaves_the_book_after_thirty_days_and_its_number_after_four_hundred(auto):
    auto.report("2025-03-02 09:00", system="s", system_no="1", self_handled=True)
    auto.tick("2025-04-01 09:00")
    assert len(auto.book.cases) == 1
    auto.tick("2025-04-01 09:01")
    assert not auto.book.cases
    assert auto.desks.holder("s", "1") == DESK
    auto.tick("2026-04-06 09:01")
    assert not auto.book.sources
    assert auto.desks.holder("s", "1") is None


def test_a_case_is_not_forgotten_because_another_desks_time_has_run_on(auto):
    number = auto.report("03-02 09:00", self_handled=True)
    auto.tick("09-02 09:00", desk="990102")
    assert number in auto.book.cases


def test_an_open_case_is_never_forgotten(auto):
    number = auto.report("03-02 09:00")
    auto.tick("12-31 09:00")
    assert auto[number].state == "DISPATCHED"


def test_the_holder_of_a_number_is_the_desk_that_took_it_in_last(auto):
    for at, street in (("03-02 09:00", "990101002"), ("03-02 09:10", "990102001")):
        auto.send(make_report(when(at), street=street, system="s", system_no="1"), when(at))
    assert auto.desks.holder("s", "1") == "990102"


def test_serials_go_on_after_a_restart(city):
    scene = Scene(city)
    scene.report("03-02 09:00")
    book = CaseBook(DESK, city.rules)
    book.restore(scene.book.state(""))
    day = when("03-02 09:00").date()
    assert book.serial(day) == 2
    assert book.serial(day + timedelta(days=1)) == 1
