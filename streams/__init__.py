"""The events: records, stages, the ledger, and the hosts, inlets and outlets round them.

`stages` is pure and knows only `grids` and `records`; `ledger` keeps what stages said; `hosts` join the two;
`inlets` bring reports and actions in, `outlets` show and send what came of them; `cli` is the command.
"""

__version__ = "0.1.0"
