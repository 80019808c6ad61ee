"""A week of cases told step by step, small enough that every figure over it can be worked out on paper.

Everything is reported at 09:00 on Monday 2 March 2026; litter has 4 WORK_HOUR, so what is dispatched at once is due
at 15:00. The log ends on Friday at 12:00. By letter:

    A  dispatched 09:10, done 11:00, checked, closed 11:30; the caller: answered, solved, not satisfied
    B  dispatched 09:20 (accepted late), due 15:20, done 17:20, closed 17:40; answered, not solved, not reached
    C  dispatched 09:00, due 15:00, never signed
    D  extended to Tuesday 09:00, done Monday 17:30, not closed
    E  done 10:00, check failed 10:10, done anew 10:40, closed 11:00
    F  seen to on the spot            G  withdrawn 09:05            H  suspended until 20 March
    I  merged into C                  J  refused 09:06
    K  returned 09:30, sent to another office 10:00, due 16:00 there, done 12:00
    L  filed, then reclassified as a road collapse (backstop, 2 WORK_DAY), dispatched 09:20, due Wednesday 09:20
    M  praise
    N  in the zone, due 15:00, done Tuesday 10:00, an appeal granted
    O  disputed 09:10, ruled 10:10, due 16:10, done 16:10 on the second
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scenes import OFFICE, OTHER_OFFICE, PARK, Scene, when

from streams.outlets.measures.asking import Asker
from streams.outlets.measures.facts import Maker
from streams.outlets.measures.names import names_of

if TYPE_CHECKING:
    from streams.outlets.measures.facts import Facts

END = "03-06 12:00"
_BEGIN = ("ACCEPT", "FILE", "DISPATCH")
_ON = (*_BEGIN, "SIGN", "START")
ZONE_DESK = "9901HT"


def told(scene: Scene) -> dict[str, str]:
    """Tell the week and return the case numbers by letter."""
    days = "03-02 "
    cases = {letter: scene.report("03-02 09:00") for letter in "ABCDEGHIJK"}
    cases["F"] = scene.report("03-02 09:00", self_handled=True)
    cases["L"] = scene.report("03-02 09:00")
    cases["M"] = scene.report("03-02 09:00", matter="PRAISE")
    cases["N"] = scene.report("03-02 09:00", street=PARK)
    cases["O"] = scene.report("03-02 09:00")
    steps: list[tuple[str, str, tuple[str, ...], dict[str, object]]] = [
        *[("09:00", letter, _BEGIN, {}) for letter in "CK"],
        *[("09:00", letter, _ON, {}) for letter in "DEHN"],
        ("09:00", "L", ("ACCEPT", "FILE"), {}),
        ("09:00", "O", ("ACCEPT", "FILE"), {}),
        ("09:02", "I", ("MERGE",), {"master": cases["C"]}),
        ("09:05", "G", ("WITHDRAW",), {}),
        ("09:06", "J", ("REFUSE",), {}),
        ("09:10", "A", _BEGIN, {}),
        ("09:10", "L", ("RECLASSIFY",), {"category": "E-02-02"}),
        ("09:10", "O", ("DISPUTE",), {}),
        ("09:20", "A", ("SIGN", "START"), {}),
        ("09:20", "B", _BEGIN, {}),
        ("09:20", "L", ("FILE", "DISPATCH"), {}),
        ("09:30", "H", ("ASK_SUSPENSION",), {"until": "2026-03-20"}),
        ("09:30", "K", ("RETURN",), {"relies_on": "002-01"}),
        ("09:40", "B", ("SIGN", "START"), {}),
        ("09:40", "H", ("GRANT",), {"request": "SUSPENSION"}),
        ("10:00", "D", ("ASK_EXTENSION",), {}),
        ("10:00", "E", ("FINISH", "REQUEST_CHECK"), {"evidence": ["photo"]}),
        ("10:00", "K", ("REDISPATCH",), {"unit": OTHER_OFFICE}),
        ("10:10", "E", ("CHECK_FAIL",), {}),
        ("10:10", "K", ("SIGN", "START"), {}),
        ("10:10", "O", ("RULE",), {"unit": OFFICE, "scope_type": "STREET"}),
        ("10:20", "O", ("SIGN", "START"), {}),
        ("10:30", "D", ("GRANT",), {"request": "EXTENSION"}),
        ("10:40", "E", ("FINISH", "REQUEST_CHECK"), {"evidence": ["photo"]}),
        ("10:45", "E", ("CHECK_PASS",), {}),
        ("11:00", "A", ("FINISH", "REQUEST_CHECK"), {"evidence": ["photo"]}),
        ("11:00", "E", ("CLOSE",), {}),
        ("11:20", "A", ("CHECK_PASS",), {}),
        ("11:30", "A", ("CLOSE",), {}),
        ("12:00", "K", ("FINISH",), {"evidence": ["photo"]}),
        ("16:10", "O", ("FINISH",), {"evidence": ["photo"]}),
        ("17:20", "B", ("FINISH", "REQUEST_CHECK"), {"evidence": ["photo"]}),
        ("17:30", "B", ("CHECK_PASS",), {}),
        ("17:30", "D", ("FINISH",), {"evidence": ["photo"]}),
        ("17:40", "B", ("CLOSE",), {}),
    ]
    for at, letter, verbs, payload in steps:
        for verb in verbs:
            scene.act(cases[letter], verb, days + at, payload=payload)
    scene.act(cases["A"], "SATISFACTION", "03-02 17:50", responded="yes", solved="yes", satisfied="no")
    scene.act(cases["B"], "SATISFACTION", "03-02 17:50", responded="yes", solved="no", satisfied="unreached")
    scene.act(cases["N"], "FINISH", "03-03 10:00")
    scene.act(cases["N"], "APPEAL", "03-03 10:10")
    for reviewer in ("one", "two"):
        scene.act(cases["N"], "GRANT", "03-03 10:20", by="HT-SV", actor=reviewer)
    assert scene.dead == []
    for desk in scene.city.rules.places.desks:
        scene.tick(END, desk)
    return cases


def facts_of(scene: Scene, at: str = END) -> Facts:
    """Turn what desks remember into facts, as of a moment."""
    maker = Maker(names_of(scene.city.rules))
    return maker.facts((maker.row(case, when(at)) for case in scene.cases), when(at), scene.position)


def asker_of(scene: Scene, at: str = END) -> Asker:
    """Ask measures of what desks remember."""
    return Asker(facts_of(scene, at), scene.city.rules.form.adcode)
