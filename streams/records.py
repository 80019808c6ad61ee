"""Every record on the wire (DESIGN §4.1): msgspec Structs, JSON, RFC 3339 times with offset.

Field names are fixed. Adding a field with a default is compatible; anything else is a new version.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from grids.duties.receipts import Receipt
from grids.settings import Channel, Matter

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


class Tick(msgspec.Struct, tag="Tick"):
    """Time passing on a desk where nothing else happens."""

    desk: str
    at: datetime


class PackActivated(msgspec.Struct, tag="PackActivated", rename={"from_": "from"}):
    """From here on the desk works by the pack of this digest."""

    digest: str
    from_: datetime
    desk: str


Body = RoutedReport | Action | Ack | Tick | PackActivated


class Item(msgspec.Struct):
    """One input of a desk. `at` is when its envelope was accepted; `position` is its place in the inbox."""

    position: int
    desk: str
    at: datetime
    body: Body


class Clock(msgspec.Struct, omit_defaults=True, kw_only=True):
    """One running or stopped clock of a case.

    `clock` is the kind of time it counts; `limit_s` and `used_s` are counted seconds of that kind; while it
    runs, `since` is when it last began to. `tiers` counts the escalation tiers that have fired.
    """

    name: str
    clock: str
    unit: str
    stage: str
    started: datetime
    limit_s: float
    used_s: float = 0.0
    since: datetime | None = None
    due: datetime | None = None
    ended: datetime | None = None
    overdue: bool = False
    provisional: bool = False
    tiers: int = 0


class Source(msgspec.Struct, frozen=True):
    """Where a report of a case came from.

    `digest` is of the content last applied and `updated_at` when the source last changed it; `at` is when the
    desk took it in.
    """

    system: str
    system_no: str
    digest: str
    updated_at: datetime
    at: datetime


class Case(msgspec.Struct, omit_defaults=True, kw_only=True):
    """The state of one case: the fold of its transitions.

    `flags` counts what happened to it (returned, reworked, escalated, supervised …); `actions` are the ids of the
    last actions, so that one sent twice is done once.
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
    actions: list[str] = []
    seq: int = 0
    reported_at: datetime | None = None
    dispatched_at: datetime | None = None
    finished_at: datetime | None = None
    closed_at: datetime | None = None


class Change(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The fields of a case that one transition sets; a field left out stays as it is.

    `clocks` holds only the clocks that changed: each replaces the one of the same name and unit, or joins.
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
    actions: list[str] | UnsetType = UNSET
    reported_at: datetime | UnsetType = UNSET
    dispatched_at: datetime | UnsetType = UNSET
    finished_at: datetime | UnsetType = UNSET
    closed_at: datetime | UnsetType = UNSET


class Transition(msgspec.Struct, rename={"from_": "from"}, omit_defaults=True, kw_only=True):
    """One step of one case.

    `cause` is the report, action or clock behind it, `change` what it set (clocks among it), `versions` the rules
    it used. A case is the fold of its transitions and nothing else.
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
    reason: str = ""
    payload: dict[str, Any] = {}
    change: Change = Change()
    versions: dict[str, str] = {}


class Alert(msgspec.Struct, omit_defaults=True, kw_only=True):
    """What a command centre must know. `references` are the earlier alerts on the same case."""

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


class Effects(msgspec.Struct):
    """Everything that came of one batch of a desk's inputs, in order."""

    transitions: list[Transition] = []
    alerts: list[Alert] = []
    dead_letters: list[DeadLetter] = []
    counters: dict[str, int] = {}
