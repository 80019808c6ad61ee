"""New York's 311 service requests, in the three shapes that the city publishes them in.

Titles as in the portal's CSV (`Unique Key`), names as in its API (`unique_key`, JSON, times without offset) and in
snapshots (Parquet). Times are New York's. A request has changed when it was closed, or its resolution updated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from streams.inlets.adapters.reading import Context, Fault, Reading, header, moment, number, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_ZONE = ZoneInfo("America/New_York")
_CHANNELS = {"ONLINE": "PUBLIC_APP", "MOBILE": "PUBLIC_APP", "PHONE": "HOTLINE"}
_NEEDED = ("unique_key", "created_date", "complaint_type")
_CHANGED = ("resolution_action_updated_date", "closed_date")
_KEPT = ("agency", "community_board", "location_type", "incident_zip", "borough", "closed_date")


class Nyc311:
    """The format."""

    system = "nyc311"

    def knows(self, path: Path) -> bool:
        """Say whether a file has a unique key, a creation date and a complaint type, however they are spelt."""
        return set(_NEEDED) <= {_plain(name) for name in header(path)}

    def read(self, path: Path, context: Context) -> Iterator[Reading]:
        """Yield every row."""
        for row, texts in table(path):
            yield _reading(row, {_plain(name): text for name, text in texts.items()}, context)


def _plain(name: str) -> str:
    return name.strip().lower().replace(" ", "_")


def _reading(row: int, said: Mapping[str, str], context: Context) -> Reading:
    faults = [Fault(field, "", "a value") for field in _NEEDED if not said.get(field)]
    at = moment(said.get("created_date", ""), _ZONE)
    if at is None and said.get("created_date"):
        faults.append(Fault("created_date", said["created_date"], "a time"))
    if faults:
        return Reading(row, None, tuple(faults))
    assert at is not None
    report: dict[str, Any] = {
        "system": context.system or Nyc311.system,
        "system_no": said["unique_key"],
        "channel": _CHANNELS.get(said.get("open_data_channel_type", ""), "DEPARTMENT"),
        "reported_at": at,
        "scheme": "nyc311",
        "category": said["complaint_type"],
        "text": ": ".join(part for part in (said["complaint_type"], said.get("descriptor", "")) if part),
    }
    if address := said.get("incident_address") or said.get("street_name"):
        report["address"] = ", ".join(part for part in (address, said.get("borough", "")) if part)
    if said.get("status"):
        report["source_status"] = said["status"]
    stamps = [when for name in _CHANGED if (when := moment(said.get(name, ""), _ZONE))]
    if stamps:
        report["source_updated_at"] = max(stamps)
    lon, lat = number(said.get("longitude", "")), number(said.get("latitude", ""))
    if lon is not None and lat is not None:
        report |= {"lon": lon, "lat": lat, "datum": "WGS84"}
    elif said.get("longitude") or said.get("latitude"):
        faults.append(Fault("longitude, latitude", f"{said.get('longitude')}, {said.get('latitude')}", "degrees"))
    if stamps and (closed := moment(said.get("closed_date", ""), _ZONE)) and closed < at:
        faults.append(Fault("closed_date", said["closed_date"], "a time after created_date"))
    if kept := {name: said[name] for name in _KEPT if said.get(name)}:
        report["attributes"] = kept
    return Reading(row, report, tuple(faults))
