"""`freshet sink`: keeps an analytic store up to date."""

from typing import Annotated

import typer

from ops.configuration.command_settings import command_settings
from ops.exit_codes import CommandFailed, ExitCode


class SinkUsage(CommandFailed):
    """There is no such sink, or no such place to begin."""

    code = ExitCode.USAGE


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(sink)


def sink(
    store: Annotated[str, typer.Argument(help="cassandra or clickhouse")],
    begin: Annotated[
        str,
        typer.Option(
            "--from",
            help="Read again from here: earliest, or a time (RFC 3339). What is written again replaces itself.",
            show_default=False,
        ),
    ] = "",
) -> None:
    """Write every event and every list that was shown to a store, until SIGTERM or Ctrl-C.

    A consumer group of its own: lists never wait for it. Start as many as you like, up to the number of partitions.
    First run `freshet schema apply cassandra` or `clickhouse`. A store that is away is tried again for ever; what is
    written twice replaces itself. Exit codes: 0 asked to stop, 2 a table is missing, 70 something unexpected or a topic
    that was made again (start it again). docs/analytics.md and docs/cassandra.md say what tables hold.
    """
    from ops.configuration.sinks import SINKS
    from ops.processes.sink_process import run
    from streams.sinks.start_at import StartAt

    if store not in SINKS:
        raise SinkUsage(f"there is no sink {store!r}; choose {' or '.join(SINKS)}")
    start_at = StartAt(_time_ms(begin)) if begin else None
    raise typer.Exit(run(command_settings(), store, start_at))


def _time_ms(text: str) -> int | None:
    """None for `earliest`, else ms since the epoch."""
    from datetime import datetime

    if text == "earliest":
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise SinkUsage(f"--from is earliest or a time like 2026-01-31T12:00:00Z, not {text!r}") from None
    if moment.tzinfo is None:
        raise SinkUsage(f"--from {text} has no time zone: write {text}Z for UTC")
    return int(moment.timestamp() * 1000)
