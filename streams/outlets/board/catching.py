"""Catching up: the board of one partition from where it stands to the end of the log, by the fold rule."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import structlog

from streams.ledger.chain import DailyHead
from streams.ledger.fold import Fold, counted
from streams.ledger.records import EffectsRecord
from streams.outlets.board import BoardAwayError, names
from streams.outlets.board.batches import Batch, Last, mark
from streams.records import Case
from streams.stages.desk.casebook import apply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import timedelta, tzinfo

    from streams.hosts.partition import Log
    from streams.outlets.board.link import Link
    from streams.records import Effects

_log = structlog.get_logger(__name__)

BATCH = 20
"""Records of one transaction at most, so that Redis answers others in between."""

STEPS = 5000
"""Steps from which on a batch takes no further record."""

_case = msgspec.json.Decoder(Case)


class BoardBehindError(BoardAwayError):
    """The board lacks records before the one that it was to keep: it must catch up from the log."""


class BoardMismatchError(BoardAwayError):
    """The board was made from another log than the one that is here: it must be rebuilt."""


class Standing(NamedTuple):
    """Where a partition stands in Redis; `offset` -1 if nowhere."""

    offset: int = -1
    epoch: int = -1
    applied: int = 0
    mark: str = ""
    behind: bool = False

    @classmethod
    def read(cls, redis: Any, partition: int) -> Standing:
        """Read it."""
        fields = redis.hmget(f"{names.POSITION}{partition}", *cls._fields)
        if fields[0] is None:
            return cls()
        return cls(int(fields[0]), int(fields[1]), int(fields[2]), fields[3].decode(), fields[4] == b"1")


def script(redis: Any, argument: bytes) -> bool:
    """Run keep.lua; False if the partition stands elsewhere than expected."""
    return bool(redis.register_script(_text())(args=[argument]))


class Catching:
    """One run over one partition."""

    def __init__(
        self, link: Link, partition: int, log: Log, zone: tzinfo | None, kept: timedelta, longest: int
    ) -> None:
        self._link, self._partition, self._log, self._zone = link, partition, log, zone
        self._kept, self._longest = kept, longest

    def run(self, step: Callable[[int], None]) -> None:
        """Go to the end of the log; where somebody else has gone on meanwhile, go on behind them."""
        while not self._once(step):
            pass

    def _once(self, step: Callable[[int], None]) -> bool:
        """Apply what there is behind the position; False if that has been moved by somebody else."""
        standing = self._link(lambda redis: Standing.read(redis, self._partition))
        records = counted(self._behind(standing), Fold(standing.epoch, standing.applied))
        applied, behind = standing.applied, standing.behind
        for batch in _batches(records):
            if not self._apply(applied, batch):
                return False
            applied, behind = batch[-1][1].last, True
            step(batch[-1][0])
        if behind:
            key = f"{names.POSITION}{self._partition}"
            self._link(lambda redis: redis.hset(key, "behind", 0))
        return True

    def _behind(self, standing: Standing) -> Iterable[tuple[int, Any]]:
        """Return the records behind the position. Raises BoardMismatchError if another one stands there."""
        if standing.offset < 0:
            return self._log.read()
        records = iter(self._log.read(standing.offset - 1))
        offset, record = next(records, (-1, None))
        if offset != standing.offset or not isinstance(record, EffectsRecord) or mark(record) != standing.mark:
            raise BoardMismatchError(
                f"看板与日志不符 · partition {self._partition}: the board was made from "
                "another log than this one; expected onegrid board rebuild"
            )
        return records

    def _apply(self, expected: int, records: Sequence[tuple[int, EffectsRecord, dict[str, Effects]]]) -> bool:
        batch = Batch(self._partition, expected, kept=self._kept, longest=self._longest)
        for offset, record, effects in records:
            batch.add(offset, record, effects)
        if self._zone is not None:
            batch.ended(self._ended(records, self._zone))
        cases = self._cases([one for _, _, effects in records for one in effects.values()])
        argument = batch.argument(cases, behind=True)
        return self._link(lambda redis: script(redis, argument))

    def _cases(self, effects: Iterable[Effects]) -> list[Case]:
        """Return the cases that effects are about, as they are after them."""
        steps = [step for one in effects for step in one.transitions]
        numbers = list(dict.fromkeys(step.case_no for step in steps))
        bodies = self._link(lambda redis: _bodies(redis, numbers))
        cases = {number: _case.decode(body) for number, body in zip(numbers, bodies, strict=True) if body}
        for step in steps:
            case = cases.get(step.case_no)
            if case is None or step.seq > case.seq:
                try:
                    cases[step.case_no] = apply(case, step)
                except TypeError:  # a step of a case that has left the board
                    _log.warning("step without its case", case_no=step.case_no, seq=step.seq)
        return list(cases.values())

    def _ended(
        self, records: Iterable[tuple[int, EffectsRecord, dict[str, Effects]]], zone: tzinfo
    ) -> Iterator[DailyHead]:
        """Yield the heads at the ends of desks' days, as the owner of the partition told them."""
        found = self._link(lambda redis: redis.hgetall(names.LAST))
        last = {desk.decode(): msgspec.json.decode(body, type=Last) for desk, body in found.items()}
        for offset, record, effects in records:
            for desk, one in effects.items():
                was = last.get(desk)
                if was is not None and was.now is not None and one.now is not None:
                    day = was.now.astimezone(zone).date()
                    if day < one.now.astimezone(zone).date():
                        yield DailyHead(day, desk, was.offset, was.head)
                last[desk] = Last(one.now, offset, record.heads[desk])


def _batches(
    records: Iterable[tuple[int, EffectsRecord]],
) -> Iterator[list[tuple[int, EffectsRecord, dict[str, Effects]]]]:
    batch: list[tuple[int, EffectsRecord, dict[str, Effects]]] = []
    steps = 0
    for offset, record in records:
        effects = {desk: record.of(desk) for desk in record.desks}
        batch.append((offset, record, effects))
        steps += sum(len(one.transitions) for one in effects.values())
        if len(batch) == BATCH or steps > STEPS:
            yield batch
            batch, steps = [], 0
    if batch:
        yield batch


def _bodies(redis: Any, numbers: Iterable[str]) -> list[bytes | None]:
    with redis.pipeline(transaction=False) as pipe:
        for number in numbers:
            pipe.hget(names.CASE + number, "body")
        return pipe.execute()  # type: ignore[no-any-return]


@cache
def _text() -> str:
    return Path(__file__).with_name("keep.lua").read_text(encoding="utf-8")
