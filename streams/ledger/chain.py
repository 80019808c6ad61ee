"""The hash chain of each desk, over its effects as they stand in the log.

A link is SHA-256 of the head before it, of all claims so far, of the record's epoch and span, and of the desk's
effects byte for byte. So whoever knows one head knows that nothing before it was changed, removed or added since.
"""

from __future__ import annotations

import hashlib
from datetime import date
from typing import TYPE_CHECKING

import msgspec

from streams.ledger.records import Claim, EffectsRecord, encode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.records import Effects

START = "0" * 64
"""The head of a chain that nothing has been added to."""

_encoder = msgspec.json.Encoder()


class ChainError(Exception):
    """A log does not say what its chain says: it was changed after it was written."""


class Head(msgspec.Struct, frozen=True):
    """A desk's chain after the record at an offset of the log."""

    head: str
    offset: int


class DailyHead(msgspec.Struct, frozen=True):
    """The head of a desk's chain at the end of one of its days: after its last record before the next day's."""

    day: date
    desk: str
    offset: int
    head: str


class Chain:
    """The heads of all desks of one log, and the head of its claims."""

    def __init__(self, heads: Mapping[str, Head] | None = None, claim: str = START) -> None:
        self.heads = dict(heads or {})
        self.claim = claim

    def claimed(self, claim: Claim) -> None:
        """Go on under another claim; claims are a chain, too, so that one under which nothing was written counts."""
        self.claim = hashlib.sha256(bytes.fromhex(self.claim) + encode(claim)).hexdigest()

    def record(self, epoch: int, first: int, last: int, effects: Mapping[str, Effects]) -> EffectsRecord:
        """Make the record of a batch from its effects by desk; `add` it once it stands in the log."""
        bodies = {desk: _encoder.encode(one) for desk, one in effects.items()}
        made = EffectsRecord(epoch, first, last, {desk: msgspec.Raw(body) for desk, body in bodies.items()})
        made.heads = self.after(made)
        return made

    def after(self, record: EffectsRecord) -> dict[str, str]:
        """Return the heads that a record leads to, by desk."""
        under = f"{self.claim} {record.epoch} {record.first} {record.last}\n".encode()
        return {desk: self._link(desk, under, body) for desk, body in record.desks.items()}

    def add(self, offset: int, record: EffectsRecord) -> None:
        """Take in the next record that counts. Raises ChainError if its heads are not what it leads to."""
        found = self.after(record)
        if found != record.heads:
            wrong = sorted(desk for desk in {*found, *record.heads} if found.get(desk) != record.heads.get(desk))
            raise ChainError(
                f"日志记录 {offset} 与哈希链不符 · record {offset} of the log: desk {', '.join(wrong)} does not "
                "continue its hash chain; expected the record as it was written (see onegrid verify)"
            )
        self.heads |= {desk: Head(head, offset) for desk, head in found.items()}

    def _link(self, desk: str, under: bytes, body: bytes | msgspec.Raw) -> str:
        before = self.heads.get(desk)
        link = hashlib.sha256(bytes.fromhex(before.head if before else START))
        link.update(under)
        link.update(body)
        return link.hexdigest()
