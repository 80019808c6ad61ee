"""Acceptance: whether a report says enough to be taken in, checked field by field, and its defaults filled in.

This is the inlets' own check, before anything is promised to the sender. What needs the city's rules (category,
place, duty) is intake's.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from streams.records import Report

if TYPE_CHECKING:
    from collections.abc import Mapping

FUTURE = timedelta(minutes=10)
"""How far ahead of its acceptance a report may claim to be: clocks of phones drift."""

PAST = timedelta(days=400)
"""How long before its acceptance a report may have been made, unless the feed is a declared backfill."""


OLDEST = datetime(1900, 1, 1, tzinfo=UTC)
"""No city reports what happened before; a clock that was never set says so."""


class Refusal(msgspec.Struct, frozen=True):
    """Why a report is not taken in: a reason code, the field, what was found, what was expected."""

    reason: str
    field: str
    found: str
    expected: str

    def __str__(self) -> str:
        """Say it on one line."""
        return f"{self.field or 'body'}: {self.found}; expected {self.expected}"


class Accepted(msgspec.Struct):
    """A report that an inlet took in: `at` is when, `original` the bytes as they came."""

    report: Report
    at: datetime
    original: bytes


class _StrictReport(Report, forbid_unknown_fields=True):
    """A report as clients send it: a field that nobody knows is an error, not an extra."""


_decoder = msgspec.json.Decoder(_StrictReport)


def decode_report(line: bytes) -> Report | Refusal:
    """Read one JSON object as a Report; a Refusal names the field that is wrong."""
    try:
        return _decoder.decode(line)
    except msgspec.ValidationError as error:
        text, _, where = str(error).partition(" - at `$.")
        field = where.rstrip("`")
        if text.startswith("Object contains unknown field"):
            name = text.split("`")[1]
            return Refusal(
                "UNKNOWN_FIELD", name, "a field of this name", "a field of Report; extras go into attributes"
            )
        if text.startswith("Object missing required field"):
            return Refusal("MISSING_FIELD", text.split("`")[1], "nothing", "a value")
        return Refusal("BAD_FIELD", field, text, "the type and values of docs/records.md")
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        return Refusal("NOT_JSON", "", str(error) or type(error).__name__, "one JSON object")


def check_report(report: Report, at: datetime, *, backfill: bool = False) -> Refusal | None:
    """Check what types alone can't say, at the moment of acceptance; None if the report is good."""
    return _missing(report) or _bad_time(report, at, backfill=backfill) or _bad_position(report)


def _missing(report: Report) -> Refusal | None:
    needed: Mapping[str, str | None] = {"system": report.system.strip(), "system_no": report.system_no.strip()}
    if report.matter == "INCIDENT":
        needed = {**needed, "scheme": report.scheme, "category": report.category}
    for field, value in needed.items():
        if not value:
            return Refusal("MISSING_FIELD", field, "nothing", "a value; an INCIDENT needs scheme and category")
    return None


def _bad_time(report: Report, at: datetime, *, backfill: bool) -> Refusal | None:
    for field in ("reported_at", "occurred_at", "source_updated_at"):
        moment: datetime | None = getattr(report, field)
        if moment is None:
            continue
        if moment.tzinfo is None:
            return Refusal("BAD_TIME", field, moment.isoformat(), "a time with offset, as 2026-03-02T08:15:00+08:00")
        if moment < OLDEST:
            return Refusal("BAD_TIME", field, moment.isoformat(), f"a time after {OLDEST.date()}")
        if moment > at + FUTURE:
            return Refusal("FUTURE", field, moment.isoformat(), f"no later than 10 minutes after {at.isoformat()}")
    if report.reported_at < at - PAST and not backfill:
        return Refusal(
            "TOO_OLD", "reported_at", report.reported_at.isoformat(), "within 400 days, or a declared backfill"
        )
    return None


def says_where(report: Report) -> bool:
    """Say whether a report tells where it is in another way than by its position."""
    return bool(report.component_id or report.source_grid or report.address)


def _bad_position(report: Report) -> Refusal | None:
    if (report.lon is None) != (report.lat is None):
        field = "lon" if report.lon is None else "lat"
        return Refusal("BAD_POSITION", field, "nothing", "lon and lat together, or neither")
    if report.lon is None or report.lat is None:
        return None
    if not (math.isfinite(report.lon) and math.isfinite(report.lat)):
        return Refusal("BAD_POSITION", "lon", f"{report.lon}, {report.lat}", "finite degrees")
    if abs(report.lat) > 90 or abs(report.lon) > 180:  # noqa: PLR2004 - degrees of the globe
        swapped = abs(report.lon) <= 90 and abs(report.lat) <= 180  # noqa: PLR2004
        if swapped and says_where(report):
            return None  # intake places it by that, if they turn out to be swapped, and flags it
        hint = "; are lon and lat swapped?" if swapped else ""
        return Refusal(
            "BAD_POSITION", "lat", f"lon {report.lon}, lat {report.lat}", f"degrees within ±180 and ±90{hint}"
        )
    return None
