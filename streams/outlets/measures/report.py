"""The monthly report: one page and one workbook, with charts, of a month's frozen figures and their corrections."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

from jinja2 import Environment, StrictUndefined
from openpyxl import Workbook
from openpyxl.chart import BarChart, Reference
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter

from grids.spreadsheets import put
from streams.outlets.measures.registry import LOW, registry

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from openpyxl.worksheet.worksheet import Worksheet

    from streams.outlets.measures.asking import Asker, Figure
    from streams.outlets.measures.names import Names
    from streams.outlets.measures.published import Published
    from streams.outlets.measures.registry import Measure

_PAGE = Path(__file__).with_name("report.html.jinja")

LISTED = 100
"""Cases that the report lists behind a figure of the whole city: those that spoil it first; the console has all."""

_MAIN = (
    "cases", "handling_rate", "on_time_handling_rate", "overdue_open_rate", "on_time_closing_rate", "rework_rate",
    "extension_rate", "dispatch_accuracy", "report_to_close_median", "district_score",
)  # fmt: skip
"""The measures that are told apart by place and unit; all of them are told of the city."""

_TABLES = {
    "desk": ("各指挥中心", "By command centre"),
    "net": ("各网格体系", "By net"),
    "street": ("各镇街", "By street"),
    "category": ("各类别", "By category"),
    "unit": ("各单位", "By unit"),
}

_CHARTS = (
    ("desk", "on_time_handling_rate", 30),
    ("desk", "district_score", 30),
    ("category", "cases", 15),
    ("street", "cases", 15),
    ("unit", "overdue_minutes", 15),
)
"""What is drawn: by what, which measure, and how many bars at most."""


class Bar(NamedTuple):
    """One bar: names of a place or unit, its value as people read it, its length 0-100."""

    zh: str
    en: str
    value: str
    length: float


class Chart(NamedTuple):
    """One chart of bars."""

    zh: str
    en: str
    bars: list[Bar]


class Line(NamedTuple):
    """One line of a table: whose figures, and those in the order of the columns."""

    zh: str
    en: str
    figures: list[Figure | None]


class Section(NamedTuple):
    """A table by one dimension."""

    zh: str
    en: str
    columns: list[Measure]
    lines: list[Line]


def write_report(
    folder: Path, frozen: Published, figures: Sequence[Figure], asker: Asker, names: Names, link: str = ""
) -> list[Path]:
    """Write `report-2026-03.html` and `.xlsx` and return their paths. `figures` are frozen ones with corrections.

    `link` is where the console is; with it figures of the page lead to all of their cases.
    """
    city = [one for one in figures if set(one.by) == {"city"}]
    sections = {by: _section(by, figures, names) for by in _TABLES}
    charts = [_chart(by, measure, count, figures, names) for by, measure, count in _CHARTS]
    behind = {
        one.measure: asker.cases(one.measure, one.start, one.end, {}, LISTED) for one in city if one.denominator
    }
    corrections = [one for one in figures if one.correction is not None]
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["written"] = written
    page = environment.from_string(_PAGE.read_text(encoding="utf-8")).render(
        title=names.of("city", names.city),
        frozen=frozen,
        city=city,
        sections=list(sections.values()),
        charts=[chart for chart in charts if chart.bars],
        behind=behind,
        corrections=corrections,
        named=lambda figure: [
            " ".join(names.of(by, code)[said] for by, code in figure.by.items()) for said in (0, 1)
        ],
        href=lambda figure: _href(link, figure),
        published_at=frozen.published_at.astimezone(names.zone).strftime("%Y-%m-%d %H:%M"),
    )
    html, book = folder / f"report-{frozen.month}.html", folder / f"report-{frozen.month}.xlsx"
    html.write_text(page, encoding="utf-8")
    _workbook(frozen, city, figures, names, behind).save(book)
    return [html, book]


def written(value: float | None, unit: str) -> str:
    """Write a value for people: a ratio in percent, counts without decimals, a dash where there is no figure."""
    if value is None:
        return "–"
    if unit == "ratio":
        return f"{value:.2%}"
    return f"{value:,.0f}" if unit == "cases" else f"{value:,.1f}"


def _href(link: str, figure: Figure) -> str:
    if not link:
        return ""
    asked = {"measure": figure.measure, "from": figure.start, "to": figure.end, **figure.by}
    return f"{link.rstrip('/')}/measures/cases?{urlencode(asked)}"


def _section(by: str, figures: Iterable[Figure], names: Names) -> Section:
    columns = [registry()[name] for name in _MAIN]
    lines: dict[str, dict[str, Figure]] = {}
    for one in figures:
        if set(one.by) == {by} and one.measure in _MAIN:
            lines.setdefault(one.by[by], {})[one.measure] = one
    ordered = sorted(lines.items(), key=lambda item: (-(_value(item[1].get("cases"))), item[0]))
    zh, en = _TABLES[by]
    return Section(
        zh,
        en,
        columns,
        [
            Line(*(names.of(by, code) if code else ("（无）", "(none)")), [found.get(name) for name in _MAIN])
            for code, found in ordered
        ],
    )


def _chart(by: str, measure: str, count: int, figures: Iterable[Figure], names: Names) -> Chart:
    one = registry()[measure]
    found = [f for f in figures if set(f.by) == {by} and f.measure == measure and f.value is not None and f.by[by]]
    found.sort(key=_value, reverse=True)
    most = max((_value(f) for f in found), default=0.0) or 1.0
    full = 1.0 if one.unit == "ratio" else 100.0 if one.unit == "points" else most
    zh, en = _TABLES[by]
    bars = [Bar(*names.of(by, f.by[by]), written(f.value, f.unit), 100 * _value(f) / full) for f in found[:count]]
    return Chart(f"{one.zh} · {zh}", f"{one.en}, {en.lower()}", bars)


def _value(figure: Figure | None) -> float:
    return figure.value if figure is not None and figure.value is not None else 0.0


_HEAD = PatternFill("solid", fgColor="1F3A5F")
_FORMATS = {"ratio": "0.00%", "minutes": "#,##0.0", "points": "0.00", "cases": "#,##0"}


def _workbook(
    frozen: Published,
    city: Sequence[Figure],
    figures: Sequence[Figure],
    names: Names,
    behind: dict[str, list[dict[str, Any]]],
) -> Workbook:
    book = Workbook()
    sheet = book.active
    sheet.title = "指标 measures"
    rows = _behind_sheet(book.create_sheet("案件 cases"), behind)
    _rows(
        sheet,
        ("指标", "measure", "版本 version", "值 value", "分子 numerator", "分母 denominator", "更正 now",
         "位置 position", "公式 formula", "口径 cohort"),
        [
            (one.zh, one.en, one.version, one.value, one.numerator, one.denominator,
             one.correction.value if one.correction else None, one.correction.position if one.correction else None,
             one.formula, one.cohort)
            for one in city
        ],
    )  # fmt: skip
    for number, one in enumerate(city, start=2):
        for column in (4, 7):
            sheet.cell(number, column).number_format = _FORMATS[one.unit]
        if one.measure in rows:
            cell = sheet.cell(number, 4)
            cell.hyperlink = f"#'案件 cases'!A{rows[one.measure]}"
            cell.font = Font(color="1A56DB", underline="single")
    put(sheet.cell(len(city) + 3, 1), f"{frozen.month} · 日志位置 log position {frozen.position}")
    charts = book.create_sheet("图表 charts", 1)
    for by, (zh, _) in _TABLES.items():
        _by_sheet(book.create_sheet(f"{zh} {by}"), by, figures, names, charts)
    later = [one for one in figures if one.correction is not None]
    _rows(
        book.create_sheet("更正 corrections"),
        ("指标", "measure", "范围 by", "发布 published", "现值 now", "于 at position"),
        [
            (one.zh, one.en, " ".join(names.of(by, code)[0] for by, code in one.by.items()), one.value,
             one.correction.value if one.correction else None, one.correction.position if one.correction else None)
            for one in later
        ],
    )  # fmt: skip
    return book


def _by_sheet(sheet: Worksheet, by: str, figures: Sequence[Figure], names: Names, charts: Worksheet) -> None:
    """Write a table by one dimension, all measures, and draw those that are looked at first on the charts' sheet."""
    found: dict[str, dict[str, Figure]] = {}
    for one in figures:
        if set(one.by) == {by}:
            found.setdefault(one.by[by], {})[one.measure] = one
    columns = [one for one in registry().values() if any(one.id in line for line in found.values())]
    codes = sorted(found, key=lambda code: (-_value(found[code].get("cases")), code))
    _rows(
        sheet,
        (by, "名称 name", *(f"{one.zh} {one.en}" for one in columns)),
        [
            (code, names.of(by, code)[0], *(_cell(found[code].get(one.id)) for one in columns))
            for code in codes
        ],
    )  # fmt: skip
    for column, measure in enumerate(columns, start=3):
        for (cell,) in sheet.iter_rows(min_row=2, min_col=column, max_col=column):
            cell.number_format = _FORMATS[measure.unit]
    if not codes:
        return
    last = min(len(codes), 20) + 1
    ids, place = [one.id for one in columns], 1 + 20 * list(_TABLES).index(by)
    for side, name in zip("AKU", ("cases", "on_time_handling_rate", "overdue_minutes"), strict=True):
        if name not in ids:
            continue
        column = 3 + ids.index(name)
        chart = BarChart()
        chart.type, chart.style = "bar" if len(codes) > 8 else "col", 10  # noqa: PLR2004 - names of many need room
        chart.title, chart.legend = f"{registry()[name].zh} · {_TABLES[by][0]}", None
        chart.add_data(Reference(sheet, min_col=column, min_row=1, max_row=last), titles_from_data=True)
        chart.set_categories(Reference(sheet, min_col=2, min_row=2, max_row=last))
        chart.x_axis.delete = chart.y_axis.delete = False
        chart.height, chart.width = 9, 18
        if registry()[name].better == LOW:
            chart.series[0].graphicalProperties.solidFill = "B3261E"
        charts.add_chart(chart, f"{side}{place}")


def _cell(figure: Figure | None) -> float | None:
    return figure.value if figure else None


def _behind_sheet(sheet: Worksheet, behind: dict[str, list[dict[str, Any]]]) -> dict[str, int]:
    """Write the cases behind the city's figures, and return the row at which each measure's begin."""
    begins: dict[str, int] = {}
    rows: list[tuple[Any, ...]] = []
    for measure, found in behind.items():
        begins[measure] = len(rows) + 2
        rows += [
            (registry()[measure].zh, one["case_no"], one["at"], one["unit"], one["part"], one["whole"])
            for one in found
        ]
    _rows(sheet, ("指标 measure", "案号 case", "时刻 at", "单位 unit", "分子 part", "分母 whole"), rows)
    return begins


def _rows(sheet: Worksheet, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    widths: Counter[int] = Counter()
    for number, line in enumerate((head, *rows), start=1):
        for column, value in enumerate(line, start=1):
            cell = sheet.cell(number, column)
            if isinstance(value, str):
                put(cell, value)
            else:
                cell.value = value
            widths[column] = max(widths[column], sum(1 + (ord(sign) > 255) for sign in str(value or "")))  # noqa: PLR2004 - wide signs
            if number == 1:
                cell.font, cell.fill = Font(bold=True, color="FFFFFF"), _HEAD
                cell.alignment = Alignment(wrap_text=True, vertical="center")
    for column, width in widths.items():
        sheet.column_dimensions[get_column_letter(column)].width = min(max(width + 2, 9), 46 if column > 2 else 34)  # noqa: PLR2004
    sheet.freeze_panes = "A2"
