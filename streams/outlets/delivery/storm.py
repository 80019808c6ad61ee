"""Storm control: which alerts that wait for a way go out now, and which together (DOMAIN §6).

Severity 1 and 2 go at once, each by itself, with whatever waits of the same case. Once a unit has had some of these
in five minutes, what comes within a fraction of a second goes in one message, as late as the first of it may wait: no
rule that lets none wait longer can do with fewer. Of the rest there is one message in five minutes for each cell and
category; where that would be more than a unit can read, one for each street, and where that would be, one for all: so
every alert is in some message, and the messages can be read.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from grids.telling import Storm
    from streams.outlets.delivery.outbox import Row

AT_ONCE = 2
"""Severities up to this one wait for nothing."""

ALONE, TOGETHER = "alone", "together"
"""What a message of the gravest is grouped by: one case at once, or what came in one fraction of a second."""

GRAVE = frozenset({ALONE, TOGETHER})


def groups(
    rows: Sequence[Row], made: Sequence[tuple[str, float]], storm: Storm, now: float
) -> Iterable[tuple[str, list[Row]]]:
    """Return what goes out now: what it is grouped by, and its alerts in their order.

    `rows` wait, in order; `made` are the messages of the last minutes and when they were made. Times are in seconds.
    """
    found: list[tuple[str, list[Row]]] = []
    cases: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        cases[row.case_no].append(row)
    urgent = {row.case_no: cases[row.case_no] for row in rows if row.severity <= AT_ONCE}
    if sum(key in GRAVE for key, _ in made) + len(urgent) <= storm.grave_alone:
        found += [(ALONE, own) for own in urgent.values()]
    elif urgent and now >= min(row.at for row in rows if row.severity <= AT_ONCE) + storm.grave_s:
        found.append((TOGETHER, sorted(row for own in urgent.values() for row in own)))
    last = dict(made)
    many = sum(key not in GRAVE for key, _ in made)
    left = [own for case_no, own in cases.items() if case_no not in urgent]
    for key_of, most in ((_by_cell, storm.street_from), (_by_street, storm.desk_from), (_by_desk, None)):
        due: dict[str, list[Row]] = defaultdict(list)
        for own in left:
            key = key_of(own[0])
            if key not in last or now >= last[key] + storm.minutes * 60:
                due[key] += own
        if most is None or many + len(due) <= most:
            return [*found, *((key, sorted(own)) for key, own in due.items())]
    raise AssertionError("all can be told together")


def _by_cell(row: Row) -> str:
    return f"cell {row.cell} {row.category}"


def _by_street(row: Row) -> str:
    return f"street {row.street}"


def _by_desk(_: Row) -> str:
    return "desk"
