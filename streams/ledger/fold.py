"""The one rule by which every reader of an effects log decides what counts.

A claim makes its own offset the epoch. An effects record counts only if it carries the current epoch and its
span begins right after the last one counted. So nothing is applied twice, and what a writer from the past
appends is ignored by all, whenever it lands.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from streams.ledger.records import Claim

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from streams.ledger.records import EffectsRecord, Record


@dataclass
class Fold:
    """How far a log has been read: the current epoch, the last inbox position applied, what was turned down."""

    epoch: int = -1
    applied: int = 0
    rejected: int = 0

    def counts(self, offset: int, record: Record) -> bool:
        """Take the next record of the log and say whether its effects count."""
        if isinstance(record, Claim):
            self.epoch = offset
            return False
        if record.epoch != self.epoch or record.first != self.applied + 1 or record.last < record.first:
            self.rejected += 1
            return False
        self.applied = record.last
        return True


def counted(records: Iterable[tuple[int, Record]], fold: Fold | None = None) -> Iterator[tuple[int, EffectsRecord]]:
    """Yield the records that count, with their offsets, in the order of the log."""
    fold = fold or Fold()
    for offset, record in records:
        if fold.counts(offset, record):
            assert not isinstance(record, Claim)
            yield offset, record
