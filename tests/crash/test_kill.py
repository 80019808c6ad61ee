"""`onegrid run` killed with SIGKILL at random moments under load: nothing acknowledged is lost or done twice."""

from __future__ import annotations

import json
import random
import signal
import threading
import time
from collections import Counter
from datetime import UTC, datetime

import httpx
import pytest
from packs import LEAVES, STREETS, point

from streams.hosts.embedded.audit import audit
from streams.ledger.fold import counted
from streams.outlets.board.sqlite import SqliteBoard

RATE = 300
"""Reports and actions a second that are offered."""

REPORTERS, OFFICES = 2, 2
PACE_S = 0.05
NDJSON = {"content-type": "application/x-ndjson"}

_NEXT = {"DISPATCHED": ("SIGN", {}), "SIGNED": ("START", {}), "HANDLING": ("FINISH", {"evidence": ["photo"]})}
"""What an office does next about its case."""


class Caller(threading.Thread):
    """Asks a server that dies every now and then, and remembers what was acknowledged."""

    def __init__(self, number: int, url: str) -> None:
        super().__init__(daemon=True)
        self.number = number
        self.chance = random.Random(number)
        self.client = httpx.Client(base_url=url, timeout=10)
        self.enough = threading.Event()
        self.acknowledged: list[str] = []
        self.unexpected: list[str] = []
        self.retried = 0
        self.times = 1
        """How often the last call was asked until it was answered."""

    def run(self) -> None:
        share = RATE / (REPORTERS + OFFICES)
        ahead = time.monotonic()
        while not self.enough.is_set():
            ahead = max(ahead, time.monotonic() - 1.0)
            time.sleep(max(0.0, ahead - time.monotonic()))
            ahead += self.turn() / share

    def ask(self, path, **body):
        """Ask until there is an answer: whoever gets none asks again, with the same numbers and ids."""
        self.times = 1
        while not self.enough.is_set():
            try:
                return self.client.post(path, **body)
            except httpx.TransportError:
                self.retried += 1
                self.times += 1
                time.sleep(0.05)
        return None

    def took(self, answer) -> bool:
        if answer is not None and answer.status_code != 202:
            self.unexpected.append(answer.text)
        return answer is not None and answer.status_code == 202

    def turn(self) -> int:
        raise NotImplementedError


class Reporter(Caller):
    """Posts reports; `acknowledged` are their numbers."""

    sent = 0

    def turn(self) -> int:
        numbers = [f"{self.sent + more}" for more in range(self.chance.randint(1, 8))]
        self.sent += len(numbers)
        body = b"\n".join(self.report(number) for number in numbers)
        if self.took(self.ask("/v1/reports", content=body, headers=NDJSON)):
            self.acknowledged += [f"sender-{self.number}/{number}" for number in numbers]
        return len(numbers)

    def report(self, number: str) -> bytes:
        lon, lat = point(self.chance.choice(STREETS), self.chance.choice((1, 2)))
        return json.dumps(
            {
                "system": f"sender-{self.number}",
                "system_no": number,
                "channel": "GRID_WORKER",
                "reported_at": datetime.now(UTC).isoformat(),
                "scheme": "city",
                "category": self.chance.choice([leaf for leaf in LEAVES if leaf.startswith("E")]),
                "lon": lon + self.chance.uniform(-0.0004, 0.0004),
                "lat": lat + self.chance.uniform(-0.0004, 0.0004),
            }
        ).encode()


class Office(Caller):
    """Works on cases that it finds on the board; `acknowledged` are the ids of its actions, each an id and a verb.

    Two offices may do the same, and then one of them is refused. Whoever is refused may ask again under the same id,
    so a call that was asked twice because nobody answered may have been refused twice: `asks` says how often.
    """

    asked = 0

    def __init__(self, number: int, url: str) -> None:
        super().__init__(number, url)
        self.asks: dict[str, int] = {}

    def turn(self) -> int:
        try:
            state = self.chance.choice(list(_NEXT))
            found = self.client.get("/v1/cases", params={"state": state, "limit": 20}).json()["items"]
        except httpx.TransportError:
            time.sleep(0.05)
            return 0
        for case in found:
            verb, payload = _NEXT[state]
            self.asked += 1
            name = f"office-{self.number}-{self.asked}"
            body = {"action_id": name, "verb": verb, "actor": "x", "actor_unit": case["unit"], "payload": payload}
            if self.took(self.ask(f"/v1/cases/{case['case_no']}/actions", json=body)):
                self.acknowledged.append(f"{name} {verb}")
                self.asks[f"{name} {verb}"] = self.times
        return max(1, len(found))


def kill(server, kills, seed):
    """Let reports and actions come in while the server is killed; return the callers."""
    chance = random.Random(seed)
    server.start()
    callers = [Reporter(number, server.url) for number in range(REPORTERS)]
    callers += [Office(REPORTERS + number, server.url) for number in range(OFFICES)]
    for caller in callers:
        caller.start()
    up = 0.0
    for _ in range(kills):
        lives = chance.uniform(0.05, 1.5)
        up += lives
        time.sleep(lives)
        server.end(signal.SIGKILL)
        server.start()
    time.sleep(1.0)
    for caller in callers:
        caller.enough.set()
    for caller in callers:
        caller.join(timeout=30)
    server.end(signal.SIGTERM)
    acknowledged = sum(len(caller.acknowledged) for caller in callers)
    print(
        f"\n{kills} kills, {acknowledged} acknowledged in {up + 1:.0f} s of life: {acknowledged / (up + 1):.0f}/s, ",
        end="",
    )
    print(f"{sum(caller.retried for caller in callers)} calls asked again")
    for line in server.log.read_text().splitlines():
        if "fault of the process" in line:
            print(line)  # such a fault costs a try and no more; where it was must be known
    return callers


def check(server, callers, least):
    """Hold the file against what was acknowledged."""
    assert [text for caller in callers for text in caller.unexpected] == []
    verified = server.command("verify", "--data", server.data, "--json")
    assert verified.returncode == 0, verified.stdout.decode()
    found = audit(server.data / "onegrid.sqlite")
    assert (found.waiting, found.missing, found.stale_rejected) == (0, [], 0)

    board = SqliteBoard(server.data / "onegrid.sqlite")
    opened, done, turned_down = Counter(), Counter(), Counter()
    for _, record in counted(board.log.read()):
        effects = record.effects
        for step in effects.transitions:
            if step.verb == "REPORT":
                (source,) = step.change.sources
                opened[f"{source.system}/{source.system_no}"] += 1
            elif step.cause.startswith("action:"):
                done[f"{step.cause.partition(':')[2]} {step.verb}"] += 1
        turned_down.update(letter.id for letter in effects.dead_letters)
    board.close()

    reports = [name for caller in callers if isinstance(caller, Reporter) for name in caller.acknowledged]
    asks = {name: times for caller in callers if isinstance(caller, Office) for name, times in caller.asks.items()}
    assert len(reports) > least
    assert len(asks) > least / 50, "a server that has just started answers reports first"
    assert [name for name in reports if opened[name] != 1] == [], "a report was lost, or opened two cases"
    assert set(opened.values()) == {1}
    answers = {name: done[name] + turned_down[name.split()[0]] for name in asks}
    assert [name for name, times in asks.items() if not 1 <= answers[name] <= times] == [], "lost, or judged unasked"
    assert max(done.values()) == 1, "nothing is done twice"


@pytest.mark.crash
def test_ten_kills_under_load_lose_nothing_and_do_nothing_twice(serve):
    server = serve()
    check(server, kill(server, 10, 20260302), 200)


@pytest.mark.long
def test_a_hundred_kills_under_load_lose_nothing_and_do_nothing_twice(serve):
    server = serve()
    check(server, kill(server, 100, 20260303), 5000)
