"""Bringing the facts to a position of a log: quickly to its end from the board's cases, else by folding the log.

`--as-of` is an offset of the effects log. A log that goes on says the same of an earlier position for ever.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from streams.ledger.fold import counted
from streams.ledger.records import EffectsRecord
from streams.outlets.measures.facts import CASES, CLOCKS, Facts, Maker
from streams.outlets.measures.names import KEY, Names
from streams.outlets.measures.registry import MeasureError
from streams.records import Case
from streams.stages.desk.casebook import apply

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from streams.outlets.board.sqlite import SqliteBoard
    from streams.records import Effects

_case = msgspec.json.Decoder(Case)

_PART = 1000
"""Cases that are worked out together."""

_LAST = 64
"""Records at the log's end among which its time is looked for: desks' times differ by less than that."""


class Stand(NamedTuple):
    """Cases as they stood at a position of the log, and the log's own time there."""

    cases: dict[str, Case]
    now: datetime
    position: int


def stand_at(effects: Iterable[tuple[int, Effects]], position: int | None = None) -> Stand:
    """Fold effects, in the order of their log, up to and with a position. Raises MeasureError for an empty log."""
    cases: dict[str, Case] = {}
    now: datetime | None = None
    last = 0
    for offset, one in effects:
        if position is not None and offset > position:
            break
        last = offset
        if one.now is not None and (now is None or one.now > now):
            now = one.now
        for step in one.transitions:
            case = cases.get(step.case_no)
            if case is None or step.seq > case.seq:
                cases[step.case_no] = apply(case, step)
    if now is None:
        raise MeasureError("日志为空 the log holds nothing up to there; expected a position at which work was done")
    return Stand(cases, now, last)


def log_of(board: SqliteBoard) -> Iterable[tuple[int, Effects]]:
    """Yield what counts in a file's log, desk by desk."""
    for offset, record in counted(board.log.read()):
        for desk in record.desks:
            yield offset, record.of(desk)


def facts_at(board: SqliteBoard, names: Names, position: int | None = None) -> Facts:
    """Return the facts at a position of a file's log, at its end for None."""
    if position is None:
        keeper = Keeper(names)
        return keeper.facts(board)
    stand = stand_at(log_of(board), position)
    maker = Maker(names)
    return maker.facts((maker.row(case, stand.now) for case in stand.cases.values()), stand.now, stand.position)


class Keeper:
    """Keeps the facts of a file that goes on: only cases that changed, or are open, are worked out anew.

    They are kept as the tables that they are given away as: as rows they would take five times the memory.
    """

    def __init__(self, names: Names) -> None:
        self._maker = Maker(names)
        self._cases, self._clocks = CASES.empty_table(), CLOCKS.empty_table()
        self._position = 0

    def facts(self, board: SqliteBoard) -> Facts:
        """Return the facts as they stand. Raises MeasureError for an empty log."""
        db = board.db
        db.execute("BEGIN")  # so that cases and position belong together
        try:
            position = board.log.last()
            now = _time_of(board, position)
            cases, clocks = self._cases, self._clocks
            bodies: Iterable[tuple[bytes]] = db.execute("SELECT body FROM cases")
            if cases.num_rows:
                changed = {row[0] for row in db.execute(_CHANGED, (self._position,))}
                changed.update(cases.filter(pc.field("is_open"))["case_no"].to_pylist())
                bodies = (db.execute(_ONE, (number,)).fetchone() for number in sorted(changed))
                same = ~pc.field("case_no").isin(pa.array(changed, pa.string()))
                cases, clocks = cases.filter(same), clocks.filter(same)
            self._cases, self._clocks = self._with(cases, clocks, bodies, now)
        finally:
            db.execute("COMMIT")
        self._position = position
        return Facts(self._cases, self._clocks, self._maker.local(now), position)

    def _with(
        self, cases: pa.Table, clocks: pa.Table, bodies: Iterable[tuple[bytes]], now: datetime
    ) -> tuple[pa.Table, pa.Table]:
        """Return tables with more cases, worked out some at a time: only their lines in the tables stay."""
        parts, rest = [(cases, clocks)], iter(bodies)
        while some := list(islice(rest, _PART)):
            made = self._maker.facts((self._maker.row(_case.decode(body), now) for (body,) in some), now, 0)
            parts.append((made.cases, made.clocks))
        whole = [pa.concat_tables(part).combine_chunks() for part in zip(*parts, strict=True)]
        return whole[0], whole[1]


_ONE = "SELECT body FROM cases WHERE case_no = ?"
_CHANGED = 'SELECT DISTINCT case_no FROM steps WHERE "offset" > ?'


def names_in(board: SqliteBoard) -> Names:
    """Return what a file says of its city. Raises MeasureError where it was written before files said so."""
    row = board.db.execute("SELECT value FROM meta WHERE key = ?", (KEY,)).fetchone()
    if row is None:
        raise MeasureError(
            "数据文件未记载城市名录 the file does not say of which city it is; "
            "expected --city, or that `onegrid run` was started on it once"
        )
    return msgspec.json.decode(row[0], type=Names)


def _time_of(board: SqliteBoard, position: int) -> datetime:
    """Return the log's own time at its end: the latest of its desks'."""
    times = [
        one.now
        for _, record in board.log.read(position - _LAST)
        if isinstance(record, EffectsRecord)
        for one in (record.of(desk) for desk in record.desks)
        if one.now is not None
    ]
    if not times:  # claims only: a host that is started over and over
        times = [one.now for _, one in log_of(board) if one.now is not None]
    if not times:
        raise MeasureError("日志为空 the log is empty; expected a data folder in which work was done")
    return max(times)
