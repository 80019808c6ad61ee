"""Accounts, keys, sessions, and what is known of people."""

from __future__ import annotations

import io
import sqlite3
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from streams.identity import accounts as module
from streams.identity.accounts import AccountError, Accounts, LockedError
from streams.identity.masking import is_personal, mask_text, mask_value
from streams.identity.persons import Persons, PersonsError
from streams.identity.principals import LOCAL, Principal
from streams.identity.trail import Trail
from streams.inlets.gateway.guard import standing
from streams.inlets.media import MOST_PIXELS, Media, MediaError
from streams.stages.acceptance import Accepted, decode_report
from streams.stages.intake import content_digest

PASSWORD = "a long password"
START = datetime(2026, 3, 2, 1, tzinfo=UTC)


class Clock:
    now = START

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def accounts(tmp_path, clock):
    made = Accounts(tmp_path, clock)
    yield made
    made.close()


# Accounts


def test_without_anybody_nothing_is_configured_and_with_somebody_it_is(accounts):
    assert not accounts.configured
    accounts.add(Principal("lin", "city"), PASSWORD)
    assert accounts.configured


def test_a_password_is_kept_as_argon2id_and_nowhere_as_itself(accounts, tmp_path):
    accounts.add(Principal("lin", "city"), PASSWORD)
    key = accounts.add_key(Principal("k", "system", systems=("a",)))
    accounts.close()
    kept = (tmp_path / module.FILE).read_bytes() + (tmp_path / f"{module.FILE}-wal").read_bytes() \
        if (tmp_path / f"{module.FILE}-wal").exists() else (tmp_path / module.FILE).read_bytes()  # fmt: skip
    assert kept.count(b"$argon2id$") >= 2
    assert PASSWORD.encode() not in kept
    assert key.rsplit("_", 1)[1].encode() not in kept


def test_a_session_ends_by_signing_out_by_idling_and_when_its_day_is_over(accounts, clock):
    accounts.add(Principal("lin", "city"), PASSWORD)
    token, session = accounts.sign_in("lin", PASSWORD)
    assert accounts.session(token).principal.name == "lin"
    assert session.csrf
    accounts.sign_out(token)
    assert accounts.session(token) is None
    idle, _ = accounts.sign_in("lin", PASSWORD)
    clock.now += timedelta(seconds=module.IDLE_S + 1)
    assert accounts.session(idle) is None
    busy, _ = accounts.sign_in("lin", PASSWORD)
    for _ in range(13):
        clock.now += timedelta(hours=1)
        alive = accounts.session(busy) is not None
    assert not alive


def test_to_look_whether_a_session_lasts_is_no_sign_of_life(accounts, clock):
    accounts.add(Principal("lin", "city"), PASSWORD)
    token, _ = accounts.sign_in("lin", PASSWORD)
    for _ in range(4):
        clock.now += timedelta(seconds=module.IDLE_S / 4)
        assert accounts.session(token, asks=False) is not None
    clock.now += timedelta(seconds=1)
    assert accounts.session(token, asks=False) is None


def test_a_call_of_before_stands_while_its_session_its_account_and_its_role_do(accounts, clock):
    def call(**headers):
        return {"path": "/", "headers": [(name.encode(), value.encode()) for name, value in headers.items()]}

    assert standing(accounts, call()) == LOCAL
    key = accounts.add_key(Principal("k", "city"))
    assert standing(accounts, call()) is None, "who was this machine's is nobody once there are keys"
    accounts.add(Principal("lin", "city"), PASSWORD)
    token, _ = accounts.sign_in("lin", PASSWORD)
    by_key, by_cookie = call(authorization=f"Bearer {key}"), call(cookie=f"onegrid_session={token}")
    assert standing(accounts, by_key).name == "k"
    assert standing(accounts, by_cookie).name == "lin"
    clock.now += timedelta(seconds=module.IDLE_S + 1)
    assert standing(accounts, by_cookie) is None
    accounts.disable("key", "k")
    assert standing(accounts, by_key) is None


def test_five_wrong_passwords_lock_an_account_and_each_further_one_for_longer(accounts, clock):
    accounts.add(Principal("lin", "city"), PASSWORD)
    for _ in range(module.TRIES):
        assert accounts.sign_in("lin", "wrong password") is None
    with pytest.raises(LockedError) as first:
        accounts.sign_in("lin", PASSWORD)
    clock.now += timedelta(seconds=module.LOCKED_S + 1)
    assert accounts.sign_in("lin", "wrong password") is None
    with pytest.raises(LockedError) as second:
        accounts.sign_in("lin", PASSWORD)
    assert second.value.wait_s > first.value.wait_s
    clock.now += timedelta(seconds=2 * module.LOCKED_S + 1)
    assert accounts.sign_in("lin", PASSWORD) is not None


def test_who_is_disabled_or_unknown_comes_in_by_nothing(accounts):
    accounts.add(Principal("lin", "city"), PASSWORD)
    key = accounts.add_key(Principal("k", "system", systems=("a",)))
    token, _ = accounts.sign_in("lin", PASSWORD)
    assert accounts.by_key(key).systems == ("a",)
    accounts.disable("account", "lin")
    accounts.disable("key", "k")
    assert accounts.session(token) is None
    assert accounts.sign_in("lin", PASSWORD) is None
    assert accounts.sign_in("nobody", PASSWORD) is None
    assert accounts.by_key(key) is None
    assert accounts.by_key("og_k_wrong") is None
    assert accounts.by_key("nothing") is None
    accounts.disable("key", "k", disabled=False)
    assert accounts.by_key(key) is not None


def test_a_key_disabled_by_another_process_is_let_in_no_more(accounts, tmp_path, clock):
    key = accounts.add_key(Principal("k", "system", systems=("a",)))
    assert accounts.configured
    assert accounts.by_key(key)
    other = Accounts(tmp_path, clock)
    other.disable("key", "k")
    other.close()
    assert accounts.configured
    assert accounts.by_key(key) is None


@pytest.mark.parametrize("password", ["", "short"])
def test_a_short_password_and_a_name_twice_are_refused(accounts, password):
    with pytest.raises(AccountError, match="expected at least"):
        accounts.add(Principal("lin", "city"), password)
    accounts.add(Principal("lin", "city"), PASSWORD)
    with pytest.raises(AccountError, match="another name"):
        accounts.add(Principal("lin", "city"), PASSWORD)
    with pytest.raises(AccountError, match="expected one that"):
        accounts.disable("account", "nobody")


# Persons


def accepted(number="1", **fields):
    line = msgspec.json.encode(
        {"system": "a", "system_no": number, "channel": "HOTLINE", "reported_at": START, "report_id": f"r{number}",
         "matter": "INQUIRY", **fields}
    )  # fmt: skip
    return Accepted(decode_report(line), START, line)


PERSON = {"name": "王小明", "phone": "13800138000", "address": "三号院"}


@pytest.fixture
def persons(tmp_path):
    made = Persons(tmp_path, ("caller_phone",))
    yield made
    made.close()


def test_what_a_log_gets_says_nothing_of_a_person_and_the_key_opens_it(persons):
    batch = [
        accepted("1", attributes={"person": PERSON, "other": 1}),
        accepted("2", attributes={"caller_phone": "13900139000"}),
        accepted("3", reporter="13700137000", text="请回电 13600136000 谢谢"),
        accepted("4", text="路灯不亮"),
    ]
    sealed = persons.seal(batch)
    log = b"".join(one.original for one in sealed)
    for private in (
        b"13800138000",
        b"13900139000",
        b"13700137000",
        b"13600136000",
        "王小明".encode(),
        "三号院".encode(),
    ):
        assert private not in log
    assert sealed[3] is batch[3]
    assert sealed[0].report.attributes["other"] == 1
    assert persons.open("r1") == PERSON
    assert persons.open("r2") == {"caller_phone": "13900139000"}
    assert persons.open("r3") == {"reporter": "13700137000", "text": "请回电 13600136000 谢谢"}
    assert sealed[2].report.reporter.startswith("p")
    assert sealed[2].report.text == "请回电 136****6000 谢谢"
    assert persons.open("r4") is None


def test_a_key_that_comes_twice_carries_nothing_along(persons):
    line = accepted("1").original[:-1] + b',"attributes":{"person":{"phone":"13800138000"}},"attributes":{}}'
    (sealed,) = persons.seal([Accepted(decode_report(line), START, line)])
    assert b"13800138000" not in sealed.original


def test_erasing_the_key_erases_the_person_and_leaves_the_log_as_it_is(persons, tmp_path):
    (sealed,) = persons.seal([accepted("1", attributes={"person": PERSON})])
    before = sealed.original
    assert persons.erase(["r1", "unknown"]) == 1
    assert persons.open("r1") is None
    assert sealed.original == before
    persons.close()
    db = sqlite3.connect(tmp_path / "persons.sqlite")
    assert db.execute("SELECT COUNT(*) FROM persons").fetchone() == (0,)
    db.close()


def test_the_same_report_sent_twice_is_a_repeat_though_it_is_sealed_anew(persons):
    first, again = (persons.seal([accepted("1", attributes={"person": PERSON})])[0] for _ in range(2))
    other = persons.seal([accepted("1", attributes={"person": {**PERSON, "phone": "13800138001"}})])[0]
    assert first.original != again.original
    assert content_digest(first.report) == content_digest(again.report)
    assert content_digest(first.report) != content_digest(other.report)


def test_another_master_key_opens_nothing(persons, tmp_path):
    persons.seal([accepted("1", attributes={"person": PERSON})])
    (tmp_path / "persons.key").write_bytes(b"x" * 32)
    other = Persons(tmp_path)
    with pytest.raises(PersonsError, match="another master key"):
        other.open("r1")
    other.close()


@settings(max_examples=25, deadline=None)
@given(
    st.dictionaries(st.text(min_size=1, max_size=20), st.text(max_size=40) | st.integers(), min_size=1, max_size=6)
)
def test_whatever_is_said_of_a_person_comes_back_as_it_was(tmp_path_factory, person):
    persons = Persons(tmp_path_factory.mktemp("p"))
    persons.seal([accepted("1", attributes={"person": person})])
    assert persons.open("r1") == person
    persons.close()


def test_numbers_and_names_are_masked_on_screen():
    assert mask_text("电话13800138000，身份证 510104199003071234。") == "电话138****8000，身份证 510104********1234。"
    assert mask_text("lin.chen@example.org") == "l***@example.org"
    assert mask_text("坐标 104.13800138000") == "坐标 104.13800138000"
    assert mask_value("name", "王小明") == "王**"
    assert mask_value("phone", "028-87654321") == "028****4321"
    assert is_personal("+86 138 0013 8000")
    assert not is_personal("W00001")


# The trail


def test_a_trail_tells_a_line_that_was_changed(tmp_path):
    trail = Trail(tmp_path)
    for number in range(3):
        trail.add(START, LOCAL, "SHOWN", case_no=f"c{number}", reason="x")
    assert trail.check() is None
    assert [line.looked.case_no for line in trail.read(case_no="c1")] == ["c1"]
    trail._db.execute(
        "UPDATE trail SET body = CAST(replace(CAST(body AS TEXT), 'SHOWN', 'ERASED') AS BLOB) WHERE position = 2"
    )
    assert trail.check() == 2
    trail.close()


# Pictures


def picture(kind="JPEG", size=(30, 20), **more):
    out = io.BytesIO()
    Image.new("RGB", size, "red").save(out, kind, **more)
    return out.getvalue()


@pytest.fixture
def media(tmp_path):
    made = Media(tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_picture_is_kept_once_under_the_digest_of_its_bytes(media, kind):
    first, again = media.add(picture(kind), "a", START), media.add(picture(kind), "b", START)
    assert first == again
    assert media.read(first.sha256) == (picture(kind), first.type)
    assert media.sent_by(first.sha256, "b")
    assert not media.sent_by(first.sha256, "c")
    assert media.read("0" * 64) is None


def test_what_a_picture_says_of_itself_is_left_out(media):
    said = Image.Exif()
    said[0x010E] = "the owner's name"
    kept = media.add(picture(exif=said), "a", START)
    assert b"owner" not in media.read(kept.sha256)[0]


def test_bombs_broken_pictures_and_what_is_none_are_refused(media):
    bomb = io.BytesIO()
    side = int(MOST_PIXELS**0.5) + 100
    Image.new("1", (side, side)).save(bomb, "PNG")
    moving = io.BytesIO()
    frames = [Image.new("RGB", (8, 8), shade) for shade in ("red", "blue")]
    frames[0].save(moving, "WEBP", save_all=True, append_images=frames[1:])
    text = PngImagePlugin.PngInfo()
    text.add_text("x", "y" * 5_000_000, zip=True)
    gif = io.BytesIO()
    Image.new("RGB", (8, 8)).save(gif, "GIF")
    made = [bomb.getvalue(), moving.getvalue(), gif.getvalue(), picture("PNG", pnginfo=text)]
    for bad in (b"", b"<svg/>", picture()[:100], b"x" * 13_000_000, *made):
        with pytest.raises(MediaError, match="expected"):
            media.add(bad, "a", START)


def test_a_picture_belongs_to_its_report_and_its_case_only(media):
    kept = media.add(picture(), "a", START)
    media.belong([f"sha256:{kept.sha256}", "photo-2.jpg"], report="r1")
    assert media.belongs(kept.sha256, "c", ["r1"])
    assert not media.belongs(kept.sha256, "c", ["r2"])
    assert media.of("c", ["r1"]) == [kept.sha256]
    assert media.missing([f"sha256:{'0' * 64}", "photo-2.jpg"]) == ["0" * 64]
