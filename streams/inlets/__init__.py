"""Inlets: how reports and actions come in. `gateway` over HTTP, `feed` from files, `simulator` from a seed.

An inlet checks, stamps and hands over; it never routes and never changes a case. Nothing here is imported by a
stage or a host.
"""
