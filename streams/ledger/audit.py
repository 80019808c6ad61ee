"""Auditing a log: whether every record is as it was written, and stands where it was written.

`LogAudit` reads the bytes; `StepAudit` looks at what they say of cases. Neither needs the city's rules.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

import msgspec

from streams.ledger.chain import START, Chain, ChainError, Head
from streams.ledger.fold import Fold
from streams.ledger.records import Claim, decode, encode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from streams.ledger.records import EffectsRecord
    from streams.records import Transition

_EXAMPLES = 20
"""Findings of one kind that are told one by one; all are counted."""

_SERIAL = 14
"""Where the serial begins in a case number: behind desk and date."""

_HEX = re.compile("[0-9a-f]{64}")
"""What a head looks like; whoever tampers with a log need not keep to that."""

_step = msgspec.json.Encoder().encode


class Finding(msgspec.Struct, frozen=True):
    """One thing that is not as it must be."""

    kind: str
    where: str
    text: str


class Anchor(msgspec.Struct, frozen=True):
    """A head that somebody outside has kept: a desk's chain after the record at an offset."""

    desk: str
    offset: int
    head: str


class Findings:
    """What an audit has found, by kind."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.examples: list[Finding] = []

    def add(self, kind: str, where: str, text: str) -> None:
        """Note a finding."""
        self.counts[kind] += 1
        if self.counts[kind] <= _EXAMPLES:
            self.examples.append(Finding(kind, where, text))


class LogAudit:
    """Reads a log by the fold rule, link by link. `records` counts all that stand in it, claims too."""

    def __init__(self, findings: Findings, anchors: Iterable[Anchor] = ()) -> None:
        self.findings = findings
        self.fold, self.chain = Fold(), Chain()
        self.records, self.chain_ok = 0, True
        self.last = 0
        self._anchors: dict[int, list[Anchor]] = {}
        for anchor in anchors:
            self._anchors.setdefault(anchor.offset, []).append(anchor)

    def read(self, rows: Iterable[tuple[int, bytes]], first: int) -> Iterator[tuple[int, EffectsRecord]]:
        """Yield the records that count, from the bytes of a log whose first offset is `first`."""
        self.last = first - 1
        for offset, body in rows:
            if offset != self.last + 1:
                self.findings.add("LOG_GAP", f"{self.last + 1}", f"{offset - self.last - 1} records are missing")
            self.last = offset
            self.records += 1
            try:
                record = decode(body)
            except msgspec.DecodeError as error:
                self.findings.add("LOG_UNREADABLE", f"{offset}", str(error))
                continue
            if encode(record) != body:
                self.findings.add("LOG_REWRITTEN", f"{offset}", "not the bytes that a writer writes")
            if isinstance(record, Claim):
                self.chain.claimed(record)
            if self.fold.counts(offset, record):
                assert not isinstance(record, Claim)
                self._link(offset, record)
                yield offset, record

    def finish(self) -> None:
        """Say which anchors the log has nothing to show for."""
        for anchors in self._anchors.values():
            for anchor in anchors:
                text = f"desk {anchor.desk} has no record there; expected head {anchor.head[:16]}…"
                self._broken("ANCHOR", anchor.offset, text)

    @property
    def heads(self) -> list[Anchor]:
        """The heads of all desks where the log ends."""
        return [Anchor(desk, head.offset, head.head) for desk, head in sorted(self.chain.heads.items())]

    def _link(self, offset: int, record: EffectsRecord) -> None:
        try:
            self.chain.add(offset, record)
        except ChainError as error:
            self._broken("CHAIN", offset, str(error))
            told = {desk: head if _HEX.fullmatch(head) else START for desk, head in record.heads.items()}
            self.chain.heads |= {desk: Head(head, offset) for desk, head in told.items()}
        left = []
        for anchor in self._anchors.pop(offset, ()):
            found = record.heads.get(anchor.desk)
            if found is None:
                left.append(anchor)
            elif found != anchor.head:
                text = f"desk {anchor.desk} has head {found[:16]}…; expected {anchor.head[:16]}…, as it was told"
                self._broken("ANCHOR", offset, text)
        if left:
            self._anchors[offset] = left

    def _broken(self, kind: str, offset: int, text: str) -> None:
        self.chain_ok = False
        self.findings.add(kind, f"{offset}", text)


class StepAudit:
    """Looks whether each case's steps follow each other, and each desk's case numbers of a day.

    `earlier` finds the bytes of a step that was seen before: (case, seq) → bytes.
    """

    def __init__(self, findings: Findings, earlier: Callable[[str, int], bytes]) -> None:
        self.findings = findings
        self.repeated: list[str] = []
        self.identical = 0
        self._earlier = earlier
        self._seq: dict[str, int] = {}
        self._serials: dict[str, tuple[int, int]] = {}

    def add(self, offset: int, step: Transition) -> None:
        """Take in the next step."""
        last = self._seq.get(step.case_no, 0)
        name = f"{step.case_no}/{step.seq}"
        if step.seq <= last:
            if self._earlier(step.case_no, step.seq) == _step(step):
                self.identical += 1
            else:
                self.repeated.append(name)
                self.findings.add("CONTRADICTION", name, f"record {offset} says otherwise than one before it")
            return
        if step.seq != last + 1:
            self.findings.add("STEP_GAP", name, f"record {offset}: {step.seq - last - 1} steps are missing before it")
        self._seq[step.case_no] = step.seq
        if step.verb == "REPORT":
            count, highest = self._serials.get(step.case_no[:_SERIAL], (0, 0))
            self._serials[step.case_no[:_SERIAL]] = (count + 1, max(highest, int(step.case_no[_SERIAL:])))

    def finish(self) -> None:
        """Say where case numbers are missing."""
        for day, (count, highest) in self._serials.items():
            if count != highest:
                self.findings.add("SERIAL_GAP", day, f"{count} cases, but the last one has serial {highest}")
