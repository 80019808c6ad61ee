"""The board in Redis: a fold over the effects logs of all partitions, whose position lies in Redis itself.

    board = RedisBoard(connect(settings), zone)
    try:
        board.keep(partition, done)             # the record that an owner has just applied
    except BoardAwayError:                      # later: Redis is away, was away, or has forgotten
        board.catch_up(partition, log)          # whatever the log has behind the board

Each call of `keep`, and each batch of `catch_up`, is one transaction with the partition's position, which is compared
first; so whoever calls, from however many processes, nothing is applied twice. Every method but `may_have` raises
BoardAwayError while Redis is away. Needs Redis 7.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from streams.ledger.chain import DailyHead
from streams.outlets.board import BoardAwayError, names
from streams.outlets.board.batches import KEPT, LONGEST, Batch, Last
from streams.outlets.board.catching import BoardBehindError, Catching, Standing, script
from streams.records import Alert, Case, DeadLetter, Transition
from streams.topics import partition_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import timedelta, tzinfo

    from streams.hosts.partition import Applied, Log
    from streams.outlets.board.link import Link

_PAGE = 500
"""Numbers looked at together where a list is asked for by several things."""

_NUMBER, _DESK, _DAY = 19, slice(0, 6), slice(0, 14)
"""The length of a case number, and where the desk, and the desk with the day, stand in it."""

_case = msgspec.json.Decoder(Case)
_alert = msgspec.json.Decoder(Alert)


class RedisBoard:
    """The board of a cluster, for any number of threads and processes.

    `zone` is where the city's days end, None if only days that ended elsewhere count; `partitions` how many the
    inbox has, if that is known; `kept` how long ended cases stay; `longest` how many alerts and letters streams keep.
    """

    def __init__(
        self,
        link: Link,
        zone: tzinfo | None = None,
        *,
        partitions: int | None = None,
        kept: timedelta = KEPT,
        longest: int = LONGEST,
    ) -> None:
        self.link = link
        self.partitions = partitions
        self._zone, self._kept, self._longest = zone, kept, longest

    def close(self) -> None:
        """Let the connections go."""
        self.link.close()

    def keep(self, partition: int, done: Applied) -> None:
        """Bring the board up to a record that its owner has just applied; one that it has is passed over.

        Raises BoardBehindError if records before this one are lacking.
        """
        expected = done.record.first - 1
        batch = Batch(partition, expected, kept=self._kept, longest=self._longest)
        batch.add(done.offset, done.record, done.effects)
        batch.ended(done.ended)
        argument = batch.argument(done.cases, behind=False)
        if not self.link(lambda redis: script(redis, argument)) and self.applied(partition) < done.record.last:
            raise BoardBehindError(
                f"看板落后 · the board lacks records of partition {partition} before {done.offset}"
            )

    def catch_up(self, partition: int, log: Log, step: Callable[[int], None] = lambda _offset: None) -> None:
        """Apply what the log has behind the board's position, by the fold rule.

        `step` is told each offset that is reached. Raises BoardMismatchError if the board was made from another log.
        """
        Catching(self.link, partition, log, self._zone, self._kept, self._longest).run(step)

    def applied(self, partition: int) -> int:
        """Return the last inbox position of a partition that the board shows; 0 if it shows none."""
        return self._standing(partition).applied

    def clear(self) -> None:
        """Forget everything, whoever writes meanwhile; what is wanted then is caught up from the logs.

        What would count twice goes last and together with the positions; all else may be told again.
        """
        self.link(_clear)

    def home(self, numbers: Sequence[tuple[str, str]]) -> list[tuple[str, str] | None]:
        """Return for each (system, system_no) its case, and the desk that last took that in; None without one."""

        def work(redis: Any) -> list[tuple[str, str] | None]:
            known = redis.mget([names.source(*number) for number in numbers]) if numbers else []
            cases = [None if value is None else value.decode().rpartition(" ")[2] for value in known]
            desks = iter(_each(redis, filter(None, cases), lambda pipe, case: pipe.hget(case, "taker")))
            found = [(next(desks), case_no) if case_no else (None, "") for case_no in cases]
            return [(desk.decode(), case_no) if desk else None for desk, case_no in found]

        return self.link(work)

    def desks(self, numbers: Sequence[str]) -> list[str | None]:
        """Return the desk that has last taken each case in; None where the board has none.

        What comes for a case goes there: if the case is on its way to another, that one does not know it yet.
        """
        found = self.link(lambda redis: _each(redis, numbers, lambda pipe, case: pipe.hget(case, "taker")))
        return [desk.decode() if desk else None for desk in found]

    def may_have(self, case_no: str, alert_id: str = "") -> bool:
        """Say whether there may be such a case, with such an alert if one is named: see `Board`."""
        if len(case_no) != _NUMBER:
            return False
        try:
            case = self.case(case_no)
            if case is None:
                return not (self._whole(case_no[_DESK]) and self._past(case_no))
            number = alert_id.rpartition("-")[2]  # given in order, so one that is lower is shown
            return not alert_id or alert_id in case.alerts or (number.isdigit() and int(number) > len(case.alerts))
        except BoardAwayError:
            return True

    def case(self, case_no: str) -> Case | None:
        """Return one case."""
        body = self.link(lambda redis: redis.hget(names.CASE + case_no, "body"))
        return _case.decode(body) if body else None

    def cases(self, *, after: str = "", limit: int = 100, **equal: str) -> list[Case]:
        """List cases in the order of their numbers, behind `after`, whose fields equal the given values."""
        wanted = {name: equal[name] for name in (*names.LISTED, "category", "matter") if equal.get(name)}
        return self.link(lambda redis: _list(redis, wanted, after, limit))

    def transitions(self, case_no: str) -> list[Transition]:
        """List the transitions of a case, in order."""
        fields = self.link(lambda redis: redis.hgetall(names.CASE + case_no))
        steps = {int(name[1:]): body for name, body in fields.items() if name[1:].isdigit()}
        return [msgspec.json.decode(steps[seq], type=Transition) for seq in sorted(steps)]

    def alerts(self, *, after: str = "", limit: int = 100, desk: str = "") -> list[Alert]:
        """List alerts in the order of their ids, behind `after`, of one desk if it is given."""
        key = f"{names.ALERTS}:{desk}" if desk else names.ALERTS

        def work(redis: Any) -> list[Alert]:
            ids = redis.zrange(key, f"({after}" if after else "-", "+", bylex=True, offset=0, num=limit)
            bodies = redis.mget([names.ALERT.encode() + one for one in ids]) if ids else []
            return [_alert.decode(body) for body in bodies if body]

        return self.link(work)

    def alert(self, alert_id: str) -> Alert | None:
        """Return one alert."""
        body = self.link(lambda redis: redis.get(names.ALERT + alert_id))
        return _alert.decode(body) if body else None

    def newest(self, *, desk: str = "", limit: int = 100) -> list[Alert]:
        """List the alerts that were sent last, of one desk if it is given, the newest last."""
        key = f"{names.SENT}:{desk}" if desk else names.SENT

        def work(redis: Any) -> list[Alert]:
            ids = redis.zrange(key, -limit, -1)
            bodies = redis.mget([names.ALERT.encode() + one for one in ids]) if ids else []
            return [_alert.decode(body) for body in bodies if body]

        return self.link(work)

    def heads(self, *, desk: str = "") -> list[DailyHead]:
        """List the last published head of each desk, of one desk if it is given."""
        found = self.link(lambda redis: redis.hgetall(names.HEADS))
        heads = [msgspec.json.decode(body, type=DailyHead) for body in found.values()]
        return sorted((head for head in heads if desk in ("", head.desk)), key=lambda head: head.desk)

    def dead_letters(self, *, after: int = 0, limit: int = 100) -> list[DeadLetter]:
        """List the desks' dead letters that are still kept, the oldest first; those of intake are in their topic."""
        rows = self.link(lambda redis: redis.xrange(names.LETTERS, f"(0-{after}", "+", count=limit))
        return [msgspec.json.decode(fields[b"letter"], type=DeadLetter) for _, fields in rows]

    def dead_letter_reasons(self, *, of_reports: bool = False) -> dict[str, int]:
        """Count the desks' dead letters by reason, of reports only if asked: the others are refused actions."""
        found = self.link(lambda redis: redis.hgetall(names.REASONS))
        total: dict[str, int] = {}
        for name, count in sorted(found.items()):
            stage, _, reason = name.decode().partition(" ")
            if not of_reports or stage != "desk" or reason in ("LATE_UPDATE", "NO_NUMBER_LEFT"):
                total[reason] = total.get(reason, 0) + int(count)
        return dict(sorted(total.items()))

    def all_cases(self) -> Iterator[Case]:
        """Yield every case, in the order of their numbers."""
        after = ""
        while found := self.cases(after=after, limit=_PAGE):
            yield from found
            after = found[-1].case_no

    def counters(self) -> dict[str, int]:
        """Return the counters of everything applied so far."""
        found = self.link(lambda redis: redis.hgetall(names.COUNTERS))
        return {name.decode(): int(count) for name, count in sorted(found.items()) if name != names.RECORDS.encode()}

    def count(self, table: str) -> int:
        """Count reports, cases, alerts, dead_letters or effects; of cases and alerts those that are still kept."""
        if table in ("cases", "alerts"):
            return int(self.link(lambda redis: redis.zcard(f"onegrid:{table}")))
        if table == "dead_letters":
            return sum(self.dead_letter_reasons().values())
        name = {"reports": "items_RoutedReport", "effects": names.RECORDS}[table]
        return int(self.link(lambda redis: redis.hget(names.COUNTERS, name)) or 0)

    def _standing(self, partition: int) -> Standing:
        return self.link(lambda redis: Standing.read(redis, partition))

    def _whole(self, desk: str) -> bool:
        """Say whether the board shows all that it should of a desk's partition, as far as it knows."""
        if self.partitions is None:
            return False
        standing = self._standing(partition_of(desk, self.partitions))
        return standing.offset >= 0 and not standing.behind

    def _past(self, case_no: str) -> bool:
        """Say whether a number would be shown: a later one of its desk and day is, or that day is over there."""
        later = self.link(
            lambda redis: redis.zrange(names.CASES, f"({case_no}", f"({case_no[_DAY]}~", bylex=True, offset=0, num=1)
        )
        last = self.link(lambda redis: redis.hget(names.LAST, case_no[_DESK]))
        now = msgspec.json.decode(last, type=Last).now if last else None
        day = f"{now.astimezone(self._zone):%Y%m%d}" if now is not None and self._zone is not None else ""
        return bool(later) or day > case_no[len(case_no[_DESK]) : _DAY.stop]


def _list(redis: Any, wanted: dict[str, str], after: str, limit: int) -> list[Case]:
    """Go through the smallest of the sets that the wanted cases are in."""
    sets = {f"{names.CASES}:{name}:{value}": name for name, value in wanted.items() if name in names.LISTED}
    key = names.CASES
    if len(sets) == 1:
        (key,) = sets
    elif sets:
        with redis.pipeline(transaction=False) as pipe:
            for one in sets:
                pipe.zcard(one)
            key = min(zip(pipe.execute(), sets, strict=True))[1]
    others = [name for name in wanted if name != sets.get(key)]
    found: list[Case] = []
    while len(found) < limit:
        size = _PAGE if others else limit - len(found)
        numbers = redis.zrange(key, f"({after}" if after else "-", "+", bylex=True, offset=0, num=size)
        if not numbers:
            break
        after = numbers[-1].decode()
        if others:
            rows = _each(redis, [number.decode() for number in numbers], lambda pipe, case: pipe.hmget(case, others))
            values = [wanted[name].encode() for name in others]
            numbers = [number for number, row in zip(numbers, rows, strict=True) if row == values]
        bodies = _each(
            redis,
            [number.decode() for number in numbers[: limit - len(found)]],
            lambda pipe, case: pipe.hget(case, "body"),
        )
        found += [_case.decode(body) for body in bodies if body]
    return found


def _each(redis: Any, numbers: Iterable[str], ask: Callable[[Any, str], Any]) -> list[Any]:
    """Ask one thing of each of some cases, together."""
    with redis.pipeline(transaction=False) as pipe:
        for number in numbers:
            ask(pipe, names.CASE + number)
        return pipe.execute()  # type: ignore[no-any-return]


def _clear(redis: Any) -> None:
    last = [names.COUNTERS, names.REASONS, names.LETTERS]
    for key in redis.scan_iter(f"{names.POSITION}*"):
        redis.hset(key, "behind", 1)
    for pattern in ("onegrid:*", f"{names.STREAM}*"):
        batch: list[bytes] = []
        for key in redis.scan_iter(pattern, count=1000):
            if key.decode() not in last and not key.startswith(names.POSITION.encode()):
                batch.append(key)
            if len(batch) == _PAGE:
                redis.unlink(*batch)
                batch = []
        if batch:
            redis.unlink(*batch)
    redis.delete(*last, *redis.scan_iter(f"{names.POSITION}*"))
