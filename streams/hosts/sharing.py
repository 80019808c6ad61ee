"""Holding once what cases say alike: a decoded case has texts of its own, most of them those of other cases.

Codes, names of clocks, the duty rows of a receipt: of a case's 13 kB as it is decoded, half is the same as in others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import force_setattr

if TYPE_CHECKING:
    from collections.abc import Iterable

    import msgspec

    from streams.records import Case

_CASE = (
    "state", "desk", "matter", "category", "urgency", "unit", "team", "first_unit", "limit", "closing_test", "back",
)  # fmt: skip
_PLACEMENT = (
    "desk", "grid_version", "cell", "grid", "community", "street", "district", "zones", "area_class", "flags",
)  # fmt: skip
_PLACE = (
    "cell", "district", "street", "community", "desk", "zones", "area_class", "grid_version", "method", "datum",
    "component",
)  # fmt: skip
_RECEIPT = (
    "category", "duty_version", "lead", "cooperate", "supervise", "approve", "enforce", "outcome", "level", "rows",
)  # fmt: skip
_CLOCK = ("name", "clock", "unit", "stage", "limit_s")


class Shared:
    """What was seen so far: equal texts, tuples and frozen records become one object.

    Nothing that may still be changed is shared, and no moments: equal ones may be written with other offsets.
    """

    def __init__(self) -> None:
        self._seen: dict[Any, Any] = {}

    def cases(self, cases: Iterable[Case]) -> None:
        """Let cases that nobody holds yet share what they say alike. Their values stay the same."""
        for case in cases:
            self._fields(case, _CASE)
            self._fields(case.placement, _PLACEMENT)
            receipt = case.receipt
            self._fields(receipt, _RECEIPT)
            self._fields(receipt.place, _PLACE)
            self._values(receipt.automation)
            self._values(receipt.facts)
            for clock in case.clocks:
                self._fields(clock, _CLOCK)

    def _fields(self, record: msgspec.Struct, names: tuple[str, ...]) -> None:
        once = self._seen.setdefault
        for name in names:
            value = getattr(record, name)
            if value:  # what is empty is one object already
                force_setattr(record, name, once(value, value))

    def _values(self, said: dict[str, Any]) -> None:
        once = self._seen.setdefault
        for name, value in said.items():
            if type(value) is str:
                said[name] = once(value, value)
