"""Codes of places and cases. Codes are text: a leading zero is part of the code.

- administrative: GB/T 2260 district (6 digits), GB/T 10114 street (+3), statistical community (+3)
- cell and grid: community + serial of 3 (GB/T 30428.1), 15 characters
- case: desk (6 characters) + yyyymmdd + serial of 5, 19 characters
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from grids.errors import CodeError

if TYPE_CHECKING:
    from datetime import date

DISTRICT, STREET, COMMUNITY, CELL = 6, 9, 12, 15
"""Lengths of the nested place codes, in characters."""

CASE = 19
"""Length of a case number."""

SPANNING = 601
"""First community serial of grids that span several communities (CJ/T 349)."""

_CELL_SERIALS = (900, "ABCDEFGHIJKLM")
_GRID_SERIALS = (99, "NOPQRSTUVWXYZ")
"""How many serials are plain numbers, and the letters that go on with 100 each. Cells and grids of a community
share one space of 15-character codes, so that a code alone says what it is: 901-999 and N00-Z99 are grids."""


def is_place(code: str) -> bool:
    """Say whether `code` is a district, street or community code: 6, 9 or 12 digits."""
    return code.isascii() and code.isdigit() and len(code) in (DISTRICT, STREET, COMMUNITY)


def ancestors(code: str) -> tuple[str, ...]:
    """List the codes of the places that hold `code`, the smallest first, a place itself included.

    >>> ancestors("510104017001")
    ('510104017001', '510104017', '510104')
    """
    return tuple(code[:n] for n in (COMMUNITY, STREET, DISTRICT) if len(code) >= n)


def cell_serial(number: int) -> str:
    """Write the serial of a community's `number`-th cell: 001-900, then A00-M99, so that a dense one doesn't run out.

    Raises CodeError beyond 2200 or below 1.
    """
    return _serial(number, 0, *_CELL_SERIALS)


def grid_serial(number: int) -> str:
    """Write the serial of a community's `number`-th grid: 901-999, then N00-Z99, apart from the cells' serials.

    Raises CodeError beyond 1399 or below 1.
    """
    return _serial(number, _CELL_SERIALS[0], *_GRID_SERIALS)


def serial_number(serial: str) -> int:
    """Return the number that `cell_serial` or `grid_serial` wrote; 0 for what neither writes.

    >>> serial_number("A07"), serial_number("N00")
    (908, 100)
    """
    plain, letters = _CELL_SERIALS
    if len(serial) == len("001") and serial.isascii() and serial.isdigit():
        return int(serial) if int(serial) <= plain else int(serial) - plain
    if len(serial) == len("001") and serial[1:].isascii() and serial[1:].isdigit():
        for known, names in ((plain, letters), _GRID_SERIALS):
            if serial[0] in names:
                return known + 100 * names.index(serial[0]) + int(serial[1:]) + 1
    return 0


def is_grid(code: str) -> bool:
    """Say whether a code of 15 characters is a grid's: its serial is one of 901-999 and N00-Z99.

    >>> is_grid("510104017001901"), is_grid("510104017001001")
    (True, False)
    """
    serial = code[COMMUNITY:]
    numbered = serial.isascii() and serial.isdigit() and int(serial) > _CELL_SERIALS[0]
    return len(code) == CELL and (numbered or serial[0] in _GRID_SERIALS[1])


def _serial(number: int, first: int, plain: int, letters: str) -> str:
    if 1 <= number <= plain:
        return f"{first + number:03d}"
    rest = number - plain - 1
    if 0 <= rest < 100 * len(letters):
        return f"{letters[rest // 100]}{rest % 100:02d}"
    raise CodeError(f"serial {number} doesn't fit into three characters; expected 1 to {plain + 100 * len(letters)}")


def case_number(desk: str, day: date, number: int) -> str:
    """Build the number of the `number`-th case that `desk` accepted on the city date `day` (19 characters).

    Raises CodeError if the desk code is not 6 characters or the day has used up its 99,999 serials.
    """
    if len(desk) != DISTRICT:
        raise CodeError(f"desk code {desk!r} has {len(desk)} characters; expected 6")
    if not 1 <= number <= 99_999:  # noqa: PLR2004 - the five digits of the standard's form
        raise CodeError(f"case serial {number} of desk {desk} on {day}; expected 1 to 99999")
    return f"{desk}{day:%Y%m%d}{number:05d}"
