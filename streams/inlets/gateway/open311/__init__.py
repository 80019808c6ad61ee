"""Open311 GeoReport v2 under /open311/v2: services, definitions, requests and tokens, in JSON and XML.

`services` says what may be asked for, `requests` takes requests and tells how they stand, `forms` reads what clients
post, `answers` writes both formats. A service is a leaf of the city's catalogue, or one of the matters that are no
incident; a service request is a case. What GeoReport doesn't say is as everywhere else in the gateway.
"""

from __future__ import annotations

from streams.inlets.gateway.open311.paths import Open311, add_open311

__all__ = ["Open311", "add_open311"]
