from __future__ import annotations

import sqlite3

import pytest
from scenes import when

from streams.ledger.records import Claim, EffectsRecord
from streams.ledger.sqlite import SCHEMA, SqliteLog


@pytest.fixture
def log():
    db = sqlite3.connect(":memory:", isolation_level=None)
    db.executescript(SCHEMA)
    yield SqliteLog(db)
    db.close()


def test_records_get_offsets_in_the_order_in_which_they_are_appended(log):
    claim = Claim("a", when("03-02 09:00"))
    first, second = log.append(claim), log.append(EffectsRecord(1, 1, 2))
    assert second > first
    assert [offset for offset, _ in log.read()] == [first, second]
    assert [offset for offset, _ in log.read(first)] == [second]
    assert log.at(first) == claim


def test_an_offset_that_holds_nothing_is_a_key_error(log):
    with pytest.raises(KeyError):
        log.at(7)


def test_the_fold_of_a_log_says_where_it_stands(log):
    epoch = log.append(Claim("a", when("03-02 09:00")))
    log.append(EffectsRecord(epoch, 1, 4))
    log.append(EffectsRecord(epoch, 9, 9))
    fold = log.fold()
    assert (fold.epoch, fold.applied, fold.rejected) == (epoch, 4, 1)


def test_an_append_that_is_undone_leaves_nothing_behind(log):
    log.append(Claim("a", when("03-02 09:00")))
    log._db.execute("BEGIN")
    log.append(Claim("b", when("03-02 09:00")))
    log._db.execute("ROLLBACK")
    assert [record.owner for _, record in log.read()] == ["a"]
