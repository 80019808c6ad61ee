"""Trying a file: what an adapter understood of it, before anything is sent; and turning it into a feed's lines."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec

from streams.inlets.adapters.reading import Fault
from streams.records import Report
from streams.stages.acceptance import Refusal, decode_report

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from streams.inlets.adapters.reading import Adapter, Context, Reading

EXAMPLES = 20
"""Rows that are shown of what was not understood."""

_encode = msgspec.json.Encoder().encode


class Tried(msgspec.Struct):
    """What came of a file. rows = reports + quiet + not_understood; `without` counts reports that lack a field."""

    rows: int = 0
    reports: int = 0
    quiet: int = 0
    not_understood: int = 0
    without: int = 0
    placed: int = 0
    matters: dict[str, int] = {}
    channels: dict[str, int] = {}
    fields: dict[str, int] = {}
    categories: dict[str, int] = {}
    faults: dict[str, int] = {}
    examples: list[dict[str, Any]] = []


def lines(adapter: Adapter, path: Path, context: Context) -> Iterator[tuple[Reading, bytes | None]]:
    """Yield every row with the line of its report, which acceptance could read; without one where there is none."""
    for reading in adapter.read(path, context):
        if reading.report is None:
            yield reading, None
            continue
        line = _encode(reading.report)
        found = decode_report(line)
        if isinstance(found, Refusal):
            fault = Fault(found.field, found.found, found.expected)
            yield reading._replace(report=None, faults=(*reading.faults, fault)), None
        else:
            yield reading, line


def attempt(adapter: Adapter, path: Path, context: Context) -> Tried:
    """Read a whole file, and count."""
    found = Tried(matters={}, channels={}, fields={}, categories={}, faults={}, examples=[])
    matters: Counter[str] = Counter()
    channels: Counter[str] = Counter()
    fields: Counter[str] = Counter()
    categories: Counter[str] = Counter()
    faults: Counter[str] = Counter()
    for reading, line in lines(adapter, path, context):
        found.rows += 1
        found.quiet += reading.quiet
        faults.update(f"{fault.field}: expected {fault.expected}" for fault in reading.faults)
        if reading.faults and len(found.examples) < EXAMPLES:
            shown = [f"{fault.field}: {_short(fault.found)}; expected {fault.expected}" for fault in reading.faults]
            found.examples.append({"row": reading.row, "taken": line is not None, "faults": shown})
        if line is None:
            found.not_understood += not reading.quiet
            continue
        report = msgspec.json.decode(line, type=Report)
        found.reports += 1
        found.without += bool(reading.faults)
        placed = report.lon is not None or report.component_id or report.source_grid or report.address
        found.placed += bool(placed)
        matters[report.matter] += 1
        channels[report.channel] += 1
        assert reading.report is not None
        fields.update(reading.report.keys())
        if report.category:
            categories[f"{report.scheme}:{report.category}"] += 1
    found.matters, found.channels, found.fields = dict(matters), dict(channels), dict(fields)
    found.categories, found.faults = dict(categories.most_common()), dict(faults.most_common())
    return found


def _short(text: str) -> str:
    """Show the beginning of what a row says: enough to find it, not enough to tell of a person."""
    return repr(text if len(text) <= 40 else text[:40] + "…")  # noqa: PLR2004


def convert(adapter: Adapter, path: Path, context: Context, out: Path) -> tuple[int, int]:
    """Write the reports of a file as lines, and beside them what was not understood; return how many of each."""
    taken = left = 0
    out.touch(mode=0o600)  # it may tell of people, as the file itself does
    with out.open("wb") as good, out.with_name(f"{out.name}.not-understood.ndjson").open("wb") as bad:
        for reading, line in lines(adapter, path, context):
            if line is not None:
                taken += 1
                good.write(line + b"\n")
            elif not reading.quiet:
                left += 1
                said = {"row": reading.row, "faults": [fault._asdict() for fault in reading.faults]}
                bad.write(_encode(said) + b"\n")
    return taken, left
