"""Reading a line of a feed: an accepted report, or a dead letter that keeps the line."""

from __future__ import annotations

import hashlib
from datetime import UTC
from typing import TYPE_CHECKING

import msgspec
from uuid_utils import uuid7

from streams.records import DeadLetter
from streams.stages.acceptance import Accepted, Refusal, check_report, decode_report

if TYPE_CHECKING:
    from datetime import datetime

STAGE = "inlet"


def accept_line(line: bytes, at: datetime, *, backfill: bool = False) -> Accepted | Refusal:
    """Read and check one JSON object; a report without an id gets one (UUIDv7)."""
    report = decode_report(line)
    if isinstance(report, Refusal):
        return report
    refusal = check_report(report, at, backfill=backfill)
    if refusal is not None:
        return refusal
    if not report.report_id:
        report = msgspec.structs.replace(report, report_id=str(uuid7()))
    return Accepted(report, at.astimezone(UTC), line)


def read_line(line: bytes, at: datetime, *, source: str = "", backfill: bool = False) -> Accepted | DeadLetter:
    """Read one line; what is refused becomes a dead letter of the inlet, with the line."""
    found = accept_line(line, at, backfill=backfill)
    if isinstance(found, Refusal):
        return refused(found, line, at, source)
    return found


def refused(refusal: Refusal, line: bytes, at: datetime, source: str) -> DeadLetter:
    """Put a line aside, under the digest of what it says."""
    name = hashlib.sha256(line + at.isoformat().encode()).hexdigest()[:32]
    return DeadLetter(name, STAGE, refusal.reason, str(refusal), at, line, source)
