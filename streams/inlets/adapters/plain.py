"""Reports as they are on the wire, one JSON object a line: what `onegrid feed` has always taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from streams.inlets.adapters.reading import Context, Fault, Reading
from streams.stages.acceptance import Refusal, decode_report

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Plain:
    """The format."""

    system = ""

    def knows(self, path: Path) -> bool:
        """Say whether the first line of a file is an object with a system and its number."""
        with path.open("rb") as file:
            line = file.readline(1 << 18)
        try:
            found = msgspec.json.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return False
        return isinstance(found, dict) and {"system", "system_no"} <= found.keys()

    def read(self, path: Path, context: Context) -> Iterator[Reading]:  # noqa: ARG002 - it says all itself
        """Yield every line that is not empty."""
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                found = decode_report(line)
                if isinstance(found, Refusal):
                    yield Reading(number, None, (Fault(found.field or "line", found.found, found.expected),))
                else:
                    yield Reading(number, msgspec.to_builtins(found))
