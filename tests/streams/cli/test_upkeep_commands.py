"""`onegrid verify`, `board rebuild`, `backup` and `restore`, as a shell runs them."""

from __future__ import annotations

import json
import shutil
import sqlite3
from datetime import UTC, timedelta

import msgspec
import pytest
from scenes import make_report, when

from streams.hosts.embedded import EmbeddedHost, upkeep
from streams.hosts.embedded.store import FILE
from streams.stages.acceptance import Accepted

AT = when("03-02 09:00").astimezone(UTC)


def report(host, at, count=1):
    made = [make_report(at, severity=2) for _ in range(count)]
    host.accept([Accepted(one, at, msgspec.json.encode(one)) for one in made])
    host.drain()


@pytest.fixture(scope="module")
def worked(small_city, tmp_path_factory):
    folder = tmp_path_factory.mktemp("worked")
    host = EmbeddedHost(small_city, folder, AT)
    report(host, AT, 5)
    report(host, AT + timedelta(days=1), 3)
    host.close()
    return folder


@pytest.fixture
def data(worked, tmp_path):
    shutil.copytree(worked, tmp_path / "data")
    return tmp_path / "data"


def edit(data, statement):
    db = sqlite3.connect(data / FILE)
    db.execute(statement)
    db.commit()
    db.close()


def test_a_clean_folder_is_said_to_be_clean_with_exit_0(onegrid, data):
    code, said, _ = onegrid("verify", "--data", data)
    assert code == 0
    assert "无异常 nothing found" in said
    assert "accepted 8, 已办 applied 8" in said


def test_a_machine_is_told_the_promised_keys(onegrid, data):
    code, said, _ = onegrid("verify", "--data", data, "--json")
    found = json.loads(said)
    assert code == 0
    promised = {
        "accepted", "applied", "missing", "records", "chain_ok", "cases_equal_fold", "repeated", "identical_repeats",
        "stale_rejected",
    }  # fmt: skip
    assert promised <= set(found)
    assert (found["accepted"], found["applied"], found["missing"], found["records"]) == (8, 8, [], 3)


def test_findings_are_said_in_words_with_exit_1(onegrid, data):
    edit(data, "DELETE FROM cases WHERE case_no LIKE '%00002'")
    code, said, _ = onegrid("verify", "--data", data)
    assert code == 1
    assert "案件与日志不符 cases are not what the log says" in said
    assert "9901012026030200002" in said
    code, said, _ = onegrid("verify", "--data", data, "--json")
    assert (code, json.loads(said)["cases_equal_fold"]) == (1, False)


def test_a_kept_anchor_holds_and_one_of_another_log_convicts(onegrid, data, tmp_path):
    kept = tmp_path / "monday.json"
    assert onegrid("verify", "--data", data, "--write-anchor", kept)[0] == 0
    assert onegrid("verify", "--data", data, "--anchor", kept)[0] == 0
    heads = json.loads(kept.read_bytes())["heads"]
    assert {"desk", "offset", "head"} == set(heads[0])
    heads[0]["head"] = "0" * 64
    kept.write_text(json.dumps({"heads": heads}))
    code, said, _ = onegrid("verify", "--data", data, "--anchor", kept)
    assert code == 1
    assert "与已公布的链头不符 not the head that was published" in said


def test_a_saved_answer_of_the_alert_feed_is_an_anchor(onegrid, data, tmp_path):
    db = sqlite3.connect(data / FILE)
    (row,) = db.execute('SELECT day, desk, "offset", head FROM heads').fetchall()
    db.close()
    saved = tmp_path / "alerts.json"
    head = dict(zip(("day", "desk", "offset", "head"), row, strict=True))
    saved.write_text(json.dumps({"items": [], "next": None, "heads": [head]}))
    assert onegrid("verify", "--data", data, "--anchor", saved)[0] == 0


@pytest.mark.parametrize("text", ["", "{}", '{"heads": 7}'])
def test_a_file_that_is_no_anchor_is_bad_input(onegrid, data, tmp_path, text):
    (tmp_path / "x.json").write_text(text)
    code, _, said = onegrid("verify", "--data", data, "--anchor", tmp_path / "x.json")
    assert code == 2
    assert "expected a file of --write-anchor" in said


def test_a_folder_without_data_is_bad_input_for_each_of_them(onegrid, tmp_path):
    for arguments in (
        ("verify", "--data", tmp_path),
        ("board", "rebuild", "--data", tmp_path),
        ("backup", "--data", tmp_path, "--out", tmp_path / "x"),
        ("restore", tmp_path / "x", "--data", tmp_path),
    ):
        code, _, said = onegrid(*arguments)
        assert code == 2, arguments
        assert "没有数据文件 there is no such file; expected" in said
    assert list(tmp_path.iterdir()) == []


def test_a_board_that_was_spoilt_is_made_anew_and_clean(onegrid, data):
    edit(data, "UPDATE cases SET unit = 'x', body = x'7b7d'")
    edit(data, "DELETE FROM counters")
    assert onegrid("verify", "--data", data)[0] == 1
    code, said, _ = onegrid("board", "rebuild", "--data", data)
    assert (code, "8 案件 cases" in said) == (0, True)
    assert onegrid("verify", "--data", data)[0] == 0
    code, said, _ = onegrid("board", "rebuild", "--data", data, "--json")
    assert json.loads(said) == {"records": 2, "cases": 8}


def test_a_backup_restored_is_the_same_data_and_work_goes_on(onegrid, data, tmp_path, small_city):
    out, again = tmp_path / "copy.sqlite", tmp_path / "again"
    code, said, _ = onegrid("backup", "--data", data, "--out", out, "--json")
    copied = json.loads(said)
    assert code == 0
    assert copied["bytes"] == out.stat().st_size
    assert copied["audit"]["applied"] == 8
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy.sqlite", "data"]
    assert onegrid("restore", out, "--data", again)[0] == 0
    host = EmbeddedHost(small_city, again, AT + timedelta(days=1))
    report(host, AT + timedelta(days=1))
    assert len(list(host.store.cases())) == 9
    host.close()
    code, said, _ = onegrid("verify", "--data", again)
    assert code == 0


def test_a_backup_is_of_one_moment_although_work_goes_on(data, tmp_path, small_city, monkeypatch):
    monkeypatch.setattr(upkeep, "_PAGES", 1)
    host = EmbeddedHost(small_city, data, AT + timedelta(days=1))
    steps = []

    def step(name, share):
        if name.startswith("复制"):
            steps.append(share)
            if len(steps) % 10 == 1:
                report(host, AT + timedelta(days=1))

    copied = upkeep.backup(data, tmp_path / "copy.sqlite", step)
    host.close()
    assert len(steps) > 20
    assert steps == sorted(steps)
    assert (copied.audit.clean, copied.audit.accepted) == (True, 8)


def test_nothing_is_overwritten(onegrid, data, tmp_path):
    out = tmp_path / "copy.sqlite"
    out.write_bytes(b"mine")
    code, _, said = onegrid("backup", "--data", data, "--out", out)
    assert (code, "已存在 is there already" in said) == (2, True)
    assert out.read_bytes() == b"mine"
    assert onegrid("restore", data / FILE, "--data", data)[0] == 2


def test_what_is_left_of_a_file_that_is_gone_is_in_the_way(onegrid, data, tmp_path):
    rest = tmp_path / "again" / f"{FILE}-wal"
    rest.parent.mkdir()
    rest.write_bytes(b"old")
    code, _, said = onegrid("restore", data / FILE, "--data", tmp_path / "again")
    assert (code, f"{FILE}-wal: 已存在 is there already" in said) == (2, True)


def test_a_service_does_not_start_on_a_log_that_was_changed(onegrid, data, small_pack):
    edit(
        data,
        "UPDATE effects SET body = CAST(replace(CAST(body AS TEXT), '\"severity\":2', '\"severity\":4') AS BLOB)",
    )
    code, _, said = onegrid("run", "--city", small_pack, "--data", data, "--port", 0)
    assert code == 2
    assert "does not continue its hash chain" in said
    assert "expected the log as it was written: restore a backup" in said


def test_a_copy_of_spoilt_data_says_so(onegrid, data, tmp_path):
    edit(data, "DELETE FROM reports WHERE position = 1")
    code, said, _ = onegrid("backup", "--data", data, "--out", tmp_path / "copy.sqlite")
    assert code == 1
    assert "表中缺行 rows are missing" in said


def test_a_file_that_is_no_database_is_not_restored(onegrid, tmp_path):
    (tmp_path / "letter").write_bytes(b"Dear Sir or Madam, " * 100)
    code, _, said = onegrid("restore", tmp_path / "letter", "--data", tmp_path / "data")
    assert (code, "expected a file that onegrid made" in said) == (2, True)
    assert list((tmp_path / "data").iterdir()) == []
