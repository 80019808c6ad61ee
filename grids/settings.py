"""The typed forms of a pack's TOML files. A wrong type or an unknown key is an error that names the key's path."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import msgspec

from grids.worktime import Limit, parse_limit

if TYPE_CHECKING:
    from pathlib import Path

    from grids.tables import Problems

STEPS = ("ACCEPT", "FILE", "DISPATCH", "REQUEST_CHECK", "CLOSE")
"""The steps of a case that a pack may let the system take by itself."""

CAUTION = ("auto", "suggest", "manual")
"""Modes of automation from the boldest to the most cautious."""


Matter = Literal["INCIDENT", "INQUIRY", "SUGGESTION", "PRAISE", "COMPLAINT"]
Channel = Literal[
    "GRID_WORKER", "HOTLINE", "PUBLIC_APP", "VIDEO", "SENSOR", "INSPECTION", "LEADER", "MEDIA", "DEPARTMENT"
]
Outcome = Literal["LEAD", "BACKSTOP", "DISPUTED", "NONE", "NO_GRID", "NOT_AN_INCIDENT"]
"""What a report is about, how it came, and how its routing can end: a misspelt one in a pack would never apply."""

Request = Literal["EXTENSION", "SUSPENSION", "APPEAL"]
Approver = Literal["CENTRE", "SUPERVISION", "COLLECTOR"]
"""What a unit may ask for, and who may answer it: a misspelt role could answer nothing."""

AT_LEAST_ONE = msgspec.Meta(min_length=1)
Positive = Annotated[float, msgspec.Meta(gt=0)]
NotNegative = Annotated[float, msgspec.Meta(ge=0)]
Counted = Annotated[int, msgspec.Meta(ge=1)]
Share = Annotated[float, msgspec.Meta(gt=0, le=1)]


class Form(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table of a TOML file."""


class Tolerances(Form, frozen=True):
    """Distances in metres: cells thinner than `sliver_m` are merged; a point this far outside snaps.

    Borders of other layers within `snap_borders_m` of a base border become it (0: none does). A report about a kind
    of component that names none is about the nearest one within `component_m`.
    """

    sliver_m: NotNegative = 5.0
    snap_borders_m: NotNegative = 0.0
    snap_m: NotNegative = 30.0
    component_m: NotNegative = 10.0


class Hours(Form, frozen=True):
    """Working periods of a working day as `08:00-12:00`, and the ISO weekdays that are working days."""

    periods: Annotated[list[str], AT_LEAST_ONE] = msgspec.field(
        default_factory=lambda: ["08:00-12:00", "14:00-18:00"]
    )
    weekdays: Annotated[list[Annotated[int, msgspec.Meta(ge=1, le=7)]], AT_LEAST_ONE] = msgspec.field(
        default_factory=lambda: [1, 2, 3, 4, 5]
    )


class ZoneForm(Form, frozen=True):
    """A special zone and the areas it consists of."""

    code: str
    name_zh: str
    name_en: str
    areas: list[str]


class DeskForm(Form, frozen=True):
    """A desk and the areas it commands."""

    code: str
    name_zh: str
    name_en: str
    level: str
    areas: list[str]
    centre: str = ""


class StepLimits(Form, frozen=True):
    """Limits of the desk's own steps (DOMAIN §4); `sign` by urgency.

    `returns` is how often a case may be returned before it is in dispute. An action that is told of more than
    `late` after it was done counts from when the desk hears of it. Whoever said that they are on or off duty is so
    for `duty_hours`, then by their shift again.
    """

    accept: str = "15 URGENT_MINUTE"
    dispatch: str = "15 URGENT_MINUTE"
    verify: str = "30 URGENT_MINUTE"
    check: str = "30 URGENT_MINUTE"
    answer: str = "5 WORK_DAY"
    help: str = "4 WORK_HOUR"
    dispute: str = "1 WORK_DAY"
    late: str = "24 URGENT_HOUR"
    duty_hours: Annotated[float, msgspec.Meta(gt=0, le=168)] = 12.0
    returns: Counted = 2
    return_window: str = "2 WORK_HOUR"
    ack: str = "15 URGENT_MINUTE"
    ack_urgent: str = "5 URGENT_MINUTE"
    sign: dict[str, str] = msgspec.field(
        default_factory=lambda: {"CRITICAL": "5 URGENT_MINUTE", "URGENT": "30 URGENT_MINUTE", "NORMAL": "2 WORK_HOUR"}
    )

    def of(self, step: str, urgency: str = "NORMAL") -> Limit:
        """Return the limit of a step, for signing that of the urgency."""
        return parse_limit(self.sign[urgency] if step == "sign" else getattr(self, step))


class AutomationRule(Form, frozen=True):
    """Whether the system may take `steps` by itself, where all stated conditions hold."""

    steps: list[str]
    mode: str
    outcomes: list[Outcome] | None = None
    channels: list[Channel] | None = None
    severities: list[Literal[1, 2, 3, 4]] | None = None
    matters: list[Matter] | None = None
    min_confidence: float = 0.0

    def applies(
        self, *, step: str, outcome: str, channel: str, severity: int, matter: str, confidence: float
    ) -> bool:
        """Say whether the rule speaks of this step of this matter."""
        return (
            step in self.steps
            and (self.outcomes is None or outcome in self.outcomes)
            and (self.channels is None or channel in self.channels)
            and (self.severities is None or severity in self.severities)
            and (self.matters is None or matter in self.matters)
            and confidence >= self.min_confidence
        )


class CityForm(Form, frozen=True):
    """city.toml. `previous` is a folder below the pack with a grid version that goes before those of the layers.

    `tiles` is the address of the city's own map tiles (`https://tiles.example/{z}/{x}/{y}.png`, WGS-84), the only one
    that the console then asks besides its own; `tiles_from` says whose they are. Without it maps have no background.
    """

    adcode: str
    name_zh: str
    name_en: str
    timezone: str
    crs: str
    base: str
    desk: list[DeskForm]
    schema: int = 1
    datum: str = "CGCS2000"
    previous: str = ""
    languages: list[str] = msgspec.field(default_factory=lambda: ["zh", "en"])
    illustrative: bool = False
    notice_zh: str = ""
    notice_en: str = ""
    tolerances: Tolerances = Tolerances()
    hours: Hours = Hours()
    zone: list[ZoneForm] = msgspec.field(default_factory=list)
    channel_datum: dict[Channel, str] = msgspec.field(default_factory=dict)
    limits: StepLimits = StepLimits()
    automation: list[AutomationRule] = msgspec.field(default_factory=list)
    approvers: dict[Request, Approver] = msgspec.field(default_factory=dict)
    states: dict[str, dict[str, str]] = msgspec.field(default_factory=dict)
    tiles: str = ""
    tiles_from: str = ""

    def automation_of(
        self, *, outcome: str, channel: str, severity: int, matter: str, confidence: float
    ) -> dict[str, str]:
        """Return the mode of every step. Of the rules that apply the most cautious counts; none means manual."""
        modes = {}
        for step in STEPS:
            said = [
                CAUTION.index(rule.mode)
                for rule in self.automation
                if rule.applies(
                    step=step,
                    outcome=outcome,
                    channel=channel,
                    severity=severity,
                    matter=matter,
                    confidence=confidence,
                )
            ]
            modes[step] = CAUTION[max(said)] if said else "manual"
        return modes


class LayerForm(Form, frozen=True):
    """One department layer of layers.toml: its file below the pack and the fields that hold ids and names.

    With `join_parts` rows of one id are parts of one unit; without it an id that comes twice is an error. It holds
    from `valid_from` (None: since ever) until another layer of its net begins. The units of a `special` layer are
    special-purpose grids and stay whole. `name`, `name_en_field`, `parent` are fields; `name_zh`, `name_en` are what
    the layer itself is called.
    """

    net: str
    file: str
    id: str
    name: str = ""
    name_en_field: str = ""
    parent: str = ""
    datum: str = "WGS84"
    crs: str = ""
    encoding: str = ""
    join_parts: bool = False
    special: bool = False
    valid_from: date | None = None
    name_zh: str = ""
    name_en: str = ""


class LayersForm(Form, frozen=True):
    """layers.toml."""

    layer: list[LayerForm]


class Tier(Form, frozen=True):
    """One escalation tier: at this share of a limit, tell whom, as a reminder or as an order of supervision.

    CHANNEL is the next way to a centre that has not confirmed an alert; a pack doesn't state such tiers, its ways do.
    """

    share: Positive
    notify: Literal["HANDLER", "UNIT_HEAD", "STREET", "DISTRICT", "CITY", "CHANNEL"]
    verb: Literal["REMIND", "SUPERVISE"] = "REMIND"
    order: int = 0
    name_zh: str = ""
    name_en: str = ""


class EscalationForm(Form, frozen=True):
    """escalation.toml: tiers in rising order of `share`."""

    tier: list[Tier]


class Nearness(Form, frozen=True):
    """How near two reports of one category must be to be one incident: within `metres` and `hours`."""

    metres: Positive
    hours: Positive
    categories: list[str] = msgspec.field(default_factory=list)


class Repeat(Form, frozen=True):
    """When the same matter at the same place counts as coming back."""

    times: Counted = 3
    days: Counted = 30


class Weights(Form, frozen=True):
    """What each part of the likeness of two reports counts; together 1."""

    space: NotNegative = 0.4
    time: NotNegative = 0.2
    category: NotNegative = 0.2
    text: NotNegative = 0.2


class DuplicatesForm(Form, frozen=True):
    """duplicates.toml.

    A category is as near as a table of `special` that names it says, else `diffuse`, `component` or `event` that
    names it, else `component` or `event` by its kind. From `merge` on two reports are one case, from `suggest` on a
    person is asked. Positions less sure than `coarse_m` don't decide; one that doesn't say how sure it is counts as
    `unstated_m`. `usual` are turns of phrase that anybody uses.
    """

    component: Nearness = Nearness(10, 168)
    event: Nearness = Nearness(50, 24)
    diffuse: Nearness = Nearness(300, 12)
    special: list[Nearness] = msgspec.field(default_factory=list)
    weights: Weights = Weights()
    merge: Share = 0.9
    suggest: Share = 0.7
    coarse_m: Positive = 50
    unstated_m: NotNegative = 0
    usual: list[str] = msgspec.field(default_factory=list)
    repeat: Repeat = Repeat()
    memory_days: Counted = 400

    def nearness(self, category: str, kind: str) -> Nearness:
        """Return how near reports of a city category of a kind (COMPONENT, EVENT) must be."""
        for one in (*self.special, self.diffuse, self.component, self.event):
            if category in one.categories:
                return one
        return self.component if kind == "COMPONENT" else self.event


FormT = TypeVar("FormT", bound=Form)


def convert(form: type[FormT], raw: dict[str, Any], path: Path, problems: Problems) -> FormT | None:
    """Turn a parsed TOML file into its form; note what doesn't fit, with the path of the key."""
    try:
        return msgspec.convert(raw, form)
    except msgspec.ValidationError as error:
        text, _, where = str(error).partition(" - at ")
        problems.note(
            path.name, 0, where.strip("`").rpartition("$.")[2], text, "the form described in docs/city-pack.md"
        )
        return None
