"""Processes are ended by what names them for good, whoever started them."""

from __future__ import annotations

import subprocess
import sys
import time

import msgspec
import pytest

from streams.hosts.kafka.processes import Process, end, known, runs, send, spawn

STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("up", flush=True)
time.sleep(60)
"""


def test_a_process_says_into_files_and_outlives_nobodys_wish(tmp_path):
    made = spawn(tmp_path, "one", [sys.executable, "-c", "import sys; print(1); print(2, file=sys.stderr)"])
    while runs(made):
        time.sleep(0.01)
    assert (tmp_path / "one.out").read_text() == "1\n"
    assert (tmp_path / "one.log").read_text() == "2\n"


def test_asked_to_end_it_ends_and_is_not_named(tmp_path):
    made = spawn(tmp_path, "one", ["sleep", "60"])
    assert runs(made)
    assert end([made], 10) == []
    assert not runs(made)


def test_one_that_does_not_listen_is_killed_and_named(tmp_path):
    made = spawn(tmp_path, "deaf", [sys.executable, "-c", STUBBORN])
    while not (tmp_path / "deaf.out").read_text():
        time.sleep(0.01)
    assert end([made, spawn(tmp_path, "good", ["sleep", "60"])], 0.5) == ["deaf"]
    assert not runs(made)


def test_another_process_of_the_same_id_is_left_alone():
    with subprocess.Popen(["sleep", "60"]) as bystander:
        found = known("it", bystander.pid)
        other = msgspec.structs.replace(found, began=found.began - 1)
        assert runs(found)
        assert not runs(other)
        assert end([other], 1) == []
        assert bystander.poll() is None
        bystander.kill()


def test_one_that_is_gone_already_needs_nothing(tmp_path):
    made = spawn(tmp_path, "one", ["true"])
    while runs(made):
        time.sleep(0.01)
    assert not send(made, 15)
    assert end([made], 1) == []


def test_there_is_no_process_of_an_id_that_nobody_has():
    with pytest.raises(ProcessLookupError):
        known("it", 2**22 + 1)
    assert not runs(Process("it", 2**22 + 1, 0))
