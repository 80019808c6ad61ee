"""The HTTP gateway: reports and actions in, cases, alerts and places out (DESIGN §4.5).

`app` is the FastAPI application, `places` asks the map, `bodies` reads request bodies, `problems` words errors.
The gateway checks and hands over; it answers 202 only after the host has a report on disk.
"""
