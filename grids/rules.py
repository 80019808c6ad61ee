"""A pack's rules, read and checked: everything but the map. All faults of all files are told at once."""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass
from datetime import date, time
from functools import cached_property
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from grids.catalogue import URGENCIES, Catalogue, read_catalogue
from grids.codes import DISTRICT
from grids.components import read_components
from grids.datum import DATUMS
from grids.duties.resolution import Duties
from grids.duties.rows import read_duties
from grids.errors import LayerError
from grids.gazetteer import Alias, read_aliases
from grids.geofiles import parse_crs
from grids.inlets import InletsForm, read_inlets
from grids.layersets import LayerSet, check_layers, layer_sets
from grids.places import Area, AreaClass, Desk, Places, Zone, read_area_classes, read_areas
from grids.projection import is_metric
from grids.settings import (
    CAUTION,
    STEPS,
    CityForm,
    DuplicatesForm,
    EscalationForm,
    LayerForm,
    LayersForm,
    Tier,
    convert,
)
from grids.tables import OPEN_START, Problems, parse_time, read_rows, read_toml
from grids.telling import Alerting, check_alerting, ladder, level_above, read_alerting
from grids.units import Units, read_units
from grids.worktime import HOLIDAY, MAKEUP_WORKDAY, WorkCalendar, parse_limit

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from grids.duties.selectors import Component

_DESK_LEVELS = frozenset({"CITY", "DISTRICT", "ZONE"})


@dataclass(frozen=True)
class Worker:
    """A grid worker under a pseudonym: the street office that manages them and the grid they walk."""

    worker: str
    unit: str
    grid: str
    shift_from: time
    shift_to: time


@dataclass(frozen=True)
class Rules:
    """What a pack says, without its map. `digest` names the whole pack, map files included."""

    form: CityForm
    digest: str
    layers: tuple[LayerForm, ...]
    areas: Mapping[str, Area]
    places: Places
    units: Units
    catalogue: Catalogue
    duties: Duties
    calendar: WorkCalendar
    tiers: tuple[Tier, ...]
    duplicates: DuplicatesForm
    workers: tuple[Worker, ...]
    components: Mapping[str, Component]
    alerting: Alerting
    aliases: tuple[Alias, ...] = ()
    inlets: InletsForm = dataclasses.field(default_factory=InletsForm)

    @cached_property
    def layer_sets(self) -> tuple[LayerSet, ...]:
        """The layers of each version of the grid that the pack draws, the oldest first."""
        return layer_sets(self.layers)

    @property
    def grid_days(self) -> tuple[date, ...]:
        """The first day of each version of the grid, the oldest first; `previous` was always in force."""
        drawn = tuple(one.first for one in self.layer_sets)
        return (OPEN_START, *drawn) if self.form.previous else drawn

    def automation_of(
        self, outcome: str, channel: str, severity: int, matter: str, confidence: float
    ) -> dict[str, str]:
        """Return the mode of every step, as the pack's automation rules say; not to be changed by who gets it."""
        asked = (outcome, channel, severity, matter, confidence)
        modes = self._modes.get(asked)
        if modes is None:
            modes = self._modes[asked] = self.form.automation_of(
                outcome=outcome, channel=channel, severity=severity, matter=matter, confidence=confidence
            )
        return modes

    @cached_property
    def _modes(self) -> dict[tuple[str, str, int, str, float], dict[str, str]]:
        """What was asked before: confidences have three decimals, so it can't grow without end."""
        return {}

    def tiers_of(self, clock: str, unit: str) -> tuple[Tier, ...]:
        """Return what a unit's clock of a name comes to; that of an acknowledgement by the unit's ways and level."""
        if clock != "ACK":
            return self.tiers
        steps = self._ladders.get(unit)
        if steps is None:
            steps = ladder(len(self.alerting.ways.get(unit, ())), level_above(self.places, unit))
            self._ladders[unit] = steps
        return steps

    @cached_property
    def _ladders(self) -> dict[str, tuple[Tier, ...]]:
        """What was asked before, by unit."""
        return {}

    @property
    def version(self) -> str:
        """The short name of the rules' version that receipts and cases carry."""
        return self.digest[:16]


def pack_digest(directory: Path) -> str:
    """Name a pack by its content: SHA-256 over names and bytes of its files, Markdown and hidden ones left out."""
    digest = hashlib.sha256()
    for path in sorted(p for p in directory.rglob("*") if p.is_file()):
        name = path.relative_to(directory).as_posix()
        if path.suffix == ".md" or any(part.startswith(".") for part in path.relative_to(directory).parts):
            continue
        digest.update(f"{name}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def read_rules(directory: Path) -> Rules:
    """Read and check every table of a pack. Raises PackError with all faults: file, row, field, expectation."""
    problems = Problems()
    if not directory.is_dir():
        problems.note(str(directory), 0, "", "no such folder", "a city pack")
        problems.raise_if_any()
    form = convert(CityForm, read_toml(directory / "city.toml", problems), directory / "city.toml", problems)
    layers = convert(LayersForm, read_toml(directory / "layers.toml", problems), directory / "layers.toml", problems)
    tiers_path, duplicates_path = directory / "escalation.toml", directory / "duplicates.toml"
    tiers = convert(EscalationForm, read_toml(tiers_path, problems), tiers_path, problems)
    duplicates = convert(
        DuplicatesForm, read_toml(duplicates_path, problems, optional=True), duplicates_path, problems
    )
    units = read_units(directory, problems)
    catalogue = read_catalogue(directory, problems)
    alerting = read_alerting(directory, units, problems)
    areas = read_areas(directory, problems)
    classes = read_area_classes(directory, problems)
    workers = _workers(directory, units, problems)
    duties = read_duties(directory, catalogue, units, _scopes(areas, form), problems)
    exceptions = _exceptions(directory, problems)
    if form is None or layers is None or tiers is None or duplicates is None:
        problems.raise_if_any()
        raise AssertionError("a form that could not be read left no problem")
    places = _places(form, areas, classes, units, problems)
    _check_form(form, problems)
    _check_duplicates(duplicates, catalogue, problems)
    check_layers(layers.layer, form, directory, problems)
    check_alerting(alerting, places, problems)
    rules = Rules(
        form=form,
        digest=pack_digest(directory),
        layers=tuple(layers.layer),
        areas=areas,
        places=places,
        units=units,
        catalogue=catalogue,
        duties=Duties(duties, units),
        calendar=_calendar(form, exceptions, problems),
        tiers=tuple(sorted(tiers.tier, key=lambda tier: tier.share)),
        duplicates=duplicates,
        workers=workers,
        components=read_components(directory, problems),
        alerting=alerting,
        aliases=read_aliases(directory, areas, problems),
        inlets=read_inlets(directory, catalogue, problems),
    )
    problems.raise_if_any()
    return rules


def _scopes(areas: Mapping[str, Area], form: CityForm | None) -> dict[str, set[str]]:
    """Return the codes that duty rows may name, by scope type; what could not be read leaves its type out."""
    scopes: dict[str, set[str]] = {}
    if areas:
        for level in ("DISTRICT", "STREET", "COMMUNITY"):
            scopes[level] = {area.code for area in areas.values() if area.level == level}
    if form is not None:
        scopes["ZONE"] = {zone.code for zone in form.zone}
    return scopes


def _places(
    form: CityForm, areas: Mapping[str, Area], classes: Mapping[str, AreaClass], units: Units, problems: Problems
) -> Places:
    codes = [zone.code for zone in form.zone]
    for number, zone in enumerate(form.zone):
        if codes.index(zone.code) < number:
            problems.note("city.toml", 0, f"zone[{number}].code", repr(zone.code), "a code that no other zone has")
        for area in zone.areas:
            if areas and area not in areas:
                problems.note("city.toml", 0, f"zone[{number}].areas", repr(area), "an area of areas.csv")
    zones = [Zone(zone.code, zone.name_zh, zone.name_en, tuple(zone.areas)) for zone in form.zone]
    return Places(areas, zones, _desks(form, units, problems), classes)


def _desks(form: CityForm, units: Units, problems: Problems) -> dict[str, Desk]:
    desks: dict[str, Desk] = {}
    claimed: dict[str, str] = {}
    for number, desk in enumerate(form.desk):
        where = f"desk[{number}]"
        if len(desk.code) != DISTRICT or desk.code in desks:
            problems.note("city.toml", 0, f"{where}.code", repr(desk.code), "6 characters that no other desk has")
        if desk.level not in _DESK_LEVELS:
            problems.note("city.toml", 0, f"{where}.level", repr(desk.level), " ".join(sorted(_DESK_LEVELS)))
        if desk.centre and desk.centre not in units:
            problems.note("city.toml", 0, f"{where}.centre", repr(desk.centre), "a unit of units.csv")
        for area in desk.areas:
            if claimed.setdefault(area, desk.code) != desk.code:
                problems.note(
                    "city.toml", 0, f"{where}.areas", f"{area} of desk {claimed[area]} too", "one desk an area"
                )
        desks[desk.code] = Desk(desk.code, desk.name_zh, desk.name_en, desk.level, tuple(desk.areas), desk.centre)
    if sum(desk.level == "CITY" for desk in desks.values()) != 1:
        problems.note("city.toml", 0, "desk", "not exactly one of level CITY", "one desk for what has no place")
    return desks


def _check_form(form: CityForm, problems: Problems) -> None:
    try:
        ZoneInfo(form.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: the name of a folder, such as Asia
        problems.note("city.toml", 0, "timezone", repr(form.timezone), "a time zone such as Asia/Shanghai")
    _check_crs(form, problems)
    for field, name in (("datum", form.datum), *((f"channel_datum.{k}", v) for k, v in form.channel_datum.items())):
        if name not in DATUMS:
            problems.note("city.toml", 0, field, repr(name), "one of " + " ".join(sorted(DATUMS)))
    for number, rule in enumerate(form.automation):
        if unknown := sorted(set(rule.steps) - set(STEPS)):
            problems.note(
                "city.toml", 0, f"automation[{number}].steps", ", ".join(unknown), "some of " + " ".join(STEPS)
            )
        if rule.mode not in CAUTION:
            problems.note(
                "city.toml", 0, f"automation[{number}].mode", repr(rule.mode), "one of " + " ".join(CAUTION)
            )
    for step in (
        "accept", "dispatch", "verify", "check", "answer", "help", "dispute", "late", "return_window", "ack",
        "ack_urgent",
    ):  # fmt: skip
        _check_limit(f"limits.{step}", getattr(form.limits, step), problems)
    for urgency in URGENCIES:
        _check_limit(f"limits.sign.{urgency}", form.limits.sign.get(urgency, ""), problems)


def _check_crs(form: CityForm, problems: Problems) -> None:
    try:
        crs = parse_crs(form.crs, "city.toml")
    except LayerError as error:
        problems.extend(error.problems)
        return
    if not is_metric(crs):
        expected = "a projection in metres, such as EPSG:4544"
        problems.note("city.toml", 0, "crs", f"{form.crs!r} ({crs.name})", expected)


def _check_limit(field: str, text: str, problems: Problems) -> None:
    try:
        parse_limit(text)
    except ValueError as error:
        problems.note("city.toml", 0, field, repr(text), str(error).partition("; expected ")[2])


def _check_duplicates(duplicates: DuplicatesForm, catalogue: Catalogue, problems: Problems) -> None:
    def fault(where: str, found: str, expected: str) -> None:
        problems.note("duplicates.toml", 0, where, found, expected)

    tables = {kind: getattr(duplicates, kind) for kind in ("component", "event", "diffuse")}
    tables |= {f"special[{number}]": table for number, table in enumerate(duplicates.special)}
    named: dict[tuple[bool, str], str] = {}
    for name, table in tables.items():
        if name.startswith("special") and not table.categories:
            fault(f"{name}.categories", "nothing", "the categories that it is about")
        for number, code in enumerate(table.categories):
            where = f"{name}.categories[{number}]"
            if code not in catalogue.leaves:
                fault(where, repr(code), "a leaf of scheme city in categories.csv")
            # A special table is there to say otherwise than the general ones; two of a rank would contradict.
            first = named.setdefault((name.startswith("special"), code), where)
            if first != where:
                fault(where, f"{code!r}, as {first}", "a category in one table")
    if duplicates.suggest > duplicates.merge:
        fault("suggest", f"{duplicates.suggest:g}", f"no more than merge, {duplicates.merge:g}")
    weights = duplicates.weights
    total = weights.space + weights.time + weights.category + weights.text
    if abs(total - 1) > 1e-9:  # noqa: PLR2004 - sums of decimals are not exact
        fault("weights", f"{total:g} together", "1 together")


def _exceptions(directory: Path, problems: Problems) -> dict[date, str]:
    exceptions: dict[date, str] = {}
    for row in read_rows(directory / "calendar.csv", ("date", "kind", "name"), problems):
        day = row.day("date", date.min)
        if day in exceptions:
            row.fault("date", "a date that no other row has")
        exceptions[day] = row.choice("kind", (HOLIDAY, MAKEUP_WORKDAY))
    return exceptions


def _calendar(form: CityForm, exceptions: Mapping[date, str], problems: Problems) -> WorkCalendar:
    periods: list[tuple[time, time]] = []
    for number, text in enumerate(form.hours.periods):
        opens, _, closes = text.partition("-")
        try:
            period = parse_time(opens), parse_time(closes)
        except ValueError:
            period = time(), time()
        if period[0] >= period[1] or (periods and period[0] < periods[-1][1]):
            problems.note("city.toml", 0, f"hours.periods[{number}]", repr(text), "08:00-12:00, in order")
        periods.append(period)
    zone = ZoneInfo(form.timezone) if not problems else ZoneInfo("UTC")
    return WorkCalendar(zone, tuple(periods), frozenset(form.hours.weekdays), exceptions)


def _workers(directory: Path, units: Units, problems: Problems) -> tuple[Worker, ...]:
    found: dict[str, Worker] = {}
    columns = ("worker", "unit", "grid", "shift_from", "shift_to")
    for row in read_rows(directory / "workers.csv", columns, problems, optional=True):
        unit = row.text("unit")
        if unit not in units:
            row.fault("unit", "a unit of units.csv")
        worker = row.text("worker")
        if worker in found:
            row.fault("worker", "a pseudonym that no other row has")
        grid, shift = row.text("grid", needed=False), (row.time("shift_from"), row.time("shift_to"))
        found[worker] = Worker(worker, unit, grid, *shift)
    return tuple(found.values())
