"""The registry: each measure is one SQL file whose header says what it is; id, version and formula go with a figure.

A file's query gives one row for each member of its cohort: `case_no`, `counted_at` (the moment that puts it into a
window), `unit`, `part` and `whole`; a score has `term` and `weight` besides. How rows become a figure is the
`aggregate`.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple

_FOLDER = Path(__file__).parent
_HEADER = ("id", "version", "zh", "en", "unit", "aggregate", "better", "formula", "cohort")

RATIO, MEDIAN, P90, SUM, COUNT, SCORE = "ratio", "median", "p90", "sum", "count", "score"
AGGREGATES = (RATIO, MEDIAN, P90, SUM, COUNT, SCORE)
HIGH, LOW = "high", "low"
BETTER = (HIGH, LOW, "none")
"""Whether more of a measure is better; by it places are ranked, and what spoils a figure stands first."""


class MeasureError(ValueError):
    """A measure's file, or what is asked of measures, is not as it has to be."""


class Measure(NamedTuple):
    """One measure: what travels with each of its figures, and the query over the facts."""

    id: str
    version: int
    zh: str
    en: str
    unit: str
    aggregate: str
    better: str
    formula: str
    cohort: str
    sql: str


def read_measure(text: str, name: str) -> Measure:
    """Read one file. Raises MeasureError that names the line's field and what was expected."""
    said: dict[str, str] = {}
    lines = text.splitlines()
    for line in lines:
        if not line.startswith("--"):
            break
        key, colon, value = line[2:].partition(":")
        if not colon or key.strip() not in _HEADER or not value.strip():
            raise MeasureError(f"{name}: {line!r}; expected -- and one of {', '.join(_HEADER)}, a colon and a value")
        said[key.strip()] = value.strip()
    for key in _HEADER:
        if key not in said:
            raise MeasureError(f"{name}: no {key} in the header; expected -- {key}: …")
    if not said["version"].isdigit():
        raise MeasureError(f"{name}: version {said['version']!r}; expected a whole number")
    if said["aggregate"] not in AGGREGATES:
        raise MeasureError(f"{name}: aggregate {said['aggregate']!r}; expected one of {' '.join(AGGREGATES)}")
    if said["better"] not in BETTER:
        raise MeasureError(f"{name}: better {said['better']!r}; expected one of {' '.join(BETTER)}")
    if said["id"] != name.removesuffix(".sql"):
        raise MeasureError(f"{name}: id {said['id']!r}; expected the file's own name")
    return Measure(**{key: said[key] for key in _HEADER if key != "version"}, version=int(said["version"]), sql=text)


@cache
def registry() -> dict[str, Measure]:
    """Return every measure by its id, in the order in which people look at them."""
    found = [read_measure(path.read_text(encoding="utf-8"), path.name) for path in (_FOLDER / "sql").glob("*.sql")]
    rank = {name: number for number, name in enumerate(_FIRST)}
    return {one.id: one for one in sorted(found, key=lambda one: (rank.get(one.id, len(rank)), one.id))}


_FIRST = (
    "cases", "handling_rate", "on_time_handling_rate", "on_time_handling_rate_scored", "overdue_open_rate",
    "closing_rate", "on_time_closing_rate", "rework_rate", "extension_rate", "district_score",
    "filing_on_time_rate", "filing_accuracy", "dispatch_accuracy", "valid_report_rate",
    "report_to_dispatch_median", "report_to_dispatch_p90", "report_to_close_median", "report_to_close_p90",
)  # fmt: skip


@cache
def views() -> str:
    """Return the views that the measures stand on."""
    return (_FOLDER / "views.sql").read_text(encoding="utf-8")
