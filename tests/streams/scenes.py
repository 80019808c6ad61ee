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

from streams.records import Ack, Action, Effects, Item, PackActivated, Report, Tick, together
from streams.stages.acceptance import Accepted
from streams.stages.desk import clocks
from streams.stages.desk.desks import Desks
from streams.stages.intake import route

ZONE = ZoneInfo("Asia/Shanghai")
BELLTOWER, WHARF, EASTGATE, PARK = "990101002", "990101001", "990102001", "990102002"
DESK, OTHER_DESK, CITY_DESK = "990101", "990102", "990100"
OFFICE, CENTRE, CHECKER, CITY_CENTRE = "990101002-OF", "990101-CC", "990101-SV", "990100-CC"
OTHER_OFFICE = "990101001-OF"

_numbers = itertools.count(1)

_CLOSED = ("ACCEPT", "FILE", "DISPATCH", "SIGN", "START", "FINISH", "REQUEST_CHECK", "CHECK_PASS", "CLOSE")

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
    "CLOSED": _CLOSED,
    "DISPUTED": ("ACCEPT", "FILE", "DISPUTE"),
    "SUSPENDED": ("ACCEPT", "FILE", "DISPATCH", "SIGN", "START", "ASK_SUSPENSION", "GRANT"),
    "EVALUATED": (*_CLOSED, "EVALUATE"),
    "FORCED_CLOSED": ("ACCEPT", "FILE", "DISPATCH", "SIGN", "START", "FORCE_CLOSE"),
    "CANCELLED": ("CANCEL",),
    "MERGED": ("MERGE",),
    "NOT_ACCEPTED": ("REFUSE",),
    "NOT_FILED": ("ACCEPT", "DECLINE"),
    "REWORK": ("ACCEPT", "FILE", "DISPATCH", "SIGN", "START"),
}
"""How people bring a case into each state. REWORK is left at once, so a case is put there by hand."""

_HANDLER = ("SIGN", "ASSIGN", "UNASSIGN", "START", "FINISH", "RETURN", "REQUEST_HELP", "ASK_EXTENSION",
            "ASK_SUSPENSION", "APPEAL")  # fmt: skip
_BY = {
    **dict.fromkeys(_HANDLER, OFFICE),
    **dict.fromkeys(("VERIFY_TRUE", "VERIFY_FALSE", "CHECK_PASS", "CHECK_FAIL", "EVALUATE"), CHECKER),
    "REPLY_HELP": "990101-EN",
    "WITHDRAW": "grid-app",
}
_PAYLOAD: dict[str, dict[str, Any]] = {
    "REDISPATCH": {"unit": OFFICE},
    "ASSIGN": {"team": "A"},
    "FINISH": {"evidence": ["photo"]},
    "RETURN": {"relies_on": "002-01"},
    "REQUEST_HELP": {"unit": "990101-EN"},
    "RULE": {"unit": OFFICE, "scope_type": "STREET"},
    "ASK_SUSPENSION": {"until": "2026-04-01"},
    "APPEND": {"text": "more"},
    "RECLASSIFY": {"category": "E-02-02"},
    "TRANSFER": {"desk": OTHER_DESK},
    "KEEP_APART": {"case": "9901012026030299999"},
    "CONTACT": {"reached": "yes"},
    "SATISFACTION": {"responded": "yes", "solved": "yes", "satisfied": "no"},
}


def when(text: str) -> datetime:
    """Read `03-02 09:00`, a moment of 2026 in the city, or `2026-03-02 09:00:30`."""
    return datetime.fromisoformat(text if text[4:5] == "-" else f"2026-{text}").replace(tzinfo=ZONE)


def make_report(at: datetime, *, street: str = BELLTOWER, **fields: Any) -> Report:
    """Make an ordinary report, by default of litter, by a grid worker, at a place well inside a street.

    Reports lie over 60 m apart, so that none is taken for another's repeat; the places of twenty come round again.
    """
    number = next(_numbers)
    lon, lat = point(street)
    east, north = number % 4, number // 4 % 5
    made: dict[str, Any] = {
        "report_id": f"r{number}",
        "system": "grid-app",
        "system_no": f"{number}",
        "channel": "GRID_WORKER",
        "reported_at": at,
        "scheme": "city",
        "category": "E-01-10",
        "lon": lon + 0.0001 + 0.00066 * east,
        "lat": lat + 0.0001 + 0.00057 * north,
    }
    return Report(**{**made, **fields})


class Scene:
    """All desks of a city in one partition, and everything that has come of what they received."""

    def __init__(self, city: Any, *others: Any) -> None:
        """`others` are packs that may be put in force later."""
        self.city = city
        self.packs = {one.digest: one for one in (city, *others)}
        self.desks = Desks(city, self.packs.__getitem__) if others else Desks(city)
        self.position = 0
        self.items: list[Item] = []
        self.parts: list[dict[str, Effects]] = []
        self.told: list[Effects] = []
        self.last = Effects()
        self.at = "03-02 09:01"

    def __getitem__(self, case_no: str) -> Any:
        return self.desks.current(case_no)

    def find(self, case_no: str) -> Any:
        """Return a case, None if no desk remembers it."""
        return next((case for case in self.cases if case.case_no == case_no), None)

    @property
    def cases(self) -> list[Any]:
        """All cases that desks remember, in the order of their numbers."""
        return sorted((case for desk in self.desks for case in desk.book.cases.values()), key=lambda c: c.case_no)

    @property
    def book(self) -> Any:
        """The book of the desk where things happen unless said otherwise."""
        return self.desks[DESK].book

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
        """Let a desk receive one input, and then the others what it sends them."""
        self.position += 1
        item = Item(self.position, desk, at.astimezone(UTC), body)
        self.items.append(item)
        self.parts.append(self.desks.receive([item]))
        effects = together(self.parts[-1].values())
        self.told.append(effects)
        for sent in effects.outgoing:
            self.give(sent.desk, sent.at, sent.body)
        self.last = effects
        return effects

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
        case = self.find(case_no)
        desk = asked.pop("at_desk", case.desk if case else CITY_DESK)
        centre = self.city.rules.places.desks[case.desk].centre if case else CENTRE
        by = by or self._who(verb, case, centre)
        action = Action(
            action_id=asked.pop("action_id", f"a{next(_numbers)}"),
            case_no=case_no,
            verb=verb,
            actor=asked.pop("actor", "somebody"),
            actor_unit=by,
            at=when(at),
            reason=asked.pop("reason", "because"),
            payload=asked["payload"] if "payload" in asked else {**self._payload(verb, case), **asked},
        )
        return self.give(desk, when(at), action)

    def _who(self, verb: str, case: Any, centre: str) -> str:
        """Name a unit that may take an action: who holds the case, who reviews, else the desk's centre."""
        if verb in ("GRANT", "DENY") and case and "APPEAL" in case.requests:
            return CHECKER
        if case and verb == "RETURN" and case.state == "RETURNED":
            return centre
        if case and case.unit and _BY.get(verb) == OFFICE:
            return str(case.unit)
        return _BY.get(verb, centre)

    def _payload(self, verb: str, case: Any) -> dict[str, Any]:
        """Return what an action brings, where it depends on the case: what is asked, another case, a place."""
        if verb in ("GRANT", "DENY"):
            return {"request": next(iter(case.requests), "EXTENSION") if case else "EXTENSION"}
        if verb == "MERGE":
            return {"master": self.report(self.at)}
        if verb == "RELOCATE":
            lon, lat = point(BELLTOWER, 2)
            return {"lon": lon, "lat": lat}
        return _PAYLOAD.get(verb, {})

    def late(self, state: str) -> str:
        """Bring a case into a state so late that its handling clock is overdue; `at` is a moment after that."""
        number = self.bring("DISPATCHED", "03-02 09:00")
        for verb in TO_STATE[state][3:]:
            self.act(number, verb, "03-05 09:00")
        self.at = "03-05 09:01"
        return number

    def ack(self, alert_id: str, at: str, by: str = "") -> Effects:
        """Let a centre confirm an alert, by default the one that was told."""
        told = next((alert.unit for alert in self.alerts if alert.alert_id == alert_id), CENTRE)
        desk = self[alert_id[7:26]].desk if self.find(alert_id[7:26]) else DESK
        return self.give(desk, when(at), Ack(alert_id, desk, by or told, when(at)))

    def activate(self, city: Any, at: str) -> None:
        """Put a pack in force at every desk; reports are routed under it from then on."""
        self.city = city
        for desk in city.rules.places.desks:
            self.give(desk, when(at), PackActivated(city.digest, when(at), desk))

    def tick(self, at: str, desk: str = DESK) -> Effects:
        """Let time pass."""
        return self.give(desk, when(at), Tick(desk, when(at)))

    def bring(self, state: str, at: str, **fields: Any) -> str:
        """Report something and bring its case into a state, all at one moment."""
        number = self.report(at, **fields)
        for verb in TO_STATE[state]:
            self.act(number, verb, at)
        if state == "REWORK":
            book = self.desks[self[number].desk].book
            book.cases[number] = msgspec.structs.replace(self[number], state=state)
        assert self[number].state == state
        return number

    def clock(self, case_no: str, name: str, unit: str = "") -> Any:
        """Return the last clock of a name, of a unit if one is given."""
        found = [one for one in self[case_no].clocks if one.name == name and (not unit or one.unit == unit)]
        assert len({one.unit for one in found}) == 1, f"{len(found)} clocks {name} {unit}"
        return found[-1]

    def used(self, case_no: str, name: str, at: str, unit: str = "") -> float:
        """Return the counted seconds that a clock has used by a moment."""
        return clocks.used_by(self.city.rules.calendar, self.clock(case_no, name, unit), when(at))
