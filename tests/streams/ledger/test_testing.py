"""The ports in memory do what those on SQLite do."""

from __future__ import annotations

import sqlite3

import pytest
from scenes import DESK, OTHER_DESK, when

from streams.ledger.records import Claim, EffectsRecord
from streams.ledger.sqlite import SCHEMA, SqliteLog, SqliteSnapshots
from streams.ledger.testing import MemoryInbox, MemoryLog, MemoryOutbox, MemorySnapshots
from streams.records import Outgoing, Tick

AT = when("03-02 09:00")


@pytest.fixture
def db():
    db = sqlite3.connect(":memory:", isolation_level=None)
    db.executescript(SCHEMA)
    yield db
    db.close()


@pytest.fixture(params=["memory", "sqlite"])
def medium(request, db):
    if request.param == "memory":
        return MemoryLog(), MemorySnapshots()
    return SqliteLog(db), SqliteSnapshots(db)


def test_offsets_grow_by_one_and_reading_begins_behind_the_one_given(medium):
    log, _ = medium
    offsets = [log.append(one) for one in (Claim("a", AT), EffectsRecord(0, 1, 2), Claim("b", AT))]
    first = offsets[0]
    assert offsets == [first, first + 1, first + 2]
    assert [offset for offset, _ in log.read()] == offsets
    assert list(log.read(first)) == [(first + 1, EffectsRecord(0, 1, 2)), (first + 2, Claim("b", AT))]
    assert list(log.read(first + 2)) == []


def test_a_reader_sees_what_is_appended_while_it_reads_in_memory():
    log = MemoryLog()
    log.append(Claim("a", AT))
    found = []
    for offset, _ in log.read():
        found.append(offset)
        if len(found) < 3:
            log.append(Claim("b", AT))
    assert found == [0, 1, 2]


def test_a_value_takes_the_place_of_the_one_of_its_name(medium):
    _, snapshots = medium
    assert snapshots.get("a") is None
    snapshots.put("a", b"1")
    snapshots.put("a", b"2")
    assert snapshots.get("a") == b"2"


def test_an_inbox_gives_positions_from_one_on_and_reads_behind_one():
    inbox = MemoryInbox()
    assert [inbox.append(DESK, AT, Tick(DESK, AT)) for _ in range(3)] == [1, 2, 3]
    assert [item.position for item in inbox.read(1, 10)] == [2, 3]
    assert [item.position for item in inbox.read(0, 2)] == [1, 2]
    assert inbox.read(0, 1)[0].body == Tick(DESK, AT)


def test_what_is_sent_lies_in_the_inbox_as_often_as_it_is_sent():
    inbox = MemoryInbox()
    outbox = MemoryOutbox(inbox)
    for _ in range(2):
        outbox.send(4, [Outgoing("x", OTHER_DESK, AT, Tick(OTHER_DESK, AT))])
    assert [item.desk for item in inbox.read(0, 9)] == [OTHER_DESK, OTHER_DESK]
