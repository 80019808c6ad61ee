from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scenes import Scene, make_report, when
from stories import play, stories

from streams.hosts import states
from streams.hosts.book import Book
from streams.hosts.shelf import Shelf
from streams.hosts.states import joined, pieces
from streams.ledger.chain import Chain
from streams.ledger.fold import Fold
from streams.ledger.records import Claim
from streams.ledger.snapshots import manifests, read
from streams.ledger.testing import MemoryLog, MemorySnapshots
from streams.stages.desk.desks import Desks

AT = when("03-02 09:00")


class Bookkeeper:
    """A log with one claim, a book of what is appended to it, and a shelf."""

    def __init__(self, city, grown=1) -> None:
        self.city, self.log, self.store = city, MemoryLog(), MemorySnapshots()
        self.scene = Scene(city)
        self.shelf = Shelf(self.store, grown)
        self.log.append(Claim("a", AT))
        self.book = self.shelf.load(lambda: self.scene.desks, self.log.read, 0)

    def report(self, count=1):
        """Let reports come in, each its own record."""
        for number in range(count):
            self.scene.send(make_report(AT + timedelta(minutes=number)), AT)
            self.append(self.scene.parts[-1])

    def append(self, effects):
        at = self.book.fold.applied + 1
        record = self.book.chain.record(0, at, at, effects)
        assert self.book.counted(self.log.append(record), record)

    def load(self):
        """Claim the log as somebody else, and read the book."""
        epoch = self.log.append(Claim("b", AT))
        return Shelf(self.store).load(lambda: Desks(self.city), self.log.read, epoch)


def said(book):
    return msgspec.json.encode([desk.state() for desk in book.desks])


@pytest.fixture
def keeper(city):
    return Bookkeeper(city)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(stories(), st.integers(1, 20_000))
def test_states_cut_into_pieces_of_any_size_and_joined_are_the_same_states(city, story, size):
    whole = [desk.state() for desk in play(city, story).desks]
    before, states.PIECE = states.PIECE, size
    try:
        cut = list(pieces(whole))
    finally:
        states.PIECE = before
    assert msgspec.json.encode(joined(cut)) == msgspec.json.encode(whole)
    largest = max((len(msgspec.json.encode(case)) for state in whole for case in state.cases), default=0)
    assert max(map(len, cut), default=0) < max(size, largest) + 1000


def test_no_piece_is_near_one_megabyte(keeper):
    keeper.report(150)
    cut = list(pieces(desk.state() for desk in keeper.scene.desks))
    assert len(cut) > 1
    assert max(map(len, cut)) < 300_000


def test_a_book_read_from_a_snapshot_and_a_tail_is_the_book(keeper):
    keeper.report(3)
    keeper.shelf.put(keeper.book)
    keeper.report(2)
    found = keeper.load()
    assert said(found) == said(keeper.book)
    assert (found.fold.applied, found.chain.heads) == (5, keeper.book.chain.heads)
    assert found.known == 6
    assert found.last[0] == 5


def test_the_tail_alone_is_read_where_there_is_a_snapshot(keeper):
    keeper.report(3)
    keeper.shelf.put(keeper.book)
    keeper.log.bodies[1:3] = [b"{}", b"{}"]
    assert said(keeper.load()) == said(keeper.book)


def test_a_snapshot_is_due_when_the_log_has_grown_by_so_much_and_by_more_than_the_last_one_had(city):
    keeper = Bookkeeper(city, grown=10_000)
    written = []
    for _ in range(40):
        keeper.report()
        keeper.shelf.keep(keeper.book)
        written.append(max((one.offset for _, one in manifests(keeper.store)), default=0))
    steps = sorted(set(written) - {0})
    assert len(steps) >= 3
    gaps = [after - before for before, after in zip([0, *steps], steps, strict=False)]
    assert gaps == sorted(gaps)
    assert gaps[-1] > gaps[0]


def test_a_snapshot_written_while_work_goes_on_holds_what_was_when_it_began(keeper, monkeypatch):
    monkeypatch.setattr("streams.hosts.states.PIECE", 1)
    keeper.report(30)
    before = said(keeper.book)
    keeper.shelf.keep(keeper.book)
    assert manifests(keeper.store) == []
    keeper.report(8)
    for number in range(4):
        keeper.scene.act(next(iter(keeper.scene.book.cases)), "SIGN", f"03-02 10:0{number}", action_id=f"a{number}")
        keeper.append(keeper.scene.parts[-1])
    while not manifests(keeper.store):
        keeper.shelf.keep(keeper.book)
    ((slot, manifest),) = manifests(keeper.store)
    desks = Desks(keeper.city)
    desks.restore(joined(read(keeper.store, slot, manifest)))
    assert said(Book(desks)) == before


def test_a_torn_or_tampered_snapshot_is_passed_over_for_the_one_before(keeper):
    keeper.report(2)
    keeper.shelf.put(keeper.book)
    keeper.report(2)
    keeper.shelf.put(keeper.book)
    newest = manifests(keeper.store)[0][0]
    name = f"{newest}/000000"
    keeper.store.values[name] = keeper.store.values[name].replace(b"DISPATCHED", b"CLOSED")
    assert said(keeper.load()) == said(keeper.book)
    keeper.store.values[f"{1 - newest}/000000"] = b"{"
    assert said(keeper.load()) == said(keeper.book)


def test_a_snapshot_that_lies_about_where_it_stands_is_passed_over(keeper):
    keeper.report(2)
    book = keeper.book
    keeper.shelf.put(Book(book.desks, Fold(0, 2), Chain(book.chain.heads, book.chain.claim), known=1, grown=1))
    keeper.report(2)
    found = keeper.load()
    assert said(found) == said(keeper.book)
    assert found.fold.applied == 4


def test_a_snapshot_of_a_log_that_has_lost_its_end_is_passed_over(keeper):
    keeper.report(4)
    keeper.shelf.put(keeper.book)
    del keeper.log.bodies[3:]
    assert keeper.load().fold.applied == 2


def test_a_snapshot_that_could_not_be_written_is_due_again(keeper, monkeypatch):
    keeper.report(2)
    with monkeypatch.context() as patch:
        patch.setattr(keeper.store, "put", lambda _name, _body: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            keeper.shelf.put(keeper.book)
    assert manifests(keeper.store) == []
    keeper.shelf.put(keeper.book)
    assert [manifest.offset for _, manifest in manifests(keeper.store)] == [2]


def test_a_stop_with_nothing_new_puts_no_snapshot(keeper):
    keeper.report(1)
    keeper.shelf.put(keeper.book)
    before = dict(keeper.store.values)
    keeper.shelf.put(keeper.book)
    assert keeper.store.values == before
