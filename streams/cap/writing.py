"""Writing CAP documents: one alert about one case, in each of the city's languages, and answers to documents.

Elements stand in the order of the standard's schema. What is written is a function of pack, case and alert alone, so
a document made anew from the log has the same bytes.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from grids.catalogue import CITY
from grids.worktime import parse_limit
from streams.cap.reasons import tier_of, why
from streams.stages.desk.lifecycle import ENDS
from streams.stages.measures import deadline_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from grids.city import City
    from streams.records import Alert, Case

NAMESPACE = "urn:oasis:names:tc:emergency:cap:1.2"

HEADLINE = 160
"""Characters of a headline that any display can show (§3.2.2 of the standard)."""

SEVERITIES = {1: "Extreme", 2: "Severe", 3: "Moderate", 4: "Minor"}
COLOURS = {1: "红 Red", 2: "橙 Orange", 3: "黄 Yellow", 4: "蓝 Blue"}
_AT_ONCE = 2
"""Severities up to this one ask for an answer at once, whatever the report says."""

_URGENCIES = {"CRITICAL": "Immediate", "URGENT": "Expected", "NORMAL": "Future"}
_SURE = 0.9
"""A place less sure than this makes an alert `Possible`."""

_TAGS = {"zh": "zh-CN", "en": "en"}
_KINDS = {
    "zh": {"ALERT": "告警", "UPDATE": "更新", "CANCEL": "解除", "Exercise": "演练", "Test": "测试"},
    "en": {"ALERT": "Alert", "UPDATE": "Update", "CANCEL": "All clear", "Exercise": "EXERCISE", "Test": "TEST"},
}
_CONFIRM = {"zh": "请于 {} 前确认收到", "en": "Please confirm by {}"}
_NOTES = {
    "Exercise": "演练，请勿当真 This is an exercise: act as if it were real, and harm nobody",
    "Test": "技术测试，请忽略 A technical test: to be ignored",
}


def sender_of(city: City) -> str:
    """Return the name under which a city's documents are sent: the pack's, else one made of its code."""
    return city.rules.alerting.form.sender or f"onegrid-{city.rules.form.adcode}"


def stamp(moment: datetime) -> str:
    """Write a time as CAP wants it: to the second, with an offset in digits."""
    return moment.isoformat(timespec="seconds").replace("Z", "-00:00").replace("+00:00", "-00:00")


def document(city: City, case: Case, alert: Alert) -> str:
    """Return an alert as a CAP document; `case` is as the alert's step left it."""
    zone, sender = city.rules.calendar.zone, sender_of(city)
    sent = {one.alert_id: one.at for one in case.told}
    references = " ".join(f"{sender},{name},{stamp(sent[name].astimezone(zone))}" for name in alert.references)
    parts = [
        f'<alert xmlns="{NAMESPACE}">',
        _tag("identifier", alert.alert_id),
        _tag("sender", sender),
        _tag("sent", stamp(alert.sent_at.astimezone(zone))),
        _tag("status", alert.status),
        _tag("msgType", alert.kind.capitalize()),
        *_scope(city, alert.unit),
    ]
    if alert.status in _NOTES:
        parts.append(_tag("note", _NOTES[alert.status]))
    if references:
        parts.append(_tag("references", references))
    parts.append(_tag("incidents", case.case_no))
    for language in city.rules.form.languages:
        if language in _TAGS:
            parts += _info(city, case, alert, language)
    return "".join((*parts, "</alert>"))


def answer(city: City, kind: str, identifier: str, to: str, reference: str, at: datetime, note: str) -> str:
    """Return an answer to a document, an Ack or an Error; `reference` is its `sender,identifier,sent`.

    It says why in its note, and goes to the sender of that document.
    """
    return "".join(
        (
            f'<alert xmlns="{NAMESPACE}">',
            _tag("identifier", identifier),
            _tag("sender", sender_of(city)),
            _tag("sent", stamp(at.astimezone(city.rules.calendar.zone))),
            _tag("status", "Actual"),
            _tag("msgType", kind),
            *_scope(city, to),
            _tag("note", note),
            _tag("references", reference) if reference else "",
            "</alert>",
        )
    )


def _scope(city: City, to: str) -> Iterator[str]:
    """Write for whom a document is: the addressee alone, or as far as the pack's restriction lets it go."""
    restriction = city.rules.alerting.form.restriction
    yield _tag("scope", "Restricted" if restriction else "Private")
    if restriction:
        yield _tag("restriction", restriction)
    yield _tag("addresses", f'"{to}"' if " " in to else to)


def _info(city: City, case: Case, alert: Alert, language: str) -> list[str]:
    rules, zone = city.rules, city.rules.calendar.zone
    kind = rules.catalogue.categories.get((CITY, case.category))
    event = (kind.name_zh if language == "zh" else kind.name_en) if kind is not None else ""
    event = event or case.category or case.matter
    over = alert.kind == "CANCEL" or case.state in ENDS
    said = _KINDS[language]
    place, reason = _area_name(city, case, language), why(city.rules, case, alert.reason, language)
    parts = [
        "<info>",
        _word("language", _TAGS[language]),
        _word("category", rules.alerting.form.cap_category(case.category)),
        _word("event", event),
        _word("responseType", "AllClear" if over else "Monitor" if alert.ack_due is None else "Execute"),
        _word("urgency", "Past" if over else _urgency(case, alert)),
        _word("severity", SEVERITIES[alert.severity]),
        _word("certainty", "Observed" if case.placement.confidence >= _SURE else "Possible"),
    ]
    if case.category:
        parts.append(_named_word("eventCode", "GB/T 30428.2", case.category))
    parts.append(_tag("effective", stamp(alert.sent_at.astimezone(zone))))
    if case.occurred_at is not None:
        parts.append(_tag("onset", stamp(case.occurred_at.astimezone(zone))))
    if not over and (expires := _expires(city, case, alert)) is not None:
        parts.append(_tag("expires", stamp(expires.astimezone(zone))))
    name = rules.form.name_zh if language == "zh" else rules.form.name_en or rules.form.name_zh
    words = [] if alert.status == "Actual" else [said[alert.status]]
    headline = " · ".join((*words, said[alert.kind], event, place, reason))
    parts += (
        _word("senderName", name),
        _tag("headline", headline if len(headline) <= HEADLINE else f"{headline[: HEADLINE - 1]}…"),
        _tag("description", case.text or reason),
    )
    if alert.ack_due is not None:
        due_by = alert.ack_due.astimezone(zone)
        parts.append(_tag("instruction", _CONFIRM[language].format(f"{due_by:%Y-%m-%d %H:%M:%S}")))
    parts += _parameters(city, case, alert, language)
    parts += _area(city, case, place)
    parts.append("</info>")
    return parts


def _urgency(case: Case, alert: Alert) -> str:
    return "Immediate" if alert.severity <= _AT_ONCE else _URGENCIES[case.urgency]


def _expires(city: City, case: Case, alert: Alert) -> datetime | None:
    """Return until when a document holds: the deadline for handling, or what it will be; none once that is past.

    An alert about an overdue case would be over before it is read; it holds until it is updated or cancelled.
    """
    found = deadline_of(case)
    due = found[1] if found is not None else None
    if due is None and case.limit:
        due = city.rules.calendar.due(alert.sent_at, parse_limit(case.limit))
    return due if due is not None and due > alert.sent_at else None


def _parameters(city: City, case: Case, alert: Alert, language: str) -> Iterator[str]:
    tier = tier_of(city.rules, case, alert.reason)
    receipt, zone = case.receipt, city.rules.calendar.zone
    lead = case.unit or receipt.lead
    unit = city.rules.units.by_code.get(lead)
    words = (
        ("lead", lead),
        ("leadName", "" if unit is None else unit.name_zh if language == "zh" else unit.name_en or unit.name_zh),
        ("cooperate", " ".join(receipt.cooperate)),
        ("supervise", " ".join(receipt.supervise)),
        ("level", alert.level),
    )
    yield _named("parameter", "case", case.case_no)
    yield from (_named_word("parameter", name, value) for name, value in words if value)
    if alert.reason:
        yield _named("parameter", "reason", alert.reason)
    if tier is not None and tier.order:
        yield _named_word("parameter", "tier", str(tier.order))
    yield _named_word("parameter", "colour", COLOURS[alert.severity])
    if alert.ack_due is not None:
        yield _named("parameter", "ackDue", stamp(alert.ack_due.astimezone(zone)))
    yield _named("parameter", "receipt", receipt.receipt_id)


def _area(city: City, case: Case, name: str) -> Iterator[str]:
    """Write the cell of a case as an area; a case without a place has its desk's name and no shape."""
    place = case.placement
    grid = city.grid_of(place.grid_version)
    yield f"<area>{_word('areaDesc', name)}"
    if grid is not None and place.cell in grid.index:
        for ring in grid.rings(place.cell):
            yield f"<polygon>{ring}</polygon>"
    codes = (
        ("GB/T 2260", place.district),
        ("GB/T 10114", place.street[6:]),
        ("GRID", place.grid or place.cell),
    )
    for scheme, code in codes:
        if code:
            yield _named_word("geocode", scheme, code)
    yield "</area>"


def _area_name(city: City, case: Case, language: str) -> str:
    areas, place = city.rules.areas, case.placement
    around = [areas[code] for code in (place.district, place.street, place.community) if code in areas]
    names = [area.name_zh if language == "zh" else area.name_en or area.name_zh for area in around]
    if not names:
        desk = city.rules.places.desks[case.desk]
        return desk.name_zh if language == "zh" else desk.name_en or desk.name_zh
    return "".join(names) if language == "zh" else ", ".join(reversed(names))


_KEPT = 8192
"""Elements that are kept as they were written."""

_UNFIT = dict.fromkeys([*range(9), 11, 12, *range(14, 32), 0xFFFE, 0xFFFF, *range(0xD800, 0xE000)])
"""Characters that XML 1.0 doesn't have."""


def _tag(name: str, text: str) -> str:
    fit = text if text.isprintable() else text.translate(_UNFIT)  # what is unfit is never printable
    plain = fit.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return f"<{name}>{plain}</{name}>"


def _named(element: str, name: str, value: str) -> str:
    return f"<{element}>{_word('valueName', name)}{_tag('value', value)}</{element}>"


# Most of a document are words of the standard and the pack, of which there are few. What somebody has said, and what
# is of one case alone, is never kept here.
_word, _named_word = lru_cache(_KEPT)(_tag), lru_cache(_KEPT)(_named)
