"""The desk: the whole life of a case, as a deterministic function of its book and its inbox.

`desks` are those of one partition, `desk` is one of them at work. `reports`, `actions` and `transfers` take inputs;
`authority` says who may, `lifecycle` is the table of verbs; `steps`, `requests`, `disputes`, `moves`, `merging` and
`lineage` know what a verb sets; `clerk` writes it down. `casebook` remembers cases by folding transitions, `clocks`
counts limits, `agenda` knows what is due next, `sightings`, `nearby`, `duplicates` and `likeness` what repeats what,
`roster` who may check, `attribution` whose overdue time it is. Nothing here reads a clock or stores anything; a host
feeds items in and keeps the effects that come out.
"""
