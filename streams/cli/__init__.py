"""The `onegrid` command: one module a command group, and nothing but argument handling and printing.

What a command does lives in grids/, stages/, inlets/, outlets/ and hosts/; a module here may not be imported
by any of them.
"""

from __future__ import annotations

import gc
import sys
from functools import cache

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


@cache
def commands() -> typer.Typer:
    """Return the command line with all its groups; made at the first call, since they import much."""
    gc.disable()  # what imports make stays: looking for garbage in it takes a third of their time
    # imported here, so that --help stays quick
    from streams.cli import (  # noqa: PLC0415
        accounts,
        adapt,
        alerts,
        backup,
        board,
        case,
        city,
        cluster,
        dead_letters,
        deadline,
        deliver,
        demo,
        duties,
        feed,
        gateway,
        grid,
        layer,
        measures,
        route,
        run,
        simulate,
        sources,
        topics,
        verify,
        worker,
    )

    gc.freeze()
    gc.enable()
    app.command()(demo.demo)
    app.command()(run.run)
    app.command()(simulate.simulate)
    app.command("route")(route.route_file)
    app.command()(deadline.deadline)
    app.command()(measures.measures)
    app.command("publish")(measures.publish_month)
    app.command()(measures.history)
    app.command("feed")(feed.feed_file)
    app.command()(gateway.gateway)
    app.command()(worker.worker)
    app.command()(deliver.deliver)
    app.command()(verify.verify)
    app.command()(backup.backup)
    app.command()(backup.restore)
    app.add_typer(accounts.app, name="accounts")
    app.add_typer(accounts.keys, name="keys")
    app.add_typer(adapt.app, name="adapt")
    app.add_typer(sources.app, name="sources")
    app.command()(sources.reconcile)
    app.add_typer(alerts.app, name="alerts")
    app.add_typer(case.app, name="case")
    app.add_typer(layer.app, name="layer")
    app.add_typer(grid.app, name="grid")
    app.add_typer(duties.app, name="duties")
    app.add_typer(city.app, name="city")
    app.add_typer(board.app, name="board")
    app.add_typer(cluster.app, name="cluster")
    app.add_typer(topics.app, name="topics")
    app.add_typer(dead_letters.app, name="dead-letters")
    return app


def main() -> None:
    """Run the command line; exit 0 when done, 1 with findings, 2 on bad input."""
    run = commands()
    from streams.hosts.embedded import StoreError  # noqa: PLC0415 - a host imports much
    from streams.hosts.kafka import ClusterError  # noqa: PLC0415
    from streams.outlets.measures.registry import MeasureError  # noqa: PLC0415

    try:
        run()
    except (GridsError, StoreError, ClusterError, MeasureError, OSError) as error:
        console.fail(error)
        sys.exit(console.BAD_INPUT)
