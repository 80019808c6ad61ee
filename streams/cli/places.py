"""Where commands keep what they may build again."""

from __future__ import annotations

import os
from pathlib import Path


def cache_dir() -> Path:
    """Return the folder of compiled packs: $ONEGRID_CACHE, else the user's cache folder."""
    own = os.environ.get("ONEGRID_CACHE")
    if own:
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "onegrid"
