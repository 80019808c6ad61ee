from __future__ import annotations

import errno
import os
import signal
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from streams.envelope import Entry
from streams.hosts.kafka.spool import FILE, Letter, Spool, SpoolError, SpoolFullError

AT = datetime(2026, 3, 2, 1, tzinfo=UTC)


def letter(number, size=2, key="k"):
    body = msgspec.Raw(b'"' + b"x" * size + b'"')
    return Letter("onegrid.reports", key, Entry(AT, body, f"r{number}", "990101"))


@pytest.fixture
def spool(tmp_path):
    spool = Spool(tmp_path)
    yield spool
    spool.close()


def test_letters_come_out_as_they_went_in_the_oldest_first(spool):
    spool.put([letter(1), letter(2, key="other")])
    spool.put([letter(3)])
    last, found = spool.first()
    assert [(one.topic, one.key, one.entry.id) for one in found] == [
        ("onegrid.reports", "k", "r1"),
        ("onegrid.reports", "other", "r2"),
        ("onegrid.reports", "k", "r3"),
    ]
    assert bytes(found[0].entry.body) == b'"xx"'
    assert (found[0].entry.at, found[0].entry.desk) == (AT, "990101")
    spool.put([letter(4)])
    spool.drop(last)
    assert [one.entry.id for one in spool.first()[1]] == ["r4"]
    assert spool.count == 1


def test_an_empty_spool_has_nothing_first(spool):
    assert spool.first() == (0, [])
    spool.drop(5)
    assert (spool.count, spool.bytes, spool.full) == (0, 0, False)


def test_only_so_much_is_taken_out_at_once_but_always_something(spool):
    spool.put([letter(n, size=1000) for n in range(10)])
    assert len(spool.first(most=3)[1]) == 3
    assert len(spool.first(size=2500)[1]) == 2
    assert len(spool.first(size=1)[1]) == 1


def test_a_new_run_finds_what_the_last_one_left(tmp_path):
    first = Spool(tmp_path)
    first.put([letter(1), letter(2)])
    count, size = first.count, first.bytes
    first.close()
    second = Spool(tmp_path)
    assert (second.count, second.bytes) == (count, size) == (2, size)
    second.drop(second.first()[0])
    assert (second.count, second.bytes) == (0, 0)
    second.close()


def test_a_spool_takes_no_more_than_its_limit_and_takes_more_once_it_is_emptier(tmp_path):
    spool = Spool(tmp_path, limit=5000)
    spool.put([letter(n, size=800) for n in range(4)])
    with pytest.raises(SpoolFullError) as refused:
        spool.put([letter(5, size=800), letter(6, size=800)])
    assert refused.value.errno == errno.EDQUOT
    assert spool.count == 4
    spool.drop(1)
    spool.put([letter(5, size=800)])
    assert [one.entry.id for one in spool.first()[1]] == ["r1", "r2", "r3", "r5"]
    spool.close()


def test_a_spool_without_room_for_another_report_says_so(tmp_path):
    spool = Spool(tmp_path, limit=2000)
    assert not spool.full
    spool.put([letter(1, size=700)])
    assert spool.full
    spool.close()


def test_the_file_is_small_again_once_all_has_arrived(spool):
    spool.put([letter(n, size=10_000) for n in range(1000)])
    spool.drop(spool.first(most=10_000, size=1 << 30)[0])
    assert spool.path.stat().st_size + Path(f"{spool.path}-wal").stat().st_size < 200_000


def test_two_gateways_do_not_share_a_folder(spool, tmp_path):
    with pytest.raises(SpoolError, match="no other gateway"):
        Spool(tmp_path)


def test_a_file_of_somebody_else_is_refused(tmp_path):
    (tmp_path / FILE).write_bytes(b"not a database" * 1000)
    with pytest.raises(SpoolError, match="expected a file that onegrid made"):
        Spool(tmp_path)


def test_a_newer_programs_file_is_refused(tmp_path):
    db = sqlite3.connect(tmp_path / FILE)
    db.execute("PRAGMA user_version = 9")
    db.close()
    with pytest.raises(SpoolError, match="version 9"):
        Spool(tmp_path)


def test_a_disk_without_space_is_said_and_nothing_of_the_batch_is_kept(spool):
    spool.put([letter(1)])
    spool._db.execute(f"PRAGMA max_page_count = {spool._db.execute('PRAGMA page_count').fetchone()[0] + 2}")
    with pytest.raises(OSError, match="full") as refused:
        spool.put([letter(n, size=5000) for n in range(20)])
    assert refused.value.errno == errno.ENOSPC
    assert spool.count == 1
    assert [one.entry.id for one in spool.first()[1]] == ["r1"]


def test_a_file_that_can_no_longer_be_written_is_an_error_of_the_disk(spool):
    spool.put([letter(1)])
    spool._db.execute("PRAGMA query_only = 1")
    for call in (lambda: spool.put([letter(2)]), lambda: spool.drop(1)):
        with pytest.raises(OSError, match="readonly") as refused:
            call()
        assert refused.value.errno == errno.EIO
    assert spool.count == 1


_PUTS = """
import sys
from datetime import UTC, datetime
from pathlib import Path
import msgspec
from streams.envelope import Entry
from streams.hosts.kafka.spool import Letter, Spool
spool = Spool(Path(sys.argv[1]))
number = spool.count
while True:
    entry = Entry(datetime.now(UTC), msgspec.Raw(b'"x"'), f"r{number}")
    spool.put([Letter("t", "k", entry)])
    print(number, flush=True)
    number += 1
"""


def test_what_was_acknowledged_survives_a_kill_at_any_moment(tmp_path):
    said = -1
    for stop in (20, 57, 90):
        process = subprocess.Popen(
            [sys.executable, "-c", _PUTS, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=Path.cwd()
        )
        for line in process.stdout:
            said = int(line)
            if said >= stop:
                os.kill(process.pid, signal.SIGKILL)
        process.wait()
    spool = Spool(tmp_path)
    found = [one.entry.id for one in spool.first(most=10_000)[1]]
    assert found == [f"r{n}" for n in range(len(found))]
    assert len(found) - 1 in (said, said + 1)
    spool.close()
