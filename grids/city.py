"""The City: one compiled pack, immutable and named by its digest; and how a pack becomes one.

Stages ask a City where something is, what it is, and who is responsible; they never open a file.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import shapely

from grids.cells import FILE, Cells, CellsFile
from grids.components import NearestComponents
from grids.errors import LayerError
from grids.fusion import fuse
from grids.gazetteer import Gazetteer
from grids.layers import read_layer
from grids.lineage import FILE as LINEAGE
from grids.lineage import Lineage
from grids.outlines import draw_outlines, write_outlines
from grids.projection import WGS84, transformer
from grids.rules import Rules, read_rules
from grids.versions import Grid, Versions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import date
    from zoneinfo import ZoneInfo

    from numpy.typing import NDArray

    from grids.crosswalk import Crosswalk
    from grids.errors import Problem
    from grids.fusion import Fusion
    from grids.layers import Layer
    from grids.locator import Locator
    from grids.places import Place, Places
    from grids.settings import LayerForm


def _silent(_name: str, _share: float) -> None:
    """Report no progress."""


@dataclass(frozen=True)
class City:
    """A pack's rules on its fused grid: `cells` of the newest version, and those before it, the oldest first.

    An earlier version may be given as its file; it is read when it is first asked for. Without the earlier ones the
    newest stands for them, too.
    """

    rules: Rules
    cells: Cells
    earlier: tuple[Cells | CellsFile, ...] = ()

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
    def versions(self) -> Versions:
        """Every version of the grid, each from its first day on."""
        sources = (*self.earlier, self.cells)
        days = self.rules.grid_days[-len(sources) :]
        near, places = self.rules.form.tolerances.snap_m, self.rules.places
        return Versions(tuple(Grid(day, one, places, near) for day, one in zip(days, sources, strict=True)))

    @property
    def grid(self) -> Grid:
        """The newest version of the grid."""
        return self.versions.newest

    def grid_at(self, day: date) -> Grid:
        """Return the version of the grid in force on a city date; before the first, the first."""
        return self.versions.at(day)

    def grid_of(self, version: str) -> Grid | None:
        """Return a version of the grid by its name (`Placement.grid_version`), None if the pack has no such."""
        return self.versions.named(version)

    @property
    def locator(self) -> Locator:
        """The locator over the newest grid, snapping within the pack's tolerance."""
        return self.grid.locator

    @property
    def crosswalk(self) -> Crosswalk:
        """Where every unit's ground is in the newest grid."""
        return self.grid.crosswalk

    @property
    def cell_places(self) -> list[Place]:
        """The place of every cell of the newest grid, in the order of the cells."""
        return self.grid.places

    @property
    def cell_index(self) -> dict[str, int]:
        """Position of each cell of the newest grid by its code."""
        return self.grid.index

    @cached_property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east and north of the newest grid in degrees (WGS-84)."""
        west, south, east, north = shapely.total_bounds(self.cells.geometry)
        move = transformer(self.cells.crs, WGS84)
        corners = [move(x, y) for x in (west, east) for y in (south, north)]
        lons, lats = [lon for lon, _ in corners], [lat for _, lat in corners]
        return min(lons), min(lats), max(lons), max(lats)

    def inner_points(self) -> NDArray[np.float64]:
        """Return a position inside each cell of the newest grid: (n, 2) degrees, longitude first (WGS-84)."""
        inside = shapely.get_coordinates(shapely.point_on_surface(self.cells.geometry))
        return np.column_stack(transformer(self.cells.crs, WGS84)(inside[:, 0], inside[:, 1]))

    @cached_property
    def gazetteer(self) -> Gazetteer:
        """The names of places that an address may have."""
        return Gazetteer(self.rules.areas, self.rules.places, self.rules.aliases)

    @cached_property
    def nearest_components(self) -> NearestComponents:
        """The register of components by place."""
        return NearestComponents(self.rules.components.values(), self.cells.crs)


def demo_pack() -> Path:
    """Return the folder of the demo pack: in a checkout config/chengdu, in an installed wheel the copy inside it."""
    inside = Path(__file__).parent / "packs" / "chengdu"
    return inside if inside.is_dir() else Path(__file__).parent.parent / "config" / "chengdu"


def fuse_pack(directory: Path, rules: Rules, step: Callable[[str, float], None] = _silent) -> Fusion:
    """Read and fuse a pack's layers; return the newest version. Raises as `fuse_versions` does."""
    *_, newest = fuse_versions(directory, rules, step)
    return newest


def fuse_versions(directory: Path, rules: Rules, step: Callable[[str, float], None] = _silent) -> Iterator[Fusion]:
    """Fuse each set of a pack's layers that is in force together, the oldest first.

    Each version goes on from the one before it: untouched cells keep their codes, and its lineage reaches back to
    the first. Raises LayerError that names file, row and field, with the faults of all layers, before any is fused.
    """
    layers = _read_layers(directory, rules, step)
    tolerances = rules.form.tolerances
    before, since = _previous(directory, rules)
    for chosen in rules.layer_sets:
        said = f" {chosen.first}" if len(rules.layer_sets) > 1 else ""
        fusion = fuse(
            [layers[form] for form in chosen.layers],
            base=rules.form.base,
            crs=rules.form.crs,
            sliver_m=tolerances.sliver_m,
            snap_m=tolerances.snap_borders_m,
            special=next((form.net for form in chosen.layers if form.special), None),
            previous=before,
            step=lambda name, share, said=said: step(name + said, share),  # type: ignore[misc]
        )
        if fusion.lineage is not None and since is not None:
            fusion = replace(fusion, lineage=fusion.lineage.after(since))
        before, since = fusion.cells, fusion.lineage
        yield fusion


def _read_layers(directory: Path, rules: Rules, step: Callable[[str, float], None]) -> dict[LayerForm, Layer]:
    """Read each layer once, whichever versions it is part of."""
    layers: dict[LayerForm, Layer] = {}
    problems: list[Problem] = []
    for number, form in enumerate(rules.layers):
        step("读取图层 read layers", number / len(rules.layers))
        try:
            layers[form] = read_layer(
                directory / form.file,
                form.net,
                form.id,
                name_field=form.name or None,
                name_en_field=form.name_en_field or None,
                parent_field=form.parent or None,
                datum=form.datum,
                crs=form.crs or None,
                encoding=form.encoding or None,
                join_parts=form.join_parts,
            )
        except LayerError as error:
            problems += error.problems
    step("读取图层 read layers", 1.0)
    if problems:
        raise LayerError(problems)
    return layers


def _previous(directory: Path, rules: Rules) -> tuple[Cells | None, Lineage | None]:
    """Read the version that the pack's own go on from, and the lineage up to it, where there is one."""
    if not rules.form.previous:
        return None, None
    folder = directory / rules.form.previous
    known = (folder / LINEAGE).is_file()
    return Cells.read(folder), Lineage.read(folder / LINEAGE) if known else None


BUNDLE = 3
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
    kept = (CellsFile(directory / rules.form.previous),) if rules.form.previous else ()
    if cache is None:
        *earlier, newest = (fusion.cells for fusion in fuse_versions(directory, rules, step))
        return City(rules, newest, (*kept, *earlier))
    bundle = bundle_of(cache, rules)
    if not _is_whole(bundle):
        store_bundle(fuse_versions(directory, rules, step), rules.places, bundle)
    *drawn, last = (CellsFile(bundle / str(number)) for number in range(len(rules.layer_sets)))
    return City(rules, last.read(), (*kept, *drawn))


def store_bundle(fusions: Iterable[Fusion], places: Places, bundle: Path) -> None:
    """Write a pack's fused versions, the oldest first, into a new folder: all of them or none."""
    bundle.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=bundle.parent, prefix=".building-"))
    try:
        for number, fusion in enumerate(fusions):
            fusion.write(folder := scratch / str(number))
            write_outlines(draw_outlines(fusion.cells, places.of_cells(fusion.cells)), folder)
        try:
            os.replace(scratch, bundle)  # noqa: PTH105 - the one rename that is atomic
        except OSError:
            if not _is_whole(bundle):
                raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _is_whole(bundle: Path) -> bool:
    """Say whether a bundle is there: it comes into being by one rename, so with the first version come all."""
    return (bundle / "0" / FILE).is_file()
