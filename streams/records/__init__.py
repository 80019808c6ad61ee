"""Every record on the wire (DESIGN §4.1): msgspec Structs, JSON, RFC 3339 times with offset.

Field names are fixed. Adding a field with a default is compatible; anything else is a new version. What comes in is
in `reports`, a case in `cases`, what a desk takes in `inputs`, what it gives out in `effects`; each knows those
before it. No rule is here, nothing that only one host writes, and not the log's own records.
"""

from streams.records.cases import Case, Clock, Request, Source, Suggestion, Task, Told
from streams.records.effects import Alert, Change, DeadLetter, Effects, Transition, together
from streams.records.inputs import (
    Ack,
    Action,
    Attendance,
    Body,
    Deed,
    Item,
    Outgoing,
    PackActivated,
    Release,
    Said,
    Tick,
    Transfer,
)
from streams.records.reports import Datum, Method, Net, Placement, Report, RoutedReport, Urgency

__all__ = [
    "Ack",
    "Action",
    "Alert",
    "Attendance",
    "Body",
    "Case",
    "Change",
    "Clock",
    "Datum",
    "DeadLetter",
    "Deed",
    "Effects",
    "Item",
    "Method",
    "Net",
    "Outgoing",
    "PackActivated",
    "Placement",
    "Release",
    "Report",
    "Request",
    "RoutedReport",
    "Said",
    "Source",
    "Suggestion",
    "Task",
    "Tick",
    "Told",
    "Transfer",
    "Transition",
    "Urgency",
    "together",
]
