"""What reporters say of themselves, sealed report by report before any log sees it.

    sealed = persons.seal(batch)                 # attributes.person is unreadable now; the rest is as it was
    persons.open("01a2…")                        # {"name": "王某", "phone": "138…"}; None once it was erased
    persons.erase(["01a2…"])                     # the log stays as it is, and nobody can read it any more

Each report has a key of its own (AES-256-GCM), kept here under the master key. The log holds what is sealed, so its
hash chain holds whatever happens to the key. `mark` tells whether two versions of a report name the same person:
sixteen bits, too few to find anybody by.

Personal are: the object `attributes.person`, the attributes that the pack names, a `reporter` that is a telephone
number, a citizen's number or a mail address, and such numbers in `text`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import sqlite3
import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from streams.identity import erased
from streams.identity.masking import is_personal, mask_text
from streams.stages.acceptance import Accepted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from pathlib import Path

    from streams.records import Report

FILE, KEY_FILE = "persons.sqlite", "persons.key"
ENV = "ONEGRID_PERSONS_KEY"
"""The master key as 64 hex digits, where it is not to lie beside the data."""

PERSON = "person"
_NONCE = 12
_LONGEST_NAME = 64

_SCHEMA = """
CREATE TABLE IF NOT EXISTS persons (
    report_id TEXT PRIMARY KEY, key BLOB NOT NULL, sealed BLOB NOT NULL, at REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS persons_at ON persons (at);
CREATE TABLE IF NOT EXISTS marks (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
"""

_LISTED = "erased"
"""The mark of how many bytes of the list of erased persons have been gone through."""


class PersonsError(Exception):
    """The keys can't be used: another master key made them."""


class Persons:
    """The keys of a data folder. Any thread may ask."""

    def __init__(self, folder: Path, fields: Iterable[str] = ()) -> None:
        """`fields` are names of attributes that are personal, too."""
        folder.mkdir(parents=True, exist_ok=True)
        self._master = _master(folder)
        (folder / FILE).touch(mode=0o600, exist_ok=True)
        self._db = sqlite3.connect(folder / FILE, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("PRAGMA secure_delete = ON")
        self._db.execute("PRAGMA busy_timeout = 10000")
        self._db.executescript(_SCHEMA)
        self._fields = (PERSON, *fields)
        self._wrap = AESGCM(self._master)
        self._lock = threading.Lock()
        self._listed = erased.place_of(folder)
        _destroy_listed(self._db, self._listed)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def needed(self, accepted: Accepted) -> bool:
        """Say whether a report says anything of a person, or might where nobody looks."""
        report = accepted.report
        said = any(name in report.attributes for name in self._fields) if report.attributes else False
        return (
            said
            or bool(report.reporter and is_personal(report.reporter))
            or mask_text(report.text) != report.text
            # A key that comes twice, or in other spelling, could carry along what is read of neither.
            or accepted.original.count(b'"attributes"') != bool(report.attributes)
        )

    def seal(self, batch: Sequence[Accepted]) -> list[Accepted]:
        """Return the batch with what it says of people sealed, once the keys are on disk."""
        rows: list[tuple[str, bytes, bytes, float]] = []
        found = [self._seal(one, rows) if self.needed(one) else one for one in batch]
        if rows:
            with self._lock, self._db:
                self._db.execute("BEGIN")
                self._db.executemany("INSERT OR REPLACE INTO persons VALUES (?, ?, ?, ?)", rows)
                self._db.execute("COMMIT")
        return found

    def bare(self, line: bytes) -> bytes:
        """Return a line that was refused as it may be put aside: with nothing of a person in it.

        What personal fields hold is struck out, and numbers are masked. A line that is no JSON, so that nobody can
        say where such a field ends, is cut off before the first one. Whoever sent it has it whole.
        """
        try:
            said = msgspec.json.decode(line)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            named = [at for name in (*self._fields, "reporter") if (at := line.find(f'"{name}"'.encode())) >= 0]
            line = line[: min(named, default=len(line))]
        else:
            line = msgspec.json.encode(_struck(said, frozenset((*self._fields, "reporter"))))
        return mask_text(line.decode(errors="surrogateescape")).encode(errors="surrogateescape")

    def open(self, report_id: str) -> dict[str, Any] | None:
        """Return what a report says of a person; None if it says nothing, or it was erased. Raises PersonsError."""
        with self._lock:
            row = self._db.execute("SELECT key, sealed FROM persons WHERE report_id = ?", (report_id,)).fetchone()
        if row is None:
            return None
        try:
            key = _open(self._wrap, row[0], report_id)
            plain = _open(AESGCM(key), row[1], report_id)
        except InvalidTag:
            raise PersonsError(f"{report_id}: sealed under another master key; expected that of {KEY_FILE}") from None
        found: dict[str, Any] = msgspec.json.decode(plain)
        return found

    def erase(self, reports: Iterable[str]) -> int:
        """Destroy the keys of reports, on disk too; return how many there were.

        They are put on the list first, so that no older copy of the keys brings one back.
        """
        with self._lock:
            query = "SELECT 1 FROM persons WHERE report_id = ?"
            known = [name for name in dict.fromkeys(reports) if self._db.execute(query, (name,)).fetchone()]
            erased.add(self._listed, known)
            return _destroy(self._db, known)

    def before(self, at: float) -> list[str]:
        """List the reports that came before a time (seconds since 1970) and can still be read."""
        with self._lock:
            rows = self._db.execute("SELECT report_id FROM persons WHERE at < ? ORDER BY at", (at,)).fetchall()
        return [name for (name,) in rows]

    def _seal(self, accepted: Accepted, rows: list[tuple[str, bytes, bytes, float]]) -> Accepted:
        report = accepted.report
        person = _person(report, self._fields)
        attributes = {name: value for name, value in report.attributes.items() if name not in self._fields}
        if person:
            plain = msgspec.json.encode(person, order="sorted")
            key = AESGCM.generate_key(256)
            sealed = _close(AESGCM(key), plain, report.report_id)
            wrapped = _close(self._wrap, key, report.report_id)
            rows.append((report.report_id, wrapped, sealed, accepted.at.timestamp()))
            mark = hmac.new(self._master, f"{report.system}\0{report.system_no}\0".encode() + plain, hashlib.sha256)
            attributes[PERSON] = {"sealed": base64.b64encode(sealed).decode(), "mark": mark.hexdigest()[:4]}
        reporter = report.reporter
        if reporter and is_personal(reporter):
            reporter = self.pseudonym(reporter)
        report = msgspec.structs.replace(
            report, attributes=attributes, reporter=reporter, text=mask_text(report.text)
        )
        return Accepted(report, accepted.at, msgspec.json.encode(report))

    def pseudonym(self, reporter: str) -> str:
        """Return the name under which whoever has this number or address is known."""
        said = "".join(reporter.split()).casefold().encode()
        return "p" + hmac.new(self._master, b"reporter\0" + said, hashlib.sha256).hexdigest()[:16]


def fault(folder: Path, db: sqlite3.Connection) -> str:
    """Say why the keys in a file can't be used; empty if they can. One tells, since one master key is over all."""
    row = db.execute("SELECT report_id, key FROM persons ORDER BY at DESC LIMIT 1").fetchone()
    if row is None:
        return ""
    if not os.environ.get(ENV) and not (folder / KEY_FILE).is_file():
        return f"{KEY_FILE} is not there; expected it, or {ENV}"
    try:
        _open(AESGCM(_master(folder)), row[1], row[0])
    except (InvalidTag, PersonsError, ValueError):
        return f"{row[0]}: sealed under another master key; expected that of {KEY_FILE}, or of {ENV}"
    return ""


def destroy_listed(file: Path, listed: Path) -> int:
    """Destroy the keys in a file that a list names, wherever its reader has been; return how many there were."""
    with closing(sqlite3.connect(file, isolation_level=None)) as db:
        db.execute("PRAGMA secure_delete = ON")
        db.executescript(_SCHEMA)
        db.execute("DELETE FROM marks WHERE name = ?", (_LISTED,))
        return _destroy_listed(db, listed)


def _destroy_listed(db: sqlite3.Connection, listed: Path) -> int:
    """Go on with a list from where it was read last."""
    row = db.execute("SELECT value FROM marks WHERE name = ?", (_LISTED,)).fetchone()
    names, size = erased.read(listed, row[0] if row else 0)
    count = _destroy(db, names)
    if size != (row[0] if row else 0):
        db.execute("INSERT OR REPLACE INTO marks VALUES (?, ?)", (_LISTED, size))
    return count


def _destroy(db: sqlite3.Connection, names: Iterable[str]) -> int:
    """Delete keys, in the file and in its write-ahead log, all or none; return how many there were."""
    db.execute("BEGIN IMMEDIATE")
    count = db.executemany("DELETE FROM persons WHERE report_id = ?", ((name,) for name in names)).rowcount
    db.execute("COMMIT")
    if count > 0:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return max(count, 0)


def _person(report: Report, fields: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in fields:
        value = report.attributes.get(name)
        if value is None:
            continue
        if name == PERSON and isinstance(value, dict):
            found |= {key[:_LONGEST_NAME]: one for key, one in value.items()}
        else:
            found[name] = value
    if report.reporter and is_personal(report.reporter):
        found["reporter"] = report.reporter
    if mask_text(report.text) != report.text:
        found["text"] = report.text
    return found


def _struck(value: Any, names: Collection[str]) -> Any:
    """Return a value with what fields of these names hold struck out, wherever they are."""
    if isinstance(value, dict):
        return {name: "***" if name in names and one else _struck(one, names) for name, one in value.items()}
    return [_struck(one, names) for one in value] if isinstance(value, list) else value


def _close(cipher: AESGCM, plain: bytes, name: str) -> bytes:
    nonce = os.urandom(_NONCE)
    return nonce + cipher.encrypt(nonce, plain, name.encode())


def _open(cipher: AESGCM, sealed: bytes, name: str) -> bytes:
    return cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], name.encode())


def _master(folder: Path) -> bytes:
    """Return the master key: the environment's, else that of the folder, made at the first time."""
    if said := os.environ.get(ENV, ""):
        try:
            key = bytes.fromhex(said)
        except ValueError:
            key = b""
        if len(key) != 32:  # noqa: PLR2004 - AES-256
            raise PersonsError(f"{ENV}: {len(said)} characters; expected 64 hex digits")
        return key
    place = folder / KEY_FILE
    try:
        handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return place.read_bytes()
    with os.fdopen(handle, "wb") as file:
        file.write(key := AESGCM.generate_key(256))
        file.flush()
        os.fsync(file.fileno())
    return key
