"""Alerts from the log to where they are told, on ways that work and ways that don't."""

from __future__ import annotations

import random
import threading
import time

import msgspec
import pytest
from packs import change, write_pack
from scenes import CENTRE, CITY_CENTRE, WHARF, Scene, when

from grids.city import open_city
from grids.telling import Alerting, AlertsForm, Way
from streams.cap.checking import faults, parse, text_of
from streams.ledger.chain import Chain
from streams.ledger.records import Claim
from streams.ledger.testing import MemoryLog
from streams.outlets.delivery.channels import DeliveryError
from streams.outlets.delivery.deliverer import FIRST_S, JITTER, LONGEST_S, Deliverer, back_off, one_log
from streams.outlets.delivery.outbox import name_of

START = when("03-02 09:00").timestamp()


class Ear:
    """Somebody at the end of a way, who may be deaf."""

    def __init__(self, way) -> None:
        self.way, self.heard, self.deaf, self.asked = way, [], False, 0

    def send(self, message, now):
        self.asked += 1
        if self.deaf:
            raise DeliveryError("deaf")
        self.heard.append((now, message))

    @property
    def alerts(self):
        return [alert.alert_id for _, message in self.heard for alert in message.alerts]


class Post:
    """A scene, its log, and a deliverer that follows it."""

    def __init__(self, scene, folder, ways=None, **rules) -> None:
        self.scene, self.folder, self.log, self.chain, self.done = scene, folder, MemoryLog(), Chain(), 0
        claim = Claim("test", when("03-01 00:00"))
        self.log.append(claim)
        self.chain.claimed(claim)
        self.ways = ways or {CENTRE: [Way(CENTRE, "webhook", "a")], CITY_CENTRE: [Way(CITY_CENTRE, "webhook", "b")]}
        self.alerting = Alerting(AlertsForm(**rules), {unit: tuple(ways) for unit, ways in self.ways.items()})
        self.ears = {}
        self.open()

    def open(self):
        def channel(way):
            return self.ears.setdefault(name_of(way), Ear(way))

        clock = lambda: when("03-02 09:00")  # noqa: E731
        self.deliverer = Deliverer(self.alerting, one_log(self.log.read), self.folder, clock, channel=channel)

    def close(self):
        self.deliverer.stop()

    def log_all(self):
        """Put what the scene has done into the log."""
        for part in self.scene.parts[self.done :]:
            self.done += 1
            record = self.chain.record(0, self.done, self.done, part)
            self.chain.add(self.log.append(record), record)

    def until(self, at):
        """Put what the scene has done into the log, and deliver at a moment."""
        self.log_all()
        self.deliverer.step(at if isinstance(at, float) else when(at).timestamp())

    def __getitem__(self, target) -> Ear:
        return next(ear for ear in self.ears.values() if ear.way.target == target)


@pytest.fixture
def post(scene, tmp_path):
    made = Post(scene, tmp_path)
    yield made
    made.close()


def test_an_alert_goes_to_its_units_first_way_whole_and_once(post):
    post.scene.bring("FILED", "03-02 09:00", severity=2)
    post.until("03-02 09:00")
    post.until("03-02 09:01")
    (desk, city) = post.scene.alerts
    assert (post["a"].alerts, post["b"].alerts) == ([desk.alert_id], [city.alert_id])
    ((_, message),) = post["a"].heard
    assert (message.unit, message.count, message.cap) == (CENTRE, 1, desk.cap)


def test_a_deaf_way_is_asked_again_ever_later_and_holds_up_no_other(post):
    post.scene.bring("FILED", "03-02 09:00", severity=2)
    post.until("03-02 09:00")
    post["a"].deaf = True
    post.scene.bring("FILED", "03-02 09:00", severity=2, street=WHARF)
    now = START + 1
    for _ in range(20):
        post.until(now)
        now += 10
    assert len(post["b"].alerts) == 2
    assert 5 <= post["a"].asked <= 9
    post["a"].deaf = False
    post.until(now + LONGEST_S * 2)
    assert len(post["a"].alerts) == 2


def test_what_follows_on_a_case_waits_for_what_came_before_it_and_other_cases_do_not(post):
    number = post.scene.bring("FILED", "03-02 09:00", severity=2)
    post.until("03-02 09:00")
    assert len(post["a"].alerts) == 1
    post["a"].deaf = True
    post.scene.tick("03-02 09:05")
    post.until("03-02 09:05")
    post.scene.act(number, "CANCEL", "03-02 09:06", CENTRE)
    other = post.scene.bring("FILED", "03-02 09:06", severity=2, street=WHARF)
    post["a"].deaf = False
    post["a"].heard.clear()
    deaf = post.deliverer._channels[name_of(post.ways[CENTRE][0])]
    seen = []
    send = deaf.send

    def fails_for_one_case(message, now):
        seen.append(message.alerts[0].case_no)
        if message.alerts[0].case_no == number and now < START + 3000:
            raise DeliveryError("not this one")
        send(message, now)

    deaf.send = fails_for_one_case
    post.until("03-02 09:07")
    assert [alert[7:26] for alert in post["a"].alerts] == [other]
    post.until(START + 4000.0)
    post.until(START + 8000.0)
    mine = [alert for alert in post["a"].alerts if alert[7:26] == number]
    assert mine == [a.alert_id for a in post.scene.alerts if a.unit == CENTRE and a.case_no == number][1:]


def test_a_way_that_nobody_answers_on_is_followed_by_the_next_at_its_time(tmp_path):
    ways = [Way(CENTRE, "webhook", "first"), Way(CENTRE, "smtp", "second", order=2)]
    channels = "".join(
        f'[[channel]]\nunit = "{way.unit}"\nkind = "{way.kind}"\ntarget = "{way.target}"\norder = {way.order}\n'
        for way in ways
    )
    pack = write_pack(tmp_path / "city")
    change(pack, "city.toml", 'mode = "auto"', 'mode = "manual"')
    (pack / "channels.toml").write_text(channels, encoding="utf-8")
    scene = Scene(open_city(pack))
    post = Post(scene, tmp_path, {CENTRE: ways, CITY_CENTRE: [Way(CITY_CENTRE, "webhook", "b")]})
    scene.bring("FILED", "03-02 09:00", severity=3)
    post.until("03-02 09:14")
    assert (len(post["first"].alerts), len(post["second"].alerts)) == (1, 0)
    scene.tick("03-02 09:15")
    post.until("03-02 09:15")
    assert post["second"].alerts == post["first"].alerts
    assert post["b"].alerts == []
    scene.tick("03-02 09:30")
    post.until("03-02 09:30")
    assert [message.alerts[0].kind for _, message in post["b"].heard] == ["ALERT"]
    scene.act(scene.cases[0].case_no, "CANCEL", "03-02 09:40")
    post.until("03-02 09:40")
    ends = [[one.kind for _, message in post[way].heard for one in message.alerts][-1] for way in ("first", "second")]
    assert ends == ["CANCEL", "CANCEL"], "whoever heard of it hears of its end, on both ways"
    post.close()


def test_many_of_one_cell_go_together_with_their_number_and_cases_in_a_valid_document(post):
    numbers = [post.scene.bring("FILED", "03-02 09:00", severity=3) for _ in range(5)]
    post.until("03-02 09:00")
    for _ in range(4):
        numbers.append(post.scene.bring("FILED", "03-02 09:01", severity=3))
        post.until("03-02 09:01")
    post.until("03-02 09:05")
    assert [message.count for _, message in post["a"].heard] == [5, 4]
    for _, message in post["a"].heard:
        assert faults(message.cap.encode()) == []
        assert text_of(parse(message.cap.encode()), "incidents").split() == [one.case_no for one in message.alerts]
        assert f"<valueName>count</valueName><value>{message.count}</value>" in message.cap
    assert [alert[7:26] for alert in post["a"].alerts] == numbers


def test_a_deliverer_that_died_goes_on_where_it_was_and_repeats_carry_their_ids(post):
    post.scene.bring("FILED", "03-02 09:00", severity=2)
    post.until("03-02 09:00")
    post["a"].deaf = True
    post.scene.bring("FILED", "03-02 09:01", severity=2, street=WHARF)
    post.until("03-02 09:01")
    post.close()
    post["a"].deaf = False
    post.open()
    post.until("03-02 09:30")
    assert post["a"].alerts == [a.alert_id for a in post.scene.alerts if a.unit == CENTRE]
    first = [message.id for _, message in post["a"].heard]
    for file in post.folder.glob("delivery.sqlite*"):
        file.unlink()
    post.close()
    post["a"].heard.clear()
    post.open()
    post.until("03-02 10:00")
    assert [message.id for _, message in post["a"].heard] == first


def test_what_is_over_a_day_old_is_told_no_more(post):
    post.scene.bring("FILED", "03-02 09:00", severity=2)
    post.until("03-03 09:01")
    assert post["a"].alerts == []


def test_what_a_writer_from_the_past_says_is_told_to_nobody(post):
    post.scene.bring("FILED", "03-02 09:00", severity=2)
    part = post.scene.parts[-1]
    post.until("03-02 09:00")
    heard = list(post["a"].alerts)
    stale = msgspec.structs.replace(post.chain.record(77, post.done + 1, post.done + 1, part))
    post.log.append(stale)
    post.until("03-02 09:30")
    assert post["a"].alerts == heard


def test_pauses_double_up_to_the_longest_and_differ_a_little():
    chance = random.Random(1)
    for tries in range(30):
        wait = min(LONGEST_S, FIRST_S * 2**tries)
        assert wait * (1 - JITTER) <= back_off(tries, chance) <= wait * (1 + JITTER)


def test_the_gravest_go_ahead_of_whatever_waits_on_their_way(post):
    post["a"].deaf = True
    routine = post.scene.bring("FILED", "03-02 09:06", severity=3)
    post.until("03-02 09:06")
    grave = post.scene.bring("FILED", "03-02 09:07", severity=2)
    post["a"].deaf = False
    post.until("03-02 09:07")
    heard = [message.alerts[0].case_no for _, message in post["a"].heard]
    assert heard == [grave, routine]


def test_what_the_gravest_wait_for_on_their_own_case_goes_ahead_with_them(post):
    first = post.scene.bring("FILED", "03-02 09:00", severity=3, street=WHARF)
    second = post.scene.bring("FILED", "03-02 09:00", severity=3)
    for ear in post.ears.values():
        ear.deaf = True
    post.until("03-02 09:00")
    with post.deliverer._lock:
        waits = post.deliverer.outbox.unsent(name_of(post.ways[CENTRE][0]))
        assert [one.first for one in waits] == [False, False]
        way, row = post.ways[CENTRE][0], post.deliverer.outbox
        alert = msgspec.structs.replace(
            next(one for one in post.scene.alerts if one.case_no == second),
            alert_id=f"{CENTRE[:6]}-{second}-9",
            severity=1,
        )
        row.add("", 99, next(iter(post.deliverer._folds.values())), [(way, alert)])
    post.deliverer.make(START + 1)
    waits = post.deliverer.outbox.unsent(name_of(way))
    cases = [post.deliverer.outbox.message(one.id).alerts[0].case_no for one in waits]
    assert (cases, [one.first for one in waits]) == ([second, first], [True, False])


def test_a_message_that_hangs_holds_up_no_grave_one_on_its_way(scene, tmp_path):
    """For real: two threads serve a way, and the hanging one has nothing grave."""
    hangs, released = threading.Event(), threading.Event()

    class Slow(Ear):
        def send(self, message, now):
            if message.alerts[0].severity > 2:
                hangs.set()
                released.wait(20)
            super().send(message, now)

    post = Post(
        scene, tmp_path, {CENTRE: [Way(CENTRE, "webhook", "a")], CITY_CENTRE: [Way(CITY_CENTRE, "webhook", "b")]}
    )
    post.deliverer.stop()
    moment = [when("03-02 09:00")]
    post.deliverer = Deliverer(
        post.alerting, one_log(post.log.read), tmp_path, lambda: moment[0],
        channel=lambda way: post.ears.setdefault(f"real {way.target}", Slow(way)),
    )  # fmt: skip
    post.deliverer.start()
    try:
        scene.bring("FILED", "03-02 09:00", severity=3)
        post.log_all()
        assert hangs.wait(10)
        grave = scene.bring("FILED", "03-02 09:00", severity=2, street=WHARF)
        post.log_all()
        end = time.monotonic() + 10
        while not (heard := post.ears["real a"].alerts):
            assert time.monotonic() < end
            time.sleep(0.01)
        assert [name[7:26] for name in heard] == [grave]
    finally:
        released.set()
        post.close()
    assert len(post.ears["real a"].alerts) == 2
