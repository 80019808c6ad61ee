"""CAP 1.2 documents (OASIS Common Alerting Protocol): written from cases, checked by the standard's rules, and read.

Pure: nothing here opens a file, asks the time, or knows of desks, hosts, inlets or outlets.
"""
