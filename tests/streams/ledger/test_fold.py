from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from scenes import when

from streams.ledger.fold import Fold, counted
from streams.ledger.records import Claim, EffectsRecord

AT = when("03-02 09:00")


def claim(owner="a"):
    return Claim(owner, AT)


def record(epoch, first, last):
    return EffectsRecord(epoch, first, last)


def spans(log):
    """Return what counts of a log whose offsets are 1, 2, 3 …, and the fold after it."""
    fold = Fold()
    return [(one.first, one.last) for _, one in counted(enumerate(log, start=1), fold)], fold


def test_records_of_the_current_epoch_count_one_after_another():
    found, fold = spans([claim(), record(1, 1, 3), record(1, 4, 4), record(1, 5, 9)])
    assert found == [(1, 3), (4, 4), (5, 9)]
    assert (fold.epoch, fold.applied, fold.rejected) == (1, 9, 0)


def test_nothing_counts_before_the_first_claim():
    found, fold = spans([record(0, 1, 2), record(1, 1, 2)])
    assert found == []
    assert fold.rejected == 2


def test_what_a_writer_from_the_past_appends_is_ignored_whenever_it_lands():
    log = [
        claim("a"),
        record(1, 1, 3),
        claim("b"),
        record(1, 4, 6),
        record(3, 4, 5),
        record(1, 6, 8),
        record(3, 6, 6),
    ]
    found, fold = spans(log)
    assert found == [(1, 3), (4, 5), (6, 6)]
    assert fold.rejected == 2


def test_a_gap_an_overlap_and_an_empty_span_are_turned_down():
    log = [
        claim(),
        record(1, 1, 3),
        record(1, 5, 6),
        record(1, 3, 4),
        record(1, 4, 3),
        record(1, 1, 3),
        record(1, 4, 4),
    ]
    found, fold = spans(log)
    assert found == [(1, 3), (4, 4)]
    assert fold.rejected == 4


def test_a_claim_alone_turns_the_former_writer_away():
    found, fold = spans([claim("a"), claim("b"), record(1, 1, 1), record(2, 1, 1)])
    assert found == [(1, 1)]
    assert (fold.epoch, fold.rejected) == (2, 1)


def test_a_fold_goes_on_where_it_stopped_reading():
    log = list(enumerate([claim(), record(1, 1, 2), record(1, 3, 4), claim(), record(4, 5, 6)], start=1))
    fold = Fold()
    first = list(counted(log[:2], fold))
    rest = list(counted(log[2:], fold))
    assert first + rest == list(counted(log))


_ANY = st.one_of(
    st.builds(claim),
    st.builds(record, st.integers(-1, 12), st.integers(0, 9), st.integers(0, 9)),
)


@given(st.lists(_ANY, max_size=40))
def test_whatever_stands_in_a_log_every_position_counts_at_most_once_and_in_order(log):
    found, fold = spans(log)
    positions = [position for first, last in found for position in range(first, last + 1)]
    assert positions == list(range(1, len(positions) + 1))
    assert fold.applied == len(positions)
    assert fold.rejected + len(found) == sum(isinstance(one, EffectsRecord) for one in log)


class Writer:
    """A writer that knows the log as it was when it last looked, and goes on writing from that."""

    def __init__(self) -> None:
        self.fold = None

    def take_over(self, log):
        log.append(claim())
        _, self.fold = spans(log)

    def write(self, log, size):
        if self.fold is None:
            return
        first = self.fold.applied + 1
        log.append(record(self.fold.epoch, first, first + size - 1))
        self.fold.applied += size


_MOVES = st.lists(
    st.tuples(st.integers(0, 1), st.sampled_from(("take over", "write", "write", "write")), st.integers(1, 5))
)


@given(_MOVES)
def test_however_two_writers_interleave_only_the_last_to_claim_is_heard(moves):
    log, writers, holder = [], (Writer(), Writer()), None
    for who, what, size in moves:
        if what == "take over":
            writers[who].take_over(log)
            holder = who
        else:
            writers[who].write(log, size)
    found, fold = spans(log)
    positions = [position for first, last in found for position in range(first, last + 1)]
    assert positions == list(range(1, len(positions) + 1))
    if holder is not None:
        assert writers[holder].fold.applied == fold.applied
        assert writers[holder].fold.epoch == fold.epoch
