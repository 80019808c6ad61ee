"""The cells of a city as arrays, so that a leaf's ancestry classes are found for all of them at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from grids.duties.resolution import Shape
    from grids.places import Place

    Ints = NDArray[np.int64]


class Ground:
    """Places in a fixed order (n of them), with each of their traits as a number."""

    def __init__(self, places: Sequence[Place]) -> None:
        self.places = places
        self._zones = _numbered(place.zones for place in places)
        self._classes = _numbered(place.area_class for place in places)
        self._cells = {place.cell: index for index, place in enumerate(places)}
        self._grids: dict[str, list[int]] = {}
        for index, place in enumerate(places):
            self._grids.setdefault(place.grid, []).append(index)
        self._areas: dict[tuple[str, ...], Ints] = {}
        self._keys: dict[tuple[object, ...], Ints] = {}

    def __len__(self) -> int:
        """Count the places."""
        return len(self.places)

    def keys(self, shape: Shape) -> Ints:
        """Return a number for each place, the same for two exactly if `shape.of` is and, where asked, their class."""
        by_class = "area_class" in shape.variables
        asked = (shape.levels, by_class, shape.cells)
        keys = self._keys.get(asked)
        if keys is None:
            keys = _crossed(self._area(shape.levels), self._zones)
            keys = _crossed(keys, self._classes) if by_class else keys
            keys = self._keys[asked] = _crossed(keys, self._own(shape)) if shape.cells else keys
        return keys

    def classes(self, shapes: Sequence[Shape]) -> tuple[Ints, Ints]:
        """Group the places that none of some shapes tells apart: the first place of each group, and its size."""
        keys = self.keys(shapes[0])
        for shape in shapes[1:]:
            keys = _crossed(keys, self.keys(shape))
        _, first, count = np.unique(keys, return_index=True, return_counts=True)
        order = np.argsort(first)
        return first[order].astype(np.int64), count[order].astype(np.int64)

    def _area(self, levels: tuple[str, ...]) -> Ints:
        """Return the number of each place's area: of the first of some levels that is not empty."""
        known = self._areas.get(levels)
        if known is None:
            known = self._areas[levels] = _numbered(
                next((code for level in levels if (code := getattr(place, level))), "") for place in self.places
            )
        return known

    def _own(self, shape: Shape) -> Ints:
        """Return which of the shape's own cells or grids each place is, 0 for none; a cell goes before its grid."""
        own = np.zeros(len(self.places), dtype=np.int64)
        for number, code in enumerate(sorted(shape.cells), start=1):
            own[self._grids.get(code, [])] = number
        for number, code in enumerate(sorted(shape.cells), start=1):
            if code in self._cells:
                own[self._cells[code]] = number
        return own


def _crossed(one: Ints, other: Ints) -> Ints:
    """Number the pairs of two numberings, small numbers again."""
    pairs = one * (other.max(initial=0) + 1) + other
    numbers: Ints = np.unique(pairs, return_inverse=True)[1].astype(np.int64)
    return numbers


def _numbered(traits: Iterable[object]) -> Ints:
    """Number traits in the order in which they first come."""
    numbers: dict[object, int] = {}
    return np.fromiter((numbers.setdefault(trait, len(numbers)) for trait in traits), dtype=np.int64)
