"""The state of the live page: a fold over effects, small enough to be sent every second."""

from __future__ import annotations

import threading
from collections import Counter, deque
from datetime import date, datetime
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from msgspec import UNSET, UnsetType

from streams.outlets.waiting import Waiting
from streams.records import Alert
from streams.stages.desk.clocks import HANDLE
from streams.stages.desk.lifecycle import ENDS, MERGED
from streams.stages.measures import deadline_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from grids.rules import Rules
    from streams.records import Case, Effects, Placement, Transition

FEED = 30
"""Steps and alerts that the page shows."""

_SAMPLES = 500
_KEPT_HOURS = 200
_SAME_S = 0.5


class _Open(NamedTuple):
    """What the page needs of an open case.

    `due` is set while its handling clock runs; `in_time` says how it was finished last, None before.
    """

    desk: str
    street: str
    unit: str
    category: str
    due: datetime | None
    in_time: bool | None = None
    grid: str = ""


class FeedLine(msgspec.Struct):
    """One step of a case, as the page's feed shows it."""

    at: datetime
    case_no: str
    desk: str
    verb: str
    state_zh: str
    state_en: str
    category_zh: str
    category_en: str
    unit_zh: str
    unit_en: str


class DeskRow(msgspec.Struct):
    """One desk's figures."""

    desk: str
    name_zh: str
    name_en: str
    open: int = 0
    overdue: int = 0
    closed: int = 0
    finished: int = 0
    in_time: int = 0


class State(msgspec.Struct):
    """Everything the page shows at one moment."""

    now: datetime
    city_zh: str
    city_en: str
    notice_zh: str
    notice_en: str
    cases: int
    closed: int
    duplicates: int
    dead_letters: int
    desks: list[DeskRow]
    streets: dict[str, tuple[int, int]]
    feed: list[FeedLine]
    alerts: list[Alert]
    dispatch_seconds: float | None
    unconfirmed: int = 0
    first_due: datetime | None = None
    first_unit_zh: str = ""
    first_unit_en: str = ""
    flow: list[tuple[int, int]] = []


def _duplicates(counters: dict[str, int]) -> int:
    """Return how many reports are no case of their own."""
    return sum(counters.get(name, 0) for name in ("repeats", "updates", "merged")) - counters.get("unmerged", 0)


class Live:
    """Hears effects on the engine's thread and tells the page's state on any other."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._lock = threading.Lock()
        self._open: dict[str, _Open] = {}
        self._counts: Counter[tuple[str, str]] = Counter()
        self._feed: deque[FeedLine] = deque(maxlen=FEED)
        self._alerts: deque[Alert] = deque(maxlen=FEED)
        self._waiting = Waiting()
        self._dispatch: deque[float] = deque(maxlen=_SAMPLES)
        self._reported: dict[str, datetime] = {}
        self._said: tuple[datetime, bytes] | None = None
        self._flow: Counter[tuple[date, int, str]] = Counter()

    def restore(self, cases: Iterable[Case], counters: dict[str, int], dead_letters: int) -> None:
        """Take up where a host left off."""
        with self._lock:
            for case in cases:
                if case.state not in ENDS:
                    self._waiting.take(case.case_no, case.desk, case.clocks)
                if case.matter != "INCIDENT" or case.state == MERGED:
                    continue
                self._counts["cases", ""] += 1
                self._flows("opened", case.opened_at)
                if case.state in ENDS and case.closed_at is not None:
                    self._flows("closed", case.closed_at)
                self._keep(case.case_no, case.desk, case.placement, case.unit, case.category)
                due = deadline_of(case)
                running = due[1] if due and due[0].since else None
                self._open[case.case_no] = self._open[case.case_no]._replace(due=running)
                if case.finished_at and due:
                    self._open[case.case_no] = self._finished(self._open[case.case_no], in_time=not due[0].overdue)
                if case.dispatched_at and case.reported_at:
                    self._dispatch.append((case.dispatched_at - case.reported_at).total_seconds())
                elif case.reported_at:
                    self._reported[case.case_no] = case.reported_at
                if case.state in ENDS:
                    self._end(case.case_no)
            self._counts["duplicates", ""] += _duplicates(counters)
            self._counts["dead", ""] += dead_letters

    def recall(
        self, steps: Iterable[Transition], alerts: Iterable[Alert], case_of: Callable[[str], Case | None]
    ) -> None:
        """Show the steps and alerts that came last before a host left off; they are counted already."""
        with self._lock:
            self._alerts.extend(alerts)
            for step in sorted(steps, key=lambda step: step.at):
                case = case_of(step.case_no)
                if case is not None and case.matter == "INCIDENT":
                    self._feed.append(self._line(step, case))

    def hear(self, effects: Effects) -> None:
        """Fold one batch in."""
        with self._lock:
            self._counts["duplicates", ""] += _duplicates(effects.counters)
            self._counts["dead", ""] += len(effects.dead_letters)
            for step in effects.transitions:
                self._waiting.hear(step)
                self._hear_step(step)
            self._alerts.extend(effects.alerts)

    def state(self, now: datetime) -> State:
        """Return what the page shows at a moment."""
        form = self._rules.form
        with self._lock:
            rows = {
                desk.code: DeskRow(desk.code, desk.name_zh, desk.name_en)
                for desk in self._rules.places.desks.values()
            }
            streets: dict[str, tuple[int, int]] = {}
            for case in self._open.values():
                late = case.due is not None and case.due < now
                row = rows[case.desk]
                row.open += 1
                row.overdue += late
                before = streets.get(case.street, (0, 0))
                streets[case.street] = (before[0] + 1, before[1] + late)
            for desk, row in rows.items():
                row.closed = self._counts["closed", desk]
                row.finished = self._counts["finished", desk]
                row.in_time = self._counts["in_time", desk]
            waits, first = sorted(self._dispatch), self._waiting.first()
            unit = self._rules.units.by_code.get(first.unit) if first else None
            return State(
                now=now.astimezone(self._rules.calendar.zone),
                city_zh=form.name_zh,
                city_en=form.name_en,
                notice_zh=form.notice_zh,
                notice_en=form.notice_en,
                cases=self._counts["cases", ""],
                closed=sum(row.closed for row in rows.values()),
                duplicates=self._counts["duplicates", ""],
                dead_letters=self._counts["dead", ""],
                desks=list(rows.values()),
                streets=streets,
                feed=list(self._feed)[::-1],
                alerts=[
                    msgspec.structs.replace(
                        alert, sent_at=alert.sent_at.astimezone(self._rules.calendar.zone), cap=""
                    )
                    for alert in list(self._alerts)[::-1][:12]
                ],
                dispatch_seconds=round(waits[len(waits) // 2], 1) if waits else None,
                unconfirmed=self._waiting.by_desk.total(),
                first_due=first.due.astimezone(self._rules.calendar.zone) if first else None,
                first_unit_zh=unit.name_zh if unit else "",
                first_unit_en=(unit.name_en or unit.name_zh) if unit else "",
                flow=self._day(now.astimezone(self._rules.calendar.zone).date()),
            )

    def _day(self, day: date) -> list[tuple[int, int]]:
        """Return what was opened and closed in each hour of a city day."""
        return [(self._flow[day, hour, "opened"], self._flow[day, hour, "closed"]) for hour in range(24)]

    def _hear_step(self, step: Transition) -> None:
        if step.verb == "REPORT" and step.change.matter == "INCIDENT":
            self._begin(step)
        elif step.verb in ("UNMERGE", "REOPEN"):
            self._again(step)
        case = self._open.get(step.case_no)
        if case is None:
            return  # not an incident, or over
        case = self._open[step.case_no] = self._changed(case, step)
        if step.verb == "DISPATCH" and step.case_no in self._reported:
            self._dispatch.append((step.at - self._reported.pop(step.case_no)).total_seconds())
        self._feed.append(self._line(step, case))
        if step.to in ENDS:
            if step.to != MERGED:
                self._flows("closed", step.at)
            self._end(step.case_no, merged=step.to == MERGED)

    def _begin(self, step: Transition) -> None:
        change = step.change
        self._counts["cases", ""] += 1
        self._flows("opened", step.at)
        self._keep(step.case_no, step.desk, change.placement, "", str(change.category))
        if change.reported_at is not UNSET and change.reported_at is not None:
            self._reported[step.case_no] = change.reported_at

    def _changed(self, case: _Open, step: Transition) -> _Open:
        """Return what the page needs of a case after a step."""
        change = step.change
        if change.unit is not UNSET:
            case = case._replace(unit=change.unit)
        if change.desk is not UNSET:
            case = case._replace(desk=change.desk)
        if change.placement is not UNSET:
            case = case._replace(street=change.placement.street, grid=change.placement.grid)
        for clock in [] if change.clocks is UNSET else change.clocks:
            if clock.name == HANDLE:
                case = case._replace(due=clock.due if clock.since else None)
                if step.verb == "FINISH":
                    case = self._finished(case, in_time=not clock.overdue)
        return case

    def _again(self, step: Transition) -> None:
        """Take a case up again that was over: one told apart is a case of its own, a reopened one is not closed."""
        change = step.change
        assert change.placement is not UNSET
        self._counts["cases", ""] += step.verb == "UNMERGE"
        self._counts["closed", step.desk] -= step.verb == "REOPEN"
        self._keep(step.case_no, step.desk, change.placement, "", str(change.category))
        for clock in [] if change.clocks is UNSET else change.clocks:
            if step.verb == "REOPEN" and clock.name == HANDLE and clock.unit == change.unit:
                self._open[step.case_no] = self._open[step.case_no]._replace(in_time=not clock.overdue)

    def _line(self, step: Transition, case: _Open | Case) -> FeedLine:
        names = self._rules.form.states.get(step.to, {})
        units, catalogue = self._rules.units, self._rules.catalogue.categories
        category, unit = catalogue.get(("city", case.category)), units.by_code.get(case.unit)
        return FeedLine(
            at=step.at.astimezone(self._rules.calendar.zone),
            case_no=step.case_no,
            desk=step.desk,
            verb=step.verb,
            state_zh=names.get("zh", step.to),
            state_en=names.get("en", step.to),
            category_zh=category.name_zh if category else case.category,
            category_en=(category.name_en or category.name_zh) if category else case.category,
            unit_zh=unit.name_zh if unit else "",
            unit_en=(unit.name_en or unit.name_zh) if unit else "",
        )

    def _keep(self, case_no: str, desk: str, placement: Placement | UnsetType, unit: str, category: str) -> None:
        street, grid = ("", "") if placement is UNSET else (placement.street, placement.grid)
        self._open[case_no] = _Open(desk, street, unit, category, None, None, grid)

    def _flows(self, what: str, at: datetime) -> None:
        """Count what was opened or closed by hour of the city's day; only the last two days are kept."""
        local = at.astimezone(self._rules.calendar.zone)
        self._flow[local.date(), local.hour, what] += 1
        if len(self._flow) > _KEPT_HOURS:
            newest = sorted({day for day, _, _ in self._flow})[-2:]
            self._flow = Counter({key: count for key, count in self._flow.items() if key[0] in newest})

    def load(self, now: datetime, street: str) -> dict[str, tuple[int, int]]:
        """Return the open and the overdue cases of each grid of a street."""
        found: dict[str, tuple[int, int]] = {}
        with self._lock:
            for case in self._open.values():
                if case.street == street:
                    opened, late = found.get(case.grid, (0, 0))
                    found[case.grid] = (opened + 1, late + (case.due is not None and case.due < now))
        return found

    def encoded(self, now: datetime) -> bytes:
        """Return the state as JSON: the same bytes for all who ask within half a second of each other."""
        if self._said is None or not 0 <= (now - self._said[0]).total_seconds() < _SAME_S:
            self._said = (now, msgspec.json.encode(self.state(now)))
        return self._said[1]

    def _finished(self, case: _Open, *, in_time: bool) -> _Open:
        """Count a case as finished once, and in time by its last finish: work done anew is no second case."""
        self._counts["finished", case.desk] += case.in_time is None
        self._counts["in_time", case.desk] += in_time - bool(case.in_time)
        return case._replace(in_time=in_time)

    def _end(self, case_no: str, *, merged: bool = False) -> None:
        case = self._open.pop(case_no)
        self._reported.pop(case_no, None)
        self._counts["closed", case.desk] += not merged
        self._counts["cases", ""] -= merged
