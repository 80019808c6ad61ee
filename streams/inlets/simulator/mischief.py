"""What arrives broken: no JSON, a field too few or too many, an unknown category, a place or time that can't be."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from streams.inlets.simulator.reporters import Arrival

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from grids.city import City

SHARE = 0.006
"""Broken lines for each good one."""


def malformed(city: City, good: Sequence[Arrival], rng: random.Random, start: datetime, days: int) -> list[Arrival]:
    """Spoil copies of good reports, each under a number of its own, in every way in turn."""
    found = []
    for number in range(round(len(good) * SHARE)):
        donor = rng.choice(good)
        body: dict[str, Any] = msgspec.json.decode(donor.line)
        body["system_no"] = f"BAD-{number:06d}"
        body["report_id"] = ""
        at = start + timedelta(seconds=rng.randrange(days * 86_400))
        body["reported_at"] = body["occurred_at"] = at.isoformat()
        body.setdefault("scheme", "city")
        body.setdefault("category", city.rules.catalogue.leaves[0])
        body["matter"] = "INCIDENT"
        body.setdefault("lon", 104.0)
        body.setdefault("lat", 30.6)
        found.append(Arrival(at, WAYS[number % len(WAYS)](body, at)))
    return sorted(found, key=lambda arrival: (arrival.at, arrival.line))


def _torn(body: dict[str, Any], _: datetime) -> bytes:
    line = msgspec.json.encode(body)
    return line[: len(line) // 2]


def _no_json(_: dict[str, Any], at: datetime) -> bytes:
    return f"ERROR 500 upstream timeout {at.isoformat()}".encode()


def _unknown_category(body: dict[str, Any], _: datetime) -> bytes:
    return msgspec.json.encode({**body, "scheme": "city", "category": "E-99-99"})


def _unknown_scheme(body: dict[str, Any], _: datetime) -> bytes:
    return msgspec.json.encode({**body, "scheme": "legacy-2009"})


def _swapped(body: dict[str, Any], _: datetime) -> bytes:
    return msgspec.json.encode({**body, "lon": body["lat"], "lat": body["lon"]})


def _future(body: dict[str, Any], at: datetime) -> bytes:
    ahead = (at + timedelta(days=2)).isoformat()
    return msgspec.json.encode({**body, "reported_at": ahead, "occurred_at": ahead})


def _unknown_field(body: dict[str, Any], _: datetime) -> bytes:
    return msgspec.json.encode({**body, "prioritaet": "hoch"})


def _bad_type(body: dict[str, Any], _: datetime) -> bytes:
    return msgspec.json.encode({**body, "severity": "serious"})


def _missing(body: dict[str, Any], _: datetime) -> bytes:
    return msgspec.json.encode({key: value for key, value in body.items() if key != "channel"})


def _null_island(body: dict[str, Any], _: datetime) -> bytes:
    return msgspec.json.encode({**body, "lon": 0.0, "lat": 0.0})


WAYS: tuple[Callable[[dict[str, Any], datetime], bytes], ...] = (
    _torn, _no_json, _unknown_category, _unknown_scheme, _swapped, _future, _unknown_field, _bad_type,
    _missing, _null_island,
)  # fmt: skip
"""Every way to spoil a report, in turn."""
