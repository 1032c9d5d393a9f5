"""`freshet archive`: keeps interactions for longer than the log does."""

from typing import TYPE_CHECKING, Annotated

import typer

from ops.commands.audited import audited
from ops.configuration.command_settings import command_settings
from ops.output import JsonOption, console, print_json

if TYPE_CHECKING:
    from ops.operator.archive.write import PartitionArchived


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(archive)


@audited("archive")
def archive(
    check: Annotated[
        bool, typer.Option("--check", help="Archive nothing; read every file and compare its checksum.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Write user.interactions to Parquet files, one a partition and day, below FRESHET_STORAGE_URL.

    Run it more often than the log forgets, from a timer for instance: it goes on where the archive ends, and may be
    killed and repeated at any time. Days longer ago than FRESHET_ARCHIVE_DAYS are removed. Users who were erased are
    blanked in the files, with and without --check. Then `freshet replay NEW --archive` reads the archive and goes on
    with the log, every event once and under its offset.
    """
    from datetime import UTC, date, datetime, timedelta

    from ops.configuration.identities import identities_of
    from ops.operator.archive.run import run_archive
    from ops.operator.inspect.running import run
    from streams.kafka.topics import Topics

    settings = command_settings()
    topics = Topics(settings.namespace, settings.model_version)
    result = run(
        run_archive(
            settings.kafka,
            settings.storage,
            topics,
            identities_of(settings),
            only_check=check,
            before=datetime.now(UTC).date() - timedelta(settings.archive_days) if settings.archive_days else date.min,
        )
    )
    _print(result.partitions)
    console().print(f"{result.blanked} records of erased users were blanked, {result.aged} old files removed")
    if json:
        print_json(result.as_dict())


def _print(partitions: "list[PartitionArchived]") -> None:
    from rich.table import Table

    table = Table("Partition", "From offset", "Up to", "Added")
    for found in partitions:
        table.add_row(*map(str, (found.partition, found.begin, found.end, found.added)))
    console().print(table)
