"""What became of reports, by the source's own numbers: an index over the log, and an outbox for each source system.

`index` folds the log into one file, `following` keeps it up, `returning` tells the systems, `reconciling` compares.
It knows no gateway; what is lost with its file is read from the log anew.
"""
