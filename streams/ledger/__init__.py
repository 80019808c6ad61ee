"""The effects log: what came of an inbox, in records that exist entirely or not at all, and the rule to read them.

`records` are the two kinds of record, `fold` the one rule by which every reader counts them, `sqlite` the log as
a table. A log on another medium is a mirror image of that module. Nothing here knows of hosts or outlets.
"""
