"""CAP documents: what cases become, held against the standard's rules and read by another project's parser."""

from __future__ import annotations

import pytest
from cap_tools.models import Alert as OtherAlert
from cap_tools.models import Reference
from hypothesis import given
from hypothesis import strategies as st
from scenes import CENTRE, CITY_CENTRE, DESK, when
from xsdata.formats.dataclass.parsers import XmlParser

from grids.locator import Locator
from streams.cap.checking import CapError, advice, faults, parse, text_of
from streams.cap.writing import NAMESPACE, answer, stamp


def other(document):
    """Read a document as another project reads it."""
    return XmlParser().from_string(document, OtherAlert)


def references(read):
    return [Reference.from_string(one) for one in (read.references or "").split()]


def brought(scene, **fields):
    """Bring a case of severity 2 all the way, and return its alerts."""
    number = scene.bring("CHECKING", "03-02 09:00", severity=2, **fields)
    scene.act(number, "CHECK_PASS", "03-02 09:05")
    scene.act(number, "CLOSE", "03-02 09:10")
    return scene.alerts


def test_every_alert_of_a_case_is_valid_and_another_project_reads_the_same(scene):
    alerts = brought(scene, text="井盖丢失 <危险> & \x07请绕行")
    assert [alert.kind for alert in alerts] == ["ALERT", "ALERT", "UPDATE", "CANCEL", "CANCEL"]
    for alert in alerts:
        assert faults(alert.cap.encode()) == []
        read = other(alert.cap)
        assert (read.identifier, read.msg_type.value.upper()) == (alert.alert_id, alert.kind)
        assert read.addresses == alert.unit
        assert [reference.identifier for reference in references(read)] == alert.references
        assert [info.language for info in read.infos] == ["zh-CN", "en"]
        assert {info.severity.value for info in read.infos} == {"Severe"}
        assert "<危险> & 请绕行" in read.infos[0].description


def test_references_chain_by_sender_identifier_and_moment(scene):
    first, _, update, cancel, _ = brought(scene)
    assert text_of(parse(update.cap.encode()), "references") != ""
    heard = text_of(parse(cancel.cap.encode()), "references").split()
    assert heard[0] == f"onegrid-990100,{first.alert_id},{stamp(first.sent_at.astimezone(scene.city.zone))}"
    assert [one.split(",")[1] for one in heard] == cancel.references


def test_the_area_is_the_cell_closed_in_degrees_with_its_codes(scene):
    scene.bring("FILED", "03-02 09:00", severity=3)
    (alert,) = scene.alerts
    areas = scene.city.rules.areas
    area = other(alert.cap).infos[0].areas[0]
    assert area.area_desc == f"{areas[DESK].name_zh}{areas[alert.street].name_zh}{areas[alert.cell[:12]].name_zh}"
    (ring,) = area.polygons
    pairs = [tuple(map(float, pair.split(","))) for pair in str(ring).split()]
    assert pairs[0] == pairs[-1]
    lat, lon = map(sum, zip(*pairs[:-1], strict=True))
    middle = Locator(scene.city.cells).locate([lon / (len(pairs) - 1)], [lat / (len(pairs) - 1)])
    assert scene.city.cells.codes[middle.index[0]] == alert.cell
    assert area.geocodes_to_dict()["GB/T 2260"] == DESK
    assert area.geocodes_to_dict()["GRID"]


def test_an_alert_expires_with_the_next_deadline_and_says_who_leads(scene):
    number = scene.bring("DISPATCHED", "03-02 09:00", severity=3)
    scene.tick("03-02 12:00")
    info = other(scene.alerts[0].cap).infos[1]
    said = info.parameters_to_dict()
    assert (said["case"], said["lead"], said["level"]) == (number, scene[number].receipt.lead, "DISTRICT")
    assert said["leadName"] == scene.city.rules.units.by_code[said["lead"]].name_en
    assert said["colour"] == "黄 Yellow"
    assert said["receipt"] == scene[number].receipt.receipt_id
    assert info.expires is not None
    assert info.urgency.value == "Future"


def test_an_exercise_says_so_in_status_note_and_headline(scene):
    scene.bring("FILED", "03-02 09:00", severity=3, attributes={"exercise": True})
    read = other(scene.alerts[0].cap)
    assert read.status.value == "Exercise"
    assert "演练" in read.note
    assert read.infos[1].headline.startswith("EXERCISE · ")
    assert faults(scene.alerts[0].cap.encode()) == []


def test_a_case_without_a_place_has_the_name_of_its_desk_and_no_shape(scene):
    scene.bring("FILED", "03-02 09:00", severity=3, lon=None, lat=None)
    area = other(scene.alerts[0].cap).infos[0].areas[0]
    assert not area.polygons
    assert area.area_desc == scene.city.rules.places.city_desk.name_zh
    assert faults(scene.alerts[0].cap.encode()) == []


@pytest.mark.parametrize("kind", ["Ack", "Error"])
def test_answers_are_valid_and_speak_of_what_they_answer(city, kind):
    made = answer(
        city, kind, "a-1", "webhook", f"x,b-2,{stamp(when('03-02 09:00'))}", when("03-02 09:01"), "为何 why"
    )
    assert faults(made.encode()) == []
    assert other(made).msg_type.value == kind


# What is wrong is said


@pytest.fixture
def good(scene):
    scene.bring("FILED", "03-02 09:00", severity=3)
    return scene.alerts[0].cap


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ("<status>Actual</status>", "<status>Real</status>", "alert.status"),
        ("<scope>Private</scope>", "", "alert.scope"),
        (f"<addresses>{CENTRE}</addresses>", "", "alert.addresses"),
        ("<msgType>Alert</msgType>", "<msgType>Update</msgType>", "alert.references"),
        ("<scope>Private</scope>", "<scope>Restricted</scope>", "alert.restriction"),
        ("<urgency>Future</urgency>", "<urgency>Soon</urgency>", "alert.info.urgency"),
        ("<language>en</language>", "<colour>red</colour>", "alert.info"),
        ("<polygon>", "<polygon>91.0,104.0 ", "alert.info.area.polygon"),
        ("+08:00</sent>", "Z</sent>", "alert.sent"),
        ("<identifier>", "<identifier>a b", "alert.identifier"),
        ("<incidents>", "<incidents></incidents><incidents>", "alert.incidents"),
        ("<areaDesc>", "<altitude>1</altitude><areaDesc>", "alert.info.area.areaDesc: stands behind altitude"),
    ],
)
def test_each_fault_is_found_where_it_is(good, old, new, where):
    assert old in good
    assert any(fault.startswith(where) for fault in faults(good.replace(old, new, 1).encode()))


def test_a_document_of_another_kind_is_said_to_be_one():
    assert faults(b"<alert/>") == [f"alert; expected alert of {NAMESPACE}"]


BOMB = b'<!DOCTYPE a [<!ENTITY b "x"><!ENTITY c "&b;&b;&b;">]><alert xmlns="%s">&c;</alert>' % NAMESPACE.encode()


@pytest.mark.parametrize("document", [BOMB, b"", b"<alert", b"\xff\xfe", b"<a>" + b" " * 1_000_001 + b"</a>"])
def test_what_is_no_document_or_a_bomb_is_refused(document):
    with pytest.raises(CapError, match="expected"):
        faults(document)


@given(st.text(max_size=60), st.text(max_size=60))
def test_whatever_a_reporter_writes_the_document_is_valid(city, text, note):
    made = answer(city, "Error", "a-1", "x", "x,y,2026-03-02T09:00:00+08:00", when("03-02 09:00"), text + note)
    found = faults(made.encode())
    assert found == []
    assert advice(made.encode()) in ([], ["alert.note: nothing; better why, in an Error"])


def test_the_city_is_told_in_a_document_of_its_own(scene):
    scene.bring("FILED", "03-02 09:00", severity=2)
    assert [other(alert.cap).addresses for alert in scene.alerts] == [CENTRE, CITY_CENTRE]
