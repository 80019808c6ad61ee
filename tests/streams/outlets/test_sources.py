"""What became of reports by the source's own numbers: told to real servers, again after failures, and compared."""

from __future__ import annotations

import itertools
import json
import sqlite3
import threading
from contextlib import closing
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from packs import point
from scenes import BELLTOWER, DESK, OFFICE, OTHER_DESK, Scene, when

from grids.inlets import InletsForm, SystemForm
from streams.identity.retention import expired_by
from streams.ledger.chain import Chain
from streams.ledger.fold import Fold
from streams.ledger.records import Claim, decode, encode
from streams.outlets.sources.following import Follower
from streams.outlets.sources.index import FILE, MERGED_INTO, Index, Position
from streams.outlets.sources.outcomes import shown
from streams.outlets.sources.reconciling import ended, reconcile
from streams.outlets.sources.returning import wording

AT = when("03-02 09:00")


@pytest.fixture
def index(tmp_path):
    made = Index(tmp_path)
    yield made
    made.close()


@pytest.fixture
def scene(small_city):
    return Scene(small_city)


def fold(index, scene):
    """Let the index take up every step of a scene that it has not seen."""
    steps = [step for effects in scene.told for step in effects.transitions]
    index.add("", Position(len(steps), Fold(0, len(steps)), ""), steps)


class Hotline(BaseHTTPRequestHandler):
    """A source system: takes what it is told, or fails while it is told to."""

    def do_POST(self):
        said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.heard.append((said, dict(self.headers)))
        self.send_response(500 if self.server.broken else 200)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def hotline():
    server = HTTPServer(("127.0.0.1", 0), Hotline)
    server.heard, server.broken = [], False
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    server.url = f"http://127.0.0.1:{server.server_port}/back?x=1"
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_source_is_told_the_last_state_with_retry_and_never_twice(index, scene, hotline, monkeypatch):
    monkeypatch.setenv("TOKEN", "secret")
    number = scene.report("03-02 09:00", category="E-01-10", system="12345", system_no="B-1")
    fold(index, scene)
    form = SystemForm(name="12345", adapter="hotline", url=hotline.url, token_env="TOKEN")
    follower = Follower(index, lambda _known: [], InletsForm(system=(form,)), None)
    hotline.broken = True
    assert follower.tell(1000.0) == 0
    assert index.waiting("12345", 1000.0) == []
    hotline.broken = False
    assert follower.tell(2000.0) == 1
    assert follower.tell(3000.0) == 0
    said, headers = hotline.heard[-1]
    assert (said["工单号"], said["案卷号"]) == ("B-1", number)
    assert headers["Authorization"] == "Bearer secret"
    assert headers["Idempotency-Key"].startswith("12345/B-1/")


def test_what_was_merged_into_a_case_is_found_without_reading_all_cases(index):
    plan = index._db.execute(f"EXPLAIN QUERY PLAN {MERGED_INTO}", ("x",)).fetchall()
    assert "USING COVERING INDEX cases_master" in plan[0][3]


def test_a_merged_report_stands_as_its_master_does(index, scene):
    lon, lat = point(BELLTOWER)
    master = scene.report("03-02 09:00", category="E-01-10", system="a", system_no="1", lon=lon, lat=lat)
    scene.report("03-02 09:05", category="E-01-10", system="b", system_no="2", lon=lon, lat=lat)
    fold(index, scene)
    assert index.outcome("b", "2").state == index.outcome("a", "1").state == scene[master].state
    assert index.case_of(scene[master].reports[0]) == master


def test_a_file_read_again_from_the_log_says_the_same(scene, tmp_path):
    scene.report("03-02 09:00", category="E-01-10", system="a", system_no="1")
    one, other = Index(tmp_path / "one"), Index(tmp_path / "other")
    fold(one, scene)
    fold(other, scene)
    fold(other, scene)
    assert one.of_system("a") == other.of_system("a")
    one.close()
    other.close()


def test_both_sides_lists_are_compared_number_by_number(index, scene):
    for number in ("1", "2", "3"):
        scene.report("03-02 09:00", category="E-01-10", system="a", system_no=number, lon=None, lat=None)
    fold(index, scene)
    found = reconcile({"1": "办理中", "2": "已办结", "9": "办理中"}, index.of_system("a"))
    assert [(one.kind, one.system_no) for one in found] == [
        ("STATUS", "2"), ("MISSING_THERE", "3"), ("MISSING_HERE", "9"),
    ]  # fmt: skip


@pytest.mark.parametrize(("word", "means"), [("已办结", True), ("Closed", True), ("在办", False), ("HANDLING", False),
                                             ("处置中", False), ("?", None)])  # fmt: skip
def test_words_for_a_state_are_understood_or_said_not_to_be(word, means):
    assert ended(word) is means


def test_each_kind_of_system_is_told_in_its_own_words(index, scene):
    scene.report("03-02 09:00", category="E-01-10", system="a", system_no="1")
    fold(index, scene)
    one = index.outcome("a", "1")
    assert wording(SystemForm(name="a", adapter="city-management"), one)["任务号"] == "1"
    assert wording(SystemForm(name="a"), one)["unit"] == OFFICE


def test_a_follower_that_is_told_to_stop_does_not_read_a_long_log_to_its_end(index):
    asked = []

    def endless(_known):
        for offset in itertools.count():
            asked.append(offset)
            if offset == 10:
                follower.stop()
            yield "", offset, Claim("somebody", AT)

    follower = Follower(index, endless, InletsForm(), None)
    follower.read()
    assert len(asked) <= 12
    assert index.positions() == {}, "nothing counted, so nothing is noted"


# A cluster's logs: several, each read up to where it was, and perhaps another one than before


class Logs:
    """The logs of a scene's desks, one for each, as a cluster's partitions hold them."""

    def __init__(self, scene) -> None:
        self.scene = scene
        self.logs: dict[str, list[bytes]] = {}
        self.ends: dict[str, tuple[Chain, int]] = {}
        self.taken = 0

    def write(self):
        for part in self.scene.parts[self.taken :]:
            for desk, effects in part.items():
                chain, last = self.ends.get(desk, (Chain(), 0))
                log = self.logs.setdefault(desk, [])
                if not log:
                    log.append(encode(Claim(desk, AT)))
                    chain.claimed(Claim(desk, AT))
                record = chain.record(0, last + 1, last + 1, {desk: effects})
                chain.add(len(log), record)
                log.append(encode(record))
                self.ends[desk] = chain, last + 1
        self.taken = len(self.scene.parts)
        return self

    def read(self, known, order=None):
        for desk in order or sorted(self.logs):
            start = known.get(desk, -1) + 1
            for offset, body in enumerate(self.logs[desk][start:], start=start):
                yield desk, offset, decode(body)


def follower_of(index, logs, inlets=None, **given):
    return Follower(index, given.pop("read", logs.read), inlets or InletsForm(), None, **given)


def moved(scene):
    """A case that was sent on to another desk and closed there, and one that has stayed."""
    scene.report("03-02 09:00", category="E-01-10", system="a", system_no="stays")
    goes = scene.report("03-02 09:01", category="E-01-10", system="a", system_no="goes", lon=None, lat=None)
    scene.act(goes, "TRANSFER", "03-02 09:05", payload={"desk": OTHER_DESK})
    assert scene[goes].desk == OTHER_DESK
    return goes


def test_logs_read_in_any_order_say_the_same(scene, tmp_path):
    goes = moved(scene)
    logs, found = Logs(scene).write(), []
    for number, order in enumerate(itertools.permutations(logs.logs)):
        index = Index(tmp_path / f"{number}")
        follower_of(index, logs, read=lambda known, order=order: logs.read(known, order)).read()
        found.append([shown(one) for one in index.of_system("a")])
        index.close()
    assert len(found) > 1
    assert all(one == found[0] for one in found)
    assert {one["system_no"]: one["state"] for one in found[0]}["goes"] == scene[goes].state


def test_what_could_not_be_put_down_is_read_again(index, scene, monkeypatch):
    moved(scene)
    follower = follower_of(index, Logs(scene).write())
    with monkeypatch.context() as patch:
        patch.setattr(index, "add", lambda *_: (_ for _ in ()).throw(OSError("no space")))
        with pytest.raises(OSError, match="no space"):
            follower.read()
    assert follower.read() > 0
    assert len(index.of_system("a")) == 2


def test_a_follower_goes_on_where_its_index_stands(scene, tmp_path):
    scene.report("03-02 09:00", category="E-01-10", system="a", system_no="1")
    logs, index = Logs(scene).write(), Index(tmp_path)
    assert follower_of(index, logs).read() > 0
    index.close()
    scene.report("03-02 09:10", category="E-01-10", system="a", system_no="2")
    before = {desk: len(log) for desk, log in logs.logs.items()}
    logs.write()
    fresh = sum(len(log) - before.get(desk, 0) for desk, log in logs.logs.items())
    index = Index(tmp_path)
    follower = follower_of(index, logs)
    assert (follower.read(), follower.read()) == (fresh, 0)
    assert [one.system_no for one in index.of_system("a")] == ["1", "2"]
    index.close()


def test_an_index_of_another_log_is_made_anew_and_nobody_is_told_twice(small_city, tmp_path):
    told, form = [], InletsForm(system=(SystemForm(name="a", url="http://x"),))
    scene, index = Scene(small_city), Index(tmp_path)
    scene.report("03-02 09:00", category="E-01-10", system="a", system_no="1")
    follower = follower_of(index, Logs(scene).write(), form, send=lambda _system, one: told.append(one.system_no))
    follower.read()
    assert (follower.tell(1.0), told) == (1, ["1"])
    other = Scene(small_city)  # the same city, whose topics were made anew and filled from a backup, and gone on
    other.report("03-02 09:00", category="E-01-10", system="a", system_no="1")
    other.act(other.transitions[0].case_no, "URGE", "03-02 09:05", actor_unit="")
    other.report("03-02 09:10", category="E-01-10", system="a", system_no="2")
    logs = Logs(other).write()
    logs.logs = {desk: [log[0], *log] for desk, log in logs.logs.items()}
    for desk, log in logs.logs.items():
        bodies = [decode(body) for body in log]
        for record in bodies[2:]:
            record.epoch = 1
        logs.logs[desk] = [encode(record) for record in bodies]
    follower = follower_of(index, logs, form, send=lambda _system, one: told.append(one.system_no))
    while follower.read():
        pass
    follower.read()
    assert [one.system_no for one in index.of_system("a")] == ["1", "2"]
    assert (follower.tell(2.0), told) == (1, ["1", "2"])
    index.close()


def test_a_file_of_before_keeps_what_sources_know_and_reads_the_rest_anew(scene, tmp_path):
    number = scene.report("03-02 09:00", category="E-01-10", system="a", system_no="1")
    with closing(sqlite3.connect(tmp_path / FILE)) as db:
        db.executescript(
            """
            CREATE TABLE positions (log TEXT PRIMARY KEY, "offset" INTEGER, epoch INTEGER, applied INTEGER);
            CREATE TABLE reports (report_id TEXT PRIMARY KEY, case_no TEXT) WITHOUT ROWID;
            CREATE TABLE cases (case_no TEXT PRIMARY KEY, state TEXT, master TEXT, at TEXT, unit TEXT, result TEXT);
            CREATE TABLE numbers (system TEXT, system_no TEXT, case_no TEXT, reporter TEXT, told TEXT, tries INTEGER,
                next REAL, waiting INTEGER, error TEXT);
            INSERT INTO positions VALUES ('', 99, 0, 99);
            """
        )
        db.execute("INSERT INTO numbers VALUES ('a', '1', ?, '', ?, 0, 0, 0, '')", (number, scene[number].state))
        db.commit()
    index = Index(tmp_path)
    assert index.positions() == {}
    follower_of(index, Logs(scene).write()).read()
    assert index.waiting("a", 1.0) == []
    assert index.outcome("a", "1").told == scene[number].state
    index.close()


def test_persons_are_forgotten_by_when_the_index_says_that_their_case_ended(index, scene, tmp_path):
    number = scene.report("03-02 09:00", category="E-01-10", system="a", system_no="1")
    follower = follower_of(index, logs := Logs(scene).write())
    follower.read()
    (report,) = scene[number].reports
    assert index.ended_at(report) == (number, None)
    assert index.ended_at("nobody's") == ("", None)
    centre = scene.city.rules.places.desks[DESK].centre
    scene.act(number, "CANCEL", "03-02 10:00", actor_unit=centre)
    logs.write()
    follower.read()
    assert index.ended_at(report) == (number, scene[number].closed_at)

    class Kept:
        def before(self, at):
            return [report, "lost"] if at > AT.timestamp() else []

    days, end = 30, scene[number].closed_at
    assert expired_by(Kept(), index.ended_at, days, end + timedelta(days=29)) == []
    assert expired_by(Kept(), index.ended_at, days, end + timedelta(days=31)) == [report]
    assert expired_by(Kept(), index.ended_at, days, end + timedelta(days=61)) == [report, "lost"]
