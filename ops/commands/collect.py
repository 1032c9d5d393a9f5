"""`freshet collect`: takes events over HTTP."""

import typer

from ops.configuration.command_settings import command_settings


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(collect)


def collect() -> None:
    """Take events over HTTP and write them to the log, until SIGTERM or Ctrl-C; 202 means that Kafka has them.

    For pages and apps that speak no Kafka: POST one event or an array of them to /api/v1/events. Address, port and
    limits come from FRESHET_COLLECT_*, tokens and certificate are those of the endpoint (`freshet config`). Start as
    many as you like behind a balancer. docs/producing.md says what is answered when.
    """
    from ops.processes.collect_process import run

    run(command_settings())
