"""`freshet storefront`: a page to see it work."""

import logging
from typing import Annotated

import typer

from ops.exit_codes import ExitCode
from ops.output import console


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(storefront)


def storefront(
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Port of the page on 127.0.0.1.")] = 8090,
) -> None:
    """Open a small shop on this machine: rows that change with every click, and an operator's panel beside them.

    Starts a Kafka and a Valkey unless they run, two workers, the endpoint and collect in a namespace of their own, and
    simulated people who watch. Create a person, play something, hide something; kill a worker meanwhile. Everything it
    started or created is gone after Ctrl-C.
    """
    from ops.configuration.settings_sources import load_settings
    from ops.demo.view import view_for
    from ops.processes.interrupts import Interrupted
    from ops.processes.kept_together import KeptTogether
    from ops.storefront.run import run_storefront

    for client in ("aiokafka", "kafka"):  # they warn of every retry after topics were just created
        logging.getLogger(client).setLevel(logging.ERROR)
    KeptTogether()
    view = view_for(console())
    try:
        run_storefront(load_settings(), port, view)
    except Interrupted as interrupted:
        view.say(f"{interrupted}: everything that the storefront started is stopped and removed")
        raise typer.Exit(ExitCode.INTERRUPTED) from None
