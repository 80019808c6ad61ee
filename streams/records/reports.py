"""What comes in, and what intake makes of it: a report with its place and receipt."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec

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
    accuracy_m: float | None = None
    lon: float | None = None
    lat: float | None = None
    flags: tuple[str, ...] = ()


class RoutedReport(msgspec.Struct, tag="RoutedReport"):
    """A report with its place and receipt; `digest` tells a repeat from an update of the same source number."""

    report: Report
    placement: Placement
    receipt: Receipt
    digest: str
