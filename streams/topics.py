"""The topics of a cluster, in one table: what they are keyed by, how they are split, kept and bounded."""

from __future__ import annotations

from dataclasses import dataclass, field
from zlib import crc32

from kafka.partitioner.default import murmur2

DAY_MS = 86_400_000

PARTITIONS = 12
"""Partitions of inbox, effects and snapshots unless a deployment is made with others; fixed for its life."""

BUCKETS = 32
"""Keys among which the reports of one system are spread: more than there are partitions, so that one large system
does not weigh on one alone, and few, so that envelopes are full."""


@dataclass(frozen=True)
class Topic:
    """One topic. `shared` says that it has as many partitions as the inbox; else it has `partitions`."""

    name: str
    key: str
    holds: str
    shared: bool
    partitions: int = 1
    config: dict[str, str] = field(default_factory=dict)


REPORTS, DESK, EFFECTS = "onegrid.reports", "onegrid.desk", "onegrid.effects"
SNAPSHOTS, TRANSITIONS, ALERTS = "onegrid.snapshots", "onegrid.transitions", "onegrid.alerts"
DEAD_LETTERS, PACKS = "onegrid.dead-letters", "onegrid.packs"

_FOREVER = {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}

_MONTH = {"cleanup.policy": "delete", "retention.ms": str(30 * DAY_MS)}

TOPICS = {
    topic.name: topic
    for topic in (
        Topic(
            REPORTS,
            "system + bucket",
            "envelopes of Report, from the inlets",
            shared=True,
            # More than a good envelope has, so that a message that is too large is taken and told of, not lost.
            config=_MONTH | {"max.message.bytes": str(4 << 20)},
        ),
        Topic(
            DESK,
            "desk",
            "the inbox: RoutedReport, Action, Ack, Attendance, Tick, Transfer, Release, PackActivated",
            shared=True,
            config=_FOREVER | {"max.message.bytes": str(4 << 20)},
        ),
        Topic(
            EFFECTS, "the inbox's partition", "the ledger: claims and effects records", shared=True,
            # A record stays under 1 MB, unless one input moves many cases, as a pack with another grid does.
            config=_FOREVER | {"max.message.bytes": str(32 << 20)},
        ),
        Topic(
            SNAPSHOTS,
            "slot and chunk, in the inbox's partition",
            "a book at a log position, its manifest last",
            shared=True,
            config={
                "cleanup.policy": "compact",
                "min.cleanable.dirty.ratio": "0.2",
                "segment.bytes": str(64 << 20),
                "max.message.bytes": str(4 << 20),
            },
        ),
        # As large as the record that it is part of, so that no step is too large to be told.
        Topic(
            TRANSITIONS, "desk", "the clean feed of Transition", shared=True,
            config=_MONTH | {"max.message.bytes": str(4 << 20)},
        ),
        Topic(
            ALERTS, "desk", "the clean feed of Alert", shared=True,
            config=_MONTH | {"max.message.bytes": str(4 << 20)},
        ),
        Topic(PACKS, "moment and digest", "which packs were put in force, for intake", shared=False, config=_FOREVER),
        Topic(
            DEAD_LETTERS, "stage", "DeadLetter", shared=False,
            config={"retention.ms": str(400 * DAY_MS), "max.message.bytes": str(8 << 20)},
        ),
    )
}  # fmt: skip


def report_key(system: str, system_no: str) -> str:
    """Return the key of a report: what one source says under one number goes one way, so that it stays in order."""
    return f"{system}-{crc32(system_no.encode()) % BUCKETS}"


def partition_of(key: str, partitions: int) -> int:
    """Return the partition of a key as Kafka's own clients choose it, so that whoever writes, all agree."""
    hashed: int = murmur2(key.encode())
    return (hashed & 0x7FFFFFFF) % partitions
