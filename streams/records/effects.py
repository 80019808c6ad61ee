"""What a desk gives out: steps of cases, alerts, dead letters and letters to other desks."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from grids.duties.receipts import Receipt, Ruling
from streams.records.cases import Clock, Request, Source, Suggestion, Task, Told
from streams.records.inputs import Attendance, Outgoing
from streams.records.reports import Placement

if TYPE_CHECKING:
    from collections.abc import Iterable


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
