"""`freshet worker`: one stream worker."""

import os

import typer


def register(app: typer.Typer) -> None:
    """Adds the command."""

    @app.command()
    def worker() -> None:
        """Run one stream worker until SIGTERM or Ctrl-C.

        Start as many as you like, up to the number of partitions: they share the partitions through Kafka. Settings
        come from FRESHET_* variables (`freshet config`). Exit codes: 0 asked to stop; 70 something unexpected, nothing
        half-done was committed, start it again; 71 another worker took its partitions over, 72 a
        transaction took longer than Kafka allows (a machine that sleeps or is overloaded), start it again.
        """
        # Workers share a machine by processes, and a matrix product on two threads costs three times the CPU of one.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        from ops.configuration.settings_sources import load_settings
        from ops.processes.worker_process import run

        raise typer.Exit(run(load_settings()))
