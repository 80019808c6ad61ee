"""A backup holds a data folder whole, and a restored one serves as the first did; who was erased stays erased."""

from __future__ import annotations

import io
import json
import shutil
import sqlite3
import tarfile
import threading
import time
from contextlib import closing

import pytest
from gates import AT, Gate, body
from PIL import Image

from streams.hosts.embedded import upkeep
from streams.hosts.embedded.archive import Writer
from streams.hosts.embedded.beside import audit_folder, faults
from streams.hosts.embedded.store import FILE, StoreError
from streams.identity import erased
from streams.identity.persons import Persons
from streams.identity.principals import Principal

PERSON = {"person": {"name": "王小明", "phone": "13800138000"}}


def picture():
    out = io.BytesIO()
    Image.new("RGB", (30, 20), "red").save(out, "JPEG")
    return out.getvalue()


@pytest.fixture
def worked(city, tmp_path):
    """A service at work on `data`, with something in each file."""
    gate = Gate(city, tmp_path / "data")
    photo = gate.client.post("/v1/media", content=picture()).json()["name"]
    gate.first = gate.post(body(system_no="1", attributes=PERSON, media=[photo]), **{"Idempotency-Key": "k1"}).json()
    gate.post(body(system_no="2", severity=1, attributes=PERSON))
    gate.cases = gate.settled(2)
    gate.photo = photo.removeprefix("sha256:")
    gate.client.post("/v1/phone/duty", json={"on": True})
    person = f"/v1/cases/{gate.cases[0]['case_no']}/persons"
    assert gate.client.get(f"{person}?reason=call").json()["items"][0]["person"]["name"] == "王小明"
    (tmp_path / "data" / "published").mkdir()
    (tmp_path / "data" / "published" / "2026-02.json").write_text("{}")
    waited(lambda: gate.service.keep.index.outcome("grid-app", "2"))
    yield gate
    gate.service.stop()


def waited(found):
    end = time.monotonic() + 10
    while not found():
        assert time.monotonic() < end
        time.sleep(0.02)


def served(city, folder, look):
    gate = Gate(city, folder)
    try:
        return look(gate)
    finally:
        gate.service.stop()
        gate.service.close()


def test_what_a_running_service_has_is_there_after_a_restore(worked, city, tmp_path):
    accounts = worked.service.keep.accounts
    accounts.add(Principal("wang", "city"), "long enough a password")
    token, _ = accounts.sign_in("wang", "long enough a password")
    copied = upkeep.backup(tmp_path / "data", tmp_path / "copy")
    assert copied.audit.clean
    assert (tmp_path / "copy").stat().st_mode & 0o077 == 0
    restored = upkeep.restore(tmp_path / "copy", tmp_path / "again")
    assert restored.audit.clean
    assert audit_folder(tmp_path / "again").clean
    theirs = {path.name for path in (tmp_path / "data").rglob("*") if not path.name.endswith(("-wal", "-shm"))}
    assert {path.name for path in (tmp_path / "again").rglob("*")} >= theirs - {"confirmations.sqlite"}

    def look(gate):
        keep = gate.service.keep
        assert keep.persons.open(worked.cases[0]["reports"][0])["name"] == "王小明"
        assert keep.media.read(worked.photo) == worked.service.keep.media.read(worked.photo)
        assert keep.media.belongs(worked.photo, "", worked.cases[0]["reports"])
        assert keep.accounts.sign_in("wang", "long enough a password") is not None
        assert keep.accounts.session(token) is None  # who was signed in is not, in a copy
        assert keep.trail.check() is None
        assert [line.looked.did for line in keep.trail.read()] == ["SHOWN"]
        assert keep.duty.of("local", AT)["on"]
        assert keep.index.outcome("grid-app", "1").case_no == worked.cases[0]["case_no"]
        assert gate.client.get("/v1/cases").status_code == 401

    served(city, tmp_path / "again", look)


def test_work_goes_on_in_a_restored_folder_and_nothing_is_told_wrongly(worked, city, tmp_path):
    upkeep.backup(tmp_path / "data", tmp_path / "copy")
    upkeep.restore(tmp_path / "copy", tmp_path / "again")

    def look(gate):
        assert gate.post(body(system_no="1", attributes=PERSON), **{"Idempotency-Key": "k2"}).status_code == 202
        gate.post(body(system_no="3"))
        assert len(gate.settled(4)) == 3
        waited(lambda: gate.service.keep.index.outcome("grid-app", "3"))

    served(city, tmp_path / "again", look)
    assert audit_folder(tmp_path / "again").clean


def test_what_follows_the_log_is_copied_before_it_and_what_it_relies_on_after(worked, tmp_path):
    upkeep.backup(tmp_path / "data", tmp_path / "copy")
    with tarfile.open(tmp_path / "copy") as tar:
        names = tar.getnames()
    at = names.index(FILE)
    before = {"delivery.sqlite", "sources.sqlite", "replays.sqlite", "published/2026-02.json"}
    assert before <= set(names[:at])
    media = f"media/{worked.photo[:2]}/{worked.photo}"
    assert {"persons.sqlite", "media.sqlite", media, "persons.key", "identity.sqlite", "trail.sqlite"} <= set(
        names[at:]
    )
    assert names.index("media.sqlite") < names.index(media)


def test_each_report_in_a_copy_made_while_they_pour_in_has_its_person_and_its_picture(worked, city, tmp_path):
    done = threading.Event()

    def pour():
        number = 10
        while not done.is_set():
            worked.post(body(system_no=f"{number}", attributes=PERSON, media=[f"sha256:{worked.photo}"]))
            number += 1

    pouring = threading.Thread(target=pour)
    pouring.start()
    try:
        for number in range(4):
            time.sleep(0.3)
            upkeep.backup(tmp_path / "data", tmp_path / f"copy{number}")
    finally:
        done.set()
        pouring.join()
    for number in range(4):
        folder = tmp_path / f"again{number}"
        upkeep.restore(tmp_path / f"copy{number}", folder)
        assert audit_folder(folder).clean
        with closing(sqlite3.connect(folder / FILE)) as db:
            names = {name for (name,) in db.execute("SELECT report_id FROM reports")}
            last = db.execute('SELECT MAX("offset") FROM effects').fetchone()[0]
        with closing(sqlite3.connect(folder / "persons.sqlite")) as db:
            assert names <= {name for (name,) in db.execute("SELECT report_id FROM persons")}
        with closing(sqlite3.connect(folder / "media.sqlite")) as db:
            linked = {name for (name,) in db.execute("SELECT name FROM links WHERE kind = 'report'")}
        assert len(names - linked) == 1  # the one that came without
        for follower in ("sources.sqlite", "delivery.sqlite"):
            with closing(sqlite3.connect(folder / follower)) as db:
                assert all(offset <= last for (offset,) in db.execute('SELECT "offset" FROM positions'))
        with closing(sqlite3.connect(folder / "replays.sqlite")) as db:
            for (answer,) in db.execute("SELECT body FROM replays"):
                assert {one["report_id"] for one in json.loads(answer)["results"]} <= names
    assert len(names) > 10


def readable(folder, report):
    with closing(Persons(folder)) as persons:
        return persons.open(report) is not None


class TestErased:
    """Persons erased after the backup was made."""

    @pytest.fixture
    def report(self, worked, tmp_path):
        """Who reported the first case, erased over HTTP once the backup was made."""
        upkeep.backup(tmp_path / "data", tmp_path / "copy")
        case = worked.cases[0]
        worked.service.keep.persons.erase(case["reports"])
        return case["reports"][0]

    def test_the_folder_that_the_backup_was_made_of_says_so_if_it_is_there(self, report, tmp_path):
        copied = upkeep.restore(tmp_path / "copy", tmp_path / "again")
        assert (copied.persons.again, copied.persons.lists) == (1, 1)
        assert not readable(tmp_path / "again", report)
        assert erased.read(tmp_path / "again" / "persons.erased")[0] == [report]
        assert report.encode() in (tmp_path / "again" / "persons.erased").read_bytes()

    @pytest.mark.parametrize("kind", ["list", "folder", "backup"])
    def test_a_list_a_folder_or_a_later_backup_says_so(self, worked, report, tmp_path, kind):
        upkeep.backup(tmp_path / "data", tmp_path / "later")
        shutil.copy(tmp_path / "data" / "persons.erased", tmp_path / "kept")
        worked.service.stop()
        (tmp_path / "data").rename(tmp_path / "aside")
        said = {"list": tmp_path / "kept", "folder": tmp_path / "aside", "backup": tmp_path / "later"}[kind]
        copied = upkeep.restore(tmp_path / "copy", tmp_path / "again", [said])
        assert copied.persons.again == 1
        assert not readable(tmp_path / "again", report)

    def test_without_any_list_they_are_back_and_that_is_said(self, worked, report, onegrid, tmp_path):
        worked.service.stop()
        (tmp_path / "data").rename(tmp_path / "aside")
        code, _, said = onegrid("restore", tmp_path / "copy", "--data", tmp_path / "again")
        assert code == 0
        assert "persons erased since the backup can be read again" in said
        assert readable(tmp_path / "again", report)
        shutil.copy(tmp_path / "aside" / "persons.erased", tmp_path / "again" / "persons.erased")
        assert not readable(tmp_path / "again", report)  # a list that turns up later is gone through at the start

    def test_a_list_kept_elsewhere_is_gone_through(self, city, tmp_path, monkeypatch):
        elsewhere = tmp_path / "elsewhere" / "erased"
        elsewhere.parent.mkdir()
        monkeypatch.setenv("ONEGRID_ERASED_LIST", str(elsewhere))
        gate = Gate(city, tmp_path / "data")
        gate.post(body(attributes=PERSON))
        (case,) = gate.settled(1)
        upkeep.backup(tmp_path / "data", tmp_path / "copy")
        where = f"/v1/cases/{case['case_no']}/persons?reason=asked"
        assert gate.client.delete(where).json() == {"erased": 1}
        gate.service.stop()
        shutil.rmtree(tmp_path / "data")
        assert upkeep.restore(tmp_path / "copy", tmp_path / "again").persons.again == 1
        assert not readable(tmp_path / "again", case["reports"][0])
        assert elsewhere.is_file()

    def test_the_keys_are_gone_from_the_restored_bytes_too(self, report, tmp_path):
        with closing(sqlite3.connect(tmp_path / "data" / "persons.sqlite")) as db:
            assert db.execute("SELECT COUNT(*) FROM persons").fetchone() == (1,)
        upkeep.restore(tmp_path / "copy", tmp_path / "again")
        assert report.encode() not in (tmp_path / "again" / "persons.sqlite").read_bytes()

    def test_a_torn_line_costs_no_other(self, tmp_path):
        place = tmp_path / "list"
        erased.add(place, ["a"])
        with place.open("ab") as file:
            file.write(b'"b')
        erased.add(place, ["c", "d e\n"])
        assert erased.read(place)[0] == ["a", "c", "d e\n"]

    @pytest.mark.usefixtures("report")
    def test_a_list_that_is_not_there_is_bad_input_and_nothing_is_restored(self, onegrid, tmp_path):
        again = tmp_path / "again"
        code, _, said = onegrid("restore", tmp_path / "copy", "--data", again, "--erased", tmp_path / "no")
        assert (code, "没有名单 no such list; expected" in said) == (2, True)
        assert list(again.iterdir()) == []


class TestRefused:
    """What is no backup, or not as it was written, or in the way."""

    @pytest.fixture
    def copy(self, worked, tmp_path):
        upkeep.backup(worked.service.directory, tmp_path / "copy")
        return tmp_path / "copy"

    def refused(self, copy, tmp_path):
        with pytest.raises(StoreError) as error:
            upkeep.restore(copy, tmp_path / "again")
        assert list((tmp_path / "again").iterdir()) == []
        return str(error.value)

    def test_a_byte_that_was_changed(self, copy, tmp_path):
        data = bytearray(copy.read_bytes())
        at = data.index(b"\xff\xd8\xff")  # the picture
        data[at + 200] ^= 1
        copy.write_bytes(data)
        assert "已损坏 is not as it was written" in self.refused(copy, tmp_path)

    def test_an_end_that_is_missing(self, copy, tmp_path):
        copy.write_bytes(copy.read_bytes()[: copy.stat().st_size // 2])
        assert "expected a" in self.refused(copy, tmp_path)

    @pytest.mark.parametrize("name", ["../evil.sqlite", "/tmp/evil.sqlite", "media/../../x", "evil.sh", FILE])
    def test_a_file_that_no_data_folder_has(self, tmp_path, name):
        (tmp_path / "data").mkdir()
        (tmp_path / "x").write_bytes(b"x")
        with Writer(tmp_path / "copy", tmp_path / "data", AT) as archive:
            archive.add(FILE, tmp_path / "x")
            archive.add(name, tmp_path / "x")
        assert "expected files of a data folder, each once" in self.refused(tmp_path / "copy", tmp_path)
        assert not (tmp_path / "evil.sqlite").exists()

    def test_a_link(self, tmp_path):
        with tarfile.open(tmp_path / "copy", "w") as tar:
            link = tarfile.TarInfo("persons.key")
            link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
            tar.addfile(link)
        assert "is no plain file" in self.refused(tmp_path / "copy", tmp_path)

    @pytest.mark.parametrize("name", ["persons.sqlite", "identity.sqlite-wal", "media/ab/x", "persons.key"])
    def test_anything_of_a_data_folder_is_in_the_way(self, copy, tmp_path, name):
        place = tmp_path / "again" / name
        place.parent.mkdir(parents=True)
        place.write_bytes(b"mine")
        with pytest.raises(StoreError, match="已存在 is there already"):
            upkeep.restore(copy, tmp_path / "again")
        assert place.read_bytes() == b"mine"


def test_verify_looks_at_what_stands_beside_the_log(worked, onegrid, tmp_path):
    worked.service.stop()
    worked.service.close()
    data = tmp_path / "data"
    assert onegrid("verify", "--data", data)[0] == 0
    photo = data / "media" / worked.photo[:2] / worked.photo
    whole = photo.read_bytes()
    photo.write_bytes(whole[:-1])
    code, said, _ = onegrid("verify", "--data", data)
    assert (code, "图片缺失或被截断 a picture is missing or cut off" in said) == (1, True)
    photo.unlink()
    with closing(sqlite3.connect(data / "trail.sqlite")) as db:
        db.execute("UPDATE trail SET body = replace(CAST(body AS TEXT), 'SHOWN', 'MASKED')")
        db.commit()
    key = (data / "persons.key").read_bytes()
    (data / "persons.key").write_bytes(key[::-1])
    assert [one.kind for one in faults(data)] == ["TRAIL", "MEDIA", "PERSONS"]
    (data / "persons.key").unlink()
    assert [one.kind for one in faults(data)] == ["TRAIL", "MEDIA", "PERSONS"]
    assert not (data / "persons.key").exists()
    (data / "identity.sqlite").write_bytes(b"x" * 5000)
    assert [one.kind for one in faults(data)] == ["FILE"]


def test_a_folder_of_a_gateway_of_a_cluster_is_copied_too(tmp_path, city):
    from streams.hosts.kafka.spool import Spool  # noqa: PLC0415 - an extra

    data = tmp_path / "data"
    data.mkdir()
    spool = Spool(data)
    with pytest.raises(StoreError, match="stop the gateway first"):
        upkeep.backup(data, tmp_path / "copy")
    spool.close()
    copied = upkeep.backup(data, tmp_path / "copy")
    assert copied.audit is None
    assert upkeep.restore(tmp_path / "copy", tmp_path / "again").audit is None
    Spool(tmp_path / "again").close()
