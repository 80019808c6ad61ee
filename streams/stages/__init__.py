"""The two pure stages, intake and desk, with the alerts and measures that come of them.

A stage is a function of a City and a batch of records. Nothing here reads a clock, opens a file, or knows of a
host, inlet, outlet, ledger, Kafka or Redis; time comes with the records.
"""
