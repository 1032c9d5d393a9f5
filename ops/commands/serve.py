"""`freshet serve`: the HTTP endpoint."""

import typer

from ops.configuration.command_settings import command_settings


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(serve)


def serve() -> None:
    """Serve the ready lists over HTTP until SIGTERM or Ctrl-C; answers from fallbacks while Redis is away.

    Address, port, number of processes and who may read come from FRESHET_ENDPOINT_* (`freshet config`). The routes are
    described at /openapi.json.
    """
    from ops.processes.endpoint_process import run

    run(command_settings())
