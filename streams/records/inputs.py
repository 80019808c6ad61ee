"""What a desk takes in: routed reports, what people say, time, the pack in force, and what other desks send."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from streams.records.cases import Case
from streams.records.reports import RoutedReport


class Action(msgspec.Struct, tag="Action", omit_defaults=True, kw_only=True):
    """What a person, unit or system asks of a case: a verb of DOMAIN §4."""

    action_id: str
    case_no: str
    verb: str
    actor: str
    actor_unit: str
    at: datetime
    reason: str = ""
    payload: dict[str, Any] = {}


class Ack(msgspec.Struct, tag="Ack"):
    """A centre's confirmation of an alert."""

    alert_id: str
    desk: str
    by: str
    at: datetime

    @property
    def case_no(self) -> str:
        """The case that the alert is about: an alert's id is desk-case-n."""
        return self.alert_id[7:26]


class Attendance(msgspec.Struct, tag="Attendance", frozen=True):
    """A worker says that they go on or off duty, whatever their shift. It is told to every desk."""

    attendance_id: str
    worker: str
    on: bool
    at: datetime


class Tick(msgspec.Struct, tag="Tick"):
    """Time passing on a desk where nothing else happens."""

    desk: str
    at: datetime


class PackActivated(msgspec.Struct, tag="PackActivated", rename={"from_": "from"}):
    """From here on the desk works by the pack of this digest."""

    digest: str
    from_: datetime
    desk: str


class Transfer(msgspec.Struct, tag="Transfer"):
    """A case on its way to another desk: the whole of it, and what that desk needs to know it again."""

    transfer_id: str
    case: Case
    from_desk: str
    to_desk: str
    at: datetime


class Release(msgspec.Struct, tag="Release"):
    """Tells the desk that has a master now that a case was taken apart from it. `case_no` is the master."""

    release_id: str
    case_no: str
    apart: str
    at: datetime


Deed = Action | Ack
"""What people do about cases and alerts."""

Said = Deed | Attendance
"""What people tell the desks, of cases, of alerts, and of themselves."""

Body = RoutedReport | Action | Ack | Attendance | Tick | PackActivated | Transfer | Release


class Item(msgspec.Struct):
    """One input of a desk. `at` is when its envelope was accepted; `position` is its place in the inbox."""

    position: int
    desk: str
    at: datetime
    body: Body


class Outgoing(msgspec.Struct):
    """What a desk sends to another desk's inbox; `name` is the same whenever it is sent again."""

    name: str
    desk: str
    at: datetime
    body: Body
