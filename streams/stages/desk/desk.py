"""The desk itself: a deterministic function of its book and its inbox.

A desk's time is the highest it has seen. Before an input of time t it fires every clock due at or before t, in
the order due, case, clock. Every change is a transition that the book folds at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from streams.records import Ack, Action, Attendance, PackActivated, Release, RoutedReport, Transfer
from streams.stages import alerts
from streams.stages.desk import actions, lineage, reports, transfers
from streams.stages.desk.authority import Asked
from streams.stages.desk.casebook import CaseBook
from streams.stages.desk.clerk import Clerk, encode
from streams.stages.desk.clocks import ACK
from streams.stages.desk.lifecycle import SUSPENDED, SYSTEM
from streams.stages.desk.requests import change as requested

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from grids.city import City
    from streams.records import Case, Clock, Effects, Item
    from streams.stages.desk.casebook import DeskState
    from streams.stages.desk.clocks import Due
    from streams.stages.desk.roster import Roster


PROCESS_FAULTS = (MemoryError, SystemError)
"""What says that the process is broken, and nothing about the input: who owns the desk drops its book and applies
the input again, so that it is not put aside for what another process, or the next try, would do rightly."""


class Desk:
    """One desk at work on its book under the pack in force."""

    def __init__(
        self, code: str, city: City, packs: Callable[[str], City], rosters: Callable[[City], Roster]
    ) -> None:
        """`packs` finds the pack of a digest, `rosters` a pack's workers; `city` holds until one is put in force."""
        self.code = code
        self.pack = ""
        self.pack_from: datetime | None = None
        self._packs = packs
        self.book = CaseBook(code, city.rules)
        self.clerk = Clerk(city, rosters, self.book)

    def take(self, item: Item) -> None:
        """Apply one input; whatever nobody foresaw in it becomes a dead letter and stops no other.

        Raises PROCESS_FAULTS; then what the book knows is half done and has to be dropped.
        """
        at = item.at if self.book.now is None else max(item.at, self.book.now)
        self.fire(at)
        self.book.now = at
        kind = type(item.body).__name__
        self.clerk.counts[f"items_{kind}"] += 1
        try:
            self._apply(item, at)
        except PROCESS_FAULTS:
            raise
        except Exception as error:  # noqa: BLE001 - an input that nobody foresaw must not stop all others
            self.clerk.counts["failed_items"] += 1
            text = f"{kind}: {type(error).__name__}; a fault of the program, please report it"
            self.clerk.dead(f"{item.desk}-{item.position}", "INTERNAL_ERROR", text, at, encode(item.body), item.desk)

    def state(self) -> DeskState:
        """Return all that the desk remembers."""
        return self.book.state(self.pack, self.pack_from)

    def fold(self, effects: Effects) -> None:
        """Take in what the log says this desk has done, without doing it again."""
        if effects.pack and effects.pack != self.pack:
            self._adopt(effects.pack)
        self.pack_from = effects.pack_from or self.pack_from
        for transition in effects.transitions:
            self.book.apply(transition)
        for said in effects.attendance:
            self.book.attend(said)
        self.book.now = effects.now or self.book.now

    def restore(self, state: DeskState) -> None:
        """Take up, as a fresh desk, from a state."""
        self.pack, self.pack_from = state.pack, state.pack_from
        self.book.restore(state)

    def fire(self, until: datetime, most: int | None = None) -> bool:
        """Fire every clock that is due at or before a moment, `most` of them if so many are; say if more are due."""
        fired = 0
        while fired != most and (found := self.book.pop_due(until)) is not None:
            fired += 1
            case, due = found
            if case.state == SUSPENDED and due.clock == "RESUME":
                self._resume(case, due)
            else:
                self._escalate(case, due)
        due_next = self.book.next_due() if fired == most else None
        return due_next is not None and due_next <= until

    def _apply(self, item: Item, at: datetime) -> None:
        match item.body:
            case RoutedReport() as routed:
                reports.take(self.clerk, routed, at)
            case Action() as action:
                actions.take(self.clerk, action, at)
            case Ack() as ack:
                actions.acknowledge(self.clerk, ack, at)
            case Attendance() as said:
                self.clerk.attend(said, at)
            case Transfer() as sent:
                transfers.receive(self.clerk, sent, at)
            case Release() as told:
                actions.release(self.clerk, told, at, f"release:{told.release_id}")
            case PackActivated() as activated:
                self._activate(activated, at)
            case _:
                pass  # a tick has done its work by its time

    def _activate(self, order: PackActivated, at: datetime) -> None:
        """Put another pack in force: from here on its rules hold, and open cases follow its grid.

        A copy of an older order that comes late puts nothing back.
        """
        if self.pack_from is not None and order.from_ < self.pack_from:
            self.clerk.repeat("repeated_packs", f"pack:{order.digest}")
            return
        self.pack_from = order.from_
        if order.digest != self.pack:
            self._adopt(order.digest)
            lineage.follow_all(self.clerk, at, f"pack:{order.digest[:16]}")

    def _adopt(self, digest: str) -> None:
        self.pack = digest
        self.clerk.city = self._packs(digest)
        self.book.adopt(self.clerk.rules)

    def _escalate(self, case: Case, due: Due) -> None:
        rules = self.clerk.rules
        tier = rules.tiers_of(due.clock, due.unit)[due.tier]
        ticking = next(clock for clock in case.clocks if clock.key == (due.clock, due.unit, due.round))
        flags = {**case.flags, "escalated": case.flags.get("escalated", 0) + 1}
        if tier.order:
            flags["supervised"] = flags.get("supervised", 0) + 1
        asked = Asked(
            tier.verb,
            due.at,
            SYSTEM,
            reason=f"{due.clock} {tier.share:.0%}",
            payload={
                "tier": due.tier + 1, "notify": tier.notify, "order": tier.order, "clock": due.clock,
                "unit": due.unit, **_unconfirmed(case, ticking),
            },
        )  # fmt: skip
        self.clerk.step(
            case,
            asked,
            cause=f"clock:{case.case_no}:{due.clock}:{due.at.isoformat()}",
            fields={"clocks": [msgspec.structs.replace(ticking, tiers=due.tier + 1)], "flags": flags},
            sent=alerts.on_tier(self.clerk.city, case, tier, due.clock, due.at),
            moves=False,
        )

    def _resume(self, case: Case, due: Due) -> None:
        """End a suspension on its date."""
        asked = Asked("RESUME", due.at, SYSTEM, reason="挂账到期 the stated date has come")
        cause = f"clock:{case.case_no}:{due.clock}:{due.at.isoformat()}"
        self.clerk.step(case, asked, cause=cause, fields=requested(self.clerk.rules, case, asked))


def _unconfirmed(case: Case, clock: Clock) -> dict[str, str]:
    """Name the alert that an acknowledgement clock waits for, so that it can be sent on another way."""
    if clock.name != ACK:
        return {}
    sent = [one.alert_id for one in case.told if one.unit == clock.unit and one.at == clock.started]
    return {"alert": sent[0]} if sent else {}
