"""Published months: figures frozen with the log's position then; what they have become since is told beside them.

A publication is one JSON file in the data folder, `published/2026-03.json`. It is written once and never changed.
"""

from __future__ import annotations

import os
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from streams.outlets.measures.asking import Asker, Correction, Figure, Question
from streams.outlets.measures.registry import MeasureError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

FOLDER = "published"
BREAKDOWNS: tuple[tuple[str, ...], ...] = (("city",), ("desk",), ("street",), ("unit",), ("category",), ("net",))
"""By what a month is published."""


class Published(msgspec.Struct):
    """A month as it was published: every figure of it, and where the log stood."""

    month: str
    position: int
    published_at: datetime
    figures: list[Figure]


def month_of(text: str) -> tuple[date, date]:
    """Return the first day of a month and of the one after. Raises MeasureError for what is no month."""
    try:
        first = date.fromisoformat(f"{text}-01")
    except ValueError:
        raise MeasureError(f"month: {text!r}; expected one such as 2026-03") from None
    return first, (first + timedelta(days=32)).replace(day=1)


def figures_of(asker: Asker, month: str) -> list[Figure]:
    """Work out every figure of a month, by every breakdown."""
    start, end = month_of(month)
    return [figure for by in BREAKDOWNS for figure in asker.ask(Question(start, end, by, "month"))]


def publish(folder: Path, asker: Asker, month: str, at: datetime) -> Published:
    """Freeze a month that is over, or return it as it was frozen. Raises MeasureError if it isn't over yet."""
    known = read_published(folder, month)
    if known is not None:
        return known
    _, end = month_of(month)
    if asker.facts.now.date() < end:
        raise MeasureError(
            f"month: {month} is not over, the log is at {asker.facts.now:%Y-%m-%d %H:%M}; expected a month that is"
        )
    figures = [msgspec.structs.replace(one, published=True) for one in figures_of(asker, month)]
    made = Published(month, asker.facts.position, at, figures)
    path = _path(folder, month)
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_suffix(".part")
    scratch.write_bytes(msgspec.json.encode(made))
    os.replace(scratch, path)  # noqa: PTH105 - the one rename that is atomic
    return made


def read_published(folder: Path, month: str) -> Published | None:
    """Return a month as it was published; None if it was not."""
    try:
        return msgspec.json.decode(_path(folder, month).read_bytes(), type=Published)
    except FileNotFoundError:
        return None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MeasureError(f"{_path(folder, month)}: {error}; expected what a publication wrote") from error


def corrected(published: Published, later: Iterable[Figure]) -> list[Figure]:
    """Return published figures, with what each has become beside it where that differs.

    A figure that is new since has none of its own: it stands with value None and its correction.
    """
    now = {_key(figure): figure for figure in later}
    found = []
    for figure in published.figures:
        other = now.pop(_key(figure), None)
        found.append(msgspec.structs.replace(figure, correction=_correction(figure, other)))
    for figure in now.values():
        empty = msgspec.structs.replace(
            figure, value=None, numerator=None, denominator=0.0, position=published.position, published=True
        )
        if correction := _correction(empty, figure):
            found.append(msgspec.structs.replace(empty, correction=correction))
    return found


def with_published(folder: Path, figures: Sequence[Figure]) -> list[Figure]:
    """Put published figures in place of those worked out anew, where whole months are asked that were published."""
    months: dict[str, dict[tuple[object, ...], Figure]] = {}
    found = []
    for figure in figures:
        month = figure.start.strftime("%Y-%m")
        if (figure.start, figure.end) != month_of(month):
            found.append(figure)
            continue
        if month not in months:
            known = read_published(folder, month)
            months[month] = {_key(one): one for one in known.figures} if known else {}
        frozen = months[month].get(_key(figure))
        if frozen is None:
            found.append(figure)
        else:
            correction = _correction(frozen, figure)
            found.append(msgspec.structs.replace(frozen, window=figure.window, correction=correction))
    return found


def _correction(was: Figure, now: Figure | None) -> Correction | None:
    if now is None:
        return Correction(None, None, 0.0, was.position) if was.denominator else None
    if (was.value, was.numerator, was.denominator) == (now.value, now.numerator, now.denominator):
        return None
    return Correction(now.value, now.numerator, now.denominator, now.position)


def _key(figure: Figure) -> tuple[object, ...]:
    return (figure.measure, *sorted(figure.by.items()))


def _path(folder: Path, month: str) -> Path:
    month_of(month)
    return folder / FOLDER / f"{month}.json"
