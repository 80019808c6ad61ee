"""What became of reports by the source's own numbers: told to real servers, again after failures, and compared."""

from __future__ import annotations

import itertools
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from packs import point
from scenes import BELLTOWER, OFFICE, Scene, when

from grids.inlets import InletsForm, SystemForm
from streams.ledger.fold import Fold
from streams.ledger.records import Claim
from streams.outlets.sources.following import Follower
from streams.outlets.sources.index import Index
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
    index.add("", len(steps), Fold(0, len(steps)), steps)


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
