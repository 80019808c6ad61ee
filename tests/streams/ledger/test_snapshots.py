from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.ledger.chain import START, Head
from streams.ledger.snapshots import Manifest, TornError, manifests, read, write
from streams.ledger.testing import MemorySnapshots


def manifest(offset=7):
    return Manifest(offset=offset, epoch=3, applied=12, heads={"990101": Head(START, 5)}, claim=START)


def put(store, slot=0, offset=7, chunks=(b"one", b"two", b"")):
    return [done for done in write(store, slot, manifest(offset), chunks) if done is not None]


@pytest.fixture
def store():
    return MemorySnapshots()


def test_a_snapshot_reads_back_with_its_manifest(store):
    (whole,) = put(store)
    assert (whole.chunks, whole.size) == (3, 6)
    assert manifests(store) == [(0, whole)]
    assert list(read(store, 0, whole)) == [b"one", b"two", b""]


def test_of_two_snapshots_the_newer_comes_first(store):
    put(store, 0, 7)
    put(store, 1, 20)
    assert [(slot, one.offset) for slot, one in manifests(store)] == [(1, 20), (0, 7)]


def test_the_manifest_is_put_last_and_each_step_puts_one_value(store):
    seen = [sorted(store.values) for _ in write(store, 0, manifest(), [b"one", b"two"])]
    assert seen == [["0/000000"], ["0/000000", "0/000001"], ["0/000000", "0/000001", "0/manifest"]]


def test_a_snapshot_that_was_not_finished_is_none(store):
    next(write(store, 0, manifest(), [b"one", b"two"]))
    assert manifests(store) == []


def test_a_slot_that_is_being_written_anew_no_longer_holds_the_old_one(store):
    (whole,) = put(store)
    next(write(store, 0, manifest(30), [b"other", b"more"]))
    with pytest.raises(TornError, match="snapshot 7 is not what its digest says"):
        list(read(store, 0, whole))


def test_a_chunk_that_is_missing_is_said(store):
    (whole,) = put(store)
    del store.values["0/000001"]
    with pytest.raises(TornError, match="chunk 1 of snapshot 7 is missing"):
        list(read(store, 0, whole))


def test_a_manifest_that_cannot_be_read_is_passed_over(store):
    put(store, 0, 7)
    put(store, 1, 20)
    store.values["1/manifest"] = store.values["1/manifest"][:-5]
    assert [one.offset for _, one in manifests(store)] == [7]


@given(st.data())
def test_whatever_byte_of_a_snapshot_is_changed_it_is_not_taken_for_one(data):
    store = MemorySnapshots()
    put(store)
    name = data.draw(st.sampled_from(sorted(name for name, body in store.values.items() if body)))
    body = bytearray(store.values[name])
    place = data.draw(st.integers(0, len(body) - 1))
    body[place] ^= data.draw(st.integers(1, 255))
    store.values[name] = bytes(body)
    for slot, one in manifests(store):
        with pytest.raises(TornError):
            list(read(store, slot, one))
