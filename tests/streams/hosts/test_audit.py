"""The audit of a data file: clean when nothing was done to it, and not fooled whatever was."""

from __future__ import annotations

import random
import shutil
import sqlite3
from datetime import UTC, timedelta

import msgspec
import pytest
from hosted import hosted
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scenes import CENTRE, DESK, EASTGATE, OFFICE, OTHER_DESK, make_report, when
from stories import stories

from streams.hosts.embedded import EmbeddedHost
from streams.hosts.embedded.audit import audit
from streams.hosts.embedded.store import FILE, StoreError
from streams.ledger.audit import Anchor
from streams.ledger.chain import Chain
from streams.ledger.fold import Fold, counted
from streams.ledger.records import Claim, EffectsRecord, decode, encode
from streams.ledger.snapshots import manifests, read, write
from streams.ledger.sqlite import SqliteLog, SqliteSnapshots
from streams.outlets.board.tables import rebuild
from streams.records import Action, Effects
from streams.stages.acceptance import Accepted

AT = when("03-02 09:00").astimezone(UTC)
CHANCE = random.Random(7)


def report(at, **fields):
    made = make_report(at, **fields)
    return Accepted(made, at, msgspec.json.encode(made))


def act(host, number, verb, by, at, **payload):
    asked = Action(
        action_id=f"{number}-{verb}-{at:%d%H%M}", case_no=number, verb=verb, actor="x", actor_unit=by, at=at,
        reason="because", payload=payload,
    )  # fmt: skip
    host.submit([(asked, at)])
    host.drain()


@pytest.fixture(scope="module")
def original(city, tmp_path_factory):
    """A file after three days of work: two starts, a snapshot, a transfer, dead letters, alerts, an ended case."""
    folder = tmp_path_factory.mktemp("original")
    host = EmbeddedHost(city, folder, AT)
    for day in range(2):
        at = AT + timedelta(days=day)
        for number in range(4):
            host.accept([report(at, severity=2 + number % 3), report(at, street=EASTGATE, category="C-01-01")])
            host.drain()
        host.accept([report(at, category="E-99-99"), report(at, self_handled=True)])
        host.drain()
        numbers = [case.case_no for case in host.store.cases() if case.state == "DISPATCHED" and case.desk == DESK]
        act(host, numbers[0], "SIGN", OFFICE, at + timedelta(minutes=5))
        act(host, numbers[1], "SIGN", "990102-CC", at + timedelta(minutes=6))
        act(host, numbers[1], "TRANSFER", CENTRE, at + timedelta(minutes=7), desk=OTHER_DESK)
        host.tick(at + timedelta(hours=9))
        host.drain()
        host.snapshot()
        host.close()
        EmbeddedHost(city, folder, at).close()
        host = EmbeddedHost(city, folder, at)
    host.accept([report(AT + timedelta(days=2))])
    host.drain()
    host.close()
    return folder / FILE


@pytest.fixture
def copy(original, tmp_path):
    shutil.copy(original, tmp_path / FILE)
    return tmp_path / FILE


def change(path, *statements):
    db = sqlite3.connect(path)
    for statement, *values in statements:
        db.execute(statement, values)
    db.commit()
    db.close()


def kinds(path, anchors=()):
    return set(audit(path, anchors).counts)


def test_a_file_to_which_nothing_was_done_is_clean(original):
    found = audit(original)
    assert found.findings == []
    assert found.clean
    assert (found.accepted, found.applied, found.waiting, found.missing) == (21, 21, 0, [])
    assert (found.chain_ok, found.cases_equal_fold) == (True, True)
    assert (found.repeated, found.identical_repeats, found.stale_rejected) == ([], 0, 0)
    assert {anchor.desk for anchor in found.heads} == {DESK, OTHER_DESK, "990100", "9901HT"}
    assert audit(original, found.heads).clean


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(story=stories())
def test_whatever_has_happened_there_is_nothing_to_find(city, story, tmp_path_factory):
    folder = tmp_path_factory.mktemp("story")
    hosted(city, folder, story).close()
    found = audit(folder / FILE)
    assert (found.findings, found.missing) == ([], [])


def test_a_file_may_be_at_work_while_it_is_audited(city, tmp_path):
    host = EmbeddedHost(city, tmp_path, AT)
    host.accept([report(AT)])
    found = audit(tmp_path / FILE)
    assert (found.clean, found.accepted, found.applied, found.waiting) == (True, 1, 0, 1)
    host.drain()
    found = audit(tmp_path / FILE)
    assert (found.clean, found.accepted, found.applied, found.waiting) == (True, 1, 1, 0)
    host.close()


def _flip(db, table, column, chance, where=""):
    """Change one byte of one value of a table."""
    rows = db.execute(f"SELECT rowid, {column} FROM {table} {where}").fetchall()
    row, body = chance.choice(rows)
    body = bytearray(body)
    place = chance.randrange(len(body))
    body[place] ^= chance.randrange(1, 256)
    db.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (bytes(body), row))


def _flip_record(db, chance):
    _flip(db, "effects", "body", chance)


def _remove_record(db, chance):
    (count,) = db.execute("SELECT COUNT(*) FROM effects").fetchone()
    db.execute('DELETE FROM effects WHERE "offset" = ?', (chance.randint(1, count),))


def _add_record(db, chance):
    log = SqliteLog(db)
    if chance.random() < 0.3:
        log.append(Claim("somebody", AT))
        return
    chain, fold = _read(log)
    last = fold.applied + chance.randint(1, 3)
    log.append(chain.record(fold.epoch, fold.applied + 1, last, {DESK: Effects(counters={"cases": 1})}))


def _two_records(db, chance):
    """Choose two records that differ: two claims of one owner at one moment are the same bytes."""
    rows = db.execute('SELECT "offset", body FROM effects ORDER BY "offset"').fetchall()
    one = chance.choice(rows)
    return one, chance.choice([two for two in rows if two[1] != one[1]])


def _swap_records(db, chance):
    one, two = _two_records(db, chance)
    for (offset, _), (_, body) in ((one, two), (two, one)):
        db.execute('UPDATE effects SET body = ? WHERE "offset" = ?', (body, offset))


def _copy_record(db, chance):
    one, two = _two_records(db, chance)
    db.execute('UPDATE effects SET body = ? WHERE "offset" = ?', (two[1], one[0]))


def _edit_case(db, chance):
    (number,) = chance.choice(db.execute("SELECT case_no FROM cases").fetchall())
    column = chance.choice(
        ["desk", "state", "matter", "category", "unit", "street", "opened_at", "closed_at", "body"]
    )
    if column != "body":
        db.execute(f"UPDATE cases SET {column} = ? WHERE case_no = ?", ("elsewhere", number))
        return
    (body,) = db.execute("SELECT body FROM cases WHERE case_no = ?", (number,)).fetchone()
    body = bytearray(body)
    body[chance.randrange(len(body))] ^= chance.randrange(1, 256)
    db.execute("UPDATE cases SET body = ? WHERE case_no = ?", (bytes(body), number))


def _remove_row(*tables):
    def remove(db, chance):
        table = chance.choice(tables)
        keys = {"cases": "case_no", "alerts": "alert_id", "counters": "name", "steps": "case_no"}
        key = keys.get(table, "rowid")
        (value,) = chance.choice(db.execute(f"SELECT {key} FROM {table}").fetchall())
        db.execute(f"DELETE FROM {table} WHERE {key} = ?", (value,))

    return remove


def _add_case(db, _chance):
    columns = "desk, state, matter, category, severity, unit, street, opened_at, closed_at, body"
    db.execute(f"INSERT INTO cases SELECT '9901012026030200999', {columns} FROM cases LIMIT 1")


def _edit_counter(db, chance):
    (name,) = chance.choice(db.execute("SELECT name FROM counters").fetchall())
    db.execute("UPDATE counters SET value = value + 1 WHERE name = ?", (name,))


def _edit_head(db, _chance):
    db.execute("UPDATE heads SET head = ?", ("0" * 64,))


def _edit_mark(db, chance):
    db.execute("UPDATE meta SET value = value || '0' WHERE key = ?", (chance.choice(["applied", "epoch", "claim"]),))


TAMPERINGS = {
    "a byte of a record is changed": _flip_record,
    "a record is removed": _remove_record,
    "a record is added": _add_record,
    "two records change places": _swap_records,
    "a record stands twice": _copy_record,
    "a case row is edited": _edit_case,
    "a case row is added": _add_case,
    "a journal row is deleted": _remove_row("reports"),
    "an inbox row is deleted": _remove_row("inbox"),
    "a row of the board is deleted": _remove_row("cases", "alerts", "counters", "steps"),
    "a dead letter is deleted": _remove_row("dead_letters"),
    "a counter is edited": _edit_counter,
    "a published head is edited": _edit_head,
    "a mark of the file is edited": _edit_mark,
}


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(sorted(TAMPERINGS)), st.integers(0, 2**32))
def test_whatever_is_done_to_a_file_is_found(original, tmp_path_factory, tampering, seed):
    path = tmp_path_factory.mktemp("tampered") / FILE
    shutil.copy(original, path)
    db = sqlite3.connect(path)
    TAMPERINGS[tampering](db, random.Random(seed))
    db.commit()
    db.close()
    found = audit(path)
    assert not found.clean, tampering
    shutil.rmtree(path.parent)


@pytest.mark.parametrize("tampering", sorted(TAMPERINGS))
def test_each_kind_of_tampering_is_found(copy, tampering):
    db = sqlite3.connect(copy)
    TAMPERINGS[tampering](db, CHANCE)
    db.commit()
    db.close()
    assert kinds(copy)


def _read(log):
    chain, fold = Chain(), Fold()
    for offset, record in log.read():
        if isinstance(record, Claim):
            chain.claimed(record)
        if fold.counts(offset, record):
            chain.add(offset, record)
    return chain, fold


def rewrite(path, old, new):
    """Rewrite history as an administrator could who knows this program: log, chain, board, heads, snapshots."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("BEGIN")
    chain = Chain()
    for offset, record in list(SqliteLog(db).read()):
        if isinstance(record, Claim):
            chain.claimed(record)
            continue
        bodies = {desk: msgspec.Raw(bytes(body).replace(old, new)) for desk, body in record.desks.items()}
        forged = EffectsRecord(record.epoch, record.first, record.last, bodies)
        forged.heads = chain.after(forged)
        chain.add(offset, forged)
        db.execute('UPDATE effects SET body = ? WHERE "offset" = ?', (encode(forged), offset))
        for desk, head in forged.heads.items():
            db.execute('UPDATE heads SET head = ? WHERE desk = ? AND "offset" = ?', (head, desk, offset))
    rebuild(db, counted(SqliteLog(db).read()))
    db.execute(
        "UPDATE dead_letters SET body = CAST(replace(CAST(body AS TEXT), ?, ?) AS BLOB)", (old.decode(), new.decode())
    )
    db.execute("DELETE FROM snapshots")
    db.execute("COMMIT")
    db.close()


def test_a_history_that_was_rewritten_whole_is_convicted_by_an_anchor_alone(copy):
    anchors = audit(copy).heads
    rewrite(copy, b'"severity":2', b'"severity":4')
    assert audit(copy).clean
    found = audit(copy, anchors)
    assert set(found.counts) == {"ANCHOR"}
    assert not found.chain_ok
    assert "as it was told" in found.findings[0].text


def test_an_anchor_of_another_log_is_a_finding(original):
    for anchor in (Anchor(DESK, 99999, "0" * 64), Anchor("990199", 2, "0" * 64)):
        found = audit(original, [anchor])
        assert set(found.counts) == {"ANCHOR"}
        assert "has no record there" in found.findings[0].text


def test_a_snapshot_that_was_edited_and_sealed_anew_is_a_finding(copy):
    db = sqlite3.connect(copy)
    store = SqliteSnapshots(db)
    slot, manifest = manifests(store)[0]
    chunks = [chunk.replace(b'"state":"SIGNED"', b'"state":"CLOSED"') for chunk in read(store, slot, manifest)]
    for _ in write(store, slot, manifest, chunks):
        pass
    db.commit()
    db.close()
    assert kinds(copy) == {"SNAPSHOT"}


def test_a_torn_snapshot_is_nothing(copy):
    change(copy, ("UPDATE snapshots SET body = x'7b' WHERE name LIKE '%/000000'",))
    assert kinds(copy) == set()


def test_two_records_that_contradict_each_other_about_a_step_are_named(copy):
    db = sqlite3.connect(copy, isolation_level=None)
    log = SqliteLog(db)
    chain, fold = _read(log)
    effects = next(
        record for _, record in counted(log.read()) if DESK in record.desks and record.of(DESK).transitions
    )
    step = effects.of(DESK).transitions[0]
    for number, steps in enumerate(([step], [msgspec.structs.replace(step, reason="otherwise")]), start=1):
        position = fold.applied + number
        record = chain.record(fold.epoch, position, position, {DESK: Effects(transitions=steps)})
        chain.add(log.append(record), record)
    db.close()
    found = audit(copy)
    assert found.repeated == [f"{step.case_no}/{step.seq}"]
    assert found.identical_repeats == 1
    assert "CONTRADICTION" in found.counts


def test_a_case_number_that_was_never_given_is_a_gap_in_the_serials(copy):
    rewrite(copy, b"2026030200003", b"2026030200077")
    assert "SERIAL_GAP" in kinds(copy)


def test_a_step_that_was_cut_out_of_the_log_is_a_gap(copy):
    rewrite(copy, b'"seq":3', b'"seq":9')
    assert "STEP_GAP" in kinds(copy)


def test_a_report_that_was_put_into_the_journal_behind_the_hosts_back_is_lost(copy):
    change(
        copy,
        ("INSERT INTO reports (report_id, at, original) VALUES ('smuggled', '2026-03-02T09:00:00+08:00', x'7b7d')",),
        ("UPDATE meta SET value = (SELECT MAX(position) FROM reports) WHERE key = 'routed'",),
    )
    found = audit(copy)
    assert found.missing == ["smuggled"]
    assert found.applied == found.accepted - 1


def test_a_report_with_two_rows_and_one_effect_is_lost_once(copy):
    change(
        copy,
        ("INSERT INTO reports SELECT NULL, report_id, at, original FROM reports WHERE position = 1",),
        ("UPDATE meta SET value = (SELECT MAX(position) FROM reports) WHERE key = 'routed'",),
    )
    assert len(audit(copy).missing) == 1


def test_a_report_that_came_twice_is_settled_by_its_effect_and_its_mark(city, tmp_path):
    host = EmbeddedHost(city, tmp_path, AT)
    one = report(AT)
    host.accept([one])
    host.drain()
    host.accept([one])
    host.drain()
    host.close()
    assert audit(tmp_path / FILE).missing == []


def test_an_effect_without_an_accepted_report_is_a_finding(copy):
    change(copy, ("UPDATE reports SET report_id = 'other' WHERE position = 1",))
    assert {"NOT_ACCEPTED", "REPORT_LOST"} <= kinds(copy)


def test_an_input_whose_effect_was_cut_out_is_lost(copy):
    rewrite(copy, b'"cause":"action:', b'"cause":"nobody:')
    assert "INPUT_LOST" in kinds(copy)


def test_a_dead_letter_that_the_log_does_not_have_is_a_finding(copy):
    change(
        copy,
        ("INSERT INTO dead_letters (id, stage, reason, body) VALUES ('x', 'desk', 'NO_SUCH_CASE', x'7b7d')",),
    )
    assert kinds(copy) == {"LETTER_STRAY"}


def test_at_most_twenty_findings_of_a_kind_are_told_and_all_are_counted(copy):
    change(copy, ("UPDATE cases SET unit = 'x'",), ("UPDATE alerts SET sent_at = sent_at || ' '",))
    found = audit(copy)
    assert len([one for one in found.findings if one.kind == "CASES_DIFFER"]) <= 20
    assert found.counts["CASES_DIFFER"] >= 36
    assert not found.cases_equal_fold


def test_a_folder_without_a_file_and_a_file_of_another_kind_are_bad_input(tmp_path):
    with pytest.raises(StoreError, match="there is no such file; expected"):
        audit(tmp_path / FILE)
    (tmp_path / FILE).write_bytes(b"Dear Sir or Madam, " * 100)
    with pytest.raises(StoreError, match="not a database; expected a file that onegrid made"):
        audit(tmp_path / FILE)


def test_a_file_of_another_version_is_bad_input(copy):
    change(copy, ("PRAGMA user_version = 99",))
    with pytest.raises(StoreError, match="schema version 99; expected"):
        audit(copy)


def test_a_record_that_is_a_record_but_no_effects_is_unreadable(copy):
    db = sqlite3.connect(copy)
    query = "SELECT \"offset\", body FROM effects WHERE CAST(body AS TEXT) LIKE '%REPORT%' LIMIT 1"
    offset, body = db.execute(query).fetchone()
    record = decode(body)
    desk = next(iter(record.desks))
    record.desks[desk] = msgspec.Raw(b'{"transitions":7}')
    db.execute('UPDATE effects SET body = ? WHERE "offset" = ?', (encode(record), offset))
    db.commit()
    db.close()
    assert {"CHAIN", "LOG_UNREADABLE"} <= kinds(copy)
