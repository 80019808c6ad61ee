"""Reports at a desk: known numbers, new cases, and the cases that they repeat."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import msgspec

from grids.codes import case_number
from grids.duties.routing import INCIDENT
from grids.errors import CodeError
from streams.records import Change, DeadLetter, Source, Suggestion, Transition
from streams.stages.acceptance import Accepted
from streams.stages.desk import clocks, merging, moves, steps
from streams.stages.desk.authority import Asked
from streams.stages.desk.clerk import encode
from streams.stages.desk.lifecycle import BY_STATE, CLOSED, REHEARSALS, REPORTED, SYSTEM
from streams.stages.desk.sightings import seen_of
from streams.stages.desk.transfers import transfer
from streams.stages.intake import route

if TYPE_CHECKING:
    from datetime import datetime

    from streams.records import Case, Report, RoutedReport
    from streams.stages.desk.clerk import Clerk


def take(clerk: Clerk, routed: RoutedReport, at: datetime) -> None:
    """Take a routed report in: a repeat, an update, or a case of its own that may repeat another."""
    if routed.receipt.duty_version != clerk.rules.version:
        again = _again(routed, clerk, at)
        if again is None:
            return
        routed = again
    report = routed.report
    source = Source(
        system=report.system,
        system_no=report.system_no,
        digest=routed.digest,
        updated_at=report.source_updated_at or report.reported_at,
        at=at,
        reporter=report.reporter or "",
        status=report.source_status or "",
        about=_about(report),
    )
    known = clerk.book.known(report.system, report.system_no, at)
    if known is not None:
        _known(clerk, known, routed, source, at)
        return
    try:
        case = _open(clerk, routed, source, at)
    except CodeError as error:
        original = encode(report)
        clerk.dead(report.report_id, "NO_NUMBER_LEFT", f"case_no: {error}", at, original, report.system)
        return
    cause = f"report:{report.report_id}"
    clerk.counts["came_again"] += case.flags.get("repeat", 0)
    clerk.counts[f"outcome_{routed.receipt.outcome}"] += 1
    if case.matter != INCIDENT:
        clerk.counts["not_incidents"] += 1
        clerk.proceed(case, at, cause)
        return
    best = case.suggested[0] if case.suggested else None
    if best is not None and best.score >= clerk.rules.duplicates.merge:
        merge(clerk, case, clerk.book.cases[best.case_no], best, at, cause)
        return
    clerk.counts["cases"] += 1
    clerk.counts["suggested"] += best is not None
    clerk.proceed(case, at, cause)


def merge(clerk: Clerk, case: Case, master: Case, why: Suggestion, at: datetime, cause: str) -> None:
    """Let the system merge a case into its master, which absorbs it."""
    asked = Asked(
        "MERGE",
        at,
        SYSTEM,
        reason=why.klass,
        payload={"master": master.case_no, "class": why.klass, "score": why.score, "parts": why.parts},
    )
    rule = BY_STATE[case.state, "MERGE"]
    fields = steps.change(clerk.rules, clerk.roster, case, rule, asked, merging.into(case, master, at))
    case = clerk.step(case, asked, cause=cause, fields=fields)
    absorb(clerk, case, at, cause)


def absorb(clerk: Clerk, case: Case, at: datetime, cause: str) -> None:
    """Let the master of a case that was just merged take note of it."""
    master = clerk.book.cases[case.master]
    asked = Asked("ABSORB", at, SYSTEM, payload={"case": case.case_no})
    clerk.step(master, asked, cause=cause, fields=merging.absorbed(master, case))


def _again(routed: RoutedReport, clerk: Clerk, at: datetime) -> RoutedReport | None:
    """Route anew what was routed under other rules than those in force; None if these can't."""
    report = routed.report
    found = route(clerk.city, [Accepted(report, at, encode(report))])[0]
    if isinstance(found, DeadLetter):
        clerk.effects.dead_letters.append(found)
        return None
    clerk.counts["routed_again"] += 1
    if found.placement.desk != clerk.book.desk and clerk.book.known(report.system, report.system_no, at) is None:
        clerk.counts["reports_sent_on"] += 1
        clerk.send(f"report:{report.report_id}", found.placement.desk, at, found)
        return None
    return found


def _known(clerk: Clerk, known: tuple[str, Source], routed: RoutedReport, source: Source, at: datetime) -> None:
    """Take a number that was seen before: the same content is a repeat, another an update (D0)."""
    case_no, before = known
    report = routed.report
    if case_no in clerk.book.moved:
        clerk.counts["reports_sent_on"] += 1
        clerk.send(f"report:{report.report_id}", clerk.book.moved[case_no][0], at, routed)
        return
    if source.digest == before.digest or source.digest in before.older:
        clerk.repeat("repeats", f"report:{report.report_id}")
        return
    clerk.counts["updates"] += 1
    case = clerk.book.case(case_no, at)
    if case is None:
        text = f"system_no: an update of {report.system}/{report.system_no}, whose case has left the desk"
        clerk.dead(report.report_id, "LATE_UPDATE", text, at, encode(report), report.system)
        return
    newer = _newer(report, source, before)
    source = (
        msgspec.structs.replace(source, older=(*before.older, before.digest))
        if newer
        else msgspec.structs.replace(before, older=(*before.older, source.digest))
    )
    kept = [source if (s.system, s.system_no) == (source.system, source.system_no) else s for s in case.sources]
    asked = Asked(
        "APPEND",
        at,
        SYSTEM,
        reason="update" if newer else "older update",
        payload={"source_status": report.source_status or "", "text": report.text},
    )
    cause = f"report:{report.report_id}"
    if not newer:
        clerk.step(case, asked, cause=cause, fields={"sources": kept}, moves=False)
        return
    fields = {"sources": kept, "reports": [*case.reports, report.report_id]}
    if case.sources[0].system_no == report.system_no:
        fields["text"] = report.text or case.text
    case = clerk.step(case, asked, cause=cause, fields=fields, moves=False)
    if source.about != before.about:
        _correct(clerk, case, routed, at, cause)


def _newer(report: Report, source: Source, before: Source) -> bool:
    """Say whether an update is newer than what was applied last.

    Of two that the source stamped with one time the greater digest counts, whichever comes first, so that the order
    of arrival decides nothing; a source that stamps nothing is believed in the order in which it speaks.
    """
    if source.updated_at != before.updated_at:
        return source.updated_at > before.updated_at
    return report.source_updated_at is None or source.digest > before.digest


def _correct(clerk: Clerk, case: Case, routed: RoutedReport, at: datetime, cause: str) -> None:
    """Let a source put place, kind or gravity right, as a person would: the case is routed anew where it may be."""
    moved = moves.place_of(routed.placement) != moves.place_of(case.placement)
    verb = "RELOCATE" if moved else "RECLASSIFY"
    rule = BY_STATE.get((case.state, verb))
    if case.matter != INCIDENT or routed.report.matter != INCIDENT or rule is None:
        return
    receipt = moves.ruled(clerk.city, clerk.book.rulings.values(), routed.receipt, moves.place_of(routed.placement))
    more: dict[str, Any] = {
        "placement": routed.placement,
        "receipt": receipt,
        "category": receipt.category.city_category,
        "severity": routed.report.severity,
        "urgency": routed.report.urgency,
        "component_id": routed.report.component_id,
        **(moves.AFRESH if case.unit else {}),
    }
    asked = Asked(verb, at, SYSTEM, reason="来源更正 put right by its source")
    fields = steps.change(clerk.rules, clerk.roster, case, rule, asked, more)
    case = clerk.step(case, asked, cause=cause, fields=fields)
    if routed.placement.desk != case.desk:
        transfer(clerk, case, routed.placement.desk, at, cause)
    else:
        clerk.proceed(case, at, cause)


def _about(report: Report) -> str:
    """Name what a report says of place, kind and gravity."""
    said = (
        report.scheme, report.category, report.condition, report.severity, report.urgency, report.lon, report.lat,
        report.datum, report.component_id, report.source_layer, report.source_grid,
    )  # fmt: skip
    return hashlib.blake2s(encode(said), digest_size=8).hexdigest()


def _open(clerk: Clerk, routed: RoutedReport, source: Source, at: datetime) -> Case:
    report, rules = routed.report, clerk.rules
    receipt = moves.ruled(clerk.city, clerk.book.rulings.values(), routed.receipt, moves.place_of(routed.placement))
    day = at.astimezone(rules.calendar.zone).date()
    desk = clerk.book.desk
    number = case_number(desk, day, clerk.book.serial(day))
    centre = rules.places.desks[desk].centre
    change: dict[str, Any] = {
        "desk": desk,
        "matter": report.matter,
        "category": receipt.category.city_category,
        "severity": report.severity,
        "urgency": report.urgency,
        "placement": routed.placement,
        "receipt": receipt,
        "reports": [report.report_id],
        "sources": [source],
        "text": report.text,
        "reported_at": report.reported_at,
        "occurred_at": report.occurred_at or report.reported_at,
        "moved_at": at,
    }
    if report.component_id:
        change["component_id"] = report.component_id
    flags = {name: 1 for name in sorted(REHEARSALS) if report.attributes.get(name) is True}
    if report.matter == INCIDENT and not flags:  # what is rehearsed is no repeat of anything real
        component = report.component_id or receipt.place.component
        happened = report.occurred_at or report.reported_at
        seen = seen_of(number, change["category"], happened, report.text, routed.placement, component)
        if clerk.book.sightings.repeats(seen, at):
            flags["repeat"] = 1
        if not report.self_handled and (alike := clerk.book.sightings.matches(seen)):
            change["suggested"] = alike
    if report.self_handled:
        flags["self_handled"] = 1
        change["closed_at"] = at
    else:
        limit = rules.form.limits.of("accept")
        change["clocks"] = [clocks.start(rules.calendar, clocks.ACCEPT, limit, at, unit=centre)]
    if flags:
        change["flags"] = flags
    return clerk.write(
        change,
        Transition(
            case_no=number,
            seq=1,
            desk=desk,
            cause=f"report:{report.report_id}",
            from_="",
            to=CLOSED if report.self_handled else REPORTED,
            verb="REPORT",
            actor=report.reporter or "",
            actor_unit=report.system,
            at=at,
            change=Change(**change),
            versions=clerk.versions(routed.placement.grid_version),
        ),
    )
