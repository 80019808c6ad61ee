"""What `onegrid grid fuse` is told about its files: NET=FILE:IDFIELD and the like, read with all faults at once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from grids.datum import DATUMS
from grids.errors import GridsError, LayerError, Problem
from grids.layers import Layer, read_layer
from grids.locator import Locator
from grids.pointfiles import read_points

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from grids.cells import Cells

    Floats = NDArray[np.float64]

_POINT_PARTS = (3, 4)


class LayerSpecs:
    """The layers to read and what their files don't say: datum and encoding by net, the base layer's fields."""

    def __init__(self, specs: Sequence[str], base: str | None, fields: dict[str, str | None]) -> None:
        self.specs = specs
        self.nets = [spec.partition("=")[0] for spec in specs]
        self.base = self.nets[0] if base is None and self.nets else base
        self.fields = fields
        self.problems: list[Problem] = []
        self.datums: dict[str, str] = {}
        self.encodings: dict[str, str] = {}

    def say_datums(self, texts: Sequence[str]) -> None:
        """Take NET=DATUM texts."""
        expected = f"NET=DATUM, one of {', '.join(sorted(DATUMS))}"
        for text in texts:
            net, _, datum = text.partition("=")
            if not net or datum not in DATUMS:
                self.problems.append(Problem("", 0, "--datum", repr(text), expected))
            self._known("--datum", net)
            self.datums[net] = datum

    def say_encodings(self, texts: Sequence[str]) -> None:
        """Take NET=ENCODING texts."""
        for text in texts:
            net, _, self.encodings[net] = text.partition("=")
            self._known("--encoding", net)

    def _known(self, option: str, net: str) -> None:
        if net and net not in self.nets:
            self.problems.append(Problem("", 0, option, repr(net), f"a net of --layer: {', '.join(self.nets)}"))

    def read(self, step: Callable[[str, float], None]) -> list[Layer]:
        """Read the layers. Raises LayerError with the problems of all of them."""
        layers: list[Layer] = []
        for number, spec in enumerate(self.specs, start=1):
            net, equals, rest = spec.partition("=")
            file, colon, field = rest.rpartition(":")
            if not (net and equals and file and colon and field):
                self.problems.append(Problem("", 0, "--layer", repr(spec), "NET=FILE:IDFIELD"))
                continue
            datum, encoding = self.datums.get(net, "WGS84"), self.encodings.get(net)
            if datum not in DATUMS:
                continue
            fields = self.fields if net == self.base else {}
            try:
                layers.append(
                    read_layer(
                        Path(file),
                        net,
                        field,
                        datum=datum,
                        encoding=encoding,
                        join_parts=True,
                        name_field=fields.get("name"),
                        name_en_field=fields.get("name_en"),
                        parent_field=fields.get("parent"),
                    )
                )
            except GridsError as error:
                self.problems += error.problems
            step("读取图层 read layers", number / len(self.specs))
        if self.problems:
            raise LayerError(self.problems)
        return layers


def amounts(text: str, cells: Cells) -> tuple[str, Floats]:
    """Read NAME=FILE:LON:LAT[:COLUMN] and count for each cell the amount at its points (1 a point without COLUMN).

    Raises LayerError for a text of another form, or what the file lacks.
    """
    name, equals, rest = text.partition("=")
    parts = rest.split(":")
    if not (name and equals and len(parts) in _POINT_PARTS):
        raise LayerError([Problem("", 0, "--weights", repr(text), "NAME=FILE:LON:LAT[:COLUMN]")])
    file, lon, lat, *column = parts
    table = read_points(Path(file))
    amount = table.numbers(column[0]) if column else np.ones(table.table.num_rows)
    index = Locator(cells).locate(table.numbers(lon), table.numbers(lat), border=False).index
    held = (index >= 0) & (amount > 0.0)
    return name, np.bincount(index[held], weights=amount[held], minlength=len(cells)).astype(np.float64)
