"""Facts: cases and their clocks as flat tables, which measures are counted over and analysts read.

Times are the city's own, without an offset, to the microsecond. A row is worked out from one case alone.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from streams.stages.desk import clocks as running
from streams.stages.desk.attribution import Ran, overdue_us
from streams.stages.desk.lifecycle import CLOSED, EVALUATED, OPEN
from streams.stages.measures import VOID, duty_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from grids.worktime import WorkCalendar
    from streams.outlets.measures.names import Names
    from streams.records import Case, Clock

_MICRO = 1_000_000
_MINUTE_US = 60 * _MICRO
_QUARTER_US = 15 * _MINUTE_US
"""No place on earth changes its clocks within a quarter of an hour."""

_TEXT, _YES, _COUNT, _TIME = pa.string(), pa.bool_(), pa.int32(), pa.timestamp("us")

CASES = pa.schema(
    [
        *((name, _TEXT) for name in (
            "case_no", "desk", "district", "street", "community", "grid", "cell", "area_class", "category", "net",
            "matter", "channel", "state", "outcome", "method", "unit", "first_unit", "lead", "handle_unit", "master",
            "grid_version", "duty_version", "urgency", "responded", "solved", "satisfied",
        )),
        ("severity", _COUNT),
        ("confidence", pa.float64()),
        ("lon", pa.float64()),
        ("lat", pa.float64()),
        *((name, _TIME) for name in (
            "occurred_at", "reported_at", "opened_at", "filed_at", "dispatched_at", "finished_at", "closed_at", "due",
        )),
        *((name, _YES) for name in (
            "is_open", "closed", "void", "self_handled", "handled", "running", "late", "excused", "accept_late",
            "file_late", "check_late",
        )),
        *((name, _COUNT) for name in (
            "reworked", "returned", "disputed", "extended", "suspended", "reclassified", "relocated", "transferred",
            "escalated", "supervised", "urged", "reopened", "repeat", "appealed", "alerts", "merged_reports",
        )),
    ]
)  # fmt: skip
"""One row a case. `due` is the deadline that counts, none while the clock stands still; `lead` who holds it now."""

CLOCKS = pa.schema(
    [
        ("case_no", _TEXT), ("name", _TEXT), ("kind", _TEXT), ("unit", _TEXT), ("round", _COUNT),
        ("started", _TIME), ("ended", _TIME), ("due", _TIME), ("limit_minutes", pa.float64()),
        ("running", _YES), ("late", _YES), ("excused", _YES), ("over_minutes", pa.float64()), ("finished_at", _TIME),
    ]
)  # fmt: skip
"""One row a clock. `over_minutes` are counted minutes over its limit; `finished_at` is the case's."""

_FLAGS = (
    "reworked", "returned", "disputed", "extended", "suspended", "reclassified", "relocated", "transferred",
    "escalated", "supervised", "urged", "reopened", "repeat", "appealed",
)  # fmt: skip


class Facts(NamedTuple):
    """The tables at a position of a log; `now` is the log's own time there, in the city's hours."""

    cases: pa.Table
    clocks: pa.Table
    now: datetime
    position: int


class Row(NamedTuple):
    """What one case comes to: its row, and one for each clock."""

    case: tuple[Any, ...]
    clocks: list[tuple[Any, ...]]


class Maker:
    """Makes rows of cases by a city's names and working hours."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._zone = names.zone
        self._calendar: WorkCalendar = names.calendar

    def row(self, case: Case, now: datetime) -> Row:
        """Work a case out; `now` only matters for what its clocks are over by while they run."""
        duty, place = duty_of(case), case.placement
        by_name: dict[str, list[Clock]] = {}
        for clock in case.clocks:
            by_name.setdefault(clock.name, []).append(clock)
        filed = [clock.ended for clock in by_name.get(running.FILE, ()) if clock.ended and case.limit]
        held = case.unit or (duty.clock.unit if duty else "") or case.first_unit
        found = (
            case.case_no, case.desk, place.district, place.street, place.community, place.grid, place.cell,
            place.area_class, case.category, self._names.nets.get(case.category, ""), case.matter,
            str(case.receipt.facts.get("channel", "")), case.state, case.receipt.outcome, place.method, held,
            case.first_unit, case.unit, duty.clock.unit if duty else "", case.master, place.grid_version,
            case.receipt.duty_version, case.urgency, *(case.ratings.get(n, "") for n in _RATED), case.severity,
            place.confidence, place.lon, place.lat,
            case.occurred_at, case.reported_at, case.opened_at, min(filed) if filed else None, case.dispatched_at,
            case.finished_at, case.closed_at, duty.due if duty else None,
            case.state in OPEN, case.state in (CLOSED, EVALUATED), case.state in VOID,
            bool(case.flags.get("self_handled")), bool(duty and duty.handled), bool(duty and duty.clock.since),
            bool(duty and duty.clock.overdue), bool(duty and duty.clock.excused),
            *(any(clock.overdue for clock in by_name.get(name, ())) for name in _STEPS),
            *(case.flags.get(name, 0) for name in _FLAGS), len(case.alerts), len(case.merged),
        )  # fmt: skip
        return Row(found, [self._clock(case, clock, now) for clock in case.clocks])

    def _clock(self, case: Case, clock: Clock, now: datetime) -> tuple[Any, ...]:
        """Work a clock out; one that stands still before its limit is used up has no deadline."""
        runs = clock.since is not None
        still = not runs and clock.ended is None and not clock.overdue
        over = 0.0
        if clock.overdue or (runs and clock.due is not None and clock.due < now):
            ran = Ran(clock.name, clock.unit, clock.clock, round(running.allowed(clock) * _MICRO), clock.spans)
            over = overdue_us(self._calendar, ran, now) / _MINUTE_US
        return (
            case.case_no, clock.name, clock.clock, clock.unit, clock.round, clock.started, clock.ended,
            None if still else clock.due, running.allowed(clock) / 60, runs, clock.overdue, clock.excused,
            over, case.finished_at,
        )  # fmt: skip

    def facts(self, rows: Iterable[Row], now: datetime, position: int) -> Facts:
        """Put rows into tables."""
        many = list(rows)
        return Facts(
            self._table([row.case for row in many], CASES),
            self._table([clock for row in many for clock in row.clocks], CLOCKS),
            self.local(now),
            position,
        )

    def local(self, now: datetime) -> datetime:
        """Return a moment in the city's hours, without an offset."""
        return now.astimezone(self._zone).replace(tzinfo=None)

    def _table(self, rows: list[tuple[Any, ...]], schema: pa.Schema) -> pa.Table:
        columns = zip(*rows, strict=True) if rows else ([] for _ in schema)
        return pa.table([self._column(one, field.type) for one, field in zip(columns, schema, strict=True)], schema)

    def _column(self, values: Sequence[Any], kind: pa.DataType) -> pa.Array:
        """Turn values into a column, moments into the city's own hours."""
        if kind != _TIME:
            return pa.array(values, kind)
        moments = pa.array(values, pa.timestamp("us", "UTC"))
        known = moments.is_valid().to_numpy(zero_copy_only=False)
        micros = moments.cast(pa.int64()).fill_null(0).to_numpy()
        quarters, where = np.unique(micros // _QUARTER_US, return_inverse=True)
        shifts = np.array([self._shift(int(quarter)) for quarter in quarters], dtype=np.int64)
        return pa.array(micros + (shifts[where] if len(quarters) else 0), _TIME, mask=~known)

    def _shift(self, quarter: int) -> int:
        """Return by how many microseconds the city's hours are ahead of UTC in a quarter of an hour."""
        ahead = datetime.fromtimestamp(quarter * (_QUARTER_US // _MICRO), self._zone).utcoffset()
        assert ahead is not None
        return int(ahead.total_seconds()) * _MICRO


_STEPS = (running.ACCEPT, running.FILE, running.CHECK)
_RATED = ("responded", "solved", "satisfied")
