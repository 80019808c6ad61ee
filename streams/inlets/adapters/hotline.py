"""A 12345 hotline's export, CSV or XLSX, read by a mapping file that a clerk can edit in a spreadsheet.

    field,column,constant,words
    system_no,工单编号,,
    matter,诉求类型,,投诉=INCIDENT;咨询=INQUIRY;建议=SUGGESTION;表扬=PRAISE
    channel,,HOTLINE,
    person.phone,来电号码,,

`field` is a field of Report, `attributes.NAME`, or `person.NAME` for what is personal; `column` the export's column,
several joined by ` + `; `constant` stands where the column says nothing; `words` translate what the column says,
`*=…` whatever no other word says. `draft` makes such a file from the columns that it knows.
"""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any, NamedTuple

from streams.inlets.adapters.reading import Context, Fault, Reading, header, moment, named, number, refused, table
from streams.records import Report

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

COLUMNS = ("field", "column", "constant", "words")

_SYNONYMS: dict[str, tuple[str, ...]] = {
    "system_no": ("工单编号", "工单号", "受理编号", "诉求编号"),
    "reported_at": ("受理时间", "来电时间", "创建时间", "登记时间", "诉求时间"),
    "occurred_at": ("发生时间", "事发时间"),
    "matter": ("诉求类型", "工单类型", "信件类型"),
    "category": ("三级分类", "问题分类", "事项分类", "归口分类", "二级分类"),
    "text": ("诉求内容", "来电内容", "主要内容", "问题描述"),
    "address": ("事发地址", "诉求地址", "发生地点", "地址"),
    "lon": ("经度", "lng"),
    "lat": ("纬度", "lat"),
    "urgency": ("紧急程度",),
    "source_status": ("工单状态", "办理状态"),
    "source_updated_at": ("更新时间", "办结时间"),
    "person.name": ("来电人", "诉求人", "姓名"),
    "person.phone": ("来电号码", "联系电话", "手机号"),
    "attributes.承办单位": ("承办单位",),
}

_WORDS = {
    "matter": "投诉举报=INCIDENT;投诉=INCIDENT;求助=INCIDENT;咨询=INQUIRY;建议=SUGGESTION;表扬=PRAISE;"
    "投诉单位=COMPLAINT;*=INCIDENT",
    "urgency": "一般=NORMAL;普通=NORMAL;紧急=URGENT;特急=CRITICAL;*=NORMAL",
}
_CONSTANTS = {"channel": "HOTLINE", "scheme": "12345"}
_TIMES = frozenset({"reported_at", "occurred_at", "source_updated_at"})
_NUMBERS = frozenset({"lon", "lat", "accuracy_m"})
_NEEDED = ("system_no", "reported_at")


class Line(NamedTuple):
    """One line of a mapping: where a field comes from."""

    field: str
    columns: tuple[str, ...]
    constant: str
    words: Mapping[str, str]

    def text(self, row: Mapping[str, str]) -> str:
        """Return what a row says under a field."""
        said = " ".join(row[name] for name in self.columns if row.get(name)).strip()
        if self.words and said:
            said = self.words.get(said, self.words.get("*", said))
        return said or self.constant


class Hotline:
    """The format."""

    system = "12345"

    def knows(self, path: Path) -> bool:
        """Say whether a file has a work order's number, time and content."""
        names = set(header(path))
        return all(names & set(_SYNONYMS[field]) for field in (*_NEEDED, "text"))

    def read(self, path: Path, context: Context) -> Iterator[Reading]:
        """Yield every row, by the mapping that is given, else by a draft of one."""
        lines = read_mapping(context.mapping) if context.mapping else draft(header(path))
        for row, texts in table(path):
            yield _reading(row, texts, lines, context)


def draft(columns: Sequence[str]) -> list[Line]:
    """Make a mapping from the columns that are known by name."""
    found = []
    for field, names in _SYNONYMS.items():
        column = next((name for name in names if name in columns), "")
        if column:
            found.append(Line(field, (column,), "", _words(_WORDS.get(field, ""))))
    return [*found, *(Line(field, (), text, {}) for field, text in _CONSTANTS.items())]


def write_mapping(path: Path, lines: Sequence[Line]) -> None:
    """Write a mapping for a clerk: with a byte order mark, so that spreadsheets read it as UTF-8."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for line in lines:
            words = ";".join(f"{said}={means}" for said, means in line.words.items())
            writer.writerow((line.field, " + ".join(line.columns), line.constant, words))


def read_mapping(path: Path) -> list[Line]:
    """Read a mapping. Raises PackError that names the row and the field."""
    found = []
    for row, texts in table(path):
        field = texts.get("field", "")
        known = field in Report.__struct_fields__ or field.startswith(("attributes.", "person."))
        if not known:
            raise refused(path, f"row {row}, field: {field!r}", "a field of Report, attributes.NAME or person.NAME")
        columns = tuple(part.strip() for part in texts.get("column", "").split(" + ") if part.strip())
        if not columns and not texts.get("constant", ""):
            raise refused(path, f"row {row}, column: nothing for {field}", "a column, or a constant")
        found.append(Line(field, columns, texts.get("constant", ""), _words(texts.get("words", ""))))
    missing = [field for field in _NEEDED if field not in {line.field for line in found}]
    if missing:
        raise refused(path, f"no row for {' and '.join(missing)}", "one for each of " + " ".join(_NEEDED))
    return found


def _words(text: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in text.replace("；", ";").split(";") if "=" in part)
    return {said.strip(): means.strip() for said, _, means in pairs}


def _reading(row: int, texts: Mapping[str, str], lines: Sequence[Line], context: Context) -> Reading:
    report: dict[str, Any] = {"system": context.system or Hotline.system}
    person: dict[str, str] = {}
    attributes: dict[str, Any] = {}
    faults: list[Fault] = []
    for line in lines:
        text = line.text(texts)
        if not text:
            continue
        if line.field.startswith("person."):
            person[line.field.removeprefix("person.")] = text
        elif line.field.startswith("attributes."):
            attributes[line.field.removeprefix("attributes.")] = text
        else:
            _put(report, line, text, context, faults)
    if person:
        attributes["person"] = person
    if attributes:
        report["attributes"] = attributes
    _mend(report, context, faults)
    missing = [Fault(field, "", "a value") for field in _NEEDED if not report.get(field)]
    named_already = {fault.field for fault in faults}
    faults += [fault for fault in missing if fault.field not in named_already]
    return Reading(row, None if missing else report, tuple(faults))


def _put(report: dict[str, Any], line: Line, text: str, context: Context, faults: list[Fault]) -> None:
    value: Any = text
    if line.field in _TIMES:
        value = moment(text, context.zone)
    elif line.field in _NUMBERS:
        value = number(text)
    elif line.field == "severity":
        value = int(text) if text in ("1", "2", "3", "4") else None
    if value is None:
        what = {True: "a time such as 2026-03-02 08:15"}.get(line.field in _TIMES, "a number")
        faults.append(Fault(line.field, text, what))
    else:
        report[line.field] = value


def _mend(report: dict[str, Any], context: Context, faults: list[Fault]) -> None:
    """Drop half a position, and put the city's own code where the category's name is known."""
    if ("lon" in report) != ("lat" in report):
        faults.append(Fault("lon, lat", "one of two", "both or neither"))
        report.pop("lon", None)
        report.pop("lat", None)
    if report.get("matter", "INCIDENT") != "INCIDENT":
        report.pop("category", None)
        report.pop("scheme", None)
        return
    code = named(context.catalogue, str(report.get("category", "")))
    if code:
        report |= {"scheme": "city", "category": code}
