"""Telling a story to desks in memory: reports, actions and time, and looking at what came of them.

    scene = Scene(city)
    no = scene.report("03-02 09:00", category="E-01-10")   # Monday 2 March 2026, 09:00 in the city
    scene.act(no, "ACCEPT", "03-02 09:05")
    assert scene[no].state == "ACCEPTED"

Everything happens in street BELLTOWER of district 990101 unless said otherwise: its factor is 1, so limits are as
written. OFFICE is its street office, which leads for litter (E-01-10, 4 WORK_HOUR, NORMAL).
"""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from packs import point

from streams.records import Action, Effects, Item, Report, Tick
from streams.stages.acceptance import Accepted
from streams.stages.desk.casebook import CaseBook
from streams.stages.desk.desk import Desk
from streams.stages.intake import route

ZONE = ZoneInfo("Asia/Shanghai")
BELLTOWER, WHARF, EASTGATE, PARK = "990101002", "990101001", "990102001", "990102002"
DESK, OTHER_DESK, CITY_DESK = "990101", "990102", "990100"
OFFICE, CENTRE, CHECKER, CITY_CENTRE = "990101002-OF", "990101-CC", "990101-SV", "990100-CC"
OTHER_OFFICE = "990101001-OF"

_numbers = itertools.count(1)

TO_STATE: dict[str, tuple[str, ...]] = {
    "REPORTED": (),
    "VERIFYING": ("REQUEST_VERIFY",),
    "ACCEPTED": ("ACCEPT",),
    "FILED": ("ACCEPT", "FILE"),
    "DISPATCHED": ("ACCEPT", "FILE", "DISPATCH"),
    "SIGNED": ("ACCEPT", "FILE", "DISPATCH", "SIGN"),
    "HANDLING": ("ACCEPT", "FILE", "DISPATCH", "SIGN", "START"),
    "HANDLED": ("ACCEPT", "FILE", "DISPATCH", "SIGN", "START", "FINISH"),
    "CHECKING": ("ACCEPT", "FILE", "DISPATCH", "SIGN", "START", "FINISH", "REQUEST_CHECK"),
    "RETURNED": ("ACCEPT", "FILE", "DISPATCH", "RETURN"),
    "CLOSED": ("ACCEPT", "FILE", "DISPATCH", "SIGN", "START", "FINISH", "REQUEST_CHECK", "CHECK_PASS", "CLOSE"),
    "NOT_ACCEPTED": ("REFUSE",),
    "NOT_FILED": ("ACCEPT", "DECLINE"),
}
"""How people bring a case into each state that it may rest in."""

_BY = {
    **dict.fromkeys(("SIGN", "ASSIGN", "UNASSIGN", "START", "FINISH", "RETURN"), OFFICE),
    **dict.fromkeys(("VERIFY_TRUE", "VERIFY_FALSE", "CHECK_PASS", "CHECK_FAIL"), CHECKER),
}
_PAYLOAD: dict[str, dict[str, Any]] = {
    "REDISPATCH": {"unit": OFFICE},
    "ASSIGN": {"team": "A"},
    "FINISH": {"evidence": ["photo"]},
    "RETURN": {"relies_on": "002-01"},
}


def when(text: str) -> datetime:
    """Read `03-02 09:00`, a moment of 2026 in the city, or `2026-03-02 09:00:30`."""
    return datetime.fromisoformat(text if text[4:5] == "-" else f"2026-{text}").replace(tzinfo=ZONE)


def make_report(at: datetime, *, street: str = BELLTOWER, **fields: Any) -> Report:
    """Make an ordinary report, by default of litter, by a grid worker, at a place well inside a street."""
    number = next(_numbers)
    lon, lat = point(street)
    made: dict[str, Any] = {
        "report_id": f"r{number}",
        "system": "grid-app",
        "system_no": f"{number}",
        "channel": "GRID_WORKER",
        "reported_at": at,
        "scheme": "city",
        "category": "E-01-10",
        "lon": lon + 0.0001,
        "lat": lat + 0.0001,
    }
    return Report(**{**made, **fields})


class Scene:
    """All desks of a city on one book, and everything that has come of what they received."""

    def __init__(self, city: Any) -> None:
        self.city = city
        self.book = CaseBook(city.rules)
        self.desk = Desk(city, self.book)
        self.position = 0
        self.items: list[Item] = []
        self.told: list[Effects] = []
        self.last = Effects()

    def __getitem__(self, case_no: str) -> Any:
        return self.book.cases[case_no]

    @property
    def transitions(self) -> list[Any]:
        return [one for effects in self.told for one in effects.transitions]

    @property
    def alerts(self) -> list[Any]:
        return [one for effects in self.told for one in effects.alerts]

    @property
    def dead(self) -> list[Any]:
        return [one for effects in self.told for one in effects.dead_letters]

    def verbs(self, case_no: str) -> list[str]:
        return [one.verb for one in self.transitions if one.case_no == case_no]

    def count(self, name: str) -> int:
        return sum(effects.counters.get(name, 0) for effects in self.told)

    def give(self, desk: str, at: datetime, body: Any) -> Effects:
        """Let a desk receive one input."""
        self.position += 1
        item = Item(self.position, desk, at.astimezone(UTC), body)
        self.items.append(item)
        self.last = self.desk.receive([item])
        self.told.append(self.last)
        return self.last

    def send(self, report: Report, at: datetime) -> Effects:
        """Let a report through intake and give it to the desk of its place."""
        routed = route(self.city, [Accepted(report, at.astimezone(UTC), msgspec.json.encode(report))])[0]
        return self.give(routed.placement.desk, at, routed)

    def report(self, at: str, **fields: Any) -> str:
        """Let somebody report something; return the number of the case that it opened."""
        effects = self.send(make_report(when(at), **fields), when(at))
        return next(one.case_no for one in effects.transitions if one.verb == "REPORT")

    def act(self, case_no: str, verb: str, at: str, by: str = "", **asked: Any) -> Effects:
        """Let somebody act: by default a unit that may, with all that the verb needs."""
        case = self.book.cases.get(case_no)
        desk = asked.pop("desk", case.desk if case else CITY_DESK)
        centre = self.city.rules.places.desks[case.desk].centre if case else CENTRE
        by = by or (case.unit if case and case.unit and _BY.get(verb) == OFFICE else _BY.get(verb, centre))
        action = Action(
            action_id=asked.pop("action_id", f"a{next(_numbers)}"),
            case_no=case_no,
            verb=verb,
            actor="somebody",
            actor_unit=by,
            at=when(at),
            reason=asked.pop("reason", "because"),
            payload=asked.pop("payload", {**_PAYLOAD.get(verb, {}), **asked}),
        )
        return self.give(desk, when(at), action)

    def tick(self, at: str, desk: str = DESK) -> Effects:
        """Let time pass."""
        return self.give(desk, when(at), Tick(desk, when(at)))

    def bring(self, state: str, at: str, **fields: Any) -> str:
        """Report something and bring its case into a state, all at one moment."""
        number = self.report(at, **fields)
        for verb in TO_STATE[state]:
            self.act(number, verb, at)
        assert self[number].state == state
        return number

    def clock(self, case_no: str, name: str, unit: str = "") -> Any:
        """Return the clock of a name, of a unit if one is given."""
        found = [one for one in self[case_no].clocks if one.name == name and (not unit or one.unit == unit)]
        assert len(found) == 1, f"{len(found)} clocks {name} {unit}"
        return found[0]
