"""Receipts: one routing decision with everything that led to it, named by its own digest."""

from __future__ import annotations

import hashlib
from datetime import date, datetime

import msgspec
from msgspec import UNSET, UnsetType


class RowVerdict(msgspec.Struct, frozen=True):
    """One duty row: the role it is about, whom it named here, whether it won, and why."""

    row: str
    role: str
    unit: str
    won: bool
    why: str


class ReceiptPlace(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where the decision was taken for: the place, how surely it was found, and the position as it was reported."""

    cell: str
    district: str
    street: str
    community: str
    desk: str
    zones: tuple[str, ...]
    area_class: str
    grid_version: str
    method: str
    lon: float | None = None
    lat: float | None = None
    datum: str = ""
    confidence: float = 1.0
    component: str = ""


class CategoryStep(msgspec.Struct, frozen=True):
    """How a reported category became one of the city's."""

    scheme: str
    category: str
    city_category: str
    condition: str


class Ruling(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a centre has decided about a disputed duty: from `effective_from` on `unit` leads in a scope.

    `row` names it, as a row of duties.csv is named; `overrules` is the lead that it takes the duty from, empty
    after a tie; `supersedes` are the rows of the duty list that have to end for it to stand there.
    """

    row: str
    category: str
    scope_type: str
    scope_code: str
    unit: str
    case_no: str
    decided_by: str
    basis: str
    effective_from: date
    effective_to: date | None = None
    overrules: str = ""
    supersedes: tuple[str, ...] = ()


class Receipt(msgspec.Struct, frozen=True):
    """Why a matter went where it went. `at` is when it occurred; `level` is who commands.

    `ruling` is there only where one decided.
    """

    at: datetime
    place: ReceiptPlace
    category: CategoryStep
    duty_version: str
    lead: str
    cooperate: tuple[str, ...]
    supervise: tuple[str, ...]
    approve: tuple[str, ...]
    enforce: tuple[str, ...]
    outcome: str
    automation: dict[str, str]
    level: str
    facts: dict[str, str | int]
    rows: tuple[RowVerdict, ...]
    receipt_id: str = ""
    ruling: Ruling | UnsetType = UNSET


_encoder = msgspec.json.Encoder(order="deterministic")


def sealed(receipt: Receipt) -> Receipt:
    """Return the receipt under the name that its content gives it: 32 hex digits of SHA-256."""
    bare = msgspec.structs.replace(receipt, receipt_id="")
    digest = hashlib.sha256(_encoder.encode(bare)).hexdigest()[:32]
    msgspec.structs.force_setattr(bare, "receipt_id", digest)  # nobody has seen this copy yet
    return bare


def intact(receipt: Receipt) -> bool:
    """Say whether a receipt still is what it was when it got its name."""
    return sealed(receipt).receipt_id == receipt.receipt_id
