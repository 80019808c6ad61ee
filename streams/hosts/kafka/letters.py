"""Dead letters: what could not be processed, with its original; listed, looked at, sent again.

    for letter in letters(settings): ...
    again, refused = retry(settings, chosen, at)

A letter stays where it is when its original is sent again; the message that carries it says `dead-letter:` and the
letter's id in its header `source`. If what was wrong still is, a new letter comes of it. If it had been taken in
after all, the desk knows the source's number and passes it over as a repeat.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec
from uuid_utils import uuid7

from streams.envelope import Entry
from streams.hosts.kafka.admin import Start, tail
from streams.hosts.kafka.sending import ReportSender
from streams.records import Body, DeadLetter, Report, RoutedReport
from streams.topics import DEAD_LETTERS, report_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from streams.settings import ClusterSettings

_decoder = msgspec.json.Decoder(DeadLetter)
_bodies: msgspec.json.Decoder[Body] = msgspec.json.Decoder(Body)
_reports = msgspec.json.Decoder(Report)


class Wanted(NamedTuple):
    """Which letters: those of these ids, this stage, this reason; what is empty does not matter."""

    ids: Sequence[str] = ()
    stage: str = ""
    reason: str = ""

    def has(self, letter: DeadLetter) -> bool:
        """Whether a letter is one of them."""
        return (
            (not self.ids or letter.id in self.ids)
            and self.stage in ("", letter.stage)
            and self.reason in ("", letter.reason)
        )


class Refused(msgspec.Struct, frozen=True):
    """A letter that can't be sent again, and why."""

    id: str
    reason: str
    text: str


def letters(
    settings: ClusterSettings, wanted: Wanted | None = None, since: datetime | None = None
) -> Iterator[DeadLetter]:
    """Yield the letters, in the order in which they were put down; one put down twice after a takeover comes once.

    Raises AwayError if no broker answers. A message of the topic that is no letter is passed over.
    """
    start = Start(time=since) if since else Start(offset=0)
    seen: set[tuple[str, str, str]] = set()
    for message in tail(settings, DEAD_LETTERS, start):
        try:
            letter = _decoder.decode(message.value)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
        name = (letter.id, letter.stage, letter.reason)
        if name not in seen and (wanted is None or wanted.has(letter)):
            seen.add(name)
            yield letter


def retry(
    settings: ClusterSettings, chosen: Sequence[DeadLetter], at: datetime, repaired: bytes | None = None
) -> tuple[list[str], list[Refused]]:
    """Send letters' originals to the reports again, as accepted at `at`; `repaired` stands for the original of all.

    Returns the ids of those that have landed, and those that can't be sent: what is no report has no key there.
    Raises AwayError; then any of them may have landed.
    """
    reports, again, refused = [], [], []
    for letter in chosen:
        try:
            report, body = _report_of(letter.original if repaired is None else repaired)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            refused.append(Refused(letter.id, "NOT_A_REPORT", f"{error}; expected a report, repaired by --with"))
            continue
        entry = Entry(at, msgspec.Raw(body), report.report_id or str(uuid7()))
        reports.append((report_key(report.system, report.system_no), entry, f"dead-letter:{letter.id}"))
        again.append(letter.id)
    with ReportSender(settings) as sender:
        sender.send_again(reports)
    return again, refused


def _report_of(body: bytes) -> tuple[Report, bytes]:
    """Return the report that a letter is about, and its bytes; a desk's letter holds a routed one."""
    try:
        inner = _bodies.decode(body)
    except msgspec.ValidationError:
        return _reports.decode(body), body
    if not isinstance(inner, RoutedReport):
        raise msgspec.ValidationError(f"it holds {type(inner).__name__}")
    return inner.report, msgspec.json.encode(inner.report)
