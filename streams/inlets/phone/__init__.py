"""The grid worker's page at /m: reporting and tasks on a phone, with or without reception.

`page.html`, `phone.css`, `phone.js` and `worker.js` are written by hand, without a framework, and load nothing
from elsewhere. What a worker does goes into a queue in the browser (IndexedDB) and from there to the gateway, once.
Here is only what the page asks for: its files, the catalogue, a worker's tasks, and on or off duty.
"""

from __future__ import annotations

from streams.inlets.phone.paths import add_phone

__all__ = ["add_phone"]
