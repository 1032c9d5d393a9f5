"""`freshet publish`: JSON Lines or a data set into the log, every record validated first."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ops.dataset_name import DatasetName
from ops.exit_codes import CommandFailed, ExitCode
from ops.file_options import encoding_option
from ops.output import JsonOption, console, print_json

if TYPE_CHECKING:
    from ops.configuration.settings import Settings
    from ops.publishing import Published


class Target(StrEnum):
    """What `--topic` may name."""

    INTERACTIONS = "interactions"
    CATALOG = "catalog"
    PROFILES = "profiles"


class MissingInput(CommandFailed):
    """The file or data set is not there or not readable: exit code 2, nothing was published."""

    code = ExitCode.USAGE


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(publish)


def publish(
    source: Annotated[
        str,
        typer.Argument(
            metavar="FILE|-|DIR",
            help="File of JSON Lines, - for standard input; with --dataset the folder of the data set.",
        ),
    ],
    topic: Annotated[Target, typer.Option(help="Topic that the lines are for.")] = Target.INTERACTIONS,
    dataset: Annotated[
        DatasetName | None, typer.Option(help="Name of a data set to publish: ratings as events, items and users.")
    ] = None,
    speed: Annotated[
        str,
        typer.Option(
            metavar="N|max", help="With --dataset: speed-up over the original pace, or max for as fast as possible."
        ),
    ] = "max",
    limit: Annotated[
        int | None, typer.Option(min=1, help="With --dataset: number of events to publish, the first ones.")
    ] = None,
    encoding: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Encoding of the text, for example latin-1; by default UTF-8, or UTF-16 if it has a byte-order mark.",
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Publish events, items or profiles: each one validated before it is sent, acknowledged by all replicas, once.

    FILE has one JSON object a line, or is one JSON array; it may be packed (gzip, zstd, bzip2, xz). A file that cannot
    be read as such is refused before anything is sent. A line that cannot be used is reported with its number and
    reason and the rest go on; the exit code is then 1.
    Events of a data set are shifted in time so that the last one is now.
    """
    from ops.configuration.settings_sources import load_settings
    from ops.publishing import parse_speed, quiet_client

    speed_up = parse_speed(speed)
    settings = load_settings()
    quiet_client()
    if dataset is not None:
        published = _publish_dataset(settings, dataset, Path(source), speed_up, limit)
    else:
        published = _publish_lines(settings, source, topic, encoding_option(encoding))
    summary = _summary(settings, published)
    console().print(f"{summary['published']} records published, {summary['rejected']} lines rejected")
    if json:
        print_json(summary)
    if published.refused:
        raise typer.Exit(ExitCode.CHECK_FAILED)


def _publish_lines(settings: Settings, source: str, target: Target, encoding: str | None) -> Published:
    from ops.publishing import publish_lines
    from streams.kafka.outgoing import interaction_record, item_record, profile_record
    from streams.kafka.topics import Topics

    topics = Topics(settings.namespace, settings.model_version)
    topic, to_record = {
        Target.INTERACTIONS: (topics.interactions, interaction_record),
        Target.CATALOG: (topics.catalog, item_record),
        Target.PROFILES: (topics.profiles, profile_record),
    }[target]
    from streams.contract.plain_bytes import UnreadableInput

    def complain(text: str) -> None:
        typer.echo(text, err=True)

    try:
        with _opened(source, encoding) as file_descriptor:
            return asyncio.run(publish_lines(settings.kafka, file_descriptor, topic, to_record, complain, encoding))
    except UnreadableInput as problem:
        raise MissingInput(f"{source} cannot be read: {problem}") from problem


def _publish_dataset(
    settings: Settings, name: DatasetName, place: Path, speed: float | None, limit: int | None
) -> Published:
    from offline.datasets.dataset import DatasetError
    from offline.datasets.known import KNOWN
    from offline.traffic import DatasetTraffic
    from ops.publishing import publish_traffic
    from streams.kafka.producer import Producer
    from streams.kafka.topics import Topics

    topics = Topics(settings.namespace, settings.model_version)

    async def run(traffic: DatasetTraffic, total: int) -> Published:
        async with Producer(settings.kafka) as producer:
            return await publish_traffic(producer, topics, traffic, speed, total)

    try:
        traffic = DatasetTraffic(KNOWN[name](place), topics, time.time_ns() // 1_000_000, first=limit)
        return asyncio.run(run(traffic, len(traffic.rows())))
    except DatasetError as problem:
        raise MissingInput(str(problem)) from problem


@contextmanager
def _opened(source: str, encoding: str | None) -> Iterator[int]:
    """A file descriptor to read from; a file was looked through, so that all of it can be read or nothing is sent."""
    from streams.contract.json_input import check_file

    if source == "-":
        yield sys.stdin.fileno()
        return
    path = Path(source)
    if path.is_dir():
        raise MissingInput(f"{path} is a folder: name a file, or give --dataset")
    try:
        if path.is_file():  # else a named pipe, of which nothing may be taken
            check_file(path, encoding)
        file_descriptor = os.open(path, os.O_RDONLY)
    except OSError as problem:
        raise MissingInput(f"{path} cannot be read: {problem.strerror}") from problem
    try:
        yield file_descriptor
    finally:
        os.close(file_descriptor)


def _summary(settings: Settings, published: Published) -> dict[str, Any]:
    """The counts for programs; topics by their full names."""
    return {
        "published": published.records.total(),
        "rejected": published.refused.total(),
        "published_by_topic": dict(published.records),
        "rejected_by_reason": {reason.value: count for reason, count in sorted(published.refused.items())},
        "namespace": settings.namespace,
    }
