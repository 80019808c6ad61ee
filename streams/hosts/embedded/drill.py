"""A drill: an exercise from the report to the last confirmation, in virtual time, on a host and an outbox of its own.

Everything is real but the time and the people: intake, desk, log and outbox work as they do for an incident; a unit
confirms what it is told after a while, or is silent, and then the next way and the next level have their turn.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from streams.hosts.embedded.host import EmbeddedHost
from streams.outlets.board.sqlite import SqliteBoard
from streams.outlets.delivery.deliverer import Deliverer, one_log
from streams.records import Ack, Action, Report
from streams.stages.acceptance import Accepted

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from grids.city import City
    from grids.telling import Way
    from streams.outlets.delivery.messages import Message
    from streams.records import Alert, Case, Deed

LONGEST = timedelta(hours=3)
"""After so long a drill ends, whoever has confirmed."""

_NEXT = {"REPORTED": "ACCEPT", "ACCEPTED": "FILE", "FILED": "DISPATCH", "DISPATCHED": "SIGN", "SIGNED": "START"}
"""What is done at once, by the centre or by who leads, so that nothing but the alerts is late."""


class NoSuchDeskError(ValueError):
    """A desk that the city doesn't have, or one that commands no ground."""


@dataclass
class Told:
    """One row of the table: an alert on a way (empty: the board alone), and when it was confirmed, by whom."""

    at: datetime
    alert: Alert
    way: str
    confirmed: datetime | None = None
    by: str = ""


@dataclass
class Drill:
    """One exercise at a desk. `silent` units never answer; the others do after `answer`."""

    city: City
    desk: str
    start: datetime
    severity: Literal[1, 2, 3, 4] = 2
    silent: Collection[str] = ()
    answer: timedelta = timedelta(seconds=90)
    rows: list[Told] = field(default_factory=list)
    case_no: str = ""

    def run(self) -> None:
        """Run the exercise to its end; `rows` are then what was told, in order. Raises NoSuchDeskError."""
        report = self._report()
        self._waiting: list[tuple[datetime, Deed]] = []
        self._seen: set[str] = set()
        self._now = self.start
        with tempfile.TemporaryDirectory(prefix="onegrid-drill-") as folder:
            self._host = EmbeddedHost(self.city, Path(folder), self.start)
            self._board = SqliteBoard(self._host.store.path)
            deliverer = Deliverer(
                self.city.rules.alerting,
                one_log(self._board.log.read),
                Path(folder),
                lambda: self._now,
                channel=lambda way: _Ear(self, way),
            )
            try:
                self._host.drain()
                self._host.accept([Accepted(report, self.start, msgspec.json.encode(report))])
                self._work(deliverer)
                self._file(deliverer)
                while (moment := self._next()) is not None and moment <= self.start + LONGEST:
                    self._now = max(self._now, moment)
                    self._work(deliverer)
                self._ask("CANCEL", "演练结束 the exercise is over")
                self._work(deliverer)
            finally:
                deliverer.stop()
                self._board.close()
                self._host.close()

    @property
    def unconfirmed(self) -> list[Told]:
        """What had to be confirmed and was not, each alert once."""
        asked = {row.alert.alert_id: row for row in self.rows if row.alert.ack_due is not None}
        return [row for row in asked.values() if row.confirmed is None]

    def hear(self, way: Way | None, alerts: list[Alert]) -> None:
        """Take note of what a unit is told, and let it answer if it is one that does."""
        for alert in alerts:
            self.rows.append(Told(self._now, alert, f"{way.kind} {way.target}" if way else ""))
            if alert.ack_due is not None and alert.unit not in self.silent and alert.alert_id not in self._seen:
                self._seen.add(alert.alert_id)
                at = self._now + self.answer
                self._waiting.append((at, Ack(alert.alert_id, alert.desk, f"{alert.unit}/drill", at)))

    def _report(self) -> Report:
        rules = self.city.rules
        spots = [number for number, place in enumerate(self.city.cell_places) if place.desk == self.desk]
        if self.desk not in rules.places.desks or not spots:
            known = " ".join(sorted(desk.code for desk in rules.places.desks.values() if desk.level != "CITY"))
            raise NoSuchDeskError(f"{self.desk!r} commands no ground here; expected one of {known}")
        lon, lat = (float(degrees) for degrees in self.city.inner_points()[spots[0]])
        category = next(leaf for leaf in rules.catalogue.leaves if leaf in rules.catalogue.conditions)
        return Report(
            report_id="drill", system="drill", system_no="1", channel="INSPECTION", reported_at=self.start,
            scheme="city", category=category, severity=self.severity, lon=lon, lat=lat,
            datum="WGS84", text="演练，请勿当真 This is an exercise", attributes={"exercise": True},
        )  # fmt: skip

    def _file(self, deliverer: Deliverer) -> None:
        """Bring the case to where somebody is at work on it."""
        (case,) = self._host.store.cases()
        self.case_no = case.case_no
        while (verb := _NEXT.get(self._case().state)) is not None:
            self._ask(verb, "演练 exercise")
            self._work(deliverer)

    def _case(self) -> Case:
        return self._host.current(self.case_no)

    def _ask(self, verb: str, reason: str) -> None:
        unit = self.city.rules.places.desks[self.desk].centre
        if verb in ("SIGN", "START"):
            unit = self._case().unit
        action = Action(
            action_id=f"drill-{verb}", case_no=self.case_no, verb=verb, actor="drill", actor_unit=unit,
            at=self._now, reason=reason,
        )  # fmt: skip
        self._host.submit([(action, self._now)])

    def _next(self) -> datetime | None:
        """Return when something happens next that has to do with confirming; None once nothing will."""
        case = self._case()
        climbing = [
            clock
            for clock in case.clocks
            if clock.name == "ACK" and clock.ended is None
            and clock.tiers < len(self.city.rules.tiers_of(clock.name, clock.unit))
        ]  # fmt: skip
        moments = [at for at, _ in self._waiting]
        if climbing and (due := self._host.next_due()) is not None:
            moments.append(due)
        return min(moments, default=None)

    def _work(self, deliverer: Deliverer) -> None:
        """Let everything happen that is due by now."""
        due = [deed for at, deed in self._waiting if at <= self._now]
        self._waiting = [(at, deed) for at, deed in self._waiting if at > self._now]
        self._host.submit([(deed, self._now) for deed in due])
        self._host.tick(self._now)
        for effects in self._host.drain():
            for step in effects.transitions:
                if step.verb == "ACK":
                    self._confirm(step.payload["alert_id"], step.at, step.actor)
            for alert in effects.alerts:
                if not self.city.rules.alerting.ways.get(alert.unit):
                    self.hear(None, [alert])
        deliverer.step(self._now.timestamp())

    def _confirm(self, alert_id: str, at: datetime, by: str) -> None:
        for row in self.rows:
            if row.alert.alert_id == alert_id:
                row.confirmed, row.by = at, by


@dataclass
class _Ear:
    """The end of a way in a drill."""

    drill: Drill
    way: Way

    def send(self, message: Message, now: float) -> None:
        """Hear a message."""
        del now
        self.drill.hear(self.way, message.alerts)
