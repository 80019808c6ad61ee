"""Sensors' readings, one JSON object a line, and the thresholds of the pack by which a reading becomes a report.

    {"sensor": "WL-7", "kind": "water_level", "value": 3.4, "at": "2026-03-02T08:15:00+08:00", "lon": …, "lat": …}

A value beyond the threshold for as long as the pack says is one report; until it has come back by `back` further ones
say nothing. A report's number is the sensor and when it began, so that a file read twice reports nothing twice.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from streams.inlets.adapters.reading import Context, Fault, Reading

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from grids.inlets import SensorForm


class _Reading(msgspec.Struct, forbid_unknown_fields=False):
    sensor: str
    kind: str
    value: float
    at: str
    lon: float | None = None
    lat: float | None = None
    datum: Literal["CGCS2000", "WGS84", "GCJ02", "BD09"] | None = None
    component_id: str | None = None


class _Watched(msgspec.Struct):
    """Where a sensor stands: since when it is beyond, whether that was told, and the last time it spoke."""

    since: datetime | None = None
    told: bool = False
    last: datetime | None = None


class Sensors:
    """The format."""

    system = "sensors"

    def knows(self, path: Path) -> bool:
        """Say whether the first line of a file is a reading."""
        with path.open("rb") as file:
            line = file.readline(1 << 16)
        try:
            found = msgspec.json.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return False
        return isinstance(found, dict) and {"sensor", "kind", "value"} <= found.keys()

    def read(self, path: Path, context: Context) -> Iterator[Reading]:
        """Yield every line: most are quiet."""
        forms = {form.kind: form for form in context.sensors}
        watched: dict[tuple[str, str], _Watched] = {}
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield _reading(number, line, forms, watched, context)


def _reading(
    number: int,
    line: bytes,
    forms: dict[str, SensorForm],
    watched: dict[tuple[str, str], _Watched],
    context: Context,
) -> Reading:
    try:
        said = msgspec.json.decode(line, type=_Reading)
        at = msgspec.convert(said.at, type=datetime)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return Reading(number, None, (Fault("line", str(error), "sensor, kind, value and at of a reading"),))
    if at.tzinfo is None:
        at = at.replace(tzinfo=context.zone)
    form = forms.get(said.kind)
    if form is None:
        return Reading(number, None, (Fault("kind", said.kind, "a [[sensor]] of inlets.toml: " + " ".join(forms)),))
    state = watched.setdefault((said.sensor, said.kind), _Watched())
    if state.last is not None and at < state.last:
        return Reading(number, None, (Fault("at", said.at, f"a time after {state.last.isoformat()}"),))
    state.last = at
    return _heed(number, said, at, form, state, context)


def beyond(form: SensorForm, value: float) -> bool:
    """Say whether a value is beyond its threshold."""
    return value > form.over if form.over is not None else form.under is not None and value < form.under


def _back(form: SensorForm, value: float) -> bool:
    """Say whether a value has come back far enough."""
    if form.over is not None:
        return value <= form.over - form.back
    return form.under is not None and value >= form.under + form.back


def severity(form: SensorForm, value: float) -> int:
    """Return how grave a value is: the gravest step that it reaches; 4 if none."""
    up = form.over is not None
    reached = [grave for limit, grave in form.steps if (value >= limit if up else value <= limit)]
    return min(reached, default=4)


def _heed(number: int, said: _Reading, at: datetime, form: SensorForm, state: _Watched, context: Context) -> Reading:
    if state.since is not None and _back(form, said.value):
        state.since, state.told = None, False
    if not beyond(form, said.value):
        return Reading(number, None, quiet=True)
    state.since = state.since or at
    if state.told or (at - state.since).total_seconds() < form.for_s:
        return Reading(number, None, quiet=True)
    state.told = True
    report: dict[str, Any] = {
        "system": context.system or Sensors.system,
        "system_no": f"{said.sensor}-{said.kind}-{state.since.isoformat()}",
        "channel": "SENSOR",
        "reported_at": at,
        "occurred_at": state.since,
        "scheme": "city",
        "category": form.category,
        "severity": severity(form, said.value),
        "urgency": form.urgency,
        "text": f"{form.name_zh or form.kind} {said.value:g} {form.unit}".strip(),
        "attributes": {"sensor": said.sensor, "kind": said.kind, "value": said.value},
    }
    for field in ("lon", "lat", "datum", "component_id"):
        if (value := getattr(said, field)) is not None:
            report[field] = value
    return Reading(number, report)
