"""A case as its steps have made it, and what it is made of: clocks, sources, requests, tasks."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from grids.duties.receipts import Receipt
from streams.records.reports import Placement


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
