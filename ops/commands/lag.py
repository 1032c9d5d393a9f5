"""`freshet lag`: how far behind the workers are."""

import typer

from ops.configuration.command_settings import command_settings
from ops.exit_codes import ExitCode
from ops.output import JsonOption, console, print_json


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(lag)


def lag(json: JsonOption = False) -> None:
    """Show per input partition how many records wait, which are paused, and which workers are alive.

    Committed is the offset before which everything is folded and durable; lag counts offsets from there to the end of
    the log, 0 when no record is left. "Removed unread" are records that retention took before they were folded: workers
    refuse to go on without them. "Another log" is one that was made again or cut off, so that offsets say nothing (exit
    code 1). `item.deltas` is what the user plane tells the item plane. Workers give a heartbeat in Redis every
    second, and say in how many sampled events the item was among the first 10 of the list that the user had. A lag that
    grows: see `freshet scale`.
    """
    from ops.operator.inspect.lag import read_lag
    from ops.operator.inspect.running import run
    from streams.kafka.topics import Topics

    settings = command_settings()
    topics = Topics(settings.namespace, settings.model_version)
    found = run(read_lag(settings.kafka, settings.redis_url, topics))
    from rich.table import Table

    table = Table("Topic", "Partition", "End", "Committed", "Lag", "")
    for row in found.partitions:
        remarks = ["paused"] * row.paused + [f"{row.removed} removed unread"] * bool(row.removed)
        remarks += ["another log"] * bool(row.other_log)
        cells = (row.topic, row.partition, row.end, row.committed, row.lag, ", ".join(remarks))
        table.add_row(*map(str, cells))
    console().print(table)
    for name, rows in found.sinks.items():
        removed = sum(row.removed for row in rows)
        lost = f", {removed} removed unread" if removed else ""
        console().print(f"sink {name}: {sum(row.lag for row in rows)} records wait{lost}", markup=False)
    others = [row for row in found.partitions if row.other_log]
    for row in others:
        console().print(
            f"{row.topic}:{row.partition} is not the log that was folded: {row.other_log}. See docs/operations.md, "
            '"When the log is another one"',
            markup=False,
        )
    if found.workers is None:
        console().print("Redis does not answer: workers unknown", markup=False)
    else:
        console().print(f"{found.total} records wait; {len(found.workers)} workers alive", markup=False)
        for what, why in found.failing().items():
            console().print(f"worker {what} fails: {why}", markup=False)
        rate = found.hit_rate_at_10()
        if rate is not None:
            console().print(
                f"live HR@10 {rate[0]:.3f}: {rate[1]} sampled events, by the list each user had", markup=False
            )
        if clamped := found.completions_clamped():
            console().print(f"{clamped} events with a completion above 100, taken as 100", markup=False)
        recall = found.vector_recall()
        if recall is not None:
            console().print(f"vector index: recall@50 {recall:.3f} against exact searches, on samples", markup=False)
    if json:
        print_json(found.as_dict())
    if others:
        raise typer.Exit(ExitCode.CHECK_FAILED)
