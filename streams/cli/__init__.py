"""The `onegrid` command: one module a command group, and nothing but argument handling and printing.

What a command does lives in grids/, stages/, inlets/, outlets/ and hosts/; a module here may not be imported
by any of them.
"""

from __future__ import annotations

import sys

import typer

from grids.errors import GridsError
from streams.cli import console

app = typer.Typer(
    name="onegrid",
    help="One grid for a city: merge departments' grids, route each event with a receipt, follow each case.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> None:
    """Run the command line; exit 0 when done, 1 with findings, 2 on bad input."""
    from streams.cli import city, demo, duties, grid, layer, route, run, simulate  # noqa: PLC0415 - --help stays quick
    from streams.hosts.embedded import StoreError  # noqa: PLC0415

    app.command()(demo.demo)
    app.command()(run.run)
    app.command()(simulate.simulate)
    app.command("route")(route.route_file)
    app.add_typer(layer.app, name="layer")
    app.add_typer(grid.app, name="grid")
    app.add_typer(duties.app, name="duties")
    app.add_typer(city.app, name="city")
    try:
        app()
    except (GridsError, StoreError, OSError) as error:
        console.fail(error)
        sys.exit(console.BAD_INPUT)
