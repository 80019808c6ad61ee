"""The crosswalk between layers: how much ground each two units of different layers share.

It is measured on the faces that the boundaries cut, before slivers are merged, so a strip of a metre that the grid
gave to one side is still here. Whoever wants none of those drops rows by `width_m`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

FILE: Final = "pairs.parquet"
_TEXTS = ("layer_a", "unit_a", "layer_b", "unit_b")
_NUMBERS = ("area_m2", "width_m", "weight_a", "weight_b")


@dataclass(frozen=True, eq=False)
class LayerPairs:
    """One row for each two units of two layers (a before b, in the order of the layers) that share ground.

    `unit_b` is '' for a unit's ground outside layer b, and the other way round. `width_m` is the mean width of the
    faces they share, weighted by area. `weight_a` is the shared area as a share of unit a's, `weight_b` of unit b's
    (0 where there is no unit); a unit's weights towards one layer sum to 1.
    """

    layer_a: NDArray[Any]
    unit_a: NDArray[Any]
    layer_b: NDArray[Any]
    unit_b: NDArray[Any]
    area_m2: Floats
    width_m: Floats
    weight_a: Floats
    weight_b: Floats

    def __len__(self) -> int:
        return len(self.area_m2)

    @classmethod
    def of(
        cls, nets: Sequence[str], ids: Mapping[str, NDArray[Any]], labels: Ints, area: Floats, length: Floats
    ) -> LayerPairs:
        """Measure the pairs on faces: `labels` (faces x layers) are ranks in a layer's `ids` or -1."""
        parts = []
        for a, b in combinations(range(len(nets)), 2):
            wide = len(ids[nets[b]]) + 1
            key = (labels[:, a] + 1) * wide + labels[:, b] + 1
            keys, of_key = np.unique(key, return_inverse=True)
            shared = np.bincount(of_key, weights=area)
            width = np.bincount(of_key, weights=2.0 * area * area / length) / shared
            keep = keys > 0  # faces in neither
            unit_a, unit_b = np.divmod(keys[keep], wide)
            shared, width = shared[keep], width[keep]
            parts.append(
                (
                    np.full(len(unit_a), nets[a], dtype=object),
                    np.concatenate(([""], ids[nets[a]])).astype(object)[unit_a],
                    np.full(len(unit_a), nets[b], dtype=object),
                    np.concatenate(([""], ids[nets[b]])).astype(object)[unit_b],
                    shared,
                    width,
                    _share(unit_a, shared),
                    _share(unit_b, shared),
                )
            )
        if not parts:
            empty, none = np.empty(0, dtype=object), np.empty(0)
            return cls(empty, empty, empty, empty, none, none, none, none)
        return cls(*(np.concatenate(column) for column in zip(*parts, strict=True)))

    def between(self, one: str, other: str) -> dict[tuple[str, str], float]:
        """Return the shared area in m2 of each pair of units of two layers, in the order that they are asked for."""
        forth = (self.layer_a == one) & (self.layer_b == other)
        back = (self.layer_a == other) & (self.layer_b == one)
        found = {}
        for row in np.flatnonzero((forth | back) & (self.unit_a != "") & (self.unit_b != "")):
            pair = (str(self.unit_a[row]), str(self.unit_b[row]))
            found[pair if forth[row] else pair[::-1]] = float(self.area_m2[row])
        return found

    def write(self, directory: Path) -> None:
        """Write `directory`/pairs.parquet."""
        directory.mkdir(parents=True, exist_ok=True)
        columns = {name: pa.array([text or None for text in getattr(self, name)], pa.string()) for name in _TEXTS}
        columns |= {name: pa.array(getattr(self, name)) for name in _NUMBERS}
        pq.write_table(pa.table(columns), directory / FILE, compression="zstd")

    @classmethod
    def read(cls, directory: Path) -> LayerPairs:
        """Read what `write` wrote."""
        table = pq.read_table(directory / FILE)
        texts = (np.array([t or "" for t in table.column(name).to_pylist()], dtype=object) for name in _TEXTS)
        return cls(*texts, *(table.column(name).to_numpy() for name in _NUMBERS))


def _share(unit: Ints, area: Floats) -> Floats:
    total = np.bincount(unit, weights=area)
    return np.asarray(np.where(unit > 0, area / total[unit], 0.0), dtype=np.float64)
