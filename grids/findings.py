"""One fault of a layer, said so that a clerk can act on it."""

from __future__ import annotations

from typing import Final

import msgspec

FAULT: Final = "FAULT"
NOTE: Final = "NOTE"


class Finding(msgspec.Struct, frozen=True):
    """One fault: `feature` is the unit's id or `row n` ('' for the layer as a whole), `where` [lon, lat] if known.

    Kinds of shapes: INVALID_SHAPE, EMPTY, VANISHED, SLIVER, MULTIPART, HOLE, GAP, OVERLAP; of ids: DUPLICATE_ID,
    MISSING_ID; of the layer: NO_CRS, SUSPICIOUS_CRS, OLD_DATUM, DATUM_MISFIT, ENCODING. A NOTE (a unit of several
    parts) may be in order; everything else is a FAULT.
    """

    kind: str
    feature: str
    where: list[float] | None
    message: str
    suggestion: str
    level: str = FAULT
