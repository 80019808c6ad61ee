"""The casebook: what one desk remembers, as a fold over its transitions.

The book changes by `apply` alone, so a book rebuilt from the log is the same book. Closed cases leave it after
the repeat window, those merged into another not before that one; of them the source numbers stay, for as long as a
repeat is still recognised. A case that another desk has taken over leaves a stub, so that what still arrives here can
be sent on; one that came from another desk leaves one, too, since a copy of its transfer may come at any time.
"""

from __future__ import annotations

import heapq
from collections import deque
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET

from grids.codes import DISTRICT
from grids.duties.receipts import Ruling
from streams.records import Attendance, Case, Change, Clock, Source, Transition
from streams.stages.desk.agenda import Agenda
from streams.stages.desk.lifecycle import OPEN
from streams.stages.desk.sightings import Sightings

if TYPE_CHECKING:
    from grids.rules import Rules
    from streams.stages.desk.clocks import Due

_DAY_DIGITS = 8

_ATTENDANCE = timedelta(days=7)
"""For how long words of being on duty are remembered: as long as any pack may let them hold (`limits.duty_hours`)."""

_CHANGES = Change.__struct_fields__


class DeskState(msgspec.Struct, kw_only=True):
    """All that a desk remembers at one position of its log, from which it goes on as if it had never stopped.

    `attendance` is what workers last said of being on duty, in the order in which they did; `serials` are the last
    used by city date; `sources` the numbers known of cases, with the case; `moved` the cases that other desks have
    taken over, with their desk and the step by which they left; `received` those that came from other desks, with
    the step by which they last did.
    """

    desk: str
    pack: str
    pack_from: datetime | None = None
    now: datetime | None
    cases: list[Case]
    sources: list[tuple[str, Source]]
    serials: list[tuple[date, int]]
    moved: list[tuple[str, str, int]]
    received: list[tuple[str, int]] = []
    rulings: list[Ruling]
    attendance: list[Attendance] = []


def apply(case: Case | None, transition: Transition, values: dict[str, Any] | None = None) -> Case:
    """Fold one transition into a case: the one rule by which cases come from the log.

    The first transition of a case brings every field that a case needs. Who has just written the transition knows
    what it sets and may say so in `values`.
    """
    if values is None:
        change = transition.change
        values = {name: value for name in _CHANGES if (value := getattr(change, name)) is not UNSET}
    if case is None:
        values.setdefault("desk", transition.desk)
        values.setdefault("opened_at", transition.at)
        return Case(case_no=transition.case_no, state=transition.to, seq=transition.seq, **values)
    if "clocks" in values:
        values["clocks"] = _merged(case.clocks, values["clocks"])
    head, _, name = transition.cause.partition(":")
    if head == "action" and name not in case.actions[-1:]:
        values["actions"] = [*case.actions, name]
    return msgspec.structs.replace(case, state=transition.to, seq=transition.seq, **values)


def _merged(clocks: list[Clock], changed: list[Clock]) -> list[Clock]:
    fresh = {clock.key: clock for clock in changed}
    kept = [fresh.pop(clock.key, clock) for clock in clocks]
    return [*kept, *fresh.values()]


def _looks_other(before: Case, after: Case) -> bool:
    """Say whether a step changed anything by which a report is found to repeat a case."""
    return (
        (before.state in OPEN) != (after.state in OPEN)
        or before.category != after.category
        or before.placement is not after.placement
        or before.component_id != after.component_id
        or before.text != after.text
        or before.merged != after.merged
        or before.closed_at != after.closed_at
    )


class CaseBook:
    """One desk's cases, with the indexes that it asks.

    `sources` finds a case by its source's number; `sightings` the open case that a report may repeat; `moved` says
    where a case has gone, `received` by which step it came; `now` is the desk's time, the highest it has seen.
    """

    def __init__(self, desk: str, rules: Rules) -> None:
        self.desk = desk
        self.rules = rules
        self.now: datetime | None = None
        self.cases: dict[str, Case] = {}
        self.sources: dict[tuple[str, str], tuple[str, Source]] = {}
        self.moved: dict[str, tuple[str, int]] = {}
        self.received: dict[str, int] = {}
        self.rulings: dict[str, Ruling] = {}
        self.attendance: dict[str, Attendance] = {}
        self.sightings = Sightings(rules)
        self._serials: dict[date, int] = {}
        self._agenda = Agenda(rules, self.cases)
        self._closed: list[tuple[datetime, str]] = []
        self._known: deque[tuple[str, str]] = deque()

    def state(self, pack: str, pack_from: datetime | None = None) -> DeskState:
        """Return all that this desk remembers, working under the pack of a digest since a moment."""
        return DeskState(
            desk=self.desk,
            pack=pack,
            pack_from=pack_from,
            now=self.now,
            cases=list(self.cases.values()),
            sources=[self.sources[key] for key in self._known],
            serials=sorted(self._serials.items()),
            moved=[(number, desk, seq) for number, (desk, seq) in self.moved.items()],
            received=list(self.received.items()),
            rulings=list(self.rulings.values()),
            attendance=list(self.attendance.values()),
        )

    def restore(self, state: DeskState) -> None:
        """Fill an empty book from a state."""
        self.now = state.now
        self._serials = dict(state.serials)
        self.moved = {number: (desk, seq) for number, desk, seq in state.moved}
        self.received = dict(state.received)
        self.rulings = {ruling.row: ruling for ruling in state.rulings}
        self.attendance = {said.worker: said for said in state.attendance}
        for case_no, source in state.sources:
            self._note_source(case_no, source)
        self.cases.update((case.case_no, case) for case in state.cases)
        for case in state.cases:
            self._remember(None, case)

    def adopt(self, rules: Rules) -> None:
        """Go on under other rules: what is due when, and what is near, is worked out anew."""
        self.rules = rules
        self._agenda, self.sightings = Agenda(rules, self.cases), Sightings(rules)
        for case in self.cases.values():
            self._agenda.note(case.case_no)
            self.sightings.note(case, self.cases)

    def serial(self, day: date) -> int:
        """Return the next case serial on a city date."""
        return self._serials.get(day, 0) + 1

    def apply(self, transition: Transition, values: dict[str, Any] | None = None) -> Case:
        """Fold a transition in, and keep every index true; `values` are what it sets, if that is known already."""
        before = self.cases.get(transition.case_no)
        after = apply(before, transition, values)
        if transition.ruling is not None:
            self.rulings[transition.ruling.row] = transition.ruling
        if transition.verb == "RECEIVE":
            self.received[transition.case_no] = transition.seq
            self._miss(after, transition.heard_at or transition.at)
        if after.desk != self.desk:
            self._hand_over(after)
        else:
            self.moved.pop(after.case_no, None)
            self._remember(before, after)
        return after

    def case(self, case_no: str, at: datetime) -> Case | None:
        """Return a case that the desk still has at a moment: open, or ended no longer ago than the repeat window.

        What is remembered depends on the moment alone and not on when memory was last cleared, so that a book
        rebuilt from the log answers the same.
        """
        case = self.cases.get(case_no)
        if case is None:
            return None
        window = timedelta(days=self.rules.duplicates.repeat.days)
        gone = case.state not in OPEN and (case.closed_at or case.opened_at) < at - window
        return None if gone else case

    def known(self, system: str, system_no: str, at: datetime) -> tuple[str, Source] | None:
        """Return what the desk remembers of a source's number: its case's number, and the source."""
        found = self.sources.get((system, system_no))
        if found is None or found[1].at < at - timedelta(days=self.rules.duplicates.memory_days):
            return None
        return found

    def attend(self, said: Attendance) -> None:
        """Note that a worker goes on or off duty."""
        self.attendance.pop(said.worker, None)
        self.attendance[said.worker] = said

    def lasts(self, said: Attendance, at: datetime) -> bool:
        """Say whether it is still so at a moment what a worker has said; else they go by their shift again."""
        return at < said.at + timedelta(hours=self.rules.form.limits.duty_hours)

    def pop_due(self, until: datetime) -> tuple[Case, Due] | None:
        """Take what clocks reach next at or before a moment, in the order due, case, clock."""
        return self._agenda.pop(until)

    def next_due(self) -> datetime | None:
        """Return when the next clock is due, for a host that must send a tick."""
        return self._agenda.next()

    def forget(self) -> None:
        """Free the memory of closed cases after the repeat window, and of source numbers after theirs."""
        now, closed, known = self.now, self._closed, self._known
        if now is None:
            return
        window = timedelta(days=self.rules.duplicates.repeat.days)
        while closed and closed[0][0] < now - window:
            number = heapq.heappop(closed)[1]
            case = self.cases.get(number)
            if case is not None and self.case(number, now) is None and case.master not in self.cases:
                del self.cases[number]
                self._leave(case)
        self.sightings.forget(now)
        while self.attendance and (said := next(iter(self.attendance.values()))).at < now - _ATTENDANCE:
            del self.attendance[said.worker]
        memory = timedelta(days=self.rules.duplicates.memory_days)
        while known and self.sources[known[0]][1].at < now - memory:
            del self.sources[known.popleft()]

    def _hand_over(self, after: Case) -> None:
        """Let a case go to another desk, and remember where it went."""
        self.moved[after.case_no] = (after.desk, after.seq)
        self.cases.pop(after.case_no, None)
        self._agenda.note(after.case_no)
        self.sightings.drop(after.case_no)
        self._leave(after)

    def _leave(self, master: Case) -> None:
        """Let those merged into a case that is gone go, too, once their own time is over."""
        for number in master.merged:
            if (case := self.cases.get(number)) is not None:
                self._close(case)

    def _miss(self, master: Case, at: datetime) -> None:
        """Be without those merged into a case that comes back whose own time was over while it was away."""
        for number in master.merged:
            case = self.cases.get(number)
            if case is not None and case.master == master.case_no and self.case(number, at) is None:
                del self.cases[number]

    def _close(self, case: Case) -> None:
        heapq.heappush(self._closed, (case.closed_at or case.opened_at, case.case_no))

    def _remember(self, before: Case | None, after: Case) -> None:
        self.cases[after.case_no] = after
        self._agenda.note(after.case_no)
        if before is None:
            self._count(after.case_no)
        if before is None or after.sources is not before.sources:
            for source in after.sources:
                self._note_source(after.case_no, source)
        if before is None or _looks_other(before, after):
            self.sightings.note(after, self.cases)
            if (master := self.cases.get(after.master)) is not None:
                self.sightings.note(master, self.cases)  # it is found by what those merged into it say, too
        if after.state not in OPEN and (before is None or before.state in OPEN):
            self._close(after)

    def _note_source(self, case_no: str, source: Source) -> None:
        key = (source.system, source.system_no)
        if key not in self.sources:
            self._known.append(key)
        self.sources[key] = (case_no, source)

    def _count(self, case_no: str) -> None:
        """Note the serial that a case number has used, if it is one of this desk's own."""
        if case_no[:DISTRICT] == self.desk:
            text = case_no[DISTRICT : DISTRICT + _DAY_DIGITS]
            day = date(int(text[:4]), int(text[4:6]), int(text[6:]))
            self._serials[day] = max(self._serials.get(day, 0), int(case_no[DISTRICT + _DAY_DIGITS :]))
