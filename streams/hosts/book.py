"""What the owner of a partition knows: its desks, and how far the log that they came from is read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from streams.ledger.chain import Chain, ChainError
from streams.ledger.fold import Fold
from streams.ledger.records import Claim

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streams.ledger.records import EffectsRecord, Record
    from streams.stages.desk.desks import Desks


@dataclass
class Book:
    """The desks of a partition as the fold of its log through the record at `known`.

    `last` is the last record that was read and counts; `grown` are the bytes of effects since the last snapshot.
    """

    desks: Desks
    fold: Fold = field(default_factory=Fold)
    chain: Chain = field(default_factory=Chain)
    known: int = -1
    last: tuple[int, EffectsRecord] | None = None
    grown: int = 0

    def read(self, records: Iterable[tuple[int, Record]], through: int) -> None:
        """Fold records in, through the claim at an offset.

        Raises ChainError where the log is not as it was written, or the claim is not in it.
        """
        for offset, record in records:
            if self.counted(offset, record):
                assert not isinstance(record, Claim)
                self.last = offset, record
                for desk in record.desks:
                    self.desks[desk].fold(record.of(desk))
            elif isinstance(record, Claim):
                self.chain.claimed(record)
            self.known = offset
            if offset == through:
                break
        else:
            raise ChainError(f"日志中没有本次认领 · the claim {through} is not in the log that it was appended to")
        for known in self.desks:
            known.book.forget()

    def counted(self, offset: int, record: Record) -> bool:
        """Take the next record of the log by the fold rule, and add it to the chains if it counts."""
        if not self.fold.counts(offset, record):
            return False
        assert not isinstance(record, Claim)
        self.chain.add(offset, record)
        self.known = offset
        self.grown += sum(map(len, record.desks.values()))
        return True
