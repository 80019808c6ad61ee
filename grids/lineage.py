"""Lineage: what became of every cell between two versions of the grid, so that old codes stay resolvable."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import shapely

from grids.errors import LayerError, Problem
from grids.projection import project

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from grids.cells import Cells

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

FILE: Final = "lineage.parquet"
KINDS: Final = ("same", "split", "merged", "moved", "gone", "new")

WIDTH_M: Final = 0.02
"""Ground narrower than this, in metres of mean width, is rounding: both versions have it."""

INSIDE: Final = 0.99
"""From this share of its area on, a cell counts as lying inside another."""

_COLUMNS = ("from_version", "to_version", "old", "new", "kind", "area_m2", "weight_old", "weight_new")


@dataclass(frozen=True, eq=False)
class Overlaps:
    """Pairs of an old and a new shape with common ground: their numbers, and the area in m2 (by old, then new)."""

    old: Ints
    new: Ints
    area: Floats


@dataclass(frozen=True, eq=False)
class Lineage:
    """One row for each old and new cell that share ground, by version, old and new code.

    `kind`: `same` (the same ground within 2 cm), `split` (the new cell is one of several inside the old one),
    `merged` (the old cell is one of several inside the new one), `moved` (a border between them moved), `gone` (the
    old cell's ground, or this much of it, is in no new cell; `new` is ''), `new` (the other way round; `old` is '').
    `weight_old` and `weight_new` are the shared area as shares of the two cells.
    """

    from_version: NDArray[Any]
    to_version: NDArray[Any]
    old: NDArray[Any]
    new: NDArray[Any]
    kind: NDArray[Any]
    area_m2: Floats
    weight_old: Floats
    weight_new: Floats

    def __len__(self) -> int:
        return len(self.kind)

    @cached_property
    def counts(self) -> dict[str, int]:
        """Rows of each kind."""
        return {kind: int((self.kind == kind).sum()) for kind in KINDS}

    @cached_property
    def _next(self) -> dict[tuple[str, str], list[tuple[str, str, float]]]:
        found: dict[tuple[str, str], list[tuple[str, str, float]]] = {}
        rows = zip(self.from_version, self.old, self.to_version, self.new, self.weight_old, strict=True)
        for version, old, later, new, weight in rows:
            if old and new and later != version:
                found.setdefault((version, old), []).append((later, new, float(weight)))
        return found

    def resolve(self, cell: str, version: str) -> list[tuple[str, float]]:
        """Follow a cell of an older version to the latest: the cells that hold it and their shares, heaviest first.

        The shares sum to less than 1 where ground left the grid; an unknown cell gives an empty list.
        """
        held = {(version, cell): 1.0}
        while ahead := [key for key in held if key in self._next]:
            for key in ahead:
                share = held.pop(key)
                for later, new, weight in self._next[key]:
                    held[later, new] = held.get((later, new), 0.0) + share * weight
        arrived = {code: share for (at, code), share in held.items() if at != version}
        return sorted(arrived.items(), key=lambda pair: (-pair[1], pair[0]))

    def after(self, earlier: Lineage) -> Lineage:
        """Return one lineage over both spans of versions."""
        return Lineage(*(np.concatenate((getattr(earlier, name), getattr(self, name))) for name in _COLUMNS))

    def table(self) -> pa.Table:
        """Return the rows as a table; an absent code is null."""
        texts = {name: [text or None for text in getattr(self, name)] for name in _COLUMNS[:5]}
        columns = {name: pa.array(values, pa.string()) for name, values in texts.items()}
        return pa.table({**columns, **{name: pa.array(getattr(self, name)) for name in _COLUMNS[5:]}})

    def write(self, path: Path) -> None:
        """Write a .parquet or .csv file. Raises LayerError for another ending."""
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix.lower() == ".csv":
            pa_csv.write_csv(self.table(), path)
        elif path.suffix.lower() == ".parquet":
            pq.write_table(self.table(), path, compression="zstd")
        else:
            raise LayerError([Problem(str(path), 0, "", f"ending {path.suffix!r}", ".parquet or .csv")])

    @classmethod
    def read(cls, path: Path) -> Lineage:
        """Read what `write` wrote as Parquet."""
        table = pq.read_table(path)
        texts = (_texts([text or "" for text in table.column(name).to_pylist()]) for name in _COLUMNS[:5])
        return cls(*texts, *(table.column(name).to_numpy() for name in _COLUMNS[5:]))


def diff(old: Cells, new: Cells) -> Lineage:
    """Say what became of every cell of `old` in `new`, and where every cell of `new` comes from."""
    moved = new.geometry if old.crs == new.crs else project(new.geometry, new.crs, old.crs)
    found = overlaps(old.geometry, moved)
    size_old, size_new = shapely.area(old.geometry), shapely.area(moved)
    slack_old, slack_new = WIDTH_M * shapely.length(old.geometry), WIDTH_M * shapely.length(moved)
    kind = _kinds(found, size_old, size_new, slack_old, slack_new)
    left = size_old - np.bincount(found.old, weights=found.area, minlength=len(old))
    fresh = size_new - np.bincount(found.new, weights=found.area, minlength=len(new))
    gone, born = np.flatnonzero(left > slack_old), np.flatnonzero(fresh > slack_new)
    weight_old, weight_new = found.area / size_old[found.old], found.area / size_new[found.new]
    nothing = np.zeros(len(gone) + len(born))
    columns = (
        np.concatenate((old.codes[found.old], old.codes[gone], _texts([""] * len(born)))),
        np.concatenate((new.codes[found.new], _texts([""] * len(gone)), new.codes[born])),
        np.concatenate((kind, _texts(["gone"] * len(gone)), _texts(["new"] * len(born)))),
        np.concatenate((found.area, left[gone], fresh[born])),
        np.concatenate((weight_old, left[gone] / size_old[gone], nothing[len(gone) :])),
        np.concatenate((weight_new, nothing[: len(gone)], fresh[born] / size_new[born])),
    )
    order = np.lexsort((columns[1].astype(str), columns[0].astype(str)))
    versions = (np.full(len(order), version, dtype=object) for version in (old.version, new.version))
    return Lineage(*versions, *(column[order] for column in columns))


def overlaps(old: NDArray[Any], new: NDArray[Any]) -> Overlaps:
    """Find the common ground of two coverages, wider than rounding. Equal shapes are not cut at all."""
    old, new = shapely.normalize(old), shapely.normalize(new)
    number = {wkb: index for index, wkb in enumerate(shapely.to_wkb(new))}
    twin = np.array([number.get(wkb, -1) for wkb in shapely.to_wkb(old)], dtype=np.int64)
    equal = np.flatnonzero(twin >= 0)
    changed_old = np.flatnonzero(twin < 0)
    changed_new = np.setdiff1d(np.arange(len(new)), twin[equal])
    # shapes of one coverage don't overlap, so one with a twin shares ground with nothing else
    i, k = shapely.STRtree(new[changed_new]).query(old[changed_old], predicate="intersects")
    i, k = changed_old[i], changed_new[k]
    common = shapely.intersection(old[i], new[k])
    area, length = shapely.area(common), shapely.length(common)
    wide = 2.0 * area > WIDTH_M * length
    i, k = np.concatenate((equal, i[wide])), np.concatenate((twin[equal], k[wide]))
    area = np.concatenate((shapely.area(old[equal]), area[wide]))
    order = np.lexsort((k, i))
    return Overlaps(i[order], k[order], area[order])


def heirs(old: NDArray[Any], new: NDArray[Any]) -> Ints:
    """Say for each new shape which old one it goes on from, -1 if none.

    That is the old shape of the same ground; else one that keeps more than half of its ground in the new shape and
    makes more than half of it, provided that no other shape lies inside either of them: what was split or merged
    has no heir, so its code retires.
    """
    found = overlaps(old, new)
    size_old, size_new = shapely.area(old), shapely.area(new)
    slack = (WIDTH_M * shapely.length(old), WIDTH_M * shapely.length(new))
    kind = _kinds(found, size_old, size_new, *slack)
    mostly = (found.area > 0.5 * size_old[found.old]) & (found.area > 0.5 * size_new[found.new])
    broken_old = np.isin(found.old, found.old[kind == "split"])
    broken_new = np.isin(found.new, found.new[kind == "merged"])
    keep = (kind == "same") | (mostly & ~broken_old & ~broken_new)
    heir = np.full(len(new), -1, dtype=np.int64)
    heir[found.new[keep]] = found.old[keep]
    return heir


def _kinds(found: Overlaps, size_old: Floats, size_new: Floats, slack_old: Floats, slack_new: Floats) -> NDArray[Any]:
    old, new, area = found.old, found.new, found.area
    same = (size_old[old] - area <= slack_old[old]) & (size_new[new] - area <= slack_new[new])
    in_old = area >= INSIDE * size_new[new]
    in_new = area >= INSIDE * size_old[old]
    pieces = np.bincount(old[in_old], minlength=len(size_old))
    joined = np.bincount(new[in_new], minlength=len(size_new))
    rules = [same, in_old & (pieces[old] > 1), in_new & (joined[new] > 1)]
    kinds: NDArray[Any] = np.select(rules, ["same", "split", "merged"], default="moved").astype(object)
    return kinds


def _texts(values: list[str]) -> NDArray[Any]:
    found = np.empty(len(values), dtype=object)
    found[:] = values
    return found
