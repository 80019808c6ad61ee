"""The count at the end of a failure finds what it is there to find."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest
from servers import clean_topics

from streams.ledger.kafka import KafkaLog, Writer
from streams.ledger.records import Claim, EffectsRecord
from streams.topics import DEAD_LETTERS
from tests.cluster.tally import Tally

pytestmark = pytest.mark.cluster

NOW = datetime.now(UTC)
DAY = "99010120260302"


@pytest.fixture
def log(kafka):
    """A log with one claim, at offset 0, and its tally."""
    settings = clean_topics(kafka, 2)
    writer = Writer(settings.client())
    made = KafkaLog(settings.client(), writer, 0)
    made.writer, made.tally = writer, Tally(settings)
    made.append(Claim("w", NOW))
    yield made
    made.tally.close()
    writer.close()


def step(serial, seq=1, verb="REPORT", cause="report:r1"):
    return {"case_no": f"{DAY}{serial:05}", "seq": seq, "verb": verb, "cause": cause}


def record(first, last, *steps, epoch=0, **more):
    effects = msgspec.json.encode({"transitions": list(steps)} | more)
    return EffectsRecord(epoch, first, last, {"990101": msgspec.Raw(effects)}, {})


def read(log, *records):
    for one in records:
        log.append(one)
    log.tally.read(1000)
    return log.tally


def test_a_report_with_one_effect_a_repeat_or_a_letter_is_not_lost(log):
    log.writer.deliver(DEAD_LETTERS, 0, b'{"id":"r4","reason":"BAD_FIELD"}')
    tally = read(log, record(1, 3, step(1), repeats=["report:r2"], dead_letters=[{"id": "r3"}]))
    tally.check({"r1", "r2", "r3", "r4"})
    assert tally.figures()["cases"] == 1


def test_a_report_that_nothing_came_of_is_lost(log):
    tally = read(log, record(1, 1, step(1)))
    assert tally.lost({"r1", "r2"}) == ["r2"]
    with pytest.raises(AssertionError, match="1 reports lost"):
        tally.settle({"r1", "r2"}, 0.5)


def test_a_report_applied_twice_is_found(log):
    tally = read(log, record(1, 1, step(1)), record(2, 2, step(2)))
    with pytest.raises(AssertionError, match="1 reports applied twice"):
        tally.check({"r1"})


def test_what_does_not_count_by_the_fold_rule_is_rejected_and_never_counted(log):
    stale = record(2, 2, step(2), epoch=0)
    tally = read(log, record(1, 1, step(1)), Claim("v", NOW), stale, record(9, 9, step(3), epoch=2))
    assert tally.rejected == 2
    tally.check({"r1"})


def test_a_report_that_nobody_sent_is_found(log):
    tally = read(log, record(1, 1, step(1), step(2, cause="report:r2")))
    with pytest.raises(AssertionError, match="1 reports that nobody sent"):
        tally.check({"r1"})


def test_a_gap_in_case_numbers_is_found(log):
    tally = read(log, record(1, 1, step(1), step(3, cause="report:r2")))
    with pytest.raises(AssertionError, match="case numbers with gaps"):
        tally.check({"r1", "r2"})


def test_a_missing_step_and_one_written_twice_are_found(log):
    tally = read(log, record(1, 1, step(1), step(1, 3, "FILE")))
    with pytest.raises(AssertionError, match="a step of a case is missing"):
        tally.check({"r1"})
    tally = read(log, record(2, 2, step(1, 2, "ACCEPT"), step(1, 3, "FILE")))
    with pytest.raises(AssertionError, match="1 steps of cases written twice"):
        tally.check({"r1"})


def test_a_clock_that_is_ahead_shows_in_its_claim(log):
    tally = read(log, Claim("v", NOW.replace(year=NOW.year + 1)))
    assert tally.claims[1] > 300 * 86400 > abs(tally.claims[0])
