"""What Redis is told of some records of one partition at once: the argument of keep.lua."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from streams.outlets.board import names
from streams.stages.desk.lifecycle import OPEN

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from streams.ledger.chain import DailyHead
    from streams.ledger.records import EffectsRecord
    from streams.records import Case, Effects

KEPT = timedelta(days=90)
"""How long a case stays after it has ended, by its desk's time: longer than a desk itself remembers it."""

LONGEST = 10_000
"""Alerts of a stream, and dead letters, about; what is older is in their topics."""

_TAKEN = ("REPORT", "RECEIVE")
"""Steps with which a desk takes a case in. One to which a case is on its way does not know it yet."""

_encoder = msgspec.json.Encoder()
_pack = msgspec.msgpack.Encoder().encode


class _Said(msgspec.Struct):
    """The steps of a desk's effects, each as the bytes that it is."""

    transitions: list[msgspec.Raw] = []


_said = msgspec.json.Decoder(_Said)


class Last(msgspec.Struct, frozen=True):
    """Where a desk's chain stands, and the desk's time then."""

    now: datetime | None
    offset: int
    head: str


def mark(record: EffectsRecord) -> str:
    """Name a record so that another one at its offset, in another log, is told from it."""
    return hashlib.blake2s(" ".join(record.heads.values()).encode(), digest_size=8).hexdigest()


def text(value: Any) -> str:
    """Return JSON as Redis's msgpack wants it."""
    return _encoder.encode(value).decode()


class Batch:
    """Records of one partition that follow each other, the first behind the applied position `expected`."""

    def __init__(self, partition: int, expected: int, *, kept: timedelta = KEPT, longest: int = LONGEST) -> None:
        self.steps: list[tuple[str, int, str]] = []
        self.alerts: list[tuple[str, str, str, str, float]] = []
        self.letters: list[tuple[str, str]] = []
        self.takers: list[tuple[str, int, str]] = []
        self.heads: dict[str, str] = {}
        self.last: dict[str, Last] = {}
        self.counters: dict[str, int] = {}
        self._partition, self._expected, self._kept, self._longest = partition, expected, kept, longest
        self._at: datetime | None = None
        self._end: dict[str, Any] = {}

    def add(self, offset: int, record: EffectsRecord, effects: Mapping[str, Effects]) -> None:
        """Add the next record; `effects` are its desks' effects."""
        for desk, one in effects.items():
            said = _said.decode(record.desks[desk])  # written once already, when the record was
            self.steps += [
                (step.case_no, step.seq, bytes(body).decode())
                for step, body in zip(one.transitions, said.transitions, strict=True)
            ]
            self.takers += [(step.case_no, step.seq, step.desk) for step in one.transitions if step.verb in _TAKEN]
            self.alerts += [
                (alert.alert_id, alert.desk, text(alert), alert.case_no, alert.sent_at.timestamp())
                for alert in one.alerts
            ]
            self.letters += [(f"{letter.stage} {letter.reason}", text(letter)) for letter in one.dead_letters]
            for name, count in one.counters.items():
                self.counters[name] = self.counters.get(name, 0) + count
            self.last[desk] = Last(one.now, offset, record.heads[desk])
            if one.now is not None:
                self._at = max(one.now, self._at or one.now)
        self.counters[names.RECORDS] = self.counters.get(names.RECORDS, 0) + 1
        self._end = {"offset": offset, "epoch": record.epoch, "applied": record.last, "mark": mark(record)}

    def ended(self, heads: Iterable[DailyHead]) -> None:
        """Add the heads with which days have ended."""
        self.heads |= {head.desk: text(head) for head in heads}

    def argument(self, cases: Iterable[Case], *, behind: bool) -> bytes:
        """Return what keep.lua is given; `cases` are those that the records changed, as they are after them."""
        return _pack(
            {
                "partition": str(self._partition),
                "expected": str(self._expected),
                "cases": [_row(case) for case in cases],
                "steps": self.steps,
                "takers": self.takers,
                "alerts": self.alerts,
                "letters": self.letters,
                "counters": self.counters,
                "heads": self.heads,
                "last": {desk: text(last) for desk, last in self.last.items()},
                "oldest": None if self._at is None else (self._at - self._kept).timestamp(),
                "longest": self._longest,
                "behind": behind,
                **self._end,
            }
        )


def _row(case: Case) -> dict[str, Any]:
    over = None if case.state in OPEN else case.closed_at or case.opened_at
    return {
        "no": case.case_no,
        "seq": case.seq,
        "body": text(case),
        "desk": case.desk,
        "state": case.state,
        "unit": case.unit,
        "street": case.placement.street,
        "category": case.category,
        "matter": case.matter,
        "ended": "" if over is None else over.timestamp(),
        "sources": [
            (names.source(one.system, one.system_no), f"{one.at.timestamp():017.6f} {case.case_no}")
            for one in case.sources
        ],
        "alerts": case.alerts,
    }
