"""Alerts on their way: what the log says is to be told, put into an outbox for each way, and sent until it arrives.

Everything here follows the log; a data folder without its outbox sends the alerts of the last day anew, under their
ids. Nothing here decides who is told: that is the desk's.
"""
