"""Histories of a cluster: all partitions of the effects log, gathered into a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.ledger.kafka import KafkaLog, Writer, partitions_of
from streams.outlets.gathering import gather
from streams.topics import EFFECTS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from streams.outlets.gathering import Gathered
    from streams.outlets.measures.names import Names
    from streams.settings import ClusterSettings


def bring_up(
    settings: ClusterSettings,
    names: Names | None,
    folder: Path,
    step: Callable[[str, float], None] = lambda _name, _share: None,
) -> Gathered:
    """Bring the history in a folder up to the logs. Raises AwayError without Kafka, MeasureError as `gather` does."""
    client = settings.client()
    writer = Writer(client)
    logs = {number: KafkaLog(client, writer, number).read for number in range(partitions_of(client, EFFECTS))}
    return gather(logs, names, folder, step)
