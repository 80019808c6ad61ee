"""Random stories for laws: reports, repeats, updates, actions that fit and that don't, and time in leaps.

@given(stories())
def test_…(city, story):
    scene = play(city, story)    # a Scene whose `items` are the inbox and whose `told` is what came of it
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
from hypothesis import strategies as st
from packs import point
from scenes import BELLTOWER, CENTRE, CHECKER, EASTGATE, OFFICE, PARK, Scene, make_report, when

from streams.records import Tick, together
from streams.stages.desk.casebook import apply
from streams.stages.desk.desks import Desks
from streams.stages.desk.lifecycle import VERBS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streams.records import Case, Effects, Item, Transition

_MINUTES = st.sampled_from((-30, 0, 0, 1, 7, 15, 60, 240, 1440, 3 * 1440, 31 * 1440, 200 * 1440))

_REPORTS = st.fixed_dictionaries(
    {
        "street": st.sampled_from((BELLTOWER, EASTGATE, PARK)),
        "category": st.sampled_from(("E-01-10", "C-01-01", "E-02-02", "E-02-01")),
        "severity": st.sampled_from((1, 3, 4)),
        "system_no": st.sampled_from("123456"),
        "component_id": st.sampled_from((None, None, "M-1", "M-2")),
        "text": st.sampled_from(("", "worse")),
        "same_spot": st.booleans(),
        "self_handled": st.sampled_from((False, False, False, True)),
        "matter": st.sampled_from(("INCIDENT", "INCIDENT", "INCIDENT", "COMPLAINT")),
    }
)
_ASKED = st.tuples(
    st.sampled_from(sorted(VERBS)),
    st.sampled_from((None, None, None, OFFICE, CENTRE, CHECKER, "990102-CC")),
    st.sampled_from(("", "", "x1", "x2")),
)
_NEXT = {
    "REPORTED": "ACCEPT", "ACCEPTED": "FILE", "FILED": "DISPATCH", "DISPATCHED": "SIGN", "SIGNED": "START",
    "HANDLING": "FINISH", "HANDLED": "REQUEST_CHECK", "CHECKING": "CHECK_PASS", "RETURNED": "REDISPATCH",
}  # fmt: skip
"""What people do next about a case that goes its ordinary way."""

_EVENTS = st.one_of(
    st.tuples(st.just("report"), _MINUTES, _REPORTS),
    st.tuples(st.just("act"), _MINUTES, _ASKED),
    st.tuples(st.just("work"), _MINUTES, st.integers(1, 9)),
    st.tuples(st.just("tick"), _MINUTES, st.sampled_from(("990101", "990102", "9901HT", "990100"))),
)


def stories(longest: int = 25) -> st.SearchStrategy[list[Any]]:
    return st.lists(_EVENTS, min_size=3, max_size=longest)


def play(city: Any, story: Iterable[Any]) -> Scene:
    """Play a story, one input after another; actions ask something of the cases opened so far, in turn."""
    scene, at, numbers = Scene(city), when("03-02 09:00"), []
    for index, (kind, minutes, what) in enumerate(story):
        at += timedelta(minutes=minutes)
        said = at.strftime("%Y-%m-%d %H:%M")
        if kind == "report":
            effects = scene.send(_report(what), at)
            numbers += [step.case_no for step in effects.transitions if step.verb == "REPORT"]
        elif kind == "tick":
            scene.give(what, at, Tick(what, at))
        elif numbers and kind == "work":
            for _ in range(what):
                _work(scene, numbers[index % len(numbers)], said)
        elif numbers:
            verb, by, name = what
            number = numbers[index % len(numbers)]
            scene.act(number, verb, said, by or "", **({"action_id": name} if name else {}))
    return scene


def _report(what: dict[str, Any]) -> Any:
    """Make the report of a number: what it says depends on nothing but what the story says of it."""
    fields = dict(what)
    number, text = fields["system_no"], fields["text"]
    if fields.pop("same_spot"):
        lon, lat = point(fields["street"])
        fields |= {"lon": lon, "lat": lat}
    if fields["matter"] != "INCIDENT":
        fields |= {"scheme": None, "category": None}
    updated = when("03-02 09:00") + timedelta(hours=int(number)) if text else None
    return make_report(when("03-02 08:00"), report_id=f"r{number}{text}", source_updated_at=updated, **fields)


def _work(scene: Scene, number: str, said: str) -> None:
    """Take a case one step on its ordinary way."""
    case = scene.find(number)
    verb = _NEXT.get(case.state) if case else None
    if case and verb:
        passed = case.state == "HANDLED" and case.flags.get("check_passed")
        answered = case.state == "ACCEPTED" and case.matter != "INCIDENT"
        scene.act(number, "CLOSE" if passed or answered else verb, said)


def replay(city: Any, items: list[Item], size: int, desks: Desks | None = None) -> list[dict[str, Effects]]:
    """Give the same inbox to fresh desks in batches of a size; return what came of each batch, by desk."""
    desks = desks or Desks(city)
    return [desks.receive(items[start : start + size]) for start in range(0, len(items), size)]


def as_bytes(parts: Iterable[dict[str, Effects]]) -> dict[str, bytes]:
    """Write, desk by desk, all transitions, alerts, dead letters and outgoing records as they stand in a log."""
    found: dict[str, list[Effects]] = {}
    for part in parts:
        for desk, effects in part.items():
            found.setdefault(desk, []).append(effects)
    return {
        desk: msgspec.json.encode([(e.transitions, e.alerts, e.dead_letters, e.outgoing) for e in [together(many)]])
        for desk, many in found.items()
    }


def counters(parts: Iterable[dict[str, Effects]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for part in parts:
        for effects in part.values():
            total.update(effects.counters)
    return dict(sorted(total.items()))


def folded(transitions: Iterable[Transition]) -> dict[str, Case]:
    """Fold transitions as they stand in a log, so through JSON, into cases."""
    cases: dict[str, Case] = {}
    for step in transitions:
        read = msgspec.json.decode(msgspec.json.encode(step), type=type(step))
        cases[step.case_no] = apply(cases.get(step.case_no), read)
    return cases
