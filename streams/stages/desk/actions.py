"""Actions at a desk: what persons, units and systems ask of its cases, and what follows from it."""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from streams.records import Release
from streams.stages import alerts
from streams.stages.desk import clocks, disputes, merging, moves, reports, requests, steps, transfers
from streams.stages.desk.authority import Asked, NotAllowedError, check_action
from streams.stages.desk.clerk import encode
from streams.stages.desk.clocks import ACK
from streams.stages.desk.lifecycle import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from grids.duties.receipts import Ruling
    from grids.settings import Tier
    from streams.records import Ack, Action, Case, Clock
    from streams.stages.desk.clerk import Clerk
    from streams.stages.desk.lifecycle import Rule


def take(clerk: Clerk, action: Action, at: datetime) -> None:
    """Take an action: done once, refused with its reason, or sent on to the desk that has the case now."""
    book = clerk.book
    if action.case_no in book.moved:
        clerk.counts["deeds_sent_on"] += 1
        clerk.send(f"action:{action.action_id}", book.moved[action.case_no][0], at, action)
        return
    case = book.case(action.case_no, at)
    if case is not None and action.action_id in case.actions:
        clerk.repeat("repeated_actions", f"action:{action.action_id}")
        return
    try:
        case, rule, asked = check_action(clerk.rules, case, action, _effective(clerk, case, action, at))
        fields, ruling = _fields(clerk, case, rule, asked)
    except NotAllowedError as error:
        clerk.counts["refused_actions"] += 1
        clerk.dead(action.action_id, error.reason, str(error), at, encode(action), action.actor_unit)
        return
    wrong = _withdrawn(clerk, fields, asked.at) if asked.at < at else []
    cause = f"action:{action.action_id}"
    if wrong and fields.get("desk", case.desk) != case.desk:
        fields["flags"] = _less(fields.get("flags", case.flags), wrong)  # the case leaves: nothing more is said here
        wrong = []
    case = clerk.step(case, asked, cause=cause, fields=fields, ruling=ruling)
    if wrong:
        case = _correct(clerk, case, wrong, asked.at, at, cause)
    _follow(clerk, case, asked, cause)


def acknowledge(clerk: Clerk, ack: Ack, at: datetime) -> None:
    """Note that a centre has confirmed an alert; only that centre, or a unit below it, can."""
    if ack.case_no in clerk.book.moved:
        clerk.counts["deeds_sent_on"] += 1
        clerk.send(f"ack:{ack.alert_id}", clerk.book.moved[ack.case_no][0], at, ack)
        return
    case = clerk.book.case(ack.case_no, at)
    if case is None or ack.alert_id not in case.alerts:
        _refuse_ack(clerk, ack, "NO_SUCH_ALERT", f"alert_id: {ack.alert_id!r} is not known at this desk", at)
        return
    centre = next((one.unit for one in case.told if one.alert_id == ack.alert_id), "")
    unit = ack.by.partition("/")[0]
    if centre not in clerk.rules.units.line(unit):
        _refuse_ack(clerk, ack, "NOT_ALLOWED", f"by: {ack.by!r}; expected {centre} or a unit below it", at)
        return
    waiting = [one for one in case.clocks if one.name == ACK and one.unit == centre and one.ended is None]
    if not waiting:
        clerk.repeat("repeated_acks", f"ack:{ack.alert_id}")
        return
    confirmed = min(at, max(ack.at, waiting[-1].started))
    stopped = [clocks.stop(clerk.rules.calendar, one, confirmed) for one in waiting]
    asked = Asked("ACK", confirmed, ack.by, centre, payload={"alert_id": ack.alert_id})
    clerk.step(case, asked, cause=f"ack:{ack.alert_id}", fields={"clocks": stopped}, moves=False)


def release(clerk: Clerk, told: Release, at: datetime, cause: str) -> None:
    """Let a master know, once and wherever it is, that a case was taken apart from it."""
    book = clerk.book
    if told.case_no in book.moved:
        clerk.send(f"release:{told.release_id}", book.moved[told.case_no][0], at, told)
        return
    master = book.case(told.case_no, at)
    if master is None or told.apart not in master.merged:
        clerk.repeat("repeated_releases", f"release:{told.release_id}")
        return
    asked = Asked("RELEASE", at, SYSTEM, payload={"case": told.apart})
    clerk.step(master, asked, cause=cause, fields=merging.released(master, told.apart))


def _refuse_ack(clerk: Clerk, ack: Ack, reason: str, text: str, at: datetime) -> None:
    clerk.counts["refused_acks"] += 1
    clerk.dead(ack.alert_id, reason, text, at, encode(ack), ack.by)


def _effective(clerk: Clerk, case: Case | None, action: Action, at: datetime) -> datetime:
    """Return when an action takes effect: when it was done, if the message about it is not too late.

    Not before the last thing that anybody did about the case, and not after the desk's own time.
    """
    if case is None:
        return at
    late = clerk.rules.form.limits.of("late")
    earliest = at - timedelta(seconds=clerk.rules.calendar.seconds(late))
    done = action.at.astimezone(UTC)
    if done < earliest:
        return at
    return min(at, max(done, case.moved_at or case.opened_at))


def _fields(clerk: Clerk, case: Case, rule: Rule, asked: Asked) -> tuple[dict[str, Any], Ruling | None]:
    """Return what a legal verb sets, by the module that knows it."""
    rules, verb = clerk.rules, asked.verb
    if verb in requests.VERBS:
        return requests.change(rules, case, asked), None
    ruling: Ruling | None = None
    more: dict[str, Any] = {}
    if verb == "RULE":
        ruling, more = disputes.rule(rules, case, asked)
    elif verb in merging.VERBS:
        more = merging.change(clerk.book, case, asked)
    elif verb in moves.VERBS:
        more = moves.change(clerk.city, clerk.book.rulings.values(), case, asked)
    return steps.change(rules, clerk.roster, case, rule, asked, more), ruling


def _follow(clerk: Clerk, case: Case, asked: Asked, cause: str) -> None:
    """Do what a step brings about: at the master, at another desk, or by the system itself."""
    if asked.verb == "MERGE":
        reports.absorb(clerk, case, asked.at, cause)
        return
    if asked.verb == "UNMERGE":
        release(clerk, Release(f"{case.case_no}-{case.seq}", case.apart[-1], case.case_no, asked.at), asked.at, cause)
    if case.desk != clerk.book.desk:
        transfers.hand_over(clerk, case, asked.at)
        return
    if asked.verb in moves.VERBS and case.placement.desk != case.desk:
        transfers.transfer(clerk, case, case.placement.desk, asked.at, cause)
        return
    clerk.proceed(case, asked.at, cause)


def _withdrawn(clerk: Clerk, fields: dict[str, Any], at: datetime) -> list[tuple[Clock, Sequence[Tier]]]:
    """Take back tiers that fired on a clock which, as is learned now, stood still by then; return them by clock."""
    rules = clerk.rules
    wrong: list[tuple[Clock, Sequence[Tier]]] = []
    for index, clock in enumerate(fields.get("clocks", ())):
        if clock.since is None and clock.tiers:
            tiers = rules.tiers_of(clock.name, clock.unit)
            reached = clocks.passed(rules.calendar, tiers, clock, at)
            if reached < clock.tiers:
                wrong.append((clock, tiers[reached : clock.tiers]))
                fields["clocks"][index] = msgspec.structs.replace(clock, tiers=reached)
    return wrong


def _correct(
    clerk: Clerk, case: Case, wrong: list[tuple[Clock, Sequence[Tier]]], at: datetime, heard_at: datetime, cause: str
) -> Case:
    """Say openly that reminders and orders are withdrawn, to all who were told."""
    for clock, tiers in wrong:
        asked = Asked(
            "CORRECT",
            at,
            SYSTEM,
            reason=f"{clock.name} 迟到的消息 a message that came late",
            payload={"clock": clock.name, "unit": clock.unit, "withdrawn": [f"{tier.share:.0%}" for tier in tiers]},
        )
        sent = alerts.on_correction(clerk.city, case, tiers, clock.name, heard_at)
        fields = {"flags": _less(case.flags, [(clock, tiers)])}
        case = clerk.step(case, asked, cause=cause, fields=fields, sent=sent)
    return case


def _less(flags: dict[str, int], wrong: Sequence[tuple[Clock, Sequence[Tier]]]) -> dict[str, int]:
    """Return a case's flags without the tiers that should not have fired."""
    counts = dict(flags)
    for _, tiers in wrong:
        orders = sum(bool(tier.order) for tier in tiers)
        for name, less in (("escalated", len(tiers)), ("supervised", orders)):
            counts[name] = counts.get(name, 0) - less
    return {name: count for name, count in counts.items() if count}
