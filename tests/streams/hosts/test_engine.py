from __future__ import annotations

import errno
import threading
import time
from datetime import UTC, timedelta

import msgspec
import pytest
from fastapi.testclient import TestClient
from scenes import make_report, when

from streams.hosts.embedded import EmbeddedHost
from streams.hosts.embedded.audit import audit
from streams.hosts.embedded.engine import Engine, wall_clock
from streams.hosts.embedded.service import Service, bind, make_service_app
from streams.hosts.embedded.store import FILE
from streams.inlets.lines import refused
from streams.records import Action
from streams.stages.acceptance import Accepted, Refusal
from streams.stages.desk import steps

AT = when("03-02 09:00").astimezone(UTC)


def accepted(**fields):
    report = make_report(AT, **fields)
    return Accepted(report, AT, msgspec.json.encode(report))


def until(true, seconds=10.0):
    """Wait for what another thread brings about."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came about"
        time.sleep(0.005)


class Story:
    """An engine on a folder, with a clock that stands where it is put, and what it has heard."""

    def __init__(self, city, folder) -> None:
        self.now, self.heard = AT, []
        self.folder = folder
        self.engine = Engine(lambda: EmbeddedHost(city, folder, AT), clock=lambda: self.now, heard=self.heard.append)

    @property
    def verbs(self):
        return [step.verb for effects in self.heard for step in effects.transitions]


@pytest.fixture
def story(city, tmp_path):
    story = Story(city, tmp_path)
    story.engine.start()
    yield story
    story.engine.stop()


def test_a_report_is_on_disk_when_its_future_is_done_and_then_worked_on(story):
    story.engine.accept([accepted()]).result(10)
    until(lambda: "DISPATCH" in story.verbs)
    assert story.engine.healthy


def test_calls_that_come_together_are_all_answered(story):
    futures = [story.engine.accept([accepted()]) for _ in range(50)]
    letters = [refused(Refusal("NOT_JSON", "", "x", "y"), b"x", AT, "")]
    futures.append(story.engine.accept([], letters))
    for future in futures:
        future.result(10)
    until(lambda: story.verbs.count("REPORT") == 50)


def test_actions_are_taken_in_too(story):
    story.engine.accept([accepted()]).result(10)
    until(lambda: "DISPATCH" in story.verbs)
    number = story.heard[-1].transitions[0].case_no
    asked = Action(
        action_id="a", case_no=number, verb="SIGN", actor="x", actor_unit="990101002-OF", at=AT, payload={}
    )
    story.engine.submit([(asked, AT)]).result(10)
    until(lambda: "SIGN" in story.verbs)


def test_when_nothing_comes_in_time_passes_all_the_same(story):
    story.engine.accept([accepted()]).result(10)
    until(lambda: "DISPATCH" in story.verbs)
    story.now = AT + timedelta(hours=2)
    until(lambda: story.verbs.count("REMIND") >= 2)


def test_stopping_works_off_what_waits(city, tmp_path):
    story = Story(city, tmp_path)
    story.engine.start()
    futures = [story.engine.accept([accepted() for _ in range(200)]) for _ in range(4)]
    story.engine.stop()
    assert all(future.done() for future in futures)
    assert story.verbs.count("REPORT") == 800
    assert not story.engine.healthy
    with pytest.raises(RuntimeError, match="has stopped"):
        story.engine.accept([accepted()]).result(1)


def test_a_host_that_does_not_open_is_told_at_the_start():
    def broken():
        raise OSError("no such disk")

    engine = Engine(broken)
    with pytest.raises(OSError, match="no such disk"):
        engine.start()


class Host:
    """A host whose disk is full: `accept` says so once the gate is open."""

    def __init__(self) -> None:
        self.entered, self.gate, self.closed = threading.Event(), threading.Event(), threading.Event()

    def accept(self, _batch):
        self.entered.set()
        self.gate.wait(10)
        raise OSError("disk full")

    def tick(self, _now):
        pass

    def work(self):
        return None

    def snapshot(self):
        pass

    def close(self):
        self.closed.set()


@pytest.fixture
def failing():
    host = Host()
    engine = Engine(lambda: host)
    engine.start()
    yield host, engine
    host.gate.set()
    engine.stop()


def test_a_failure_reaches_whoever_waits_and_shows_as_unhealthy(failing):
    host, engine = failing
    host.gate.set()
    with pytest.raises(OSError, match="disk full"):
        engine.accept([accepted()]).result(10)
    assert host.closed.wait(10)
    assert not engine.healthy
    assert isinstance(engine.failure, OSError)
    with pytest.raises(RuntimeError):
        engine.submit([]).result(1)


def test_calls_that_still_wait_when_the_engine_fails_are_told(failing):
    host, engine = failing
    first = engine.accept([accepted()])
    assert host.entered.wait(10)
    second = engine.accept([accepted()])
    host.gate.set()
    for call in (first, second):
        with pytest.raises(OSError, match="disk full"):
            call.result(10)


def test_calls_behind_a_stop_are_not_left_waiting_for_ever(failing):
    _, engine = failing
    engine._calls.put(None)
    with pytest.raises(RuntimeError, match="has stopped"):
        engine.accept([accepted()]).result(10)


def faults(monkeypatch, times):
    """Let the desk meet a fault of the process so often."""
    left = [*range(times)]
    change = steps.change

    def broken(*given):
        if left:
            left.pop()
            raise SystemError("returned NULL without setting an exception")
        return change(*given)

    monkeypatch.setattr(steps, "change", broken)


def test_after_a_fault_of_the_process_the_same_work_is_done_from_the_log(city, tmp_path, monkeypatch, capsys):
    story = Story(city, tmp_path)
    faults(monkeypatch, 2)
    story.engine.start()
    story.engine.accept([accepted(text="what a citizen said")]).result(10)
    story.engine.stop()
    assert story.engine.failure is None
    assert story.verbs.count("REPORT") == story.verbs.count("DISPATCH") == 1
    assert not [letter for effects in story.heard for letter in effects.dead_letters]
    assert audit(tmp_path / FILE).clean
    said = capsys.readouterr().out
    assert said.count("fault of the process") == 2
    assert "test_engine.py" in said
    assert "citizen" not in said


def test_a_process_that_fails_again_and_again_stops_and_what_it_took_in_is_there(city, tmp_path, monkeypatch):
    story = Story(city, tmp_path)
    faults(monkeypatch, 3)
    story.engine.start()
    story.engine.accept([accepted()]).result(10)
    until(lambda: not story.engine.healthy)
    assert isinstance(story.engine.failure, SystemError)
    again = Story(city, tmp_path)
    again.engine.start()
    until(lambda: "DISPATCH" in again.verbs)
    again.engine.stop()


def test_the_wall_clock_says_where_it_is():
    assert wall_clock().tzinfo is UTC


def test_a_service_holds_engine_board_metrics_and_page_together(city, tmp_path):
    heard = []
    service = Service(city, tmp_path, clock=lambda: AT, heard=heard.append)
    service.start()
    service.engine.accept([accepted()]).result(10)
    until(lambda: heard and heard[-1].transitions)
    assert service.board() is service.board()
    (case,) = service.board().cases()
    assert case.unit == "990101002-OF"
    assert b'onegrid_cases_total{desk="990101",matter="INCIDENT"} 1.0' in service.metrics.page()
    assert service.live.state(AT).cases == 1
    service.stop()

    again = Service(city, tmp_path, clock=lambda: AT)
    again.start()
    assert b'onegrid_open_cases{desk="990101"} 1.0' in again.metrics.page()
    assert again.live.state(AT).cases == 1
    again.stop()


def test_a_port_that_somebody_has_is_an_error_that_names_it():
    with bind(0) as taken:
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=rf"port {port} of 127\.0\.0\.1 can't be bound: .*expected a free port"):
            bind(port)


def test_the_web_application_of_a_service_has_gateway_places_metrics_and_page(city, tmp_path):
    service = Service(city, tmp_path, clock=lambda: AT)
    service.start()
    client = TestClient(make_service_app(service), base_url="http://127.0.0.1", client=("127.0.0.1", 5000))
    for path in (
        "/",
        "/console/state",
        "/console/shapes?level=street",
        "/v1/cases",
        "/metrics",
        "/healthz",
        "/openapi.json",
    ):
        assert client.get(path).status_code == 200, path
    assert client.get("/v1/where", params={"lon": 104.0091, "lat": 30.6051}).status_code == 200
    service.stop()


@pytest.fixture
def cramped(city, tmp_path, monkeypatch):
    """An engine, and its host, whose file can be told to grow no more."""
    monkeypatch.setattr("streams.hosts.embedded.engine._RETRY_S", 0.05)
    hosts = []

    def make():
        hosts.append(EmbeddedHost(city, tmp_path, AT))
        return hosts[0]

    engine = Engine(make, clock=lambda: AT)
    engine.start()
    engine.accept([accepted()]).result(10)
    until(lambda: hosts[0].store.log.last() > 1)

    def grow(pages):
        hosts[0].store.db.execute(f"PRAGMA max_page_count = {pages}")

    yield engine, grow
    if engine._thread.is_alive():
        grow(10**6)
        engine.stop()


def fill(engine):
    """Let reports come in until there is no space for one."""
    while True:
        try:
            engine.accept([accepted(text="x" * 20_000)]).result(10)
        except OSError as error:
            return error


def test_on_a_full_disk_whoever_waits_is_told_and_work_goes_on_once_there_is_space(cramped):
    engine, grow = cramped
    grow(120)
    error = fill(engine)
    assert error.errno == errno.ENOSPC
    assert "磁盘空间不足 no space left on the disk" in str(error)
    until(lambda: not engine.healthy)
    assert engine.failure is None
    grow(10**6)
    until(lambda: engine.healthy)
    engine.accept([accepted()]).result(10)


def test_an_engine_can_be_stopped_on_a_full_disk(cramped):
    engine, grow = cramped
    grow(120)
    fill(engine)
    until(lambda: not engine.healthy)
    engine.stop()
    assert engine.failure is None
