"""Intake of a worker: envelopes of reports become envelopes for desks, poison becomes dead letters."""

from __future__ import annotations

import asyncio
from datetime import UTC, timedelta
from uuid import UUID

import msgspec
import pytest
from scenes import BELLTOWER, DESK, EASTGATE, OTHER_DESK, make_report, when

from streams.envelope import unseal
from streams.hosts.kafka.intake import LONGEST, Intake, read
from streams.hosts.kafka.metrics import WorkerMetrics
from streams.hosts.kafka.packs import Bundles, Order, Orders
from streams.ledger.kafka import AwayError
from streams.records import DeadLetter, RoutedReport
from streams.stages.acceptance import Accepted
from streams.stages.desk.desks import MissingPackError
from streams.stages.intake import route
from streams.topics import DEAD_LETTERS
from streams.topics import DESK as INBOX
from tests.streams.hosts.kafka.messages import Sent, sealed

AT = when("03-02 09:00")


def sent(*reports, at=AT, name="", offset=0):
    return Sent(sealed(*reports, at=at, name=name), offset, b"grid-app-0", "onegrid.reports")


def orders(*told):
    found = Orders({})
    found.told = [Order(moment, digest) for moment, digest in told]
    return found


class Box:
    """Takes mail, and fails as often as a test wants."""

    def __init__(self, failures=0) -> None:
        self.failures, self.mail = failures, []

    async def deliver(self, mail):
        if self.failures:
            self.failures -= 1
            raise AwayError("not now")
        self.mail.append(mail)


@pytest.fixture
def make(city):
    def made(*cities, told=None, box=None, failed=None):
        bundles = Bundles(cities or [city])
        said = orders(*(told or [(AT - timedelta(days=1), city.digest)]))
        failed = [] if failed is None else failed
        return Intake(bundles, said, box or Box(), 4, 1, WorkerMetrics(), failed.append)

    return made


def routed(mail):
    """Return what mail holds for desks, by desk."""
    found = {}
    for (topic, _), messages in mail.items():
        for key, value in messages if topic == INBOX else ():
            found.setdefault(key.decode(), []).extend(unseal(value))
    return found


def test_reports_go_to_the_desks_of_their_places_as_intake_of_any_host_routes_them(city, make):
    reports = [make_report(AT, street=street) for street in (BELLTOWER, EASTGATE, BELLTOWER)]
    mail, count, dead = make().routed([sent(*reports[:2]), sent(reports[2], offset=1)])
    assert (count, dead) == (3, [])
    found = routed(mail)
    assert {desk: [entry.id for entry in entries] for desk, entries in found.items()} == {
        DESK: [reports[0].report_id, reports[2].report_id],
        OTHER_DESK: [reports[1].report_id],
    }
    (expected,) = route(city, [Accepted(reports[0], AT.astimezone(UTC), msgspec.json.encode(reports[0]))])
    assert msgspec.json.decode(found[DESK][0].body, type=RoutedReport) == expected
    assert found[DESK][0].at == AT


def test_a_report_is_called_what_its_inlet_called_it_else_by_its_place():
    bare = make_report(AT, report_id="")
    (one,), _ = read([sent(bare, name="given")])
    assert one.report.report_id == "given"
    (two,), _ = read([sent(bare)])
    (again,), _ = read([sent(bare)])
    (other,), _ = read([sent(bare, offset=1)])
    assert two.report.report_id == again.report.report_id != other.report.report_id
    assert UUID(two.report.report_id).version == 7
    assert UUID(two.report.report_id).int >> 80 == int(AT.timestamp() * 1000)


@pytest.mark.parametrize(
    ("entry", "at", "reason"),
    [
        (b'{"system":"x"}', AT, "MISSING_FIELD"),
        (b'{"bogus":1}', AT, "UNKNOWN_FIELD"),
        (b'"' + b"x" * LONGEST + b'"', AT, "TOO_LARGE"),
        (make_report(AT), AT.replace(tzinfo=None), "BAD_TIME"),
        (make_report(AT + timedelta(hours=1)), AT, "FUTURE"),
        (make_report(AT, category="E-99-99"), AT, "UNKNOWN_CATEGORY"),
    ],
)
def test_what_is_no_report_or_can_not_be_routed_is_put_aside_with_its_bytes(make, entry, at, reason):
    message = sent(entry, at=at)
    mail, count, (letter,) = make().routed([message, sent(make_report(AT), offset=1)])
    assert (count, letter.reason) == (1, reason)
    ((key, value),) = mail[DEAD_LETTERS, 0]
    assert (key, msgspec.json.decode(value, type=DeadLetter)) == (letter.stage.encode(), letter)
    assert letter.original == (entry if isinstance(entry, bytes) else msgspec.json.encode(entry))


def test_a_message_that_is_no_envelope_is_put_aside_whole(make):
    mail, count, (letter,) = make().routed([Sent(b"{not json", 3, topic="onegrid.reports")])
    assert (count, letter.reason, letter.source) == (0, "NOT_AN_ENVELOPE", "onegrid.reports/0/3")
    assert letter.original == b"{not json"
    assert set(mail) == {(DEAD_LETTERS, 0)}


def test_the_pack_is_the_one_in_force_when_a_report_was_accepted(city, manual_city, make):
    later = AT + timedelta(hours=1)
    intake = make(city, manual_city, told=[(AT, city.digest), (later, manual_city.digest)])
    reports = [make_report(AT), make_report(AT)]
    mail, _, _ = intake.routed([sent(reports[0]), sent(reports[1], at=later, offset=1)])
    modes = [msgspec.json.decode(entry.body, type=RoutedReport).receipt.automation for entry in routed(mail)[DESK]]
    assert modes[0] != modes[1]


def test_without_the_pack_in_force_intake_refuses_to_go_on(manual_city, make):
    failed = []
    intake = make(told=[(AT, manual_city.digest)], failed=failed)

    async def take():
        await asyncio.wait_for(intake.take([sent(make_report(AT))]), 0.3)

    with pytest.raises(TimeoutError):
        asyncio.run(take())
    assert [type(error) for error in failed] == [MissingPackError]
    intake.close()


def test_what_can_not_be_sent_is_tried_again_until_it_is(make, capsys):
    box = Box(failures=2)
    intake = make(box=box)
    secret = make_report(AT, text="nobody's business")
    asyncio.run(intake.take([sent(secret), Sent(b"{", 1)]))
    (mail,) = box.mail
    assert len(routed(mail)[DESK]) == 1
    page = intake._metrics.page().decode()
    assert "onegrid_retries_total 2.0" in page
    assert "onegrid_routed_total 1.0" in page
    assert 'reason="NOT_AN_ENVELOPE",stage="intake"' in page
    said = capsys.readouterr()
    assert "nobody" not in said.out + said.err
    intake.close()
