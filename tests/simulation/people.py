"""What people do: citizens and systems report, offices act on what the board shows, centres confirm alerts.

They mistype, repeat themselves, send updates late and out of order, act on what has changed meanwhile, and say when
they did what they did only afterwards.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from streams.records import Ack, Action, Alert, Attendance, Report
from streams.stages.desk.lifecycle import OPEN, VERBS
from tests.packs import LEAVES, STREETS, point
from tests.simulation.network import Letter

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from streams.records import Case
    from tests.simulation.world import World

_SYSTEMS = {"grid-app": "GRID_WORKER", "hotline": "HOTLINE", "video": "VIDEO"}
_HELPERS = ("990101-EN", "990102-EN", "HT-UM", "990100-WT")
_DESKS = ("990100", "990101", "990102", "9901HT")
_UNKNOWN = "9901012026063099999"

_ORDINARY = {
    "REPORTED": "ACCEPT", "VERIFYING": "VERIFY_TRUE", "ACCEPTED": "FILE", "FILED": "DISPATCH", "DISPATCHED": "SIGN",
    "SIGNED": "START", "HANDLING": "FINISH", "HANDLED": "REQUEST_CHECK", "CHECKING": "CHECK_PASS",
    "RETURNED": "REDISPATCH", "DISPUTED": "RULE", "SUSPENDED": "RESUME", "CLOSED": "EVALUATE", "MERGED": "UNMERGE",
}  # fmt: skip
_OTHER = {
    "REPORTED": "REQUEST_VERIFY REFUSE WITHDRAW RELOCATE RECLASSIFY MERGE KEEP_APART TRANSFER",
    "VERIFYING": "VERIFY_FALSE URGE TRANSFER",
    "ACCEPTED": "CLOSE DECLINE RECLASSIFY TRANSFER",
    "FILED": "DISPUTE TRANSFER MERGE RELOCATE",
    "DISPATCHED": "RETURN RETURN RETURN ASK_EXTENSION ASK_SUSPENSION REDISPATCH DISPUTE TRANSFER MERGE",
    "SIGNED": "ASSIGN REQUEST_HELP RETURN RETURN ASK_SUSPENSION ASK_EXTENSION RECLASSIFY TRANSFER",
    "HANDLING": "ASK_EXTENSION ASK_SUSPENSION REPLY_HELP UNASSIGN APPEAL SUPERVISE APPEND",
    "HANDLED": "CLOSE APPEAL",
    "CHECKING": "CHECK_FAIL",
    "RETURNED": "RETURN DISPUTE TRANSFER",
    "DISPUTED": "URGE TRANSFER",
    "SUSPENDED": "URGE APPEND FORCE_CLOSE",
    "CLOSED": "REOPEN APPEAL CONTACT SATISFACTION APPEND",
    "FORCED_CLOSED": "REOPEN",
}
"""What people ask of a case in each state: the ordinary thing, and others."""

_OF_UNIT = frozenset(
    {"SIGN", "ASSIGN", "UNASSIGN", "START", "FINISH", "RETURN", "REQUEST_HELP", "ASK_EXTENSION", "ASK_SUSPENSION",
     "APPEAL"}
)  # fmt: skip
_OF_CHECKER = frozenset({"VERIFY_TRUE", "VERIFY_FALSE", "CHECK_PASS", "CHECK_FAIL", "EVALUATE"})


class People:
    """Everybody outside, by the world's dice."""

    def __init__(self, world: World) -> None:
        self.world, self.dice = world, world.dice
        self.said: list[Report] = []
        self.seen: dict[str, int] = {}
        """The last step of each case on which somebody has acted: people wait until the board shows more."""

    def report(self) -> None:
        """Send a report: a new one, one that was sent before, an update of one, or something that is none."""
        dice = self.dice
        kind = dice.random()
        if self.said and kind < 0.1:
            self._send(dice.choice(self.said))
        elif self.said and kind < 0.25:
            self._send(self._update(dice.choice(self.said)))
        elif kind < 0.33:
            self.world.network.send(Letter("nonsense", body=self._nonsense()))
        else:
            self.said.append(self._new())
            self._send(self.said[-1])

    def act(self) -> None:
        """Ask something of a case that the board shows."""
        dice, cases = self.dice, self.world.store.board.cases
        going = [case for case in cases.values() if case.state in OPEN and self.seen.get(case.case_no) != case.seq]
        chosen = going[: dice.choice((4, 4, 4, 99))] if dice.random() < 0.9 else list(cases.values())
        if not chosen:
            return
        case = dice.choice(chosen)
        self.seen[case.case_no] = case.seq
        verb = self._verb(case)
        ago = timedelta(minutes=dice.choice((0, 0, 0, 1, 10, 90, 5000)))
        action = Action(
            action_id=f"a-{self.world.number()}",
            case_no=case.case_no if dice.random() < 0.98 else _UNKNOWN,
            verb=verb,
            actor=f"p{dice.randrange(9)}",
            actor_unit=self._unit(case, verb),
            at=self.world.now - ago,
            reason="" if dice.random() < 0.03 else "because",
            payload=_BRINGS[verb](self, case) if verb in _BRINGS else {},
        )
        self.world.network.send(Letter(action.action_id, deed=action))

    def confirm(self) -> None:
        """Confirm an alert that was delivered of late."""
        if not self.world.store.delivered:
            return
        name, body = self.dice.choice(self.world.store.delivered[-8:])
        alert = msgspec.json.decode(body, type=Alert)
        centre = self.world.first.rules.places.desks[alert.desk].centre
        by = centre if self.dice.random() < 0.9 else "990100-WT"
        ack = Ack(name, alert.desk, by, self.world.now - timedelta(minutes=self.dice.choice((0, 0, 3))))
        self.world.network.send(Letter(name, deed=ack))

    def attend(self) -> None:
        """Go on or off duty."""
        said = Attendance(
            f"w-{self.world.number()}",
            f"W{self.dice.randrange(1, 9):03d}",
            self.dice.random() < 0.5,
            self.world.now - timedelta(minutes=self.dice.choice((0, 0, 3, 300, 900))),
        )
        self.world.network.send(Letter(said.attendance_id, deed=said))

    def _send(self, report: Report) -> None:
        name = report.report_id or f"{report.system}/{report.system_no}"
        self.world.network.send(Letter(name, body=msgspec.json.encode(report)))

    def _new(self) -> Report:
        dice, number = self.dice, self.world.number()
        system = dice.choice(sorted(_SYSTEMS))
        said: dict[str, Any] = {"report_id": dice.choice(("", f"r-{number}")), "system_no": f"{number}"}
        lon, lat = point(dice.choice(STREETS), dice.choice((1, 2)))
        if dice.random() < 0.85:  # apart from each other; else at the same spot
            lon, lat = lon + dice.randrange(3) * 0.0006, lat + dice.randrange(4) * 0.0006
        if dice.random() < 0.93:
            said |= {"lon": round(lon, 6), "lat": round(lat, 6), "datum": "WGS84"}
        if dice.random() < 0.9:
            said |= {"scheme": "city", "category": dice.choice(LEAVES)}
        else:
            said |= {"matter": dice.choice(("COMPLAINT", "PRAISE"))}
        if dice.random() < 0.1:
            said["component_id"] = dice.choice(("M-1", "M-2"))
        return Report(
            system=system,
            channel=_SYSTEMS[system],  # type: ignore[arg-type]
            reported_at=self._a_while_ago(),
            severity=dice.choice((1, 2, 3, 4, 4, 4)),
            urgency=dice.choice(("NORMAL", "NORMAL", "URGENT")),
            text=dice.choice(("", "门口有垃圾", "a heap of litter", "it smells")),
            reporter=dice.choice(("", "citizen-1", "citizen-2")),
            self_handled=dice.random() < 0.05,
            **said,
        )

    def _update(self, report: Report) -> Report:
        """Return a later word of the same source, which may overtake others."""
        return msgspec.structs.replace(
            report,
            report_id=f"u-{self.world.number()}",
            text=report.text + " " + self.dice.choice(("worse", "better", "gone")),
            source_updated_at=self._a_while_ago(),
        )

    def _nonsense(self) -> bytes:
        dice, report = self.dice, self._new()
        body = msgspec.json.encode(report)
        wrong: tuple[dict[str, Any], ...] = (
            {"reported_at": self.world.now + timedelta(hours=1)},
            {"matter": "INCIDENT", "scheme": "nobody's", "category": "x"},
            {"lon": 1.0, "lat": 1.0},
            {"system_no": " "},
        )
        kind = dice.randrange(6)
        if kind < len(wrong):
            return msgspec.json.encode(msgspec.structs.replace(report, **wrong[kind]))
        return body[: dice.randrange(len(body))] if kind == len(wrong) else body.replace(b'"system"', b'"sistem"')

    def _a_while_ago(self) -> datetime:
        return self.world.now - timedelta(minutes=self.dice.choice((0, 0, 1, 20, 300)))

    def _verb(self, case: Case) -> str:
        dice = self.dice
        if dice.random() < 0.05:
            return dice.choice(sorted(VERBS))
        if case.requests and dice.random() < 0.6:
            return dice.choice(("GRANT", "GRANT", "DENY"))
        if case.flags.get("check_passed") and case.state == "HANDLED":
            return "CLOSE"
        if dice.random() < 0.65:
            return _ORDINARY.get(case.state, "APPEND")
        return dice.choice(_OTHER.get(case.state, "APPEND URGE").split())

    def _unit(self, case: Case, verb: str) -> str:
        """Name a unit that may, most of the time."""
        dice, centre = self.dice, self.world.first.rules.places.desks[case.desk].centre
        if dice.random() < 0.04:
            return dice.choice((*_HELPERS, "nobody", ""))
        if verb in _OF_UNIT and case.unit and not (verb == "RETURN" and case.state == "RETURNED"):
            return case.unit
        if verb in _OF_CHECKER or (verb in ("GRANT", "DENY") and "APPEAL" in case.requests):
            return "990100-SV"
        if verb == "REPLY_HELP":
            return next((one.unit for one in case.clocks if one.name == "HELP" and one.ended is None), "990101-EN")
        if verb == "WITHDRAW":
            return case.sources[0].system
        return centre

    def street(self, case: Case) -> str:
        """Return the case's street, any if it has no place."""
        return case.placement.street or self.dice.choice(STREETS)

    def other(self, case: Case) -> str:
        """Return a case of the same desk, as the board shows it; perhaps the same one."""
        return self.dice.choice(
            [one.case_no for one in self.world.store.board.cases.values() if one.desk == case.desk]
        )

    def somewhere(self) -> dict[str, float]:
        """Return a place."""
        lon, lat = point(self.dice.choice(STREETS))
        return {"lon": lon, "lat": lat}

    def until(self) -> str:
        """Return a moment to come."""
        return (self.world.now + timedelta(hours=self.dice.choice((2, 9, 30)))).isoformat()


_BRINGS: dict[str, Callable[[People, Case], dict[str, Any]]] = {
    "REDISPATCH": lambda who, case: {"unit": who.dice.choice((f"{who.street(case)}-OF", "990101-EN", "990102-EN"))},
    "RULE": lambda who, case: {
        "unit": f"{who.street(case)}-OF",
        "scope_type": who.dice.choice(("STREET", "CITY", "CELL")),
    },
    "ASSIGN": lambda _, __: {"team": "A"},
    "FINISH": lambda _, __: {"evidence": ["photo"]},
    "RETURN": lambda _, __: {"relies_on": "002-01"},
    "REQUEST_HELP": lambda who, _: {"unit": who.dice.choice(_HELPERS)},
    "ASK_SUSPENSION": lambda who, _: {"until": who.until()},
    "APPEND": lambda _, __: {"text": "more"},
    "RECLASSIFY": lambda who, _: {"category": who.dice.choice(LEAVES)},
    "TRANSFER": lambda who, _: {"desk": who.dice.choice(_DESKS)},
    "RELOCATE": lambda who, _: who.somewhere(),
    "MERGE": lambda who, case: {"master": who.other(case)},
    "KEEP_APART": lambda who, case: {"case": who.other(case)},
    "GRANT": lambda who, case: {"request": who.dice.choice(sorted(case.requests) or ["EXTENSION"])},
    "DENY": lambda who, case: {"request": who.dice.choice(sorted(case.requests) or ["EXTENSION"])},
    "CONTACT": lambda _, __: {"reached": "yes"},
    "SATISFACTION": lambda _, __: {"responded": "yes", "solved": "no", "satisfied": "unreached"},
}
"""What a verb brings with it."""
