from __future__ import annotations

import dataclasses
import itertools
import threading
import time
from collections import Counter
from concurrent.futures import Future
from datetime import UTC, timedelta

import msgspec
import pytest
from scenes import OFFICE, Scene, make_report, when
from stories import as_bytes, counters

from grids.city import City
from streams.hosts.embedded import EmbeddedHost
from streams.inlets.lines import accept_line, read_line
from streams.inlets.simulator import CROWDED, Arrival, Follower, Habits, People, follow, people, play, simulate
from streams.inlets.simulator.ground import spot
from streams.inlets.simulator.mischief import WAYS
from streams.inlets.simulator.people import SOONEST, Planned
from streams.ledger.records import EffectsRecord
from streams.outlets.board.sqlite import SqliteBoard
from streams.records import Action, DeadLetter, Effects, RoutedReport, Suggestion
from streams.stages.acceptance import Accepted
from streams.stages.desk.duplicates import Seen, distance_m
from streams.stages.intake import route

START = when("03-02 00:00")
END = START + timedelta(days=2)


def invent(city, seed=1, rate=150, days=1):
    return simulate(city, start=START, days=days, seed=seed, rate=rate)


def arrivals_of(week):
    return sorted([*week.reports, *week.malformed], key=lambda arrival: (arrival.at, arrival.line))


class Played:
    """A stretch of days played through a host on a folder of its own."""

    def __init__(self, city, folder, week, end=END) -> None:
        self.host = EmbeddedHost(city, folder, START)
        self.people, self.acted = People(city, 1), []
        self.shares = []
        self.agenda = play(
            self.host,
            arrivals_of(week),
            self.people,
            start=START,
            end=end,
            step=lambda _, share: self.shares.append(share),
            acted=self.acted.append,
        )
        self.board = SqliteBoard(self.host.store.path)

    def close(self):
        self.board.close()
        self.host.close()


@pytest.fixture(scope="module")
def week(city):
    return invent(city, rate=1200)


@pytest.fixture(scope="module")
def played(city, tmp_path_factory):
    """Two days in which offices return more, forget more and fail more than they do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(people, "RETURNED", 0.2)
        patch.setattr(people, "FORGOTTEN", 0.05)
        patch.setattr(people, "FAILED", 0.3)
        one = Played(city, tmp_path_factory.mktemp("played"), invent(city))
    yield one
    one.close()


# What happens


def test_the_same_seed_gives_the_same_bytes_and_another_gives_others(city):
    one, same, other = invent(city), invent(city), invent(city, seed=2)
    assert one == same
    assert {arrival.line for arrival in one.reports}.isdisjoint(arrival.line for arrival in other.reports)


def test_about_as_many_reports_come_as_were_asked_for_and_in_order(week):
    assert len(week.reports) == pytest.approx(1200, rel=0.1)
    assert [arrival.at for arrival in week.reports] == sorted(arrival.at for arrival in week.reports)
    assert all(arrival.at >= START for arrival in week.reports)


def test_every_report_is_well_formed_when_it_arrives(week):
    assert all(isinstance(accept_line(arrival.line, arrival.at), Accepted) for arrival in week.reports)


def test_reports_are_repeated_updated_late_and_of_all_matters_nets_and_severities(week):
    reports = [(msgspec.json.decode(arrival.line), arrival.at) for arrival in week.reports]
    times = Counter((report["system"], report["system_no"]) for report, _ in reports)
    assert any(count > 1 for count in times.values())
    assert any(report.get("source_updated_at") for report, _ in reports)
    assert any(report.get("self_handled") for report, _ in reports)
    assert any(report.get("scheme") == "12345" for report, _ in reports)
    assert any("lon" not in report and report.get("source_grid") for report, _ in reports)
    assert {report.get("matter", "INCIDENT") for report, _ in reports} >= {"INCIDENT", "INQUIRY", "COMPLAINT"}
    assert {report.get("severity", 4) for report, _ in reports} >= {2, 3, 4}
    assert {report["channel"] for report, _ in reports} >= {"GRID_WORKER", "HOTLINE", "SENSOR"}


def test_the_truth_names_each_reports_cell_and_unit_and_intake_mostly_agrees(city, week):
    truth = {one.report_id: one for one in week.truth}
    assert len(truth) == len(week.truth)
    batch = [accept_line(arrival.line, arrival.at) for arrival in week.reports]
    routed = [one for one in route(city, batch) if isinstance(one, RoutedReport) and one.report.report_id in truth]
    right = sum(truth[one.report.report_id].cell == one.placement.cell for one in routed)
    assert right / len(routed) > 0.7
    placed = [one for one in routed if truth[one.report.report_id].cell == one.placement.cell]
    agreed = sum(truth[one.report.report_id].unit == one.receipt.lead for one in placed)
    assert agreed == len(placed)


def test_every_broken_line_comes_to_nothing_but_a_dead_letter_and_in_every_way(city):
    broken = invent(city, rate=2500).malformed
    assert len(broken) > len(WAYS)
    reasons = Counter()
    for arrival in broken:
        found = read_line(arrival.line, arrival.at)
        letter = found if isinstance(found, DeadLetter) else route(city, [found])[0]
        assert isinstance(letter, DeadLetter), letter
        reasons[letter.reason] += 1
    assert set(reasons) == {
        "NOT_JSON", "UNKNOWN_CATEGORY", "BAD_POSITION", "FUTURE", "UNKNOWN_FIELD", "BAD_FIELD", "MISSING_FIELD",
        "OUT_OF_CITY",
    }  # fmt: skip


def truths(week):
    """What was true of each incident."""
    return {one.incident: one for one in week.truth}


def test_as_many_people_report_an_incident_as_habits_say(city):
    week = simulate(city, start=START, days=2, seed=1, rate=600, habits=CROWDED)
    each = Counter(one.incident for one in week.truth)
    assert len(week.truth) / len(each) == pytest.approx(3, abs=0.4)
    assert max(each.values()) == 7


def test_positions_are_as_far_off_as_habits_say_also_where_somebody_names_another_datum(city):
    week = simulate(city, start=START, days=2, seed=1, rate=600, habits=CROWDED)
    truth = {one.report_id: one for one in week.truth}
    routed = [
        r for r in route(city, [accept_line(a.line, a.at) for a in week.reports]) if isinstance(r, RoutedReport)
    ]
    placed = [r for r in routed if r.report.lon is not None and r.report.report_id in truth]
    named = [r for r in placed if r.report.datum]
    assert len(named) > 10
    assert sum("DATUM_CONFLICT" in r.placement.flags for r in named) > 10
    for one in placed:
        true = truth[one.report.report_id]
        off = distance_m(
            Seen("", "", START, lon=true.lon, lat=true.lat),
            Seen("", "", START, lon=one.placement.lon, lat=one.placement.lat),
        )
        assert 4.8 < off < 30.2


def test_incidents_beside_another_are_of_its_category_near_it_about_then_and_told_otherwise(city):
    lines = {}
    for seed in range(3):
        week = simulate(
            city, start=START, days=1, seed=seed, rate=120, habits=Habits(reporters=(1.0,), beside=1.0, late=0)
        )
        texts = {r["report_id"]: r["text"] for r in (msgspec.json.decode(a.line) for a in week.reports)}
        found = list(truths(week).values())
        assert {one.category for one in found} == {found[0].category}
        for one, following in itertools.pairwise(found):
            between = distance_m(*(Seen("", "", START, lon=t.lon, lat=t.lat) for t in (one, following)))
            assert 7.5 < between < 50
            assert abs(one.at - following.at) <= timedelta(hours=3)
            lines[texts[one.report_id]] = texts[following.report_id]
    assert sum(one != other for one, other in lines.items()) > 0.9 * len(lines)


def test_a_component_has_no_second_incident_within_days(lit_city):
    week = simulate(lit_city, start=START, days=3, seed=1, rate=400)
    at = Counter((one.category, one.lon, one.lat) for one in truths(week).values() if one.category == "C-01-01")
    assert set(at.values()) == {1}


def test_where_only_components_are_reported_they_are_reported_again(lit_city):
    catalogue = lit_city.rules.catalogue
    covers = {key: one for key, one in catalogue.categories.items() if key[1] in ("C-01", "C-01-01")}
    rules = dataclasses.replace(lit_city.rules, catalogue=dataclasses.replace(catalogue, categories=covers))
    week = simulate(City(rules, lit_city.cells), start=START, days=1, seed=1, rate=60)
    assert len(truths(week)) > 20


def test_reporters_tell_one_incident_in_words_of_their_own_and_give_its_address(city):
    week = simulate(city, start=START, days=2, seed=1, rate=600, habits=CROWDED)
    texts = {r["report_id"]: r["text"] for r in (msgspec.json.decode(a.line) for a in week.reports)}
    told = {}
    for one in week.truth:
        told.setdefault(one.incident, []).append((texts[one.report_id], spot(one.lon, one.lat)))
    several = [said for said in told.values() if len(said) > 2]
    assert sum(len({text for text, _ in said}) > 1 for said in several) > 0.95 * len(several)
    everything = [one for said in told.values() for one in said]
    assert sum(place.road in text for text, place in everything) > 0.7 * len(everything)
    assert sum(f"{place.number}号" in text for text, place in everything) > 0.5 * len(everything)


def test_who_sees_to_a_matter_on_the_spot_is_its_last_reporter(city):
    week = simulate(city, start=START, days=2, seed=1, rate=1500, habits=CROWDED)
    done = {r["report_id"] for r in (msgspec.json.decode(a.line) for a in week.reports) if r.get("self_handled")}
    last = {one.incident: one.report_id for one in week.truth}
    assert done
    assert done <= set(last.values()) | {r for r in done if r not in {one.report_id for one in week.truth}}


def test_components_are_reported_where_the_register_says_and_some_reports_name_them(lit_city):
    register = dict(lit_city.rules.components)
    for number in range(2, 9):
        known = register["M-1"]
        register[f"M-{number}"] = known._replace(component_id=f"M-{number}", lon=known.lon + number * 1e-4)
    city = City(dataclasses.replace(lit_city.rules, components=register), lit_city.cells)
    week = invent(city, rate=1500)
    reports = [msgspec.json.decode(arrival.line) for arrival in week.reports]
    named = {report.get("component_id") for report in reports}
    assert named <= {None, *register}
    assert len(named) > 3
    assert any(report.get("category") == "C-01-01" and "component_id" not in report for report in reports)
    places = {(one.lon, one.lat) for one in week.truth if one.category == "C-01-01"}
    assert places == {(component.lon, component.lat) for component in register.values()}


def test_inventing_tells_how_far_it_is(city):
    told = []
    simulate(city, start=START, days=1, seed=1, rate=50, step=lambda name, share: told.append((name, share)))
    assert told[-1] == ("模拟事件 simulate", 1.0)


# Playing it through


def test_every_line_is_a_case_a_duplicate_another_matter_or_a_dead_letter(played, city):
    lines = arrivals_of(invent(city))
    count = played.board.counters()
    dead = sum(played.board.dead_letter_reasons(of_reports=True).values())
    came = sum(count.get(name, 0) for name in ("verb_REPORT", "repeats", "updates"))
    assert sum(arrival.at < END for arrival in lines) == came + dead - count.get("LATE_UPDATE", 0)


def test_cases_go_all_the_way_and_some_go_back_fail_and_are_forgotten(played):
    count = played.board.counters()
    for verb in ("ACCEPT", "FILE", "DISPATCH", "RETURN", "REDISPATCH", "SIGN", "START", "FINISH", "CHECK_PASS",
                 "CHECK_FAIL", "REWORK", "CLOSE", "REMIND", "SUPERVISE"):  # fmt: skip
        assert count.get(f"verb_{verb}", 0) > 0, verb
    assert count.get("refused_actions", 0) < 0.1 * len(played.acted)


def test_nobody_reacts_faster_than_two_minutes_and_what_is_left_lies_ahead(played):
    assert played.agenda
    assert all(planned.at >= END for planned in played.agenda)
    assert [planned.at for planned in played.agenda] == sorted(planned.at for planned in played.agenda)
    opened = {case.case_no: case.opened_at for case in played.board.all_cases()}
    assert all(action.at >= opened[action.case_no] + SOONEST for action in played.acted)
    assert played.shares[-1] == 1.0


def test_the_same_days_played_again_give_the_same_bytes(city, tmp_path, tmp_path_factory):
    told = []
    for number in range(2):
        one = Played(city, tmp_path / str(number), invent(city, rate=40), START + timedelta(hours=14))
        log = [record for _, record in one.host.store.log.read() if isinstance(record, EffectsRecord)]
        records = [{desk: record.of(desk) for desk in record.desks} for record in log]
        told.append((as_bytes(records), counters(records), [action.action_id for action in one.acted]))
        one.close()
    assert told[0] == told[1]


# People


def plans(city, state, **fields):
    scene = Scene(city)
    number = scene.bring(state, "03-02 09:00", **fields)
    planned = People(city, 1).react([(step, scene[step.case_no]) for step in scene.transitions])
    return [(one.deed.verb, one.deed.actor_unit) for one in planned if one.deed.case_no == number]


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("REPORTED", [("ACCEPT", "990101-CC")]),
        ("ACCEPTED", [("FILE", "990101-CC")]),
        ("FILED", [("DISPATCH", "990101-CC")]),
        ("DISPATCHED", [("SIGN", OFFICE), ("START", OFFICE), ("FINISH", OFFICE)]),
        ("RETURNED", [("REDISPATCH", "990101-CC")]),
        ("HANDLED", [("REQUEST_CHECK", "990101-CC")]),
        ("CHECKING", [("CHECK_PASS", "990101001-OF")]),
        ("CLOSED", []),
    ],
)
def test_each_state_makes_its_office_plan_the_next_step(manual_city, monkeypatch, state, expected):
    for share in ("RETURNED", "FORGOTTEN", "FAILED"):
        monkeypatch.setattr(people, share, 0)
    assert plans(manual_city, state) == expected


def test_who_was_given_the_check_checks_and_at_night_the_zones_own_supervision(manual_city, monkeypatch):
    monkeypatch.setattr(people, "FAILED", 0)
    assert plans(manual_city, "CHECKING", street="990102002") == [("CHECK_PASS", "990102002-OF")]
    scene = Scene(manual_city)
    scene.bring("HANDLED", "03-02 22:00", street="990102002")
    step = scene.act(scene.cases[0].case_no, "REQUEST_CHECK", "03-02 22:00").transitions[-1]
    (planned,) = People(manual_city, 1).react([(step, scene[step.case_no])])
    assert planned.deed.actor_unit == "HT-SV"


def test_centres_confirm_nearly_all_alerts_within_the_hour(manual_city):
    scene = Scene(manual_city)
    for street in ("990101001", "990101002", "990102001"):
        for _ in range(20):
            scene.bring("FILED", "03-02 09:00", severity=3, street=street)
    planned = People(manual_city, 1).confirm(scene.alerts)
    assert 55 <= len(planned) <= 60
    assert {one.deed.by for one in planned} == {"990101-CC/watch", "990102-CC/watch"}
    assert all(SOONEST <= one.at - when("03-02 09:00") < timedelta(hours=1) for one in planned)


def test_a_centre_rules_on_a_dispute_and_answers_a_request_for_more_time(manual_city):
    scene = Scene(manual_city)
    scene.bring("DISPUTED", "03-02 09:00")
    (planned,) = People(manual_city, 1).react([(scene.transitions[-1], scene.cases[0])])
    assert (planned.deed.verb, planned.deed.payload["unit"]) == ("RULE", OFFICE)
    number = scene.bring("HANDLING", "03-02 09:00")
    step = scene.act(number, "ASK_EXTENSION", "03-02 09:10").transitions[-1]
    answers = {People(manual_city, seed).react([(step, scene[number])])[0].deed.verb for seed in range(30)}
    assert answers == {"GRANT", "DENY"}


def test_what_is_very_much_alike_is_merged_by_hand_and_the_rest_is_kept_apart(manual_city):
    scene = Scene(manual_city)
    number = scene.report("03-02 09:00")
    step = scene.transitions[-1]
    for score, expected in ((0.85, ["MERGE"]), (0.75, ["KEEP_APART", "ACCEPT"])):
        alike = Suggestion("9901012026030299999", "D2", score, {})
        case = msgspec.structs.replace(scene[number], suggested=[alike])
        planned = People(manual_city, 1).react([(step, case)])
        assert [one.deed.verb for one in planned] == expected


def test_what_is_kept_apart_from_several_cases_is_so_by_as_many_actions(manual_city):
    scene = Scene(manual_city)
    number = scene.report("03-02 09:00")
    alike = [Suggestion(f"990101202603029999{last}", "D2", 0.75, {}) for last in range(3)]
    case = msgspec.structs.replace(scene[number], suggested=alike)
    planned = People(manual_city, 1).react([(scene.transitions[-1], case)])
    assert len({one.name for one in planned}) == 4


def test_a_case_without_a_lead_is_sent_to_somebody_who_is_a_department_of_the_city(manual_city):
    scene = Scene(manual_city)
    scene.bring("FILED", "03-02 09:00", lon=None, lat=None)
    (planned,) = People(manual_city, 1).react([(scene.transitions[-1], scene[scene.transitions[-1].case_no])])
    assert planned.deed.payload["unit"] in ("990100-UM", "990100-WT")


def test_of_reports_without_a_place_some_are_refused_and_some_accepted(manual_city):
    verbs = set()
    for seed in range(20):
        scene = Scene(manual_city)
        scene.report("03-02 09:00", lon=None, lat=None)
        step = scene.transitions[0]
        verbs |= {one.deed.verb for one in People(manual_city, seed).react([(step, scene[step.case_no])])}
    assert verbs == {"ACCEPT", "REFUSE"}


def test_what_is_no_incident_is_answered(manual_city):
    scene = Scene(manual_city)
    number = scene.report("03-02 09:00", matter="PRAISE")
    effects = scene.act(number, "ACCEPT", "03-02 09:05")
    (planned,) = People(manual_city, 1).react([(effects.transitions[0], scene[number])])
    assert planned.deed.verb == "CLOSE"


# Going on against an engine


class Engine:
    """An engine that remembers what it was given."""

    def __init__(self) -> None:
        self.good, self.bad, self.asked = [], [], []

    def accept(self, reports, letters=()):
        self.good += reports
        self.bad += letters
        return Future()

    def submit(self, actions):
        self.asked += actions
        return Future()


class Board:
    def __init__(self, cases) -> None:
        self.case = cases.get


def test_a_follower_feeds_what_is_due_as_its_clock_reaches_it(manual_city, monkeypatch):
    monkeypatch.setattr(follow, "_PACE_S", 0.001)
    now, engine, ticks = [START], Engine(), threading.Event()

    def clock():
        ticks.set()
        return now[0]

    def wait_for(true):
        end = time.monotonic() + 10
        while not true():
            assert time.monotonic() < end
            time.sleep(0.002)

    line = msgspec.json.encode(make_report(START))
    arrivals = [Arrival(START + timedelta(hours=1), line), Arrival(START + timedelta(hours=1), b"torn")]
    later = [Arrival(START + timedelta(hours=9), line)]
    asked = Action(action_id="a", case_no="x", verb="SIGN", actor="x", actor_unit="x", at=START)
    scene = Scene(manual_city)
    number = scene.report("03-02 00:00")
    follower = Follower([*arrivals, *later], People(manual_city, 1), clock)
    follower.start(engine, lambda: Board(scene.book.cases), [Planned(START + timedelta(hours=2), asked)])
    assert ticks.wait(10)
    assert (engine.good, engine.bad, engine.asked) == ([], [], [])
    now[0] = START + timedelta(hours=3)
    wait_for(lambda: engine.asked)
    assert (len(engine.good), len(engine.bad), [action.action_id for action, _ in engine.asked]) == (1, 1, ["a"])
    follower.hear(Effects(scene.transitions, [], [], {}))
    wait_for(lambda: len(engine.asked) == 2)
    assert (engine.asked[1][0].case_no, engine.asked[1][0].verb) == (number, "ACCEPT")
    assert engine.asked[1][1].astimezone(UTC) <= now[0].astimezone(UTC)
    follower.stop()
