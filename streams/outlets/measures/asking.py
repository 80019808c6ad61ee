"""Asking measures: figures by window and place, and the cases behind each figure, by DuckDB over the facts."""

from __future__ import annotations

import threading
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import duckdb
import msgspec

from streams.outlets.measures.registry import (
    COUNT,
    LOW,
    MEDIAN,
    P90,
    RATIO,
    SCORE,
    SUM,
    Measure,
    MeasureError,
    registry,
    views,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from streams.outlets.measures.facts import Facts

Window = Literal["", "day", "week", "month"]
WINDOWS = ("day", "week", "month")

DIMENSIONS = (
    "city", "desk", "district", "street", "community", "grid", "unit", "category", "net", "severity", "channel",
)  # fmt: skip
"""By what figures may be told apart. `unit` is whose work it was; the others are the case's."""

_LABELS = {"day": "%Y-%m-%d", "week": "%G-W%V", "month": "%Y-%m"}
_FAR = 400
"""Windows of one answer at most: more than a year of days is asked month by month."""

_SMALL, _ANSWERS = 500, 40
"""Figures of an answer that is kept, and answers that are kept, at most."""

_FIGURES = {
    RATIO: "sum(part::DOUBLE), sum(whole)::DOUBLE, sum(part::DOUBLE) / nullif(sum(whole), 0)",
    MEDIAN: "median(part::DOUBLE), count(*)::DOUBLE, median(part::DOUBLE)",
    P90: "quantile_cont(part::DOUBLE, 0.9), count(*)::DOUBLE, quantile_cont(part::DOUBLE, 0.9)",
    SUM: "sum(part::DOUBLE), count(*)::DOUBLE, sum(part::DOUBLE)",
    COUNT: "count(*)::DOUBLE, count(*)::DOUBLE, count(*)::DOUBLE",
}
"""Numerator, denominator and value of each aggregate."""


class Figure(msgspec.Struct, kw_only=True):
    """One figure with what it is: `value` is None where nothing is in the cohort.

    `by` says of what place or unit, `window` is a label (`2026-03-02`, `2026-W10`, `2026-03`, or `FROM/TO`), and
    `start`, `end` its first day and the day after its last. A ratio has its two parts; a median, sum or count the
    number that it is over as `denominator`. A figure of a published month stands as it was published, with the
    log's `position` then; `correction` is what it would be now, where that differs.
    """

    measure: str
    version: int
    window: str
    by: dict[str, str]
    value: float | None
    numerator: float | None
    denominator: float
    zh: str
    en: str
    unit: str
    formula: str
    cohort: str
    start: date
    end: date
    position: int
    published: bool = False
    correction: Correction | None = None


class Correction(msgspec.Struct, frozen=True):
    """What a published figure has become at a later position of the log."""

    value: float | None
    numerator: float | None
    denominator: float
    position: int


class Question(NamedTuple):
    """What is asked: city days from `start` to before `end`, cut into windows, told apart by dimensions."""

    start: date
    end: date
    by: tuple[str, ...] = ("city",)
    window: Window = ""
    measures: tuple[str, ...] = ()

    def checked(self) -> Question:
        """Return it as it is. Raises MeasureError that names what is wrong and what was expected."""
        if self.start >= self.end:
            raise MeasureError(f"from {self.start} to {self.end}; expected a first day before the end (exclusive)")
        for name in self.by:
            if name not in DIMENSIONS:
                raise MeasureError(f"by: {name!r}; expected some of {','.join(DIMENSIONS)}")
        if self.window not in ("", *WINDOWS):
            raise MeasureError(f"window: {self.window!r}; expected one of {', '.join(WINDOWS)}")
        for name in self.measures:
            if name not in registry():
                raise MeasureError(f"measure: {name!r}; expected one of {', '.join(registry())}")
        if len(list(self.windows())) > _FAR:
            raise MeasureError(f"{self.window}s from {self.start} to {self.end}; expected at most {_FAR} of them")
        return self

    def windows(self) -> Iterator[tuple[str, date, date]]:
        """Yield label, first day and day after the last of each window, those at the ends cut."""
        if not self.window:
            yield f"{self.start}/{self.end}", self.start, self.end
            return
        day = self.start
        while day < self.end:
            following = min(_next(day, self.window), self.end)
            yield day.strftime(_LABELS[self.window]), day, following
            day = following


class Asker:
    """Measures over one set of facts. Threads may ask, one after another."""

    def __init__(self, facts: Facts, city: str) -> None:
        """`city` is the city's code, which figures of the whole city carry.

        The tables are DuckDB's from here on; of `facts` only position and time are kept.
        """
        self.facts = facts._replace(cases=facts.cases.schema.empty_table(), clocks=facts.clocks.schema.empty_table())
        self._city, self._lock = city, threading.Lock()
        self._answers: dict[Question, list[Figure]] = {}
        self._db = duckdb.connect(":memory:", config={"threads": 1, "autoinstall_known_extensions": "false"})
        self._db.register("given_cases", facts.cases)
        self._db.register("given_clocks", facts.clocks)
        self._db.execute("CREATE TABLE cases AS SELECT * FROM given_cases")
        self._db.execute("CREATE TABLE clocks AS SELECT * FROM given_clocks")
        self._db.execute("CREATE TABLE moment AS SELECT ?::TIMESTAMP AS now", [facts.now])
        self._db.unregister("given_cases")
        self._db.unregister("given_clocks")
        self._db.execute(views())
        self._db.execute("SET enable_external_access = false")

    def close(self) -> None:
        """Let the tables go."""
        self._db.close()

    def ask(self, question: Question) -> list[Figure]:
        """Return the figures, measure by measure, window by window. Raises MeasureError for what can't be asked.

        Facts do not change, so a small answer is kept, for whoever asks the same.
        """
        if (known := self._answers.get(question)) is not None:
            return list(known)
        question.checked()
        chosen = [registry()[name] for name in question.measures or registry()]
        with self._lock:
            found = [figure for measure in chosen for figure in self._figures(measure, question)]
            if len(found) <= _SMALL and len(self._answers) < _ANSWERS:
                self._answers[question] = found
        return list(found)

    def cases(
        self, measure: str, start: date, end: date, where: Mapping[str, str], limit: int = 1000
    ) -> list[dict[str, Any]]:
        """List the cases behind a figure: `case_no`, `at`, `part`, `whole`, `unit`; those that spoil it stand first.

        `where` is a figure's `by`.
        """
        Question(start, end, tuple(where), "", (measure,)).checked()
        one = registry()[measure]
        query = _CASES.format(
            sql=one.sql,
            where="".join(f" AND {_column(name)} = ?" for name in where if name != "city"),
            order="DESC" if one.better == LOW else "ASC",
        )
        values = [str(value) for name, value in where.items() if name != "city"]
        with self._lock:
            found = self._db.execute(query, [*_bounds(start, end), *values, limit]).fetchall()
        return [
            {"case_no": case_no, "at": at, "part": part, "whole": whole, "unit": unit}
            for case_no, at, part, whole, unit in found
        ]

    def table(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run a query of our own over the facts, for pages that show more than measures."""
        with self._lock:
            return self._db.execute(query, list(values)).fetchall()

    def _figures(self, measure: Measure, question: Question) -> Iterator[Figure]:
        names = [name for name in question.by if name != "city"]
        found = self._grouped(measure, question, names)
        city = {"city": self._city} if "city" in question.by or not question.by else {}
        for label, start, end in question.windows():
            groups = found.get(label, {})
            if not names and not groups:
                groups = {(): (None, 0.0, None)}
            for key, (numerator, denominator, value) in sorted(groups.items()):
                yield Figure(
                    measure=measure.id,
                    version=measure.version,
                    window=label,
                    by={**city, **dict(zip(names, key, strict=True))},
                    value=value,
                    numerator=numerator,
                    denominator=denominator,
                    zh=measure.zh,
                    en=measure.en,
                    unit=measure.unit,
                    formula=measure.formula,
                    cohort=measure.cohort,
                    start=start,
                    end=end,
                    position=self.facts.position,
                )

    def _grouped(
        self, measure: Measure, question: Question, names: list[str]
    ) -> dict[str, dict[tuple[str, ...], tuple[float | None, float, float | None]]]:
        """Return numerator, denominator and value by window and place."""
        label = f"strftime(m.counted_at, '{_LABELS[question.window]}')" if question.window else "?"
        columns = "".join(f", {_column(name)} AS {name}" for name in names)
        cohort = _COHORT.format(label=label, columns=columns, sql=measure.sql)
        keys = ", ".join(["window_label", *names])
        form = _SCORE if measure.aggregate == SCORE else _GROUPS
        query = form.format(keys=keys, cohort=cohort, figures=_FIGURES.get(measure.aggregate, ""))
        values = [] if question.window else [next(question.windows())[0]]
        rows = self._db.execute(query, [*values, *_bounds(question.start, question.end)]).fetchall()
        found: dict[str, dict[tuple[str, ...], tuple[float | None, float, float | None]]] = {}
        for window, *key, numerator, denominator, value in rows:
            place = tuple("" if part is None else str(part) for part in key)
            found.setdefault(window, {})[place] = (numerator, denominator or 0.0, value)
        return found


# What is filled in below are the measures' own files and names from DIMENSIONS; what is asked for is bound.

_COHORT = """
SELECT {label} AS window_label{columns}, m.* EXCLUDE (unit)
FROM ({sql}) AS m JOIN cases AS c USING (case_no)
WHERE m.counted_at >= ? AND m.counted_at < ?
"""

_GROUPS = "SELECT {keys}, {figures} FROM ({cohort}) GROUP BY {keys}"

_CASES = """
SELECT
    m.case_no, m.counted_at, sum(m.part::DOUBLE) AS part, sum(m.whole)::DOUBLE AS whole, any_value(m.unit) AS unit
FROM ({sql}) AS m JOIN cases AS c USING (case_no)
WHERE m.counted_at >= ? AND m.counted_at < ?{where}
GROUP BY m.case_no, m.counted_at
ORDER BY part {order}, m.case_no
LIMIT ?
"""

_SCORE = """
SELECT {keys}, sum(points), sum(total)::DOUBLE, sum(points)
FROM (
    SELECT
        {keys}, term, abs(any_value(weight)) AS total,
        CASE
            WHEN any_value(weight) > 0 THEN any_value(weight) * sum(part) / sum(whole)
            ELSE -any_value(weight) * (1 - sum(part) / sum(whole))
        END AS points
    FROM ({cohort})
    GROUP BY {keys}, term
)
GROUP BY {keys}
"""
"""A term of positive weight gives its weight times its rate, one of negative weight as much less the higher it is."""


def _column(name: str) -> str:
    return "m.unit" if name == "unit" else f"c.{name}"


def _bounds(start: date, end: date) -> tuple[datetime, datetime]:
    return datetime.combine(start, time()), datetime.combine(end, time())


def _next(day: date, window: str) -> date:
    if window == "day":
        return day + timedelta(days=1)
    if window == "week":
        return day + timedelta(days=8 - day.isoweekday())
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)
