"""inlets.toml: what a pack says of the ways in. All of it may be left out.

Which attributes are personal and how long they are kept, positions that are nobody's, datums of single sources,
readings of sensors that become reports, and the systems that are told what became of theirs.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from grids.datum import DATUMS
from grids.settings import AT_LEAST_ONE, Channel, Counted, Form, Matter, NotNegative, Positive, convert
from grids.tables import read_toml

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from grids.catalogue import Catalogue
    from grids.tables import Problems


class PersonsForm(Form, frozen=True):
    """Attributes that are personal besides `person`; and how many days after a case has ended persons are kept."""

    fields: tuple[str, ...] = ()
    retention_days: Counted = 365


class GuardForm(Form, frozen=True):
    """When a position is not believed.

    `defaults` are points (longitude, latitude) that systems fill in where they know nothing, as the city hall, held
    within `default_m`. A position is `miss_m` off when it is that far from the component or old grid that the report
    itself names. A source is judged from `least` such reports on, and named at `odds`: how many times better another
    datum explains them, as the power of e.
    """

    defaults: tuple[tuple[float, float], ...] = ()
    default_m: NotNegative = 25
    miss_m: Positive = 120
    least: Counted = 5
    odds: Positive = 12


class SensorForm(Form, frozen=True):
    """One kind of reading that becomes a report: above `over`, or below `under`, for `for_s` seconds.

    Once told it is quiet until the value has come back by `back` and goes over again. Of `severity` steps the highest
    one that the value reaches counts: pairs of value and severity.
    """

    kind: str
    category: str
    over: float | None = None
    under: float | None = None
    back: NotNegative = 0
    for_s: NotNegative = 0
    steps: tuple[tuple[float, Literal[1, 2, 3, 4]], ...] = ()
    urgency: Literal["NORMAL", "URGENT", "CRITICAL"] = "NORMAL"
    unit: str = ""
    name_zh: str = ""
    name_en: str = ""


class SystemForm(Form, frozen=True):
    """A source system: the datum of its positions, and where it is told what became of its reports.

    `url` gets a POST for each report; the bearer token is in the environment variable `token_env`. `adapter` is the
    format in which it is told. Without `url` its outbox waits to be fetched.
    """

    name: str
    datum: str = ""
    adapter: str = ""
    url: str = ""
    token_env: str = ""
    channel: Channel | None = None
    matters: tuple[Matter, ...] = ()


class InletsForm(Form, frozen=True, dict=True):
    """inlets.toml."""

    persons: PersonsForm = PersonsForm()
    guard: GuardForm = GuardForm()
    sensor: tuple[SensorForm, ...] = ()
    system: tuple[SystemForm, ...] = ()
    keywords: dict[str, Annotated[tuple[str, ...], AT_LEAST_ONE]] = msgspec.field(default_factory=dict)

    def system_of(self, name: str) -> SystemForm | None:
        """Return what is said of a source system; None if nothing is."""
        return next((one for one in self.system if one.name == name), None)

    @cached_property
    def source_datum(self) -> dict[str, str]:
        """The datum of each source that has one of its own."""
        return {one.name: one.datum for one in self.system if one.datum}


def read_inlets(directory: Path, catalogue: Catalogue, problems: Problems) -> InletsForm:
    """Read inlets.toml; note categories and datums that there are not, sensors without a threshold, names twice."""
    path = directory / "inlets.toml"
    form = convert(InletsForm, read_toml(path, problems, optional=True), path, problems) or InletsForm()

    def fault(where: str, found: str, expected: str) -> None:
        problems.note("inlets.toml", 0, where, found, expected)

    for number, sensor in enumerate(form.sensor):
        _check_sensor(f"sensor[{number}]", sensor, catalogue, fault)
    for number, system in enumerate(form.system):
        _check_system(f"system[{number}]", system, fault)
        if any(one.name == system.name for one in form.system[:number]):
            fault(f"system[{number}].name", repr(system.name), "a name that no other system has")
    for category in form.keywords:
        if category not in catalogue.leaves:
            fault(f"keywords.{category}", repr(category), "a leaf of scheme city in categories.csv")
    for number, (lon, lat) in enumerate(form.guard.defaults):
        if not (-180 <= lon <= 180 and -90 <= lat <= 90):  # noqa: PLR2004 - degrees of the globe
            fault(f"guard.defaults[{number}]", f"{lon}, {lat}", "longitude and latitude in degrees")
    return form


def _check_sensor(
    where: str, sensor: SensorForm, catalogue: Catalogue, fault: Callable[[str, str, str], None]
) -> None:
    if sensor.category not in catalogue.leaves:
        fault(f"{where}.category", repr(sensor.category), "a leaf of scheme city in categories.csv")
    if (sensor.over is None) == (sensor.under is None):
        fault(f"{where}.over", "neither or both", "over or under")


def _check_system(where: str, system: SystemForm, fault: Callable[[str, str, str], None]) -> None:
    if system.datum and system.datum not in DATUMS:
        fault(f"{where}.datum", repr(system.datum), "one of " + " ".join(sorted(DATUMS)))
    if system.url and not system.url.startswith(("http://", "https://")):
        fault(f"{where}.url", repr(system.url), "http://… or https://…")
