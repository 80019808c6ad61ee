"""The board in Redis, beside the one in SQLite: both say the same of one log."""

from __future__ import annotations

import threading
import time
from datetime import UTC, timedelta

import pytest
from hosted import hosted
from hypothesis import HealthCheck, given, settings
from packs import point
from redis import Redis as Client
from scenes import BELLTOWER, CENTRE, DESK, EASTGATE, OFFICE, OTHER_DESK, ZONE, make_report, when
from servers import Redis, need
from stories import play, stories

from streams.hosts.partition import Partition
from streams.ledger.records import EffectsRecord
from streams.ledger.testing import MemoryInbox, MemoryLog, MemoryOutbox, MemorySnapshots
from streams.outlets.board import BoardAwayError
from streams.outlets.board.batches import KEPT
from streams.outlets.board.catching import BoardBehindError, BoardMismatchError
from streams.outlets.board.link import Link, connect
from streams.outlets.board.redis import RedisBoard
from streams.outlets.board.sqlite import SqliteBoard
from streams.records import Action, Alert, Tick
from streams.settings import ClusterSettings
from streams.stages.desk.desks import Desks
from streams.stages.desk.lifecycle import OPEN

pytestmark = pytest.mark.cluster

AT = when("03-02 09:00").astimezone(UTC)
ALWAYS = timedelta(days=40_000)


@pytest.fixture
def server(redis):
    """A client of an empty Redis."""
    client = Client.from_url(f"redis://{redis}")
    client.flushall()
    return client


@pytest.fixture
def link(redis, server):
    link = connect(ClusterSettings(broker="none:1", redis=redis))
    yield link
    link.close()


@pytest.fixture
def board(link):
    return RedisBoard(link, ZONE, partitions=1)


class Owner:
    """The owner of a partition, whose log a board is to follow; what its desks send goes to `outbox`."""

    def __init__(self, city, outbox=None) -> None:
        self.inbox, self.log = MemoryInbox(), MemoryLog()
        self.partition = Partition(
            "a", lambda: Desks(city), self.log, MemorySnapshots(), outbox or MemoryOutbox(self.inbox), ZONE
        )

    def work(self, items, size=1):
        """Apply the inputs of a scene, and what desks send each other; return what was applied."""
        for item in items:
            self.inbox.append(item.desk, item.at, item.body)
        done, applied = [], 0
        while waiting := self.inbox.read(applied, size):
            found = self.partition.apply(waiting)
            done += found
            applied = self.partition.applied
        return done

    def tell(self, items):
        """Apply more inputs."""
        for item in items:
            self.inbox.append(item.desk, item.at, item.body)
        return self.partition.apply(self.inbox.read(self.partition.applied, 1000))


def keep(board, many):
    for done in many:
        board.keep(0, done)


def said(board, cases=None):
    """All that a board says, as far as a log tells it."""
    cases = list(board.all_cases()) if cases is None else cases
    return {
        "cases": cases,
        "steps": {case.case_no: board.transitions(case.case_no) for case in cases},
        "alerts": board.alerts(limit=10_000),
        "newest": [board.newest(limit=5), board.newest(limit=3, desk=DESK)],
        "heads": board.heads(),
        "counters": board.counters(),
        "letters": [letter for letter in board.dead_letters(limit=10_000) if letter.stage == "desk"],
        "counts": [board.count(table) for table in ("cases", "alerts")],
    }


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(story=stories())
def test_both_boards_say_the_same_of_one_log(city, story, tmp_path_factory, server, link):
    server.flushall()
    host = hosted(city, tmp_path_factory.mktemp("host"), story)
    known, board = SqliteBoard(host.store.path), RedisBoard(link, ZONE, kept=ALWAYS)
    board.catch_up(0, host.store.log)
    assert said(board) == said(known)
    for equal in (
        {"desk": DESK}, {"state": "DISPATCHED"}, {"desk": DESK, "state": "CLOSED"}, {"unit": OFFICE},
        {"street": EASTGATE}, {"matter": "COMPLAINT"}, {"category": "E-01-10", "street": BELLTOWER}, {"desk": ""},
        {"nonsense": "x"}, {"state": "' OR 1=1 --"},
    ):  # fmt: skip
        assert board.cases(**equal) == known.cases(**equal), equal
    known.close()
    host.close()


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(story=stories())
def test_kept_record_by_record_or_caught_up_with_a_board_says_the_same(city, story, server, link):
    owner = Owner(city)
    scene = play(city, story)
    sent = {id(one.body) for part in scene.told for one in part.outgoing}
    server.flushall()
    board = RedisBoard(link, ZONE, kept=ALWAYS)
    for done in owner.work([item for item in scene.items if id(item.body) not in sent]):
        board.keep(3, done)
        assert board.applied(3) == done.record.last
    kept = said(board)
    server.flushall()
    board.catch_up(3, owner.log)
    assert said(board) == kept


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(story=stories())
def test_a_board_that_forgets_says_what_one_that_does_not_says_of_what_it_has(
    city, story, tmp_path_factory, server, link
):
    server.flushall()
    host = hosted(city, tmp_path_factory.mktemp("host"), story)
    known, board = SqliteBoard(host.store.path), RedisBoard(link, ZONE)
    board.catch_up(0, host.store.log)
    whole = {case.case_no: case for case in known.all_cases()}
    left = list(board.all_cases())
    assert all(whole[case.case_no] == case for case in left)
    now = max(effects.now for _, record in records(host.store.log) for effects in [record.effects_now])
    stay = {no for no, case in whole.items() if case.state in OPEN or (case.closed_at or case.opened_at) > now - KEPT}
    assert {case.case_no for case in left} >= stay
    known.close()
    host.close()


class Nowhere:
    """An outbox for a story in which the other desk's inputs are there already."""

    def send(self, offset, outgoing):
        pass


class Noted:
    def __init__(self, now) -> None:
        self.now = now


def records(log):
    """Yield offsets, with the latest time of any desk of a record."""
    for offset, record in log.read():
        if isinstance(record, EffectsRecord):
            latest = max(record.of(desk).now for desk in record.desks)
            yield offset, type("One", (), {"effects_now": Noted(latest)})


# One story, told in full


@pytest.fixture
def owner(city, auto):
    """An owner that has taken in a day: cases at two desks, one over, one praise, an alert."""
    auto.report("03-02 09:00", severity=2)
    number = auto.report("03-02 09:01")
    auto.report("03-02 09:02", street=EASTGATE)
    auto.report("03-02 09:03", matter="PRAISE")
    auto.report("03-02 09:04", self_handled=True)
    auto.act(number, "SIGN", "03-02 09:10")
    auto.act(number, "CLOSE", "03-02 09:11")  # not allowed
    owner = Owner(city)
    owner.done = owner.work(auto.items)
    owner.scene = auto
    return owner


def test_nothing_is_applied_twice_however_often_it_is_told(owner, board):
    for done in owner.done:
        board.keep(0, done)
        before = said(board), board.count("effects")
        board.keep(0, done)
        board.keep(0, owner.done[0])
        assert (said(board), board.count("effects")) == before
    board.catch_up(0, owner.log)
    assert board.count("effects") == len(owner.done)
    assert board.count("reports") == 5
    assert board.count("dead_letters") == 1
    assert sum(board.dead_letter_reasons().values()) == 1
    assert board.dead_letter_reasons(of_reports=True) == {}
    with pytest.raises(KeyError):
        board.count("nonsense")


def test_a_board_that_lacks_a_record_says_so_and_catches_up_from_the_log(owner, board):
    with pytest.raises(BoardBehindError):
        board.keep(0, owner.done[1])
    board.keep(0, owner.done[0])
    with pytest.raises(BoardBehindError):
        board.keep(0, owner.done[2])
    board.catch_up(0, owner.log)
    assert board.count("effects") == len(owner.done)
    assert board.applied(0) == owner.partition.applied


def test_a_flushed_board_is_made_anew_from_the_beginning(owner, board, server):
    board.catch_up(0, owner.log)
    before = said(board)
    server.flushall()
    assert list(board.all_cases()) == []
    with pytest.raises(BoardBehindError):
        board.keep(0, owner.done[-1])
    heard = []
    board.catch_up(0, owner.log, heard.append)
    assert said(board) == before
    assert heard[-1] == owner.done[-1].offset


def test_a_board_is_cleared_of_its_own_and_of_nothing_else(owner, board, server):
    server.set("somebody else's", "x")
    board.catch_up(0, owner.log)
    before = said(board)
    board.clear()
    assert server.keys("*") == [b"somebody else's"]
    board.catch_up(0, owner.log)
    assert said(board) == before


def test_a_board_made_from_another_log_is_not_gone_on_with(owner, board, city):
    board.catch_up(0, owner.log)
    other = Owner(city)
    other.work(owner.scene.items[:1])
    with pytest.raises(BoardMismatchError, match="board rebuild"):
        board.catch_up(0, other.log)
    assert board.applied(0) == owner.partition.applied


def test_several_that_catch_up_at_once_apply_everything_once(owner, board, redis, city):
    start = when("03-02 10:00").astimezone(UTC)
    more = [(DESK, start + timedelta(seconds=n)) for n in range(300)]
    for desk, at in more:
        owner.inbox.append(desk, at, Tick(desk, at))
        owner.partition.apply(owner.inbox.read(owner.partition.applied, 10))
    links = [connect(ClusterSettings(broker="none:1", redis=redis)) for _ in range(4)]
    threads = [threading.Thread(target=RedisBoard(link, ZONE).catch_up, args=[0, owner.log]) for link in links]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert board.count("effects") == len(owner.done) + 300
    assert board.counters()["items_Tick"] == 300
    for link in links:
        link.close()


def test_cleared_and_made_anew_while_an_owner_goes_on_the_board_ends_the_same(city, auto, board, redis, server):
    for n in range(60):
        auto.report(f"03-02 {9 + n // 60:02}:{n % 60:02}", severity=3)
        auto.act(f"{DESK}20260302{n // 2 + 1:05}", "SIGN", f"03-02 {9 + n // 60:02}:{n % 60:02}")
    owner = Owner(city)
    owner.partition.take_over(AT)
    mine = connect(ClusterSettings(broker="none:1", redis=redis))

    def go_on():
        shown = RedisBoard(mine, ZONE)
        for item in auto.items:
            owner.inbox.append(item.desk, item.at, item.body)
            for done in owner.partition.apply(owner.inbox.read(owner.partition.applied, 5)):
                try:
                    shown.keep(0, done)
                except BoardBehindError:
                    shown.catch_up(0, owner.log)

    thread = threading.Thread(target=go_on)
    thread.start()
    cleared = 0
    while thread.is_alive():
        board.clear()
        cleared += 1
        board.catch_up(0, owner.log)
        time.sleep(0.02)
    thread.join()
    board.catch_up(0, owner.log)
    found = said(board)
    assert cleared > 1
    server.flushall()
    board.catch_up(0, owner.log)
    assert found == said(board)
    assert board.applied(0) == owner.partition.applied == len(auto.items)
    mine.close()


# What a gateway asks


def test_a_source_number_leads_to_the_case_and_the_desk_that_has_it_now(owner, board, city):
    board.catch_up(0, owner.log)
    case = board.cases(desk=DESK, state="SIGNED")[0]
    number = case.sources[0].system_no
    assert board.home([("grid-app", number), ("grid-app", "none"), ("grid", f"-app:{number}")]) == [
        (DESK, case.case_no), None, None,
    ]  # fmt: skip
    at = when("03-02 10:00")
    moved = Action(
        action_id="t", case_no=case.case_no, verb="TRANSFER", actor="a", actor_unit=CENTRE, at=at, reason="x",
        payload={"desk": OTHER_DESK},
    )  # fmt: skip
    owner.inbox.append(DESK, at, moved)
    while waiting := owner.inbox.read(owner.partition.applied, 10):
        for done in owner.partition.apply(waiting):
            board.keep(0, done)
    assert board.home([("grid-app", number)]) == [(OTHER_DESK, case.case_no)]
    assert [step.verb for step in board.transitions(case.case_no)][-3:-1] == ["TRANSFER", "RECEIVE"]
    assert case.case_no not in [one.case_no for one in board.cases(desk=DESK)]
    assert board.home([]) == []
    assert board.desks([case.case_no, "none"]) == [OTHER_DESK, None]


def test_a_case_on_its_way_is_still_the_desks_that_took_it_in(city, scene, board):
    """Simulated: the desk to which it is on its way does not know it yet, and would open a second one."""
    number = scene.report("03-02 09:00", system_no="goes")
    scene.act(number, "ACCEPT", "03-02 09:01")
    scene.act(number, "TRANSFER", "03-02 09:05")
    one = Owner(scene.city, Nowhere())
    one.work([item for item in scene.items if item.desk == DESK])
    board.catch_up(0, one.log)
    assert board.case(number).desk == OTHER_DESK
    assert board.home([("grid-app", "goes")]) == [(DESK, number)]
    assert board.desks([number]) == [DESK]
    other = Owner(scene.city, Nowhere())
    other.work([item for item in scene.items if item.desk == OTHER_DESK])
    board.catch_up(1, other.log)
    assert board.desks([number]) == [OTHER_DESK]


def test_a_case_is_ruled_out_only_where_its_number_would_be_shown(owner, board, server, link):
    earlier, skipped, next_one = f"{DESK}2026030100001", f"{DESK}2026030200000", f"{DESK}2026030200099"
    assert board.may_have(earlier)
    assert not board.may_have("x")
    board.catch_up(0, owner.log)
    assert not board.may_have(earlier)
    assert not board.may_have(skipped)
    assert board.may_have(next_one)
    assert board.may_have(f"{DESK}2026030300001")
    assert RedisBoard(link, partitions=1).may_have(earlier)  # not known where days end
    server.hset("onegrid:position:0", "behind", 1)
    assert board.may_have(earlier)
    assert RedisBoard(link, ZONE).may_have(earlier)


def test_an_alert_is_ruled_out_only_where_a_later_one_of_its_case_is_shown(owner, board):
    board.catch_up(0, owner.log)
    alert = board.alerts(desk=DESK)[0]
    assert board.may_have(alert.case_no)
    assert board.may_have(alert.case_no, alert.alert_id)
    assert not board.may_have(alert.case_no, f"{OTHER_DESK}-{alert.case_no}-1")
    assert not board.may_have(alert.case_no, "none")
    assert board.may_have(alert.case_no, f"{DESK}-{alert.case_no}-99")


def test_lists_go_on_behind_a_number_whatever_they_are_asked_by(owner, board):
    board.catch_up(0, owner.log)
    numbers = [case.case_no for case in board.cases(desk=DESK, matter="INCIDENT")]
    assert len(numbers) == 3
    found, after = [], ""
    while page := board.cases(desk=DESK, matter="INCIDENT", after=after, limit=1):
        found += [case.case_no for case in page]
        after = found[-1]
    assert found == numbers
    alerts = board.alerts()
    assert board.alerts(after=alerts[0].alert_id) == alerts[1:]
    assert board.alerts(limit=1) == alerts[:1]
    assert {alert.desk for alert in board.alerts(desk=DESK)} == {DESK}
    assert board.transitions("none") == []
    assert board.case("none") is None
    assert board.alert(alerts[0].alert_id) == alerts[0]
    assert board.alert("none") is None


def test_the_heads_at_the_ends_of_days_are_those_that_the_owner_tells(owner, board, link, server):
    at = when("03-03 00:01").astimezone(UTC)
    done = owner.tell(
        [type("One", (), {"desk": desk, "at": at, "body": Tick(desk, at)}) for desk in (DESK, OTHER_DESK)]
    )
    told = [head for one in done for head in one.ended]
    assert [head.desk for head in told] == [DESK, OTHER_DESK]
    board.catch_up(0, owner.log)
    assert board.heads() == told
    assert board.heads(desk=OTHER_DESK) == told[1:]
    server.flushall()
    RedisBoard(link).catch_up(0, owner.log)
    assert board.heads() == []


# How long things stay


def test_what_ended_long_ago_goes_with_its_alerts_and_source_numbers(owner, board, server):
    board.catch_up(0, owner.log)
    over = board.cases(state="CLOSED")[0]
    source = over.sources[0]
    at = (over.closed_at + KEPT + timedelta(seconds=1)).astimezone(UTC)
    before = at - timedelta(seconds=2)
    tell = lambda moment: [type("One", (), {"desk": DESK, "at": moment, "body": Tick(DESK, moment)})]  # noqa: E731
    keep(board, owner.tell(tell(before)))
    assert board.case(over.case_no) is not None
    keep(board, owner.tell(tell(at)))
    assert board.case(over.case_no) is None
    assert board.home([(source.system, source.system_no)]) == [None]
    assert over.case_no not in [case.case_no for case in board.all_cases()]
    assert [key for key in server.keys("*") if over.case_no.encode() in key] == []
    assert board.count("cases") == 4


def test_a_case_that_came_from_another_desk_is_not_brought_back_by_that_desks_log(city, scene, board, server):
    number = scene.report("03-02 09:00")
    scene.act(number, "ACCEPT", "03-02 09:01")
    scene.act(number, "TRANSFER", "03-02 09:05")
    scene.act(number, "FORCE_CLOSE", "03-02 09:10")
    later = when("09-02 09:00").astimezone(UTC)
    logs = {}
    for desk in (OTHER_DESK, DESK):
        one = Owner(scene.city, Nowhere())
        one.work([*(item for item in scene.items if item.desk == desk), *_ticks(desk, later)])
        logs[desk] = one.log
    board.catch_up(1, logs[OTHER_DESK])
    assert board.case(number) is None
    board.catch_up(0, logs[DESK])
    assert board.case(number) is None
    assert board.transitions(number) == []
    assert board.count("cases") == 0
    server.flushall()
    board.catch_up(0, logs[DESK])
    assert board.case(number).desk == OTHER_DESK
    board.catch_up(1, logs[OTHER_DESK])
    assert board.case(number) is None
    assert board.count("cases") == 0


def _ticks(desk, at):
    return [type("One", (), {"desk": desk, "at": at, "body": Tick(desk, at)})]


def test_the_other_desks_later_word_of_a_case_stands_whoever_is_read_first(city, scene, board, server):
    number = scene.report("03-02 09:00")
    scene.act(number, "ACCEPT", "03-02 09:01")
    scene.act(number, "TRANSFER", "03-02 09:05")
    logs = []
    for desk in (DESK, OTHER_DESK):
        one = Owner(scene.city, Nowhere())
        one.work([item for item in scene.items if item.desk == desk])
        logs.append(one.log)
    found = []
    for order in ((0, 1), (1, 0)):
        server.flushall()
        for partition in order:
            board.catch_up(partition, logs[partition])
        found.append(
            (board.case(number), board.transitions(number), board.cases(desk=OTHER_DESK), board.cases(desk=DESK))
        )
    assert found[0] == found[1]
    assert found[0][0] == scene[number]
    assert [step.seq for step in found[0][1]] == list(range(1, found[0][0].seq + 1))


def test_streams_and_letters_are_trimmed(city, auto, link, server):
    board = RedisBoard(link, ZONE, longest=100)
    for n in range(400):
        auto.report(f"03-{2 + n // 20:02} 09:00", severity=3)
    for _ in range(400):
        auto.act(f"{DESK}2026030200001", "EVALUATE", "03-23 10:00")
    owner = Owner(city)
    for done in owner.work(auto.items, size=100):
        board.keep(0, done)
    assert 100 <= server.xlen(f"alerts:{DESK}") < 300
    assert 100 <= len(board.dead_letters(limit=1000)) < 300
    assert board.count("dead_letters") >= 400
    first, second, *_ = board.dead_letters(limit=10)
    assert board.dead_letters(after=0, limit=1) == [first]
    assert first != second


# Redis away


@pytest.fixture
def own(tmp_path):
    """A Redis of this test alone, which it may stop and start."""
    need("redis")
    own = Redis(tmp_path)
    yield own
    if own.process.poll() is None:
        own.stop()


def test_while_redis_is_away_everything_says_so_and_nobody_waits(owner, own):
    link = connect(ClusterSettings(broker="none:1", redis=own.address), patience=0.5)
    board = RedisBoard(link, ZONE, partitions=1)
    board.catch_up(0, owner.log)
    before = said(board)
    own.stop(kill=True)
    for ask in (
        board.counters, board.heads, lambda: board.case("x"), board.cases, board.alerts, lambda: board.applied(0),
        lambda: board.home([("a", "b")]), lambda: board.keep(0, owner.done[0]), lambda: board.catch_up(0, owner.log),
        lambda: board.transitions("x"), board.dead_letters, board.clear, lambda: board.count("cases"),
    ):  # fmt: skip
        with pytest.raises(BoardAwayError):
            ask()
    assert link.away
    assert board.may_have(f"{DESK}2026030200001")
    start = time.monotonic()
    for _ in range(1000):
        with pytest.raises(BoardAwayError):
            board.counters()
    assert time.monotonic() - start < 1
    own.start()
    end = time.monotonic() + 10
    while True:
        try:
            board.catch_up(0, owner.log)  # a killed Redis may have lost what it wrote last
            assert said(board) == before
            break
        except BoardAwayError:
            assert time.monotonic() < end
            time.sleep(0.1)
    assert not link.away
    board.close()


def test_a_server_that_is_away_is_tried_once_a_second():
    now, tries = [0.0], []

    def lost(_redis):
        tries.append(now[0])
        raise OSError("gone")

    link = Link(None, clock=lambda: now[0])
    for tenth in range(35):
        now[0] = tenth / 10
        with pytest.raises(BoardAwayError, match="gone"):
            link(lost)
    assert tries == [0.0, 1.0, 2.0, 3.0]
    now[0] = 9
    assert link(lambda _redis: 5) == 5
    assert not link.away


def test_a_step_of_a_case_that_has_left_the_board_is_passed_over(owner, board, server):
    board.catch_up(0, owner.log)
    number = board.cases(state="SIGNED")[0].case_no
    server.delete(f"onegrid:case:{number}")
    at = when("03-02 11:00")
    asked = Action(action_id="s", case_no=number, verb="START", actor="a", actor_unit=OFFICE, at=at)
    owner.tell([type("One", (), {"desk": DESK, "at": at, "body": asked})])
    board.catch_up(0, owner.log)
    assert board.applied(0) == owner.partition.applied
    assert board.case(number) is None


def test_reports_at_one_spot_make_one_case_with_all_source_numbers(city, auto, board):
    lon, lat = point(BELLTOWER)
    for n in range(3):
        auto.send(make_report(when("03-02 09:00"), lon=lon, lat=lat, system_no=f"same{n}"), when(f"03-02 09:0{n}"))
    owner = Owner(city)
    owner.work(auto.items)
    board.catch_up(0, owner.log)
    homes = board.home([("grid-app", f"same{n}") for n in range(3)])
    assert [desk for desk, _ in homes] == [DESK] * 3
    assert isinstance(Alert.__struct_fields__, tuple)
