"""The gateway of a cluster on a real Kafka and a real Redis: what it answers 202 to has landed, or is on its disk."""

from __future__ import annotations

import dataclasses
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import NamedTuple

import msgspec
import pytest
from gates import AT, body, client_of
from redis import Redis as Client
from scenes import CITY_DESK, DESK, OFFICE, OTHER_DESK, ZONE, make_report, when
from servers import Brokers, Redis, clean_topics, need

from grids.city import City
from grids.inlets import InletsForm, SystemForm
from streams.envelope import Entry, seal, unseal
from streams.hosts.kafka.admin import Start, tail
from streams.hosts.kafka.gateway import Gateway
from streams.hosts.kafka.intake import Intake
from streams.hosts.kafka.metrics import WorkerMetrics
from streams.hosts.kafka.packs import Bundles, Order, Orders
from streams.hosts.kafka.spool import FILE
from streams.ledger.chain import Chain
from streams.ledger.kafka import KafkaLog, Writer
from streams.ledger.records import Claim
from streams.ledger.testing import MemoryLog
from streams.outlets.board.link import connect
from streams.outlets.board.redis import RedisBoard
from streams.records import Body
from streams.settings import ClusterSettings
from streams.stages.desk.desks import Desks
from streams.topics import DESK as INBOX
from streams.topics import REPORTS, partition_of, report_key

pytestmark = pytest.mark.cluster

PARTITIONS = 4


class Lying(NamedTuple):
    """A message as it lies in a topic."""

    topic: str
    partition: int
    offset: int
    key: bytes
    value: bytes
    timestamp: float


class Gate:
    """A gateway, and a client of it."""

    def __init__(self, settings, city, folder, **given) -> None:
        self.settings = settings
        self.gateway = Gateway(settings, city, folder, lambda: AT, patience_ms=2000, **given)
        self.gateway.start()
        self.client = client_of(self.gateway.app())

    def post(self, sent, **headers):
        return self.client.post("/v1/reports", content=json.dumps(sent).encode(), headers=headers)

    def ready(self):
        return self.client.get("/readyz").json()

    def until(self, seconds=30, **wanted):
        """Wait until /readyz says so."""
        end = time.monotonic() + seconds
        while not wanted.items() <= (said := self.ready()).items():
            assert time.monotonic() < end, said
            time.sleep(0.05)
        return said

    def entries(self, topic=REPORTS):
        return [
            (message.key, message.partition, entry)
            for message in tail(self.settings, topic, Start(offset=0))
            for entry in unseal(message.value)
        ]

    def metric(self, name):
        page = self.client.get("/metrics").text
        return sum(float(line.rpartition(" ")[2]) for line in page.splitlines() if line.startswith(name))

    def stop(self):
        self.gateway.stop()


@pytest.fixture
def redis_there(redis):
    client = Client.from_url(f"redis://{redis}")
    client.flushall()
    return client


@pytest.fixture
def settings(kafka, redis, redis_there):
    clean_topics(kafka, PARTITIONS)
    return ClusterSettings(broker=kafka, redis=redis)


@pytest.fixture
def gate(settings, city, tmp_path):
    gate = Gate(settings, city, tmp_path / "spool")
    gate.until(kafka=True)
    yield gate
    gate.stop()


def show(settings, city, scene, partition=0):
    """Let the board show what has happened in a scene; return it."""
    log, chain, desks = MemoryLog(), Chain(), Desks(city)
    claim = Claim("a", AT)
    epoch = log.append(claim)
    chain.claimed(claim)
    for item in scene.items:
        record = chain.record(epoch, item.position, item.position, desks.receive([item]))
        chain.add(log.append(record), record)
    board = RedisBoard(connect(settings), ZONE, partitions=1)
    board.catch_up(partition, log)
    return board


# Into Kafka


def test_what_is_answered_202_lies_in_kafka_with_the_id_that_was_told(gate):
    sent = [body(system_no=f"n{n % 7}", text=f"{n}") for n in range(250)]
    answer = gate.post(sent)
    assert answer.status_code == 202
    ids = [result["report_id"] for result in answer.json()["results"]]
    found = gate.entries()
    assert {entry.id: msgspec.json.decode(entry.body) for _, _, entry in found} == dict(zip(ids, sent, strict=True))
    assert all(entry.at == AT for _, _, entry in found)
    assert {key for key, _, _ in found} == {report_key("grid-app", f"n{n}") for n in range(7)}
    assert all(partition == partition_of(key, PARTITIONS) for key, partition, _ in found)
    order = [entry.id for key, _, entry in found if key == report_key("grid-app", "n3")]
    assert order == [name for name in ids if name in order]
    assert gate.ready() == {"ready": True, "spooling": 0, "kafka": True, "board": True}


def test_calls_that_wait_at_the_same_time_are_all_answered_and_all_there(gate):
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda n: gate.post(body(system_no=f"c{n}")), range(200)))
    ids = {answer.json()["results"][0]["report_id"] for answer in answers}
    assert {entry.id for _, _, entry in gate.entries()} == ids
    assert len(ids) == 200
    assert gate.metric("onegrid_gateway_accepted_total") == 200
    assert gate.metric("onegrid_gateway_commit_seconds_count") == 200


def test_the_largest_request_lands_whole(gate):
    lines = [json.dumps(body(system_no=f"big{n}")) for n in range(20_000)]
    answer = gate.client.post(
        "/v1/reports", content="\n".join(lines).encode(), headers={"content-type": "application/x-ndjson"}
    )
    assert answer.status_code == 202
    ids = {result["report_id"] for result in answer.json()["results"]}
    assert {entry.id for _, _, entry in gate.entries()} == ids
    assert len(ids) == 20_000
    assert gate.ready()["spooling"] == 0


def test_a_report_that_is_refused_reaches_nobody(gate):
    answer = gate.post([body(), {"system": "x"}])
    assert answer.status_code == 202
    assert [("error" in result) for result in answer.json()["results"]] == [False, True]
    assert gate.post({"system": "x"}).status_code == 422
    assert len(gate.entries()) == 1
    assert gate.metric("onegrid_rejected_total") == 2


# Actions and acknowledgements


def act(gate, number, **fields):
    asked = {"verb": "SIGN", "actor": "u1", "actor_unit": OFFICE, **fields}
    return gate.client.post(f"/v1/cases/{number}/actions", json=asked)


def deeds(gate):
    return [(key, msgspec.json.decode(entry.body, type=Body)) for key, _, entry in gate.entries(INBOX)]


def test_an_action_goes_to_the_desk_that_has_its_case_now(gate, settings, city, scene):
    stays, goes = scene.report("03-02 09:00"), scene.report("03-02 09:01")
    scene.act(goes, "ACCEPT", "03-02 09:02")
    scene.act(goes, "TRANSFER", "03-02 09:05")
    show(settings, scene.city, scene)
    assert act(gate, stays).status_code == 202
    assert act(gate, goes, action_id="mine").json() == {"action_id": "mine"}
    assert [(key, deed.case_no) for key, deed in sorted(deeds(gate))] == [(DESK, stays), (OTHER_DESK, goes)]
    assert all(partition == partition_of(key, PARTITIONS) for key, partition, _ in gate.entries(INBOX))


def test_a_case_that_the_board_does_not_show_yet_is_its_desks_to_know(gate):
    """The board has shown nothing of any partition, so it can rule nothing out."""
    assert act(gate, f"{DESK}2026030200007").status_code == 202
    assert act(gate, "8888882026030200007").status_code == 202
    assert act(gate, "7").status_code == 404
    assert sorted(key for key, _ in deeds(gate)) == [CITY_DESK, DESK]


def test_a_case_that_a_whole_board_does_not_know_is_not_found(gate, settings, city, scene):
    scene.report("03-02 09:00")
    show(settings, scene.city, scene, partition_of(DESK, PARTITIONS))
    assert act(gate, f"{DESK}2026030200000").status_code == 404
    assert act(gate, f"{DESK}2026030100007").status_code == 404
    assert deeds(gate) == []


def test_an_acknowledgement_goes_to_the_desk_of_the_case(gate, settings, city, auto):
    auto.report("03-02 09:00", severity=2)
    board = show(settings, city, auto, partition_of(DESK, PARTITIONS))
    alert = board.alerts(desk=CITY_DESK)[0]
    answer = gate.client.post(f"/v1/alerts/{alert.alert_id}/ack", json={"by": "990100-CC"})
    assert answer.status_code == 202
    ((key, ack),) = deeds(gate)
    assert (key, ack.alert_id, ack.by) == (DESK, alert.alert_id, "990100-CC")
    unknown = f"{OTHER_DESK}-{alert.case_no}-1"
    assert gate.client.post(f"/v1/alerts/{unknown}/ack", json={"by": "x"}).status_code == 404


def test_an_action_longer_than_a_report_may_be_is_refused(gate):
    assert act(gate, f"{DESK}2026030200007", reason="x" * 300_000).status_code == 413


# The board


def test_cases_and_alerts_are_answered_from_redis(gate, settings, city, auto):
    number = auto.report("03-02 09:00", severity=2)
    auto.report("03-02 09:01")
    show(settings, city, auto)
    assert gate.client.get("/v1/cases").json()["items"][0]["case_no"] == number
    page = gate.client.get("/v1/cases", params={"desk": DESK, "limit": 1}).json()
    assert page["next"] == number
    case = gate.client.get(f"/v1/cases/{number}").json()
    assert [step["verb"] for step in case["transitions"]] == ["REPORT", "ACCEPT", "FILE", "DISPATCH"]
    assert len(gate.client.get("/v1/alerts").json()["items"]) == 2
    assert gate.client.get("/v1/cases/none").status_code == 404
    lon, lat = 104.01, 30.605
    assert gate.client.get("/v1/where", params={"lon": lon, "lat": lat}).json()["desk"] == DESK


def test_an_update_is_stamped_with_the_desk_that_has_its_case(gate, settings, city, scene):
    report = make_report(when("03-02 09:00"), system_no="moves")
    scene.send(report, when("03-02 09:00"))
    number = scene.transitions[0].case_no
    scene.act(number, "ACCEPT", "03-02 09:02")
    scene.act(number, "TRANSFER", "03-02 09:05")
    show(settings, scene.city, scene)
    gate.post([body(system_no="moves", text="worse"), body(system_no="new")])
    stamps = {msgspec.json.decode(entry.body)["system_no"]: entry.desk for _, _, entry in gate.entries()}
    assert stamps == {"moves": OTHER_DESK, "new": ""}
    assert gate.metric("onegrid_gateway_stamped_total") == 1


def test_a_stamped_update_goes_to_the_desk_that_it_is_stamped_with(gate, city):
    entries = [
        Entry(AT, msgspec.Raw(msgspec.json.encode(make_report(AT, system_no="a"))), "", OTHER_DESK),
        Entry(AT, msgspec.Raw(msgspec.json.encode(make_report(AT, system_no="b")))),
    ]
    (value,) = seal(entries)
    orders = Orders({})
    orders.told = [Order(AT, city.digest)]
    intake = Intake(Bundles([city]), orders, None, PARTITIONS, 1, WorkerMetrics(), lambda _error: None)
    mail, count, dead = intake.routed([Lying(REPORTS, 0, 0, b"k", value, 0.0)])
    assert (count, dead) == (2, [])
    found = {key.decode(): unseal(sealed) for many in mail.values() for key, sealed in many}
    reports = {desk: msgspec.json.decode(entry.body, type=Body) for desk, (entry,) in found.items()}
    assert {desk: routed.report.system_no for desk, routed in reports.items()} == {OTHER_DESK: "a", DESK: "b"}
    assert {routed.placement.desk for routed in reports.values()} == {DESK}
    intake.close()


@pytest.fixture
def own(tmp_path):
    """A Redis of this test alone, which it may stop and start."""
    need("redis")
    own = Redis(tmp_path / "redis")
    yield own
    if own.process.poll() is None:
        own.stop()


def test_without_redis_nothing_can_be_read_and_everything_is_taken_in(kafka, own, city, tmp_path):
    clean_topics(kafka, PARTITIONS)
    gate = Gate(ClusterSettings(broker=kafka, redis=own.address), city, tmp_path / "spool")
    gate.until(kafka=True, board=True)
    own.stop(kill=True)
    for path in ("/v1/cases", f"/v1/cases/{DESK}2026030200001", "/v1/alerts"):
        answer = gate.client.get(path)
        assert answer.status_code == 503
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["reason"] == "BOARD_AWAY"
    assert gate.post(body()).status_code == 202
    assert act(gate, f"{DESK}2026030200001").status_code == 202
    assert [key for key, _ in deeds(gate)] == [DESK]
    assert gate.ready() == {"ready": True, "spooling": 0, "kafka": True, "board": False}
    assert gate.metric("onegrid_gateway_board_up") == 0
    own.start()
    gate.until(board=True)
    assert gate.client.get("/v1/cases").json() == {"items": [], "next": None}
    gate.stop()


def test_a_cluster_may_do_without_a_board(kafka, city, tmp_path):
    clean_topics(kafka, PARTITIONS)
    gate = Gate(ClusterSettings(broker=kafka), city, tmp_path)
    assert gate.client.get("/v1/cases").status_code == 503
    assert gate.post(body()).status_code == 202
    assert gate.ready()["board"] is False
    gate.stop()


# Kafka away


@pytest.fixture
def brokers(tmp_path_factory):
    need("kafka")
    brokers = Brokers(tmp_path_factory.mktemp("own"))
    yield brokers
    brokers.down()


def test_while_kafka_is_away_what_comes_is_on_disk_and_follows_in_order(brokers, city, tmp_path):
    settings = clean_topics(brokers.address, PARTITIONS)
    gate = Gate(settings, city, tmp_path)
    gate.until(kafka=True)
    told = [gate.post(body(system_no="one", text="0")).json()["results"][0]["report_id"]]
    brokers.stop(1, kill=True)
    for n in range(1, 40):
        answer = gate.post(body(system_no="one", text=f"{n}"))
        assert answer.status_code == 202
        told.append(answer.json()["results"][0]["report_id"])
    assert act(gate, f"{DESK}2026030200007").status_code == 202
    said = gate.ready()
    assert (said["ready"], said["spooling"], said["kafka"]) == (True, 40, False)
    assert gate.metric("onegrid_gateway_spooling") == 40
    assert gate.metric('onegrid_gateway_accepted_total{by="spool"') == 40
    gate.stop()

    gate = Gate(settings, city, tmp_path)  # another process, as after a kill
    assert gate.until(spooling=40)["ready"] is True
    told.append(gate.post(body(system_no="one", text="40")).json()["results"][0]["report_id"])
    brokers.start(1)
    gate.until(60, spooling=0, kafka=True)
    told.append(gate.post(body(system_no="one", text="41")).json()["results"][0]["report_id"])
    found = [entry.id for _, _, entry in gate.entries()]
    assert list(dict.fromkeys(found)) == told
    assert [key for key, _ in deeds(gate)] == [DESK]
    assert gate.metric("onegrid_gateway_drained_total") == 41
    gate.stop()


def test_a_full_spool_is_said_clearly_and_nothing_is_taken_in(city, tmp_path):
    gate = Gate(ClusterSettings(broker="127.0.0.1:9"), city, tmp_path, limit=3000)
    sent = [gate.post(body(text="x" * 1000)) for _ in range(4)]
    assert [answer.status_code for answer in sent] == [202, 202, 507, 507]
    assert sent[-1].json()["reason"] == "SPOOL_FULL"
    assert sent[-1].headers["content-type"] == "application/problem+json"
    assert gate.ready()["spooling"] == 2
    assert gate.metric("onegrid_gateway_refused_total") == 2
    gate.stop()


def test_a_gateway_whose_spool_has_no_room_left_is_not_ready(city, tmp_path):
    gate = Gate(ClusterSettings(broker="127.0.0.1:9"), city, tmp_path, limit=1500)
    assert gate.client.get("/readyz").status_code == 200
    gate.post(body())
    answer = gate.client.get("/readyz")
    assert (answer.status_code, answer.json()["ready"], answer.json()["spooling"]) == (503, False, 1)
    gate.stop()


def test_after_it_has_stopped_a_gateway_takes_nothing_in(city, tmp_path):
    gate = Gate(ClusterSettings(broker="127.0.0.1:9"), city, tmp_path)
    assert gate.post(body()).status_code == 202
    gate.stop()
    assert gate.post(body()).status_code == 503
    assert gate.client.get("/healthz").status_code == 503
    assert (tmp_path / FILE).stat().st_size > 0


# What became of reports


class Source(BaseHTTPRequestHandler):
    """A source system that writes down what it is told."""

    def do_POST(self):
        self.server.heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["system_no"])
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def source():
    server = HTTPServer(("127.0.0.1", 0), Source)
    server.heard = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def lies(settings, parts, ends):
    """Write effects into the logs of their desks' partitions, behind what `ends` says is there."""
    writer = Writer(settings.client())
    for part in parts:
        for desk, effects in part.items():
            log = KafkaLog(settings.client(), writer, number := partition_of(desk, PARTITIONS))
            if number not in ends:
                ends[number] = [Chain(), log.append(Claim("a", AT)), 0]
                ends[number][0].claimed(Claim("a", AT))
            chain, epoch, last = ends[number]
            record = chain.record(epoch, last + 1, last + 1, {desk: effects})
            chain.add(log.append(record), record)
            log.append(chain.record(epoch + 999, last + 2, last + 2, {desk: effects}))  # a writer from the past
            ends[number][2] = last + 1
    writer.close()


def eventually(ask, wanted):
    end = time.monotonic() + 20
    while (found := ask()) != wanted:
        assert time.monotonic() < end, found
        time.sleep(0.05)


def test_gateways_know_what_became_of_reports_and_the_one_with_the_outbox_tells_it_once(
    settings, city, scene, source, tmp_path
):
    url = f"http://127.0.0.1:{source.server_port}/"
    form = InletsForm(system=(SystemForm(name="s", url=url),))
    told = City(dataclasses.replace(city.rules, inlets=form), city.cells)
    scene.report("03-02 09:00", system="s", system_no="1", reporter="w1")
    second = scene.report("03-02 09:01", system="s", system_no="2", reporter="w1")
    ends = {}
    lies(settings, scene.parts, ends)
    one = Gate(settings, told, tmp_path / "one", outbox=True)
    other = Gate(settings, told, tmp_path / "other")
    mine = lambda gate: {  # noqa: E731
        row["system_no"]: row["state"]
        for row in gate.client.get("/v1/reports/mine", params={"reporter": "w1"}).json()["items"]
    }
    states = {"1": scene.cases[0].state, "2": scene[second].state}
    for gate in (one, other):
        eventually(lambda gate=gate: mine(gate), states)
    eventually(lambda: sorted(source.heard), ["1", "2"])
    show(settings, city, scene)
    token = scene[second].reports[0]
    found = other.client.get(f"/open311/v2/tokens/{token}.json").json()
    assert found == [{"token": token, "service_request_id": second}]
    answer = other.client.get("/v1/sources/s/outbox")
    assert (answer.status_code, answer.json()["reason"]) == (409, "OUTBOX_ELSEWHERE")
    assert other.client.get("/v1/sources").json() == {"items": [{"system": "s", "waiting": None}]}
    assert "told" not in other.client.get("/v1/sources/s/reports").json()["items"][0]
    eventually(lambda: one.client.get("/v1/sources").json(), {"items": [{"system": "s", "waiting": 0}]})
    for gate in (one, other):
        gate.stop()
        gate.gateway.close()

    done = len(scene.parts)
    scene.act(second, "ACCEPT", "03-02 09:05")
    lies(settings, scene.parts[done:], ends)
    assert scene[second].state != states["2"]
    again = Gate(settings, told, tmp_path / "one", outbox=True)
    eventually(lambda: sorted(source.heard), ["1", "2", "2"])
    eventually(lambda: mine(again), states | {"2": scene[second].state})
    assert again.metric("onegrid_gateway_unread_records") == 0
    assert again.metric("onegrid_sources_waiting") == 0
    again.stop()
    again.gateway.close()
    assert sorted(source.heard) == ["1", "2", "2"]
