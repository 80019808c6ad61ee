"""A real Kafka on this machine: one command up, one command down.

    python deploy/kafka/broker.py up --dir DIR                    one node: {"broker": "127.0.0.1:23817", …}
    python deploy/kafka/broker.py up --dir DIR --nodes 3          three nodes, replication 3, min.insync.replicas 2
    python deploy/kafka/broker.py up --dir DIR --secure           SSL and SASL_SSL listeners beside the plain one
    python deploy/kafka/broker.py stop --dir DIR --node 2 --kill  SIGKILL for one node
    python deploy/kafka/broker.py start --dir DIR --node 2        and up again, on the same ports and data
    python deploy/kafka/broker.py down --dir DIR

Each prints one JSON object. `up` returns when every node answers: a node does not before it is part of its cluster.
All that a cluster needs, its data and its logs lie in DIR, and it comes up again there with all it held. Nodes listen
on 127.0.0.1 only. They are ended by the process ids in DIR, and only if that process still is the node.

It needs Java 17 and, the first time, Maven, which fetches the jars of pom.xml into the cache ($ONEGRID_CACHE, else
the user's cache folder). It is for development and tests: a city's brokers are run by whoever runs its Kafka.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import hashlib
import json
import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent

USER, PASSWORD = "onegrid", "onegrid-secret"
"""Who may come in at the SASL_SSL listener of a test cluster, by SCRAM-SHA-512 or PLAIN. Guards nothing real."""

STARTS, STOPS = 90.0, 40.0
"""Seconds that a node may take to answer, and to end once asked."""

_PORTS = range(20_000, 32_000)
"""Below what systems hand to outgoing connections: else a client that calls a node that is down may get its port."""


class BrokerError(Exception):
    """Kafka can't be had, does not start or does not stop; the text says what to do."""


def jars() -> Path:
    """Return the folder of Kafka's jars, fetched by Maven the first time. Raises BrokerError."""
    own = os.environ.get("ONEGRID_CACHE")
    cache = Path(own) if own else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "onegrid"
    pom = HERE / "pom.xml"
    place = cache / f"kafka-{hashlib.sha256(pom.read_bytes()).hexdigest()[:12]}"
    if place.is_dir():
        return place
    maven = shutil.which("mvn")
    if maven is None:
        raise BrokerError("mvn: not found; expected Maven and Java 17 (Debian: maven, openjdk-17-jre-headless)")
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as scratch:
        found = subprocess.run(
            [maven, "-q", "-B", "-f", str(pom), "dependency:copy-dependencies", f"-DoutputDirectory={scratch}/lib"],
            capture_output=True,
            text=True,
            check=False,
        )
        if found.returncode:
            raise BrokerError(f"{pom}: Maven did not fetch the jars\n{found.stdout[-2000:]}{found.stderr[-2000:]}")
        # Somebody else may have been quicker; what is there is as good.
        with contextlib.suppress(OSError):
            Path(scratch, "lib").rename(place)
    return place


def up(folder: Path, nodes: int, *, secure: bool) -> dict[str, Any]:
    """Start a cluster in a folder, made anew or as it was. Raises BrokerError; then nothing of it runs."""
    began = time.monotonic()
    _java()
    lib = jars()
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "kafka.json").exists():
        _write(folder, nodes, lib, secure=secure)
    state = _state(folder)
    try:
        for node in state["nodes"]:
            _launch(folder, node["node"], lib)
        for node in state["nodes"]:
            _wait(folder, node)
    except BaseException:
        down(folder)
        raise
    return _told(folder) | {"seconds": round(time.monotonic() - began, 2)}


def down(folder: Path) -> dict[str, Any]:
    """Stop every node of a folder's cluster; its data stay."""
    began = time.monotonic()
    folder = folder.resolve()
    numbers = [node["node"] for node in _state(folder)["nodes"]]
    for number in numbers:
        _signal(folder, number, signal.SIGTERM)
    # A controller that hears no majority any more can't let a node go in peace, so the last ones are made to.
    killed = [number for number in numbers if not _ended(folder, number)]
    return {"stopped": len(numbers), "killed": killed, "seconds": round(time.monotonic() - began, 2)}


def start(folder: Path, number: int) -> dict[str, Any]:
    """Start one node of a cluster and wait until it answers."""
    began = time.monotonic()
    folder = folder.resolve()
    _launch(folder, number, jars())
    _wait(folder, _node(folder, number))
    return _told(folder) | {"seconds": round(time.monotonic() - began, 2)}


def stop(folder: Path, number: int, *, kill: bool) -> dict[str, Any]:
    """Stop one node; with `kill` by SIGKILL, as when its machine dies."""
    began = time.monotonic()
    folder = folder.resolve()
    _node(folder, number)
    _signal(folder, number, signal.SIGKILL if kill else signal.SIGTERM)
    killed = [] if _ended(folder, number) else [number]
    return {"stopped": 1, "killed": killed, "seconds": round(time.monotonic() - began, 2)}


def _java() -> None:
    if shutil.which("java") is None:
        raise BrokerError("java: not found; expected Java 17 (Debian: openjdk-17-jre-headless)")


def _state(folder: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads((folder / "kafka.json").read_text())
    except FileNotFoundError:
        raise BrokerError(f"{folder}: no cluster here; expected the folder of an earlier `up`") from None
    return found


def _node(folder: Path, number: int) -> dict[str, Any]:
    for node in _state(folder)["nodes"]:
        if node["node"] == number:
            found: dict[str, Any] = node
            return found
    raise BrokerError(f"--node {number}: {folder} has no such node")


def _told(folder: Path) -> dict[str, Any]:
    """Return what a client needs to know, and who runs."""
    state = _state(folder)
    told: dict[str, Any] = {"broker": ",".join(f"127.0.0.1:{node['port']}" for node in state["nodes"])}
    if state["secure"]:
        told["ssl"] = ",".join(f"127.0.0.1:{node['ssl']}" for node in state["nodes"])
        told["sasl_ssl"] = ",".join(f"127.0.0.1:{node['sasl']}" for node in state["nodes"])
        told |= {"ca": str(folder / "broker.pem"), "user": USER, "password": PASSWORD}
    told["pids"] = [_pid(folder, node["node"]) for node in state["nodes"]]
    return told


def _write(folder: Path, nodes: int, lib: Path, *, secure: bool) -> None:
    """Lay out a new cluster: ports, properties, certificate, formatted storage. kafka.json last, when all stands."""
    held = [_free() for _ in range(nodes * 4)]
    ports = [port for _, port in held]
    for hold, _ in held:
        hold.close()
    state: dict[str, Any] = {"secure": secure, "nodes": []}
    for index in range(nodes):
        port, controller, ssl, sasl = ports[index * 4 : index * 4 + 4]
        state["nodes"].append({"node": index + 1, "port": port, "controller": controller, "ssl": ssl, "sasl": sasl})
    if secure:
        _certificate(folder)
    cluster = "k" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode()[:21]
    for node in state["nodes"]:
        place = folder / f"node-{node['node']}"
        place.mkdir(exist_ok=True)
        (place / "server.properties").write_text(_properties(folder, node, state))
        users = [f"SCRAM-SHA-512=[name={USER},password={PASSWORD}]"] if secure else []
        shutil.rmtree(place / "data", ignore_errors=True)
        _format(place, lib, cluster, users)
    (folder / "kafka.json").write_text(json.dumps(state, indent=1) + "\n")


def _free() -> tuple[socket.socket, int]:
    """Return a port that the system gives, with the socket that holds it."""
    for port in random.sample(_PORTS, 200):
        hold = socket.socket()
        try:
            hold.bind(("127.0.0.1", port))
        except OSError:
            hold.close()
        else:
            return hold, port
    raise BrokerError("no free port on 127.0.0.1")


def _properties(folder: Path, node: dict[str, Any], state: dict[str, Any]) -> str:
    nodes = state["nodes"]
    copies = min(3, len(nodes))
    listeners = [f"PLAINTEXT://127.0.0.1:{node['port']}"]
    if state["secure"]:
        listeners += [f"SSL://127.0.0.1:{node['ssl']}", f"SASL_SSL://127.0.0.1:{node['sasl']}"]
    lines = {
        "process.roles": "broker,controller",
        "node.id": node["node"],
        "controller.quorum.voters": ",".join(f"{one['node']}@127.0.0.1:{one['controller']}" for one in nodes),
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "listeners": ",".join([*listeners, f"CONTROLLER://127.0.0.1:{node['controller']}"]),
        "advertised.listeners": ",".join(listeners),
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SSL:SSL,SASL_SSL:SASL_SSL",
        "log.dirs": folder / f"node-{node['node']}" / "data",
        # Topics are made by `onegrid topics create`, each with what it needs; a misspelt name is an error.
        "auto.create.topics.enable": "false",
        "default.replication.factor": copies,
        "min.insync.replicas": max(1, copies - 1),
        "offsets.topic.replication.factor": copies,
        "offsets.topic.num.partitions": 4,
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": max(1, copies - 1),
        "transaction.state.log.num.partitions": 4,
        "share.coordinator.state.topic.replication.factor": copies,
        "share.coordinator.state.topic.min.isr": max(1, copies - 1),
        "unclean.leader.election.enable": "false",
        # Nobody waits here for more members of a group to come.
        "group.initial.rebalance.delay.ms": 0,
        # A node that is killed is missed after these, not after half a minute.
        "broker.session.timeout.ms": 6000,
        "replica.lag.time.max.ms": 10_000,
        # On one machine an index of 10 MB for every segment of every partition is what fills the disk.
        "log.index.size.max.bytes": 1 << 20,
    }
    if state["secure"]:
        login = "org.apache.kafka.common.security"
        lines |= {
            "ssl.keystore.type": "PKCS12",
            "ssl.keystore.location": folder / "broker.p12",
            "ssl.keystore.password": PASSWORD,
            "sasl.enabled.mechanisms": "SCRAM-SHA-512,PLAIN",
            "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": f"{login}.scram.ScramLoginModule required;",
            "listener.name.sasl_ssl.plain.sasl.jaas.config": (
                f'{login}.plain.PlainLoginModule required user_{USER}="{PASSWORD}";'
            ),
        }
    return "".join(f"{name}={value}\n" for name, value in lines.items())


def _certificate(folder: Path) -> None:
    """Write a key and its self-signed certificate for 127.0.0.1: broker.p12 for Kafka, broker.pem for clients."""
    store = ["-keystore", str(folder / "broker.p12"), "-storetype", "PKCS12", "-storepass", PASSWORD]
    (folder / "broker.p12").unlink(missing_ok=True)
    subject = ("-dname", "CN=onegrid test broker", "-ext", "san=ip:127.0.0.1,dns:localhost")
    issuer = ("-ext", "bc:c=ca:true", "-ext", "ku:c=digitalSignature,keyCertSign")
    curve = ("-keyalg", "EC", "-groupname", "secp256r1", "-validity", "3650")
    _run("keytool", "-genkeypair", "-alias", "broker", *curve, *subject, *issuer, *store)
    _run("keytool", "-exportcert", "-rfc", "-alias", "broker", "-file", str(folder / "broker.pem"), *store)


def _format(place: Path, lib: Path, cluster: str, users: list[str]) -> None:
    told = [word for user in users for word in ("--add-scram", user)]
    _run(
        *("java", *_quiet(), "-XX:TieredStopAtLevel=1", "-cp", f"{lib}/*", "kafka.tools.StorageTool", "format"),
        *("-t", cluster, "-c", str(place / "server.properties"), *told),
    )


def _run(*command: str) -> None:
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    if found.returncode:
        raise BrokerError(f"{command[0]} {command[1]}: {found.stdout[-2000:]}{found.stderr[-2000:]}")


def _quiet() -> list[str]:
    return [f"-Dlog4j2.configurationFile={HERE / 'log4j2.properties'}"]


def _launch(folder: Path, number: int, lib: Path) -> None:
    """Start a node's process, apart from ours: it lives on when we end."""
    place = folder / f"node-{number}"
    if _pid(folder, number):
        return
    command = ["java", "-Xms256m", "-Xmx512m", "-XX:+UseG1GC", *_quiet(), "-cp", f"{lib}/*"]
    with (place / "kafka.log").open("ab") as log:
        process = subprocess.Popen(
            [*command, "kafka.Kafka", str(place / "server.properties")],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=place,
            start_new_session=True,
        )
    (place / "kafka.pid").write_text(f"{process.pid}\n")


def _pid(folder: Path, number: int) -> int:
    """Return the process id of a node; 0 if it does not run."""
    place = folder / f"node-{number}"
    try:
        pid = int((place / "kafka.pid").read_text())
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)  # a child of ours that has ended would stay otherwise
        for _ in range(1000):
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
            if command or Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                break
            time.sleep(0.001)  # it has only just been started, and has no command line yet
    except (OSError, ValueError):
        return 0
    return pid if str(place / "server.properties").encode() in command.split(b"\0") else 0


def _signal(folder: Path, number: int, how: signal.Signals) -> None:
    if pid := _pid(folder, number):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, how)


def _ended(folder: Path, number: int) -> bool:
    """Wait until a node that was asked to end has ended; False if it had to be killed."""
    for how in (None, signal.SIGKILL):
        if how:
            _signal(folder, number, how)
        until = time.monotonic() + STOPS
        while _pid(folder, number):
            if time.monotonic() > until:
                break
            time.sleep(0.05)
        else:
            return how is None
    raise BrokerError(f"node {number} of {folder} does not end (pid {_pid(folder, number)})")


def _wait(folder: Path, node: dict[str, Any]) -> None:
    until = time.monotonic() + STARTS
    log = folder / f"node-{node['node']}" / "kafka.log"
    while not _answers(node["port"]):
        if not _pid(folder, node["node"]):
            raise BrokerError(f"node {node['node']} ended by itself; {log} says:\n{log.read_text()[-2000:]}")
        if time.monotonic() > until:
            raise BrokerError(f"node {node['node']} does not answer after {STARTS:.0f} s; {log}")
        time.sleep(0.1)


def _answers(port: int) -> bool:
    """Ask a node which requests it knows (ApiVersions, the first question of every client)."""
    body = struct.pack(">hhih", 18, 0, 1, -1)
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as link:
            link.sendall(struct.pack(">i", len(body)) + body)
            head = link.recv(10)
    except OSError:
        return False
    whole = 10  # length, our number back, no error
    return len(head) == whole and struct.unpack(">ih", head[4:]) == (1, 0)


def main() -> int:
    """Do what the command line says; 0 when done, 2 when it can't be."""
    said = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = said.add_subparsers(dest="verb", required=True)
    for verb in ("up", "down", "start", "stop"):
        one = verbs.add_parser(verb)
        one.add_argument("--dir", type=Path, required=True)
        if verb == "up":
            one.add_argument("--nodes", type=int, choices=(1, 3), default=1)
            one.add_argument("--secure", action="store_true")
        if verb in ("start", "stop"):
            one.add_argument("--node", type=int, required=True)
        if verb == "stop":
            one.add_argument("--kill", action="store_true")
    given = said.parse_args()
    try:
        if given.verb == "up":
            found = up(given.dir, given.nodes, secure=given.secure)
        elif given.verb == "down":
            found = down(given.dir)
        elif given.verb == "start":
            found = start(given.dir, given.node)
        else:
            found = stop(given.dir, given.node, kill=given.kill)
    except (BrokerError, OSError) as error:
        print(f"错误 error: {error}", file=sys.stderr)
        return 2
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
