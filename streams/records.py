"""Every record on the wire (DESIGN §4.1): msgspec Structs, JSON, RFC 3339 times with offset.

Field names are fixed. Adding a field with a default is compatible; anything else is a new version.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from grids.duties.receipts import Receipt, Ruling
from grids.settings import Channel, Matter

if TYPE_CHECKING:
    from collections.abc import Iterable

Net = Literal["ZZ", "CG", "YJ", "HB", "MS"]
Datum = Literal["CGCS2000", "WGS84", "GCJ02", "BD09"]
Urgency = Literal["NORMAL", "URGENT", "CRITICAL"]
Method = Literal["POINT", "SNAP", "COMPONENT", "CROSSWALK", "ADDRESS", "MANUAL", "NONE"]


class Report(msgspec.Struct, omit_defaults=True, kw_only=True):
    """What somebody or something says has happened, as it came in. Times have an offset; None is unknown."""

    system: str
    system_no: str
    channel: Channel
    reported_at: datetime
    report_id: str = ""
    matter: Matter = "INCIDENT"
    net: Net | None = None
    scheme: str | None = None
    category: str | None = None
    condition: str | None = None
    severity: Literal[1, 2, 3, 4] = 4
    urgency: Urgency = "NORMAL"
    text: str = ""
    lon: float | None = None
    lat: float | None = None
    datum: Datum | None = None
    accuracy_m: float | None = None
    address: str | None = None
    component_id: str | None = None
    source_layer: str | None = None
    source_grid: str | None = None
    source_status: str | None = None
    source_updated_at: datetime | None = None
    occurred_at: datetime | None = None
    reporter: str | None = None
    media: list[str] = []
    self_handled: bool = False
    attributes: dict[str, Any] = {}


class Placement(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a report is on the grid, and how sure that is. `desk` is the key of everything downstream."""

    desk: str
    method: Method
    confidence: float
    grid_version: str
    cell: str = ""
    grid: str = ""
    community: str = ""
    street: str = ""
    district: str = ""
    zones: tuple[str, ...] = ()
    area_class: str = ""
    factor: float = 1.0
    border_m: float | None = None
    accuracy_m: float | None = None
    lon: float | None = None
    lat: float | None = None
    flags: tuple[str, ...] = ()


class RoutedReport(msgspec.Struct, tag="RoutedReport"):
    """A report with its place and receipt; `digest` tells a repeat from an update of the same source number."""

    report: Report
    placement: Placement
    receipt: Receipt
    digest: str


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


class Clock(msgspec.Struct, omit_defaults=True, kw_only=True):
    """One clock of a case: a ledger of the stretches of time in which it ran.

    `clock` is the kind of time it counts; `limit_s` counted seconds of that kind, and `extra_s` what extensions
    added; `spans` the stretches, the last one open while it runs. `due` and `overdue` are worked out from these.
    `excused` says that an appeal was granted: the overdue fact stays, the score leaves it out. `tiers` counts the
    escalation tiers that have fired; `round` tells the clocks of one name and unit apart.
    """

    name: str
    clock: str
    unit: str
    stage: str
    started: datetime
    limit_s: float
    extra_s: float = 0.0
    spans: list[tuple[datetime, datetime | None]] = []
    due: datetime | None = None
    ended: datetime | None = None
    overdue: bool = False
    excused: bool = False
    provisional: bool = False
    tiers: int = 0
    round: int = 1

    @property
    def since(self) -> datetime | None:
        """When it last began to run; None while it stands still."""
        return self.spans[-1][0] if self.spans and self.spans[-1][1] is None else None

    @property
    def key(self) -> tuple[str, str, int]:
        """What tells it from the other clocks of its case."""
        return (self.name, self.unit, self.round)


class Source(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a report of a case came from.

    `digest` is of the content last applied and `updated_at` when the source last changed it; `about` names what
    that content says of place, kind and gravity; `older` are digests of its other contents, so that a copy is known;
    `at` is when the desk took it in; `reporter` is who is owed an answer.
    """

    system: str
    system_no: str
    digest: str
    updated_at: datetime
    at: datetime
    reporter: str = ""
    status: str = ""
    about: str = ""
    older: tuple[str, ...] = ()


class Told(msgspec.Struct, frozen=True):
    """An alert that was sent about a case: to which unit, and when."""

    alert_id: str
    unit: str
    at: datetime


class Suggestion(msgspec.Struct, frozen=True):
    """A case that this one may repeat: `score` 0-1, and what it is made of."""

    case_no: str
    klass: Literal["D1", "D2"]
    score: float
    parts: dict[str, float]


class Task(msgspec.Struct, frozen=True):
    """Who is to verify or check: a worker of the roster, or with no worker the unit itself."""

    verb: Literal["VERIFY", "CHECK"]
    unit: str
    worker: str = ""


class Request(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a unit has asked for and waits to be granted: an extension, a suspension or an appeal.

    `clock` names the clock that an appeal is about; `granted` are the reviewers who said yes so far.
    """

    unit: str
    at: datetime
    reason: str = ""
    seconds: float = 0.0
    until: datetime | None = None
    clock: tuple[str, str, int] | None = None
    granted: list[str] = []


class Case(msgspec.Struct, omit_defaults=True, kw_only=True):
    """The state of one case: the fold of its transitions.

    `flags` counts what happened to it (returned, reworked, escalated, supervised …); `actions` are the ids of the
    last actions, so that one sent twice is done once; `told` says to whom and when each of `alerts` went. `back` is
    the state to which a suspended or merged case returns, `halted_at` when it was put aside, `until` when a
    suspension ends. `moved_at` is when the last thing that anybody did took effect. `master` is the case that this
    one was merged into, `merged` are those merged into this one, `apart` those that a person has said it is not.
    `closed_at` is when it ended, however it did.
    """

    case_no: str
    state: str
    desk: str
    matter: str
    category: str
    severity: int
    urgency: str
    placement: Placement
    receipt: Receipt
    reports: list[str]
    sources: list[Source]
    opened_at: datetime
    occurred_at: datetime | None = None
    unit: str = ""
    team: str = ""
    first_unit: str = ""
    component_id: str | None = None
    text: str = ""
    limit: str = ""
    closing_test: str = ""
    clocks: list[Clock] = []
    flags: dict[str, int] = {}
    alerts: list[str] = []
    told: list[Told] = []
    actions: list[str] = []
    requests: dict[str, Request] = {}
    task: Task | None = None
    master: str = ""
    merged: list[str] = []
    apart: list[str] = []
    suggested: list[Suggestion] = []
    back: str = ""
    halted_at: datetime | None = None
    until: datetime | None = None
    ratings: dict[str, str] = {}
    seq: int = 0
    reported_at: datetime | None = None
    moved_at: datetime | None = None
    dispatched_at: datetime | None = None
    finished_at: datetime | None = None
    closed_at: datetime | None = None


class Change(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The fields of a case that one transition sets; a field left out stays as it is.

    `clocks` holds only the clocks that changed: each replaces the one of the same name, unit and round, or joins.
    The first transition of a case at a desk sets all that a case needs.
    """

    desk: str | UnsetType = UNSET
    matter: str | UnsetType = UNSET
    category: str | UnsetType = UNSET
    severity: int | UnsetType = UNSET
    urgency: str | UnsetType = UNSET
    placement: Placement | UnsetType = UNSET
    receipt: Receipt | UnsetType = UNSET
    reports: list[str] | UnsetType = UNSET
    sources: list[Source] | UnsetType = UNSET
    opened_at: datetime | UnsetType = UNSET
    occurred_at: datetime | UnsetType | None = UNSET
    unit: str | UnsetType = UNSET
    team: str | UnsetType = UNSET
    first_unit: str | UnsetType = UNSET
    component_id: str | UnsetType | None = UNSET
    text: str | UnsetType = UNSET
    limit: str | UnsetType = UNSET
    closing_test: str | UnsetType = UNSET
    clocks: list[Clock] | UnsetType = UNSET
    flags: dict[str, int] | UnsetType = UNSET
    alerts: list[str] | UnsetType = UNSET
    told: list[Told] | UnsetType = UNSET
    actions: list[str] | UnsetType = UNSET
    requests: dict[str, Request] | UnsetType = UNSET
    task: Task | UnsetType | None = UNSET
    master: str | UnsetType = UNSET
    merged: list[str] | UnsetType = UNSET
    apart: list[str] | UnsetType = UNSET
    suggested: list[Suggestion] | UnsetType = UNSET
    back: str | UnsetType = UNSET
    halted_at: datetime | UnsetType | None = UNSET
    until: datetime | UnsetType | None = UNSET
    ratings: dict[str, str] | UnsetType = UNSET
    reported_at: datetime | UnsetType | None = UNSET
    moved_at: datetime | UnsetType | None = UNSET
    dispatched_at: datetime | UnsetType | None = UNSET
    finished_at: datetime | UnsetType | None = UNSET
    closed_at: datetime | UnsetType | None = UNSET


class Transition(msgspec.Struct, rename={"from_": "from"}, omit_defaults=True, kw_only=True):
    """One step of one case.

    `cause` is the report, action or clock behind it, `change` what it set (clocks among it), `versions` the rules
    it used. `at` is when it took effect; `heard_at`, if the desk heard of it later, says when. A ruling is a
    duty row that the step lays down. A case is the fold of its transitions and nothing else.
    """

    case_no: str
    seq: int
    desk: str
    cause: str
    from_: str
    to: str
    verb: str
    actor: str
    actor_unit: str
    at: datetime
    heard_at: datetime | None = None
    reason: str = ""
    payload: dict[str, Any] = {}
    change: Change = Change()
    ruling: Ruling | None = None
    versions: dict[str, str] = {}


class Alert(msgspec.Struct, omit_defaults=True, kw_only=True):
    """What a command centre must know. `references` are the earlier alerts on the same case to the same unit.

    `unit` is who is told; `cap` is the same as a CAP 1.2 document. Cases of an exercise have alerts that say so.
    """

    alert_id: str
    desk: str
    level: str
    case_no: str
    kind: Literal["ALERT", "UPDATE", "CANCEL"]
    severity: int
    sent_at: datetime
    reason: str
    ack_due: datetime | None = None
    references: list[str] = []
    unit: str = ""
    status: Literal["Actual", "Exercise", "Test"] = "Actual"
    category: str = ""
    cell: str = ""
    street: str = ""
    cap: str = ""


class DeadLetter(msgspec.Struct):
    """What could not be processed, with its original bytes."""

    id: str
    stage: str
    reason: str
    text: str
    at: datetime
    original: bytes
    source: str


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


class Effects(msgspec.Struct, omit_defaults=True):
    """Everything that came of one desk's part of a batch, in order.

    `now` is the desk's time and `pack` the digest of the rules in force afterwards. `repeats` names the inputs that
    had been taken in before and did nothing, as a cause does: `report:…`, `action:…`, `ack:…`, `transfer:…`.
    `attendance` is what workers have said of being on duty, as the roster takes it.
    """

    transitions: list[Transition] = []
    alerts: list[Alert] = []
    dead_letters: list[DeadLetter] = []
    outgoing: list[Outgoing] = []
    counters: dict[str, int] = {}
    now: datetime | None = None
    pack: str = ""
    pack_from: datetime | None = None
    repeats: list[str] = []
    attendance: list[Attendance] = []


def together(many: Iterable[Effects]) -> Effects:
    """Return the effects of several desks or batches as one, in their order, for who counts or shows them."""
    total = Effects([], [], [], [], {})
    for one in many:
        total.transitions += one.transitions
        total.alerts += one.alerts
        total.dead_letters += one.dead_letters
        total.outgoing += one.outgoing
        total.repeats += one.repeats
        total.attendance += one.attendance
        for name, count in one.counters.items():
            total.counters[name] = total.counters.get(name, 0) + count
    return total
