"""`freshet worker`: one stream worker."""

import typer


def register(app: typer.Typer) -> None:
    """Adds the command."""

    @app.command()
    def worker() -> None:
        """Run one stream worker until SIGTERM or Ctrl-C.

        Start as many as you like, up to the number of partitions: they share the partitions through Kafka. Settings
        come from FRESHET_* variables (`freshet config`). Exit codes: 0 asked to stop; 70 something unexpected, nothing
        half-done was committed, start it again; 71 another worker took its partitions over, start it again.
        """
        from ops.settings_sources import load_settings
        from ops.worker_process import run

        raise typer.Exit(run(load_settings()))
