"""The desk: the whole life of a case, as a deterministic function of its book and its inbox.

`lifecycle` is the table of verbs, `clocks` counts limits, `casebook` remembers cases by folding transitions,
`authority` says who may act, `duplicates` recognises what is known, `desk` puts them together. Nothing here reads
a clock or stores anything; a host feeds items in and keeps the effects that come out.
"""
