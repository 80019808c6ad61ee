"""Hosts: how the stages run for real. A host feeds a stage its inputs, keeps its effects, and serves nothing.

`embedded` is one process on one SQLite file. A host may import stages, ledger and outlets; no stage may import
a host.
"""
