from __future__ import annotations

import sqlite3

import pytest
from scenes import make_report, when

from streams.hosts.embedded.store import FILE, VERSION, Store, StoreError
from streams.records import DeadLetter, Effects, Tick


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "new" / "folder")
    yield store
    store.close()


def test_the_folder_is_made_and_the_file_survives_a_power_cut_by_its_settings(store):
    assert store.path.is_file()
    assert store.db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert store.db.execute("PRAGMA synchronous").fetchone() == (2,)
    assert store.db.execute("PRAGMA user_version").fetchone() == (VERSION,)


def test_opening_again_finds_what_was_committed(store):
    with store.transaction():
        store.set_meta("a", "1")
        store.add_reports([("r1", when("03-02 09:00"), b"{}")])
    again = Store(store.path.parent)
    assert again.meta("a") == "1"
    assert again.meta("b", "none") == "none"
    assert again.reports_after(0, 10) == [(1, "r1", when("03-02 09:00"), b"{}")]
    again.close()


def test_a_transaction_that_fails_leaves_nothing_and_the_next_one_works(store):
    with pytest.raises(KeyError), store.transaction():
        _ = store.set_meta("a", "1") or {}["nothing"]
    with store.transaction():
        store.set_meta("b", "2")
    assert (store.meta("a"), store.meta("b")) == ("", "2")


def test_a_commit_that_fails_is_undone_and_not_left_open(store):
    class Full:
        def __init__(self, db) -> None:
            self.db = db

        def __getattr__(self, name: str) -> object:
            return getattr(self.db, name)

        def execute(self, text, *values):
            if text == "COMMIT":
                raise sqlite3.OperationalError("database or disk is full")
            return self.db.execute(text, *values)

    real, store.db = store.db, Full(store.db)
    with pytest.raises(sqlite3.OperationalError), store.transaction():
        store.set_meta("a", "1")
    store.db = real
    assert not store.db.in_transaction
    assert store.meta("a") == ""


def test_inputs_and_counters_add_up(store):
    at = when("03-02 09:00")
    store.add_inbox([("990101", at, Tick("990101", at)), ("990102", at, Tick("990102", at))])
    assert [(item.position, item.desk, item.at) for item in store.inbox_after(0, 9)] == [
        (1, "990101", at), (2, "990102", at),
    ]  # fmt: skip
    assert len(store.inbox_after(0, 1)) == 1
    assert store.inbox_after(2, 9) == []
    store.board.tell(Effects(counters={"cases": 2}))
    store.board.tell(Effects(counters={"cases": 3, "merged": 1}))
    assert dict(store.db.execute("SELECT name, value FROM counters")) == {"cases": 5, "merged": 1}


def test_dead_letters_keep_any_bytes(store):
    letter = DeadLetter("x", "inlet", "NOT_JSON", "no", when("03-02 09:00"), bytes(range(256)), "file")
    store.board.letters([letter, letter])
    assert store.db.execute("SELECT COUNT(*) FROM dead_letters").fetchone() == (2,)


def test_a_file_of_a_newer_version_is_refused_and_left_alone(tmp_path):
    Store(tmp_path).close()
    db = sqlite3.connect(tmp_path / FILE)
    db.execute(f"PRAGMA user_version = {VERSION + 1}")
    db.close()
    with pytest.raises(
        StoreError, match=rf"onegrid\.sqlite: schema version {VERSION + 1}; expected at most {VERSION}"
    ):
        Store(tmp_path)
    db = sqlite3.connect(tmp_path / FILE)
    assert db.execute("PRAGMA user_version").fetchone() == (VERSION + 1,)
    db.close()


def test_a_file_that_is_no_database_is_refused_with_its_name_and_left_alone(tmp_path):
    (tmp_path / FILE).write_bytes(b"Dear Sir or Madam, " * 100)
    with pytest.raises(
        StoreError, match=r"onegrid\.sqlite: file is not a database; expected a file that onegrid made"
    ):
        Store(tmp_path)
    assert (tmp_path / FILE).read_bytes().startswith(b"Dear Sir")


def test_reports_of_the_same_name_are_both_kept_for_the_desk_to_tell(store):
    report = make_report(when("03-02 09:00"))
    store.add_reports([(report.report_id, when("03-02 09:00"), b"1"), (report.report_id, when("03-02 09:00"), b"2")])
    assert [position for position, *_ in store.reports_after(0, 10)] == [1, 2]
