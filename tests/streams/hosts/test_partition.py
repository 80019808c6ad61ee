from __future__ import annotations

from datetime import UTC, timedelta

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scenes import BELLTOWER, DESK, EASTGATE, OTHER_DESK, Scene, make_report, when
from stories import as_bytes, play, stories

from streams.hosts.partition import RECORD, NotHeldError, Partition
from streams.ledger.chain import START, ChainError
from streams.ledger.fold import Fold, counted
from streams.ledger.records import Claim, decode, encode
from streams.ledger.testing import MemoryInbox, MemoryLog, MemoryOutbox, MemorySnapshots
from streams.records import Item, Tick
from streams.stages.desk.desks import Desks

AT = when("03-02 09:00").astimezone(UTC)
MEMORY = timedelta(days=400)
SLOW = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])


class Medium:
    """Inbox, log, snapshots and outbox of one partition, and as many owners as asked."""

    def __init__(self, city, grown=10**9) -> None:
        self.city, self.grown = city, grown
        self.inbox, self.log, self.snapshots = MemoryInbox(), MemoryLog(), MemorySnapshots()
        self.outbox = MemoryOutbox(self.inbox)

    def owner(self, name="a", *, held=True, **ports):
        given = {"log": self.log, "snapshots": self.snapshots, "outbox": self.outbox, **ports}
        zone = self.city.rules.calendar.zone
        partition = Partition(name, lambda: Desks(self.city), **given, zone=zone, grown=self.grown)
        if held:
            partition.take_over(AT)
        return partition

    def put(self, items):
        for item in items:
            self.inbox.append(item.desk, item.at, item.body)

    def work(self, partition, limit=500):
        """Let an owner apply what waits, until nothing does."""
        done = []
        while items := self.inbox.read(partition.applied, limit):
            done += partition.apply(items)
        return done

    @property
    def told(self):
        """What the log holds that counts, by desk."""
        return [{desk: one.of(desk) for desk in one.desks} for _, one in counted(self.log.read())]


@pytest.fixture
def medium(city):
    return Medium(city)


def book(desks):
    """Return all that desks remember, numbers that are too old to be recognised left out."""
    states = [desk.state() for desk in desks]
    for state in states:
        state.sources = sorted((name, one.system_no) for name, one in state.sources if one.at > state.now - MEMORY)
    return msgspec.json.encode(states)


def reports(count, **fields):
    """The inbox items of some reports, with what desks send each other left out."""
    scene = Scene(fields.pop("city"))
    for number in range(count):
        scene.send(make_report(AT, report_id=f"r{number}", system_no=f"{number}", **fields), AT)
    return scene.items


def test_an_owner_that_holds_nothing_says_so(medium):
    partition = medium.owner(held=False)
    assert not partition.held
    for asked in ("applied", "book", "desks", "epoch", "heads"):
        with pytest.raises(NotHeldError, match="take_over first"):
            getattr(partition, asked)


def test_what_is_applied_stands_in_the_log_and_is_returned_with_the_changed_cases(medium, city):
    partition = medium.owner()
    medium.put(reports(3, city=city))
    (done,) = medium.work(partition)
    assert decode(medium.log.bodies[done.offset]) == done.record
    assert (done.record.first, done.record.last, partition.applied) == (1, 3, 3)
    assert [case.state for case in done.cases] == ["DISPATCHED"] * 3
    assert done.record.heads == {DESK: partition.heads[DESK].head}
    assert done.record.heads[DESK] != START


def test_only_the_cases_that_a_record_changed_are_returned_with_it(medium, city):
    partition = medium.owner()
    medium.put(reports(1, city=city))
    medium.work(partition)
    medium.put(reports(1, city=city, street=EASTGATE))
    (done,) = medium.work(partition)
    assert [case.desk for case in done.cases] == [OTHER_DESK]


def test_inputs_that_were_applied_are_passed_over(medium, city):
    partition = medium.owner()
    medium.put(reports(3, city=city))
    items = medium.inbox.read(0, 10)
    assert len(partition.apply(items[:2])) == 1
    (done,) = partition.apply(items)
    assert (done.record.first, done.record.last) == (3, 3)
    assert partition.apply(items) == []
    assert partition.apply([]) == []


def test_records_hold_at_most_so_many_inputs(medium, city):
    partition = medium.owner()
    medium.put([Item(number, DESK, AT, Tick(DESK, AT)) for number in range(1, RECORD + 2)])
    done = medium.work(partition)
    assert [one.record.last - one.record.first + 1 for one in done] == [RECORD, 1]


def test_records_stay_under_a_megabyte_where_every_report_alerts_four_centres(medium, city):
    partition = medium.owner()
    medium.put(reports(100, city=city, severity=1, text="积水没过膝盖，井盖不见了。" * 20))
    done = medium.work(partition)
    assert len(done) > 1
    assert max(len(body) for body in medium.log.bodies) < 1_000_000


def test_a_case_that_goes_from_desk_to_desk_in_one_record_is_told_once_as_it_is_in_the_end(medium, city):
    scene = Scene(city)
    number = scene.report("03-02 09:00")
    scene.act(number, "TRANSFER", "03-02 09:05", desk=OTHER_DESK)
    scene.act(number, "TRANSFER", "03-02 09:10", desk=DESK)
    partition = medium.owner()
    medium.put(scene.items)
    first, *_ = partition.apply(medium.inbox.read(0, 500))
    assert first.cases == [scene[number]]


def test_an_owner_that_never_claimed_takes_over_at_its_first_inputs(medium, city):
    partition = medium.owner(held=False)
    medium.put(reports(1, city=city))
    partition.apply(medium.inbox.read(0, 10))
    assert isinstance(decode(medium.log.bodies[0]), Claim)
    assert partition.applied == 1


@SLOW
@given(stories(), st.lists(st.sampled_from((1, 2, 7)), min_size=1), st.data())
def test_owners_that_follow_each_other_do_what_one_does_alone(city, story, sizes, data):
    """However often a partition is taken over, from snapshots or the whole log, book and effects are the same."""
    items = play(city, story).items
    medium = Medium(city, grown=data.draw(st.sampled_from((1, 4000, 10**9))))
    alone = Desks(city)
    told = []
    partition, number = medium.owner(), 0
    medium.put(items)
    medium.outbox.send = lambda _offset, _outgoing: None  # the story's items have it already
    while batch := medium.inbox.read(partition.applied, sizes[number % len(sizes)]):
        told.append(alone.receive(batch))
        partition.apply(batch)
        number += 1
        if data.draw(st.integers(0, 3)) == 0:
            if data.draw(st.booleans()):
                partition.snapshot()
            partition = medium.owner("b")
        assert book(partition.desks) == book(alone)
    assert as_bytes(medium.told) == as_bytes(told)


def test_a_frozen_owner_finds_out_and_does_what_is_still_to_do(medium, city):
    first = medium.owner("first")
    medium.put(reports(6, city=city))
    items = medium.inbox.read(0, 10)
    first.apply(items[:2])
    second = medium.owner("second")
    second.apply(items[:4])
    assert first.apply(items[:6]) == []
    assert not first.held
    done = first.apply(items[:6])
    assert [(one.record.first, one.record.last) for one in done] == [(5, 6)]
    fold = Fold()
    assert [(one.first, one.last) for _, one in counted(medium.log.read(), fold)] == [(1, 2), (3, 4), (5, 6)]
    assert fold.rejected == 1
    assert [claim.owner for _, claim in medium.log.read() if isinstance(claim, Claim)] == ["first", "second", "first"]
    assert {step.case_no for part in medium.told for step in part[DESK].transitions} == {
        case.case_no for case in first.desks[DESK].book.cases.values()
    }


def test_a_record_that_counts_although_somebody_wrote_in_between_is_not_applied_twice(medium, city):
    partition = medium.owner()
    medium.put(reports(2, city=city))
    medium.log.append(medium_record := decode(encode(Claim("x", AT))))
    assert isinstance(medium_record, Claim)
    stale = [body for body in medium.log.bodies if b'"x"' in body]
    medium.log.bodies.remove(stale[0])  # a claim would end the epoch; a stale record does not
    ghost = medium.owner("ghost", log=MemoryLog())
    ghost.apply(medium.inbox.read(0, 1))
    record = msgspec.structs.replace(decode(ghost._log.bodies[-1]), epoch=-7)
    medium.log.append(record)
    assert partition.apply(medium.inbox.read(0, 10)) == []
    assert not partition.held
    assert partition.apply(medium.inbox.read(0, 10)) == []
    assert partition.applied == 2
    fold = Fold()
    assert len(list(counted(medium.log.read(), fold))) == 1
    assert fold.rejected == 1


class Broken:
    """A port whose call of a name fails once, before or after it has done its work."""

    def __init__(self, port, name, *, after) -> None:
        self.port, self.name, self.after = port, name, after
        self.left = True

    def __getattr__(self, name: str) -> object:
        found = getattr(self.port, name)
        if name != self.name or not self.left:
            return found

        def broken(*values):
            self.left = False
            if self.after:
                found(*values)
            raise OSError("the line went dead")

        return broken


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(("port", "call"), [("log", "append"), ("outbox", "send"), ("snapshots", "put")])
def test_a_port_that_fails_costs_the_book_and_nothing_else(medium, city, port, call, after):
    medium.grown = 1
    scene = Scene(city)
    number = scene.report("03-02 09:00")
    scene.act(number, "TRANSFER", "03-02 09:10", desk=OTHER_DESK, reason="because")
    medium.put(item for item in scene.items if type(item.body).__name__ != "Transfer")
    medium.owner()
    partition = medium.owner("b", **{port: Broken(getattr(medium, port), call, after=after)}, held=False)
    if port != "log":
        partition.take_over(AT)
    failures = 0
    while items := medium.inbox.read(partition.applied if partition.held else 0, 10):
        try:
            partition.apply(items)
        except OSError:
            failures += 1
            assert not partition.held
    assert failures == 1
    assert partition.desks.current(number).desk == OTHER_DESK
    verbs = [step.verb for part in medium.told for one in part.values() for step in one.transitions]
    assert verbs.count("RECEIVE") == verbs.count("TRANSFER") == 1


def test_what_the_last_owner_may_not_have_sent_is_sent_by_the_next(medium, city):
    scene = Scene(city)
    number = scene.report("03-02 09:00")
    scene.act(number, "TRANSFER", "03-02 09:10", desk=OTHER_DESK, reason="because")
    medium.put(scene.items[:-1])
    silent = medium.owner(outbox=Broken(medium.outbox, "send", after=False))
    with pytest.raises(OSError, match="dead"):
        silent.apply(medium.inbox.read(0, 10))
    waiting = len(medium.inbox.bodies)
    partition = medium.owner("next")
    assert len(medium.inbox.bodies) == waiting + 1
    medium.work(partition)
    assert partition.desks.current(number).desk == OTHER_DESK
    medium.owner("third")
    assert len(medium.inbox.bodies) == waiting + 1


def test_the_head_of_each_day_is_told_when_the_desk_enters_the_next(medium, city):
    partition = medium.owner()
    medium.put(reports(2, city=city))
    (first,) = medium.work(partition)
    medium.inbox.append(DESK, AT, Tick(DESK, AT + timedelta(hours=10)))
    (second,) = medium.work(partition)
    medium.inbox.append(DESK, AT + timedelta(hours=30), Tick(DESK, AT + timedelta(hours=30)))
    (third,) = medium.work(partition)
    assert (first.ended, second.ended) == ([], [])
    (ended,) = third.ended
    assert (ended.day.isoformat(), ended.desk, ended.offset) == ("2026-03-02", DESK, second.offset)
    assert ended.head == second.record.heads[DESK]


def test_a_log_that_was_changed_is_refused(medium, city):
    partition = medium.owner()
    medium.put(reports(2, city=city, street=BELLTOWER))
    medium.work(partition)
    medium.log.bodies[1] = medium.log.bodies[1].replace(b'"ACCEPT"', b'"REFUSE"')
    with pytest.raises(ChainError, match=f"record 1 of the log: desk {DESK} does not continue its hash chain"):
        medium.owner("b")


def test_a_claim_that_is_not_in_the_log_is_an_error(medium):
    class Deaf(MemoryLog):
        def append(self, record):
            return super().append(record) + 1

    with pytest.raises(ChainError, match="not in the log that it was appended to"):
        medium.owner(log=Deaf())


# After a pause


def pause(city, cases=400):
    """Bring many cases in, and let a day go by without anything; items with room between their positions."""
    scene = Scene(city)
    for number in range(cases):
        street = (BELLTOWER, EASTGATE)[number % 2]
        scene.send(make_report(when("03-02 09:00"), matter="INQUIRY", street=street, text=f"{number}"), AT)
    scene.tick("03-03 09:00")
    scene.send(make_report(when("03-03 09:01"), street=EASTGATE, text="the first after a pause"), when("03-03 09:01"))
    return scene, [msgspec.structs.replace(item, position=item.position * 4096) for item in scene.items]


def flat(records):
    """What each desk has done in all, whichever records hold it."""
    found = {}
    for record in records:
        for desk in record.desks:
            effects = record.of(desk)
            kept = found.setdefault(desk, ([], [], {}))
            kept[0].extend(map(msgspec.json.encode, effects.transitions))
            kept[1].extend(map(msgspec.json.encode, effects.alerts))
            for name, count in effects.counters.items():
                kept[2][name] = kept[2].get(name, 0) + count
    return found


def test_what_a_pause_has_made_due_is_spread_over_records_that_each_stay_small(manual_city):
    _, roomy = pause(manual_city)
    whole, spread = Medium(manual_city), Medium(manual_city)
    tight = [msgspec.structs.replace(item, position=number) for number, item in enumerate(roomy, start=1)]
    at_once = [one.record for one in whole.owner().apply(tight)]
    in_parts = [one.record for one in spread.owner().apply(roomy)]
    assert flat(in_parts) == flat(at_once)
    assert max(len(encode(record)) for record in at_once) > 1_000_000
    assert max(len(encode(record)) for record in in_parts) < 1_000_000
    assert in_parts[-1].last == roomy[-1].position


@pytest.mark.parametrize("dies_after", [1, 3, 8])
def test_who_takes_over_between_such_records_goes_on_where_they_stop(manual_city, dies_after):
    _, roomy = pause(manual_city)
    untouched, medium = Medium(manual_city), Medium(manual_city)
    expected = flat([one.record for one in untouched.owner().apply(roomy)])

    class DiedError(Exception):
        pass

    class Mortal:
        """The log, until its writer dies; the first records hold reports."""

        def __init__(self) -> None:
            self.left = dies_after + -(-400 // RECORD) + 1

        def read(self, after=-1):
            return medium.log.read(after)

        def append(self, record):
            if not self.left:
                raise DiedError
            self.left -= 1
            return medium.log.append(record)

    with pytest.raises(DiedError):
        medium.owner(log=Mortal()).apply(roomy)
    heir = medium.owner("b")
    assert 0 < heir.applied < roomy[-1].position
    heir.apply(roomy)
    assert flat([record for _, record in counted(medium.log.read())]) == expected
