"""Reading effects as version 1 of the file wrote them, and saying the same in today's form.

Then a record held the effects of all desks together, and a clock what it had used (`used_s`) and since when it ran
(`since`). The stretches of time that a clock ran are all in the log all the same: it began to run at `since`, and
stood still from the moment of the step that took `since` away. A clock that was started anew took the place of the
one before; here it is another round, and both are kept.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from streams.records import Effects

if TYPE_CHECKING:
    from collections.abc import Iterable

_DESK = slice(0, 6)
"""A case of version 1 never left the desk that its number begins with."""

_FILED = "MERGE"
"""The verb with which a case took in a report that repeated it; today the report has a case of its own first."""

_TAKEN = ("REPORT", "APPEND", "ABSORB")
"""Steps with which a report begins to have an effect."""

_STILL = ("APPEND", "ABSORB")
"""Steps by which nobody moves a case."""


class Record1(msgspec.Struct, tag="effects"):
    """An effects record of version 1."""

    epoch: int
    first: int
    last: int
    effects: dict[str, Any]


class Given(msgspec.Struct):
    """An input of the span of a record: its desk, when it was accepted, and what it is."""

    desk: str
    at: datetime
    body: dict[str, Any]

    @property
    def name(self) -> str:
        """What a step says that it was caused by; a dead letter says what comes after the colon."""
        if self.body["type"] == "RoutedReport":
            return f"report:{self.body['report'].get('report_id', '')}"
        return f"action:{self.body['action_id']}" if self.body["type"] == "Action" else ""


class Version1:
    """Takes the records of one log that count, in order."""

    def __init__(self) -> None:
        self._clocks: dict[str, dict[tuple[str, str], dict[str, Any]]] = {}
        self._now: dict[str, datetime] = {}
        self._pack: dict[str, str] = {}

    def effects(self, record: Record1, items: Iterable[Given]) -> dict[str, Effects]:
        """Return the effects of a record by desk, in the order in which `items`, its inputs, first name them.

        Counters were of all desks together: they stand with the first.
        """
        given = list(items)
        for item in given:
            self._now[item.desk] = max(item.at, self._now.get(item.desk, item.at))
            if item.body["type"] == "PackActivated":
                self._pack[item.desk] = item.body["digest"]
        found: dict[str, dict[str, Any]] = {
            desk: {"transitions": [], "alerts": [], "dead_letters": [], "repeats": []}
            for desk in dict.fromkeys(item.desk for item in given)
        }
        old, first = record.effects, next(iter(found.values()))
        for step in old["transitions"]:
            if step["verb"] == _FILED:
                step["verb"] = "ABSORB"
                found[step["desk"]]["repeats"].append(step["cause"])
            found[step["desk"]]["transitions"].append(self._step(step))
        for alert in old["alerts"]:
            found[alert["case_no"][_DESK]]["alerts"].append(alert)
        desk_of = {item.name.partition(":")[2]: item.desk for item in given}
        for letter in old["dead_letters"]:
            desk = desk_of.get(letter["id"], letter["source"])
            found.get(desk, first)["dead_letters"].append(letter)
        self._name_repeats(old, given, found)
        first["counters"] = old["counters"]
        return {
            desk: msgspec.convert({**one, "now": self._now[desk], "pack": self._pack.get(desk, "")}, Effects)
            for desk, one in found.items()
        }

    def _name_repeats(self, old: dict[str, Any], given: list[Given], found: dict[str, dict[str, Any]]) -> None:
        """Name the inputs that came to nothing, if they are as many as were counted as repeats."""
        taken = Counter(step["cause"] for step in old["transitions"] if step["verb"] in _TAKEN)
        taken.update({step["cause"] for step in old["transitions"] if step["cause"].startswith("action:")})
        letters = Counter(letter["id"] for letter in old["dead_letters"])
        idle = []
        for item in given:
            name = item.name
            if name and taken[name]:
                taken[name] -= 1
            elif name and letters[name.partition(":")[2]]:
                letters[name.partition(":")[2]] -= 1
            elif name:
                idle.append(item)
        if len(idle) == sum(old["counters"].get(name, 0) for name in ("repeats", "repeated_actions")):
            for item in idle:
                found[item.desk]["repeats"].append(item.name)

    def _step(self, step: dict[str, Any]) -> dict[str, Any]:
        change = {name: value for name, value in step.get("change", {}).items() if name != "actions"}
        if "clocks" in change:
            known = self._clocks.setdefault(step["case_no"], {})
            change["clocks"] = [self._clock(known, clock, step["at"]) for clock in change["clocks"]]
        if not step["cause"].startswith("clock:") and step["verb"] not in _STILL:
            change["moved_at"] = step["at"]
        if step["verb"] == "REPORT":
            change["occurred_at"] = change["receipt"]["at"]
        return {**step, "change": change}

    def _clock(self, known: dict[tuple[str, str], dict[str, Any]], old: dict[str, Any], at: str) -> dict[str, Any]:
        """Return a clock with the stretches in which it ran, from what it was before this step."""
        key = (old["name"], old["unit"])
        before = known.get(key)
        spans: list[list[str | None]] = []
        number = 1
        if before is not None:
            if before["started"] == old["started"]:
                spans, number = [list(span) for span in before["spans"]], before["round"]
            else:
                number = before["round"] + 1
        since = old.get("since")
        if spans and spans[-1][1] is None and since is None:
            spans[-1][1] = at
        elif since is not None and not (spans and spans[-1][1] is None):
            spans.append([since, None])
        kept = {name: value for name, value in old.items() if name not in ("used_s", "since")}
        known[key] = {**kept, "spans": spans, "round": number}
        return known[key]
