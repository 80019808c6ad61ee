"""The embedded host: the stages in one process on one SQLite file, durable, crash-safe, restartable.

`store` is the file, `host` moves reports through the stages one transaction at a time, `engine` is the thread
that does so while a gateway takes reports in.
"""

from streams.hosts.embedded.engine import Engine
from streams.hosts.embedded.host import EmbeddedHost
from streams.hosts.embedded.store import DiskFullError, Store, StoreError

__all__ = ["DiskFullError", "EmbeddedHost", "Engine", "Store", "StoreError"]
