"""The demo's reports through intake of the embedded host and of a worker: the same routed reports, byte for byte."""

from __future__ import annotations

import msgspec
import pytest
from servers import clean_topics

from grids.city import demo_pack, open_city
from streams.cli.places import cache_dir
from streams.cli.simulate import MONDAY, arrivals_of, first_moment
from streams.envelope import Entry, seal, unseal
from streams.hosts.embedded import EmbeddedHost
from streams.hosts.kafka.admin import lag
from streams.hosts.kafka.packs import tell
from streams.inlets.lines import read_line
from streams.inlets.simulator import simulate
from streams.ledger.kafka import Reader, Writer
from streams.records import DeadLetter, Report
from streams.topics import DEAD_LETTERS, DESK, REPORTS, partition_of
from tests.conformance.clusters import Workers, wait

pytestmark = pytest.mark.cluster

PARTITIONS = 4
ODD = 7
"""Reports of which no host can say where they belong."""


@pytest.fixture(scope="module")
def demo():
    return open_city(demo_pack(), cache_dir())


@pytest.fixture(scope="module")
def accepted(demo):
    """A day of the demo, and some reports that intake has to put aside."""
    week = simulate(demo, start=first_moment(demo, MONDAY), days=1, seed=1, rate=3000)
    lines = [read_line(arrival.line, arrival.at) for arrival in arrivals_of(week)]
    good = [one for one in lines if not isinstance(one, DeadLetter)]
    for number in range(ODD):
        report = msgspec.structs.replace(good[number].report, report_id=f"odd-{number}", category="E-99-99")
        good.append(msgspec.structs.replace(good[number], report=report, original=msgspec.json.encode(report)))
    return good


def routed_embedded(city, accepted, folder):
    """Return what lies in the embedded host's inbox by report_id, and which were put aside."""
    host = EmbeddedHost(city, folder, accepted[0].at)
    host.accept(accepted)
    host.drain()
    rows = host.store.db.execute("SELECT body FROM inbox").fetchall()
    found = dict(filter(None, (_named(body) for (body,) in rows)))
    dead = host.store.db.execute("SELECT id FROM dead_letters WHERE stage = 'intake'").fetchall()
    host.close()
    return found, {name for (name,) in dead}


def routed_cluster(settings, city, accepted, folder):
    """Return the same of a worker."""
    client = settings.client()
    writer = Writer(client)
    tell(writer, city.digest, accepted[0].at)
    by_key = {}
    for one in accepted:
        key = f"{one.report.system}-{hash(one.report.system_no) % 8}"
        by_key.setdefault(key, []).append(Entry(one.at, msgspec.Raw(one.original), one.report.report_id))
    sent = 0
    for key, entries in by_key.items():
        for message in seal(entries):
            writer.deliver(REPORTS, partition_of(key, PARTITIONS), message, key)
            sent += 1
    writer.close()
    with Workers(settings, [demo_pack()], folder) as workers:
        (one,) = workers.start(1, "--only", "intake")
        wait(lambda: sum(place.committed for place in lag(settings) if place.topic == REPORTS) == sent, 120)
        assert workers.stop(one) == 0, workers.logs()
    found, dead = {}, set()
    for topic, numbers in ((DESK, range(PARTITIONS)), (DEAD_LETTERS, [0])):
        for number in numbers:
            with Reader(client, topic, number) as reader:
                for message in reader.read(*reader.bounds()):
                    if topic == DEAD_LETTERS:
                        dead.add(msgspec.json.decode(message.value, type=DeadLetter).id)
                    else:
                        found |= dict(filter(None, (_named(entry.body) for entry in unseal(message.value))))
    return found, dead


class _Routed(msgspec.Struct):
    type: str
    report: Report | None = None


def _named(body):
    one = msgspec.json.decode(body, type=_Routed)
    return (one.report.report_id, bytes(body)) if one.type == "RoutedReport" else None


def test_intake_routes_the_demos_reports_alike_on_every_host(kafka, demo, accepted, tmp_path):
    expected, expected_dead = routed_embedded(demo, accepted, tmp_path / "embedded")
    settings = clean_topics(kafka, PARTITIONS)
    found, dead = routed_cluster(settings, demo, accepted, tmp_path)
    assert len(expected) + len(expected_dead) == len({one.report.report_id for one in accepted})
    assert len(expected_dead) >= ODD
    assert dead == expected_dead
    assert found.keys() == expected.keys()
    assert [name for name in expected if found[name] != expected[name]] == []
