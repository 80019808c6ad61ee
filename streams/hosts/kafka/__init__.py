"""The host on Kafka: Faust workers that own partitions, the gateway in front of them, and the tools of their upkeep.

A worker is its own process: intake routes reports into desks' inboxes, a desk's worker applies an inbox and writes
its effects log. `admin` makes and reads topics, `letters` lists dead letters and sends them again. The rules of the
work are not here: they are in the stages, in `streams/hosts/partition.py` and in the ledger. Nothing outside this
folder, the command line and tests may import it, and the embedded host never does: it runs without Kafka's libraries.
"""


class ClusterError(Exception):
    """What was asked of a cluster can't be done; the text says what was found and what was expected."""
