"""Making the board in Redis anew from the effects logs, while workers and gateways go on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from streams.ledger.kafka import KafkaLog, Writer, partitions_of
from streams.outlets.board.link import connect
from streams.outlets.board.redis import RedisBoard
from streams.topics import EFFECTS

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import tzinfo

    from streams.settings import ClusterSettings

_PATIENCE_S = 30.0
"""How long Redis may take over one batch: it has time, and may have a great deal to forget."""


class Remade(msgspec.Struct):
    """From how many records a board was made anew, and how many cases it shows."""

    records: int
    cases: int


def rebuild(
    settings: ClusterSettings,
    zone: tzinfo | None = None,
    step: Callable[[str, float], None] = lambda _name, _share: None,
) -> Remade:
    """Forget the board and make it from the logs; `zone` is where the city's days end, for their heads.

    Workers that go on meanwhile add nothing twice. Raises AwayError without Kafka, BoardAwayError without Redis.
    """
    client = settings.client()
    logs = [KafkaLog(client, Writer(client), number) for number in range(partitions_of(client, EFFECTS))]
    ends = [log.last() + 1 for log in logs]
    whole = sum(ends) or 1
    board = RedisBoard(connect(settings, _PATIENCE_S), zone)
    board.clear()
    before = 0
    for number, log in enumerate(logs):

        def told(offset: int, before: int = before) -> None:
            step("看板 board", min(1.0, (before + offset + 1) / whole))

        board.catch_up(number, log, told)
        before += ends[number]
    made = Remade(board.count("effects"), board.count("cases"))
    board.close()
    return made
