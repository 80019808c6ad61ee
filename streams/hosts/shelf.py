"""Where the owner of a partition puts snapshots of its book, a few chunks at a time, and finds the newest again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from streams.hosts.book import Book
from streams.hosts.states import joined, pieces
from streams.ledger.chain import Chain, ChainError
from streams.ledger.fold import Fold
from streams.ledger.snapshots import Manifest, TornError, manifests, read, write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from streams.ledger.records import Record
    from streams.ledger.snapshots import Snapshots
    from streams.stages.desk.desks import Desks

GROWN = 32_000_000
"""Bytes of effects behind the last snapshot from which on another one may be due: about a second of reading."""

_PUTS = 4
"""Chunks that are put after each record, so that desks never stand still for a snapshot."""


class Shelf:
    """The snapshots of one partition.

    One is due when the log behind the last has grown by `grown` bytes of effects, and by more than twice what that
    one had: so snapshots cost half as much as the log at most, and what a start reads is bounded by what is open.
    """

    def __init__(self, store: Snapshots, grown: int = GROWN) -> None:
        self._store, self._grown = store, grown
        self._slot, self._size = 0, 0
        self._writing: Iterator[Manifest | None] | None = None
        self._covers = 0

    def load(
        self, fresh: Callable[[], Desks], tail: Callable[[int], Iterable[tuple[int, Record]]], epoch: int
    ) -> Book:
        """Return the book as of the claim at an offset, from the newest snapshot that is whole and fits the log.

        `tail` reads the log behind an offset. Raises ChainError if the log itself is not as it was written.
        """
        self.forget()
        for slot, manifest in manifests(self._store):
            if manifest.offset >= epoch:
                continue  # of a log that has lost its end
            try:
                desks = fresh()
                desks.restore(joined(read(self._store, slot, manifest)))
                book = Book(
                    desks,
                    Fold(manifest.epoch, manifest.applied),
                    Chain(manifest.heads, manifest.claim),
                    known=manifest.offset,
                )
                book.read(tail(manifest.offset), epoch)
            except (TornError, msgspec.DecodeError, UnicodeDecodeError, ChainError):
                continue
            self._slot, self._size = 1 - slot, manifest.size
            return book
        self._slot, self._size = 0, 0
        book = Book(fresh())
        book.read(tail(-1), epoch)
        return book

    def keep(self, book: Book) -> None:
        """Go on with the snapshot that is being written, or begin one if it is due."""
        if self._writing is None and book.grown > max(self._grown, 2 * self._size):
            self._begin(book)
        for _ in range(_PUTS):
            self._advance(book)

    def put(self, book: Book) -> None:
        """Put a snapshot of the book down whole, if the log has grown since the last one."""
        if book.grown or self._writing is not None:
            self._begin(book)
            while self._writing is not None:
                self._advance(book)

    def forget(self) -> None:
        """Leave the snapshot that is being written as it is: torn."""
        self._writing = None

    def _begin(self, book: Book) -> None:
        states = [desk.state() for desk in book.desks]  # cases are never changed in place, so these stay as they are
        manifest = Manifest(
            offset=book.known,
            epoch=book.fold.epoch,
            applied=book.fold.applied,
            heads=dict(book.chain.heads),
            claim=book.chain.claim,
        )
        self._writing = write(self._store, self._slot, manifest, pieces(states))
        self._covers, book.grown = book.grown, 0

    def _advance(self, book: Book) -> None:
        """Put the next chunk. A snapshot that can't be written is given up, and is due again."""
        if self._writing is None:
            return
        try:
            whole = next(self._writing)
        except BaseException:
            self._writing = None
            book.grown += self._covers
            raise
        if whole is not None:
            self._writing, self._slot, self._size = None, 1 - self._slot, whole.size
