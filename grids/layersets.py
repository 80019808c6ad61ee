"""Which layers hold on which day: each set of them is fused into one version of the grid."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from grids.cells import FILE
from grids.datum import DATUMS
from grids.tables import OPEN_START

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date
    from pathlib import Path

    from grids.settings import CityForm, LayerForm
    from grids.tables import Problems


class LayerSet(NamedTuple):
    """The layers in force from a day until the next set's, in the order of layers.toml."""

    first: date
    layers: tuple[LayerForm, ...]


def first_day(layer: LayerForm) -> date:
    """Return the first day on which a layer holds; date.min if it always did."""
    return layer.valid_from or OPEN_START


def layer_sets(layers: Sequence[LayerForm]) -> tuple[LayerSet, ...]:
    """List the sets, the oldest first: on each day on which a layer begins, of every net the one begun last."""
    days = sorted({first_day(layer) for layer in layers})
    return tuple(LayerSet(day, _in_force(layers, day)) for day in days)


def _in_force(layers: Sequence[LayerForm], day: date) -> tuple[LayerForm, ...]:
    begun = sorted((layer for layer in layers if first_day(layer) <= day), key=first_day)
    last = {layer.net: layer for layer in begun}
    return tuple(layer for layer in layers if last.get(layer.net) is layer)


def check_layers(layers: Sequence[LayerForm], form: CityForm, directory: Path, problems: Problems) -> None:
    """Note what contradicts itself or is not there. The map files themselves are read when they are fused."""
    nets = {layer.net: None for layer in layers}
    if form.base not in nets:
        problems.note("city.toml", 0, "base", repr(form.base), "a net of layers.toml: " + " ".join(nets))
    begun = min((first_day(layer) for layer in layers if layer.net == form.base), default=OPEN_START)
    known: set[tuple[str, date]] = set()
    for number, layer in enumerate(layers):
        for field, found, expected in _faults(layer, form, begun, directory):
            problems.note("layers.toml", 0, f"layer[{number}].{field}", found, expected)
        if (key := (layer.net, first_day(layer))) in known:
            expected = "a net that no other layer has on the same valid_from"
            problems.note("layers.toml", 0, f"layer[{number}].net", repr(layer.net), expected)
        known.add(key)
    for chosen in layer_sets(layers):
        if len(special := [layer.net for layer in chosen.layers if layer.special]) > 1:
            found = f"{' '.join(special)} on {chosen.first}"
            problems.note("layers.toml", 0, "special", found, "one layer at a time")
    if form.previous and not _below(directory, f"{form.previous}/{FILE}"):
        expected = "a folder below the pack that `onegrid grid fuse` wrote"
        problems.note("city.toml", 0, "previous", repr(form.previous), expected)


def _faults(layer: LayerForm, form: CityForm, begun: date, directory: Path) -> Iterator[tuple[str, str, str]]:
    """Give field, what was found and what was expected for each fault; the base layer is there from `begun` on."""
    if first_day(layer) < begun:
        yield "valid_from", f"{layer.valid_from or 'none'}: no base layer yet", f"{begun} or later, as {form.base}"
    elif form.previous and layer.valid_from is None:
        yield "valid_from", "none", "a day: until then the grid of city.toml's `previous` is in force"
    if layer.special and layer.net == form.base:
        yield "special", "true", "false for the base layer"
    if layer.datum not in DATUMS:
        yield "datum", repr(layer.datum), "one of " + " ".join(sorted(DATUMS))
    if not _below(directory, layer.file):
        yield "file", repr(layer.file), "a file below the pack"


def _below(directory: Path, name: str) -> bool:
    path = (directory / name).resolve()
    return path.is_relative_to(directory.resolve()) and path.is_file()
