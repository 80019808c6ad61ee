"""Where a running service asks its measures: nobody waits for what could have been worked out before."""

from __future__ import annotations

import threading
import time
from datetime import date, timedelta

import msgspec
import pytest
from scenes import make_report, when

from streams.hosts.embedded import EmbeddedHost
from streams.outlets.board.sqlite import SqliteBoard
from streams.outlets.measures.asking import Asker, Question
from streams.outlets.measures.names import names_of
from streams.outlets.measures.room import Room
from streams.stages.acceptance import Accepted

WEEK = Question(date(2026, 3, 2), date(2026, 3, 9), (), "", ("cases",))


class Running:
    """A file that reports come into, a room over it, and a clock that is set."""

    def __init__(self, city, folder) -> None:
        self.now = when("03-02 09:00")
        self.host = EmbeddedHost(city, folder, self.now)
        self.room = Room(lambda: SqliteBoard(self.host.store.path), names_of(city.rules), folder, lambda: self.now)

    def report(self):
        report = make_report(self.now)
        self.host.accept([Accepted(report, self.now, msgspec.json.encode(report))])
        self.host.drain()
        self.now += timedelta(minutes=1)


@pytest.fixture
def running(city, tmp_path):
    running = Running(city, tmp_path)
    running.report()
    yield running
    running.host.close()


def cases(asker):
    return asker.ask(WEEK)[0].value


def until(question):
    end = time.monotonic() + 20
    while not question():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_what_is_usual_is_answered_before_the_first_who_looks(running, monkeypatch):
    running.room.usual = lambda _asker: [WEEK]
    running.room.ready()
    monkeypatch.setattr(Asker, "_figures", lambda *_: pytest.fail("worked out while somebody waits"))
    assert cases(running.room.soon()) == 1


def test_whoever_looks_is_given_the_last_figures_while_new_ones_are_worked_out(running):
    go = threading.Event()
    running.room.ready()
    running.report()
    running.room.usual = lambda _asker: go.wait(20) and [WEEK]
    assert cases(running.room.soon()) == 1
    assert cases(running.room.soon()) == 1
    go.set()
    until(lambda: cases(running.room.soon()) == 2)


def test_whoever_must_have_the_newest_waits_for_them(running):
    running.room.ready()
    running.report()
    assert cases(running.room.asker()) == 2


def test_an_answer_is_kept_and_nobody_can_spoil_it_for_others(running):
    asker = running.room.asker()
    asker.ask(WEEK).clear()
    assert cases(asker) == 1
