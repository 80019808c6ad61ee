"""The City: one compiled pack, immutable and named by its digest; and how a pack becomes one.

Stages ask a City where something is, what it is, and who is responsible; they never open a file.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import shapely

from grids.cells import Cells
from grids.components import NearestComponents
from grids.crosswalk import Crosswalk
from grids.fusion import fuse
from grids.layers import read_layer
from grids.locator import Locator
from grids.projection import WGS84, transformer
from grids.rules import Rules, read_rules

if TYPE_CHECKING:
    from collections.abc import Callable
    from zoneinfo import ZoneInfo

    from numpy.typing import NDArray

    from grids.fusion import Fusion
    from grids.places import Place


def _silent(_name: str, _share: float) -> None:
    """Report no progress."""


@dataclass(frozen=True)
class City:
    """A pack's rules on its fused grid."""

    rules: Rules
    cells: Cells

    @property
    def digest(self) -> str:
        """The digest that names this pack: 64 hex digits."""
        return self.rules.digest

    @property
    def version(self) -> str:
        """The short name of the rules' version that receipts and cases carry."""
        return self.rules.version

    @property
    def zone(self) -> ZoneInfo:
        """The city's time zone."""
        return self.rules.calendar.zone

    @cached_property
    def locator(self) -> Locator:
        """The locator over the fused grid, snapping within the pack's tolerance."""
        return Locator(self.cells, snap_m=self.rules.form.tolerances.snap_m)

    @cached_property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east and north of the grid in degrees (WGS-84)."""
        west, south, east, north = shapely.total_bounds(self.cells.geometry)
        move = transformer(self.cells.crs, WGS84)
        corners = [move(x, y) for x in (west, east) for y in (south, north)]
        lons, lats = [lon for lon, _ in corners], [lat for _, lat in corners]
        return min(lons), min(lats), max(lons), max(lats)

    def inner_points(self) -> NDArray[np.float64]:
        """Return a position inside each cell: (n, 2) degrees, longitude first (WGS-84)."""
        inside = shapely.get_coordinates(shapely.point_on_surface(self.cells.geometry))
        return np.column_stack(transformer(self.cells.crs, WGS84)(inside[:, 0], inside[:, 1]))

    @cached_property
    def nearest_components(self) -> NearestComponents:
        """The register of components by place."""
        return NearestComponents(self.rules.components.values(), self.cells.crs)

    @cached_property
    def crosswalk(self) -> Crosswalk:
        """Where every old unit's ground is now."""
        return Crosswalk.of(self.cells)

    @cached_property
    def cell_places(self) -> list[Place]:
        """The place of every cell, in the order of the cells."""
        return self.rules.places.of_cells(self.cells)

    @cached_property
    def cell_index(self) -> dict[str, int]:
        """Position of each cell by its code."""
        return {str(code): index for index, code in enumerate(self.cells.codes)}


def demo_pack() -> Path:
    """Return the folder of the demo pack: in a checkout config/chengdu, in an installed wheel the copy inside it."""
    inside = Path(__file__).parent / "packs" / "chengdu"
    return inside if inside.is_dir() else Path(__file__).parent.parent / "config" / "chengdu"


def fuse_pack(directory: Path, rules: Rules, step: Callable[[str, float], None] = _silent) -> Fusion:
    """Read and fuse a pack's layers. Raises LayerError that names file, row and field."""
    layers = []
    for number, form in enumerate(rules.layers):
        step("读取图层 read layers", number / len(rules.layers))
        layers.append(
            read_layer(
                directory / form.file,
                form.net,
                form.id,
                name_field=form.name or None,
                parent_field=form.parent or None,
                datum=form.datum,
                crs=form.crs or None,
                encoding=form.encoding or None,
                join_parts=form.join_parts,
            )
        )
    step("读取图层 read layers", 1.0)
    return fuse(layers, base=rules.form.base, crs=rules.form.crs, sliver_m=rules.form.tolerances.sliver_m, step=step)


BUNDLE = 2
"""Raised whenever fusion or its files change, so that a newer program doesn't read an older one's grid."""


def bundle_of(cache: Path, rules: Rules) -> Path:
    """Return the folder of a pack's compiled bundle."""
    return cache / f"{rules.digest}-{BUNDLE}"


def open_city(directory: Path, cache: Path | None = None, step: Callable[[str, float], None] = _silent) -> City:
    """Open a pack: check its rules, and take its fused grid from `cache`, building it there the first time.

    The cache is keyed by the pack's digest and filled by renaming, so two processes can't spoil each other's.
    Raises PackError or LayerError with all faults.
    """
    rules = read_rules(directory)
    if cache is None:
        return City(rules, fuse_pack(directory, rules, step).cells)
    bundle = bundle_of(cache, rules)
    if not (bundle / "cells.parquet").is_file():
        store_bundle(fuse_pack(directory, rules, step), bundle)
    return City(rules, Cells.read(bundle))


def store_bundle(fusion: Fusion, bundle: Path) -> None:
    """Write a fused grid, its crosswalk and report into a new folder, all of them or none."""
    bundle.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=bundle.parent, prefix=".building-"))
    try:
        fusion.write(scratch)
        try:
            os.replace(scratch, bundle)  # noqa: PTH105 - the one rename that is atomic
        except OSError:
            if not (bundle / "cells.parquet").is_file():
                raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
