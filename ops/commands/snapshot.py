"""`freshet snapshot`: keeps a version's tables for when the log does not reach back far enough."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ops.commands.audited import audited
from ops.configuration.command_settings import command_settings
from ops.exit_codes import ExitCode
from ops.output import JsonOption, console, print_json

if TYPE_CHECKING:
    from offline.snapshots.manifest import Manifest

ArchiveOption = Annotated[
    bool, typer.Option("--archive", help="Read the archive between the snapshot and the begin of the log.")
]


def register(app: typer.Typer) -> None:
    """Adds the command group."""
    group = typer.Typer(no_args_is_help=True, help="Keep a version's tables; begin another version with them.")
    group.command()(create)
    group.command("list")(list_)
    group.command()(restore)
    group.command()(remove)
    app.add_typer(group, name="snapshot")


@audited("snapshot create")
def create(
    name: Annotated[str, typer.Option(help="Name of the snapshot; by default the version and the time.")] = "",
    json: JsonOption = False,
) -> None:
    """Write the tables of FRESHET_MODEL_VERSION as they are at one offset a partition, while its workers go on.

    Rows of users and items, the ranker's weights, and what waits between them, as Parquet files with checksums below
    FRESHET_STORAGE_URL. A snapshot that was interrupted has no manifest and is refused.
    """
    import time

    from ops.configuration.identities import identities_of
    from ops.operator.inspect.running import run
    from ops.operator.snapshots.create import create as take
    from ops.operator.snapshots.create import name_of
    from ops.operator.snapshots.store import SnapshotStore
    from streams.kafka.topics import Topics

    settings = command_settings()
    topics = Topics(settings.namespace, settings.model_version)
    store = SnapshotStore(settings.storage, settings.namespace)
    name = name or name_of(settings.model_version, time.time_ns() // 1_000_000)
    manifest = run(take(settings.kafka, topics, store, identities_of(settings), name))
    console().print(f"{manifest.name}: {manifest.rows} rows, {manifest.bytes} bytes, in {store.address}", markup=False)
    if json:
        print_json(_values(manifest))


def list_(
    check: Annotated[bool, typer.Option("--check", help="Read every file and compare its checksum.")] = False,
    json: JsonOption = False,
) -> None:
    """List the snapshots of the namespace; those that are damaged or incomplete are named, and the exit code is 1."""
    from rich.table import Column, Table

    from ops.operator.inspect.running import run
    from ops.operator.snapshots.list import listed
    from ops.operator.snapshots.store import SnapshotStore

    settings = command_settings()
    found = run(listed(SnapshotStore(settings.storage, settings.namespace), check=check))
    name = Column("Snapshot", no_wrap=True)  # other commands want all of it
    table = Table(name, "Version", "Made", "Rows", "Bytes", "Offsets", "State")
    for entry in found:
        table.add_row(*entry.cells)
    console().print(table)
    if json:
        print_json({"snapshots": [entry.as_dict() for entry in found]})
    if any(entry.refusal for entry in found):
        raise typer.Exit(ExitCode.CHECK_FAILED)


@audited("snapshot restore")
def restore(
    new: Annotated[str, typer.Argument(metavar="NEW", help="Name of the version to begin.")],
    snapshot: Annotated[str, typer.Option("--snapshot", help="Name of the snapshot.")],
    archive: ArchiveOption = False,
    inexact: Annotated[
        bool, typer.Option("--inexact", help="Accept a snapshot that was made with other fold versions or settings.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Fill the tables of a new version; its workers go on at exactly the snapshot's offsets.

    Starts no worker: `freshet replay NEW --snapshot NAME` does both. May be repeated after it was interrupted; until it
    is done no worker of NEW starts. Users who were erased meanwhile are left out.
    """
    from ops.operator.inspect.running import run
    from ops.operator.replay.start import Beginning, prepare
    from streams.kafka.topics import Topics

    settings = command_settings()
    run(prepare(settings, Topics(settings.namespace, new), Beginning("earliest", snapshot, archive, inexact)))
    console().print(f"{new} holds {snapshot}; its workers go on from there", markup=False)
    if json:
        print_json({"version": new, "snapshot": snapshot})


@audited("snapshot remove")
def remove(name: Annotated[str, typer.Argument(help="Name of the snapshot.")], json: JsonOption = False) -> None:
    """Remove a snapshot, whole or not."""
    from ops.operator.inspect.running import run
    from ops.operator.snapshots.list import removed
    from ops.operator.snapshots.store import SnapshotStore

    settings = command_settings()
    run(removed(SnapshotStore(settings.storage, settings.namespace), name))
    console().print(f"{name} is removed", markup=False)
    if json:
        print_json({"removed": name})


def _values(manifest: "Manifest") -> dict[str, Any]:
    import msgspec

    values: dict[str, Any] = msgspec.to_builtins(manifest, str_keys=True)
    values["fingerprint"].pop("files", None)  # hundreds of digests, noted by former releases
    return values
