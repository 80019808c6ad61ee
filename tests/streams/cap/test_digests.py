"""One document that speaks for many."""

from __future__ import annotations

import pytest
from cap_tools.models import Alert as OtherAlert
from scenes import CENTRE, WHARF
from xsdata.formats.dataclass.parsers import XmlParser

from streams.cap.checking import advice, faults, parse, text_of
from streams.cap.digests import digest
from streams.outlets.delivery.messages import compose

NAME = "0123456789abcdef"


def other(document):
    """Read a document as another project reads it."""
    return XmlParser().from_string(document, OtherAlert)


def mine(scene):
    return [alert for alert in scene.alerts if alert.unit == CENTRE]


@pytest.fixture
def three(scene):
    """Alerts about three cases, the second of which is the gravest."""
    scene.bring("FILED", "03-02 09:00", severity=3, text="一 <1> & one")
    scene.bring("FILED", "03-02 09:01", severity=2, street=WHARF, text="二 two")
    scene.bring("FILED", "03-02 09:02", severity=3, text="三 three")
    return mine(scene)


def test_it_is_as_grave_as_the_gravest_and_speaks_of_all_cases(three):
    document = digest(NAME, three)
    assert (faults(document.encode()), advice(document.encode())) == ([], [])
    read = other(document)
    assert read.identifier == f"{three[1].desk}-{NAME}"
    assert (read.msg_type.value, read.references) == ("Alert", None)
    assert read.incidents.split() == [alert.case_no for alert in three]
    assert {info.severity.value for info in read.infos} == {"Severe"}
    assert read.sent == other(three[-1].cap).sent
    zh, en = read.infos
    assert zh.headline.startswith("(3) ")
    assert zh.description.startswith("共 3 起: ")
    assert en.description.startswith("3 cases: ")
    assert "二 two" in zh.description
    assert zh.parameters_to_dict()["count"] == "3"


def test_it_shows_every_cell_once_and_lists_what_has_to_be_confirmed(three):
    read = other(digest(NAME, three))
    cells = {alert.cell for alert in three}
    assert len(cells) == 2
    for info in read.infos:
        assert len(info.areas) == len(cells)
        assert all(area.polygons for area in info.areas)
    ack = read.infos[0].parameters_to_dict()["ack"].split()
    assert [one.split(",")[1] for one in ack] == [alert.alert_id for alert in three]
    assert "逐一确认" in read.infos[0].instruction
    assert read.infos[0].parameters_to_dict()["ackDue"] == "2026-03-02T09:06:00+08:00", "the first of them"


def test_beyond_twenty_cells_those_left_are_named(three):
    many = []
    for number in range(30):
        cap = (
            three[0]
            .cap.replace("<areaDesc>", f"<areaDesc>{number} ")
            .replace("<valueName>GRID</valueName><value>", f"<valueName>GRID</valueName><value>{number}-")
        )
        many.append(type(three[0])(**{f: getattr(three[0], f) for f in three[0].__struct_fields__} | {"cap": cap}))
    document = digest(NAME, many)
    assert faults(document.encode()) == []
    zh = other(document).infos[0]
    assert len(zh.areas) == 21
    assert zh.areas[-1].area_desc == "另有 10 个网格"
    assert not zh.areas[-1].polygons
    assert len(zh.areas[-1].geocodes) == 10


def test_what_is_over_never_cancels_what_goes_on(scene, three):
    scene.act(three[0].case_no, "CANCEL", "03-02 09:03", CENTRE)
    mixed = mine(scene)
    message = compose(CENTRE, mixed)
    going, over = other(message.cap), other(message.all_clear)
    assert (going.msg_type.value, len(going.incidents.split())) == ("Alert", 3)
    assert (over.msg_type.value, over.incidents) == ("Cancel", three[0].case_no)
    assert over.identifier != going.identifier
    assert [alert.alert_id for alert in message.alerts] == [alert.alert_id for alert in mixed]


def test_a_digest_of_ends_refers_to_all_that_it_cancels(scene, three):
    for number, alert in enumerate(three):
        scene.act(alert.case_no, "CANCEL", f"03-02 09:0{number + 3}", CENTRE)
    message = compose(CENTRE, mine(scene)[3:])
    assert faults(message.cap.encode()) == []
    read = other(message.cap)
    assert (read.msg_type.value, message.all_clear) == ("Cancel", "")
    assert [one.split(",")[1] for one in read.references.split()] == [alert.alert_id for alert in three]
    assert {info.urgency.value for info in read.infos} == {"Past"}


def test_a_digest_is_no_alert_of_the_log_and_the_same_when_made_anew(three):
    first, second = compose(CENTRE, three), compose(CENTRE, three)
    assert first == second
    assert text_of(parse(first.cap.encode()), "identifier") not in {alert.alert_id for alert in three}
    assert compose(CENTRE, three[:1]).cap == three[0].cap, "one alone is its own document"
