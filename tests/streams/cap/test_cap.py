"""CAP documents: what cases become, held against the standard's rules and read by another project's parser."""

from __future__ import annotations

import re

import pytest
from cap_tools.models import Alert as OtherAlert
from cap_tools.models import Reference
from hypothesis import given
from hypothesis import strategies as st
from packs import change, write_pack
from scenes import CENTRE, CITY_CENTRE, DESK, Scene, when
from xsdata.formats.dataclass.parsers import XmlParser

from grids.city import open_city
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


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ("+08:00</sent>", ":00+08:00</sent>", "alert.sent"),
        ("<sent>2026-", "<sent>2026-99-", "alert.sent"),
        ("<sent>2026-03-02", "<sent>2026-02-30", "alert.sent"),
        ("</area>", "<circle>30.6,104.0</circle></area>", "alert.info.area.circle"),
        ("<geocode>", "<circle>304.6,104.0 1</circle><geocode>", "alert.info.area.circle"),
        ("</area>", "<ceiling>5</ceiling></area>", "alert.info.area.ceiling: without altitude"),
        ("<incidents>", "<references>a,b,2026-03-02T09:00:00Z</references><incidents>", "alert.references"),
        ("<incidents>", "<references>a,b</references><incidents>", "alert.references"),
        ("<eventCode><valueName>", "<eventCode><name>", "alert.info.eventCode"),
        ("<area>", "<resource><resourceDesc>x</resourceDesc></resource><area>", "alert.info.resource.mimeType"),
        ("<certainty>Observed</certainty>", "", "alert.info.certainty"),
        ("<event>", "<event> </event><event>", "alert.info.event"),
        ("<language>zh-CN", "<language>中文", "alert.info.language"),
    ],
)
def test_more_faults_that_the_standard_knows_are_found(good, old, new, where):
    assert old in good
    changed = good.replace(old, new, 1)
    if new.endswith("<name>"):
        changed = changed.replace("</valueName>", "</name>", 1)
    assert any(fault.startswith(where) for fault in faults(changed.encode())), faults(changed.encode())


def test_polygons_that_are_open_or_have_too_few_corners_are_faults(good):
    start, end = good.index("<polygon>") + 9, good.index("</polygon>")
    pairs = good[start:end].split()
    for wrong in (pairs[:-1], [pairs[0], pairs[1], pairs[0]], ["104.1,30.6", *pairs[1:-1], "104.1,30.6"]):
        changed = f"{good[:start]}{' '.join(wrong)}{good[end:]}"
        assert any(fault.startswith("alert.info.area.polygon") for fault in faults(changed.encode())), wrong
    assert faults(good.encode()) == []


def test_what_the_standard_only_advises_is_no_fault(good):
    exercise = good.replace("<status>Actual</status>", "<status>Exercise</status>").encode()
    assert faults(exercise) == []
    assert advice(exercise) == ["alert.note: nothing; better which exercise it is"]
    bare = re.sub("<info>.*</info>", "", good)
    assert faults(bare.encode()) == []
    assert advice(bare.encode()) == ["alert.info: nothing; better at least one"]
    early = re.sub("<expires>[^<]*", "<expires>2026-03-02T08:00:00+08:00", good)
    assert faults(early.encode()) == []
    assert any(one.startswith("alert.info.expires") for one in advice(early.encode()))


def test_what_others_may_send_is_taken(good):
    signed = good.replace("</alert>", '<Signature xmlns="http://www.w3.org/2000/09/xmldsig#"/></alert>')
    assert faults(signed.encode()) == []
    quoted = good.replace("<addresses>", '<addresses>"a name with blanks" ')
    assert faults(quoted.encode()) == []
    west = good.replace("<geocode>", "<circle>-30.6,-104.0 0</circle><geocode>", 1)
    assert faults(west.encode()) == []


def test_a_pack_may_restrict_its_documents_in_words(tmp_path):
    pack = write_pack(tmp_path / "city")
    change(pack, "city.toml", 'mode = "auto"', 'mode = "manual"')
    (pack / "alerts.toml").write_text('restriction = "仅限指挥中心 for command centres only"\n', encoding="utf-8")
    scene = Scene(open_city(pack))
    scene.bring("FILED", "03-02 09:00", severity=3)
    document = scene.alerts[0].cap
    assert faults(document.encode()) == []
    read = other(document)
    assert (read.scope.value, read.restriction) == ("Restricted", "仅限指挥中心 for command centres only")
    assert read.addresses == CENTRE


def test_a_technical_test_says_so_and_asks_for_nothing(scene):
    scene.bring("FILED", "03-02 09:00", severity=3, attributes={"test": True})
    read = other(scene.alerts[0].cap)
    assert read.status.value == "Test"
    assert "测试" in read.note
    assert read.infos[1].headline.startswith("TEST · ")
