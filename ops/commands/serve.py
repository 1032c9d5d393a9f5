"""`freshet serve`: the HTTP endpoint."""

from __future__ import annotations

from typing import Annotated

import typer

from ops.settings_sources import load_settings


def register(app: typer.Typer) -> None:
    """Adds the command."""

    @app.command()
    def serve(
        host: Annotated[
            str | None, typer.Option(help="Address to listen on, instead of FRESHET_ENDPOINT_HOST.")
        ] = None,
        port: Annotated[
            int | None, typer.Option(min=1, max=65535, help="Port, instead of FRESHET_ENDPOINT_PORT.")
        ] = None,
        workers: Annotated[
            int | None, typer.Option(min=1, max=64, help="Processes, instead of FRESHET_ENDPOINT_WORKERS.")
        ] = None,
    ) -> None:
        """Serve the ready lists over HTTP until stopped; answers from fallbacks while Redis is away."""
        from ops.endpoint_process import run

        given = {"endpoint_host": host, "endpoint_port": port, "endpoint_workers": workers}
        run(load_settings().model_copy(update={name: value for name, value in given.items() if value is not None}))
