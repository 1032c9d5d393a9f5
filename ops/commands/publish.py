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
from ops.output import JsonOption, console, print_json

if TYPE_CHECKING:
    from ops.publishing import Published
    from ops.settings import Settings


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
        str, typer.Argument(metavar="FILE|-|DIR", help="JSON Lines, - for stdin; with --dataset a folder.")
    ],
    topic: Annotated[Target, typer.Option(help="What the lines are.")] = Target.INTERACTIONS,
    dataset: Annotated[
        DatasetName | None, typer.Option(help="Publish this data set: ratings as events, items and users.")
    ] = None,
    speed: Annotated[
        str,
        typer.Option(metavar="N|max", help="With --dataset: N times as fast as it happened, or as fast as it goes."),
    ] = "max",
    limit: Annotated[int | None, typer.Option(min=1, help="With --dataset: only the first so many events.")] = None,
    json: JsonOption = False,
) -> None:
    """Publish events, items or profiles: each one validated before it is sent, acknowledged by all replicas, once.

    A line that cannot be used is reported with its number and reason and the rest go on; the exit code is then 1.
    Events of a data set are shifted in time so that the last one is now.
    """
    from ops.publishing import parse_pace, quiet_client
    from ops.settings_sources import load_settings

    pace = parse_pace(speed)
    settings = load_settings()
    quiet_client()
    if dataset is not None:
        published = _publish_dataset(settings, dataset, Path(source), pace, limit)
    else:
        published = _publish_lines(settings, source, topic)
    summary = _summary(settings, published)
    console().print(f"{summary['published']} records published, {summary['rejected']} lines rejected")
    if json:
        print_json(summary)
    if published.refused:
        raise typer.Exit(ExitCode.CHECK_FAILED)


def _publish_lines(settings: Settings, source: str, target: Target) -> Published:
    from ops.publishing import publish_lines
    from streams.outgoing import interaction_record, item_record, profile_record
    from streams.topics import Topics

    topics = Topics(settings.namespace, settings.model_version)
    topic, to_record = {
        Target.INTERACTIONS: (topics.interactions, interaction_record),
        Target.CATALOG: (topics.catalog, item_record),
        Target.PROFILES: (topics.profiles, profile_record),
    }[target]
    with _opened(source) as file_descriptor:
        return asyncio.run(
            publish_lines(
                settings.kafka_bootstrap, file_descriptor, topic, to_record, lambda text: typer.echo(text, err=True)
            )
        )


def _publish_dataset(
    settings: Settings, name: DatasetName, place: Path, speed: float | None, limit: int | None
) -> Published:
    from offline.datasets.dataset import DatasetError
    from offline.datasets.known import KNOWN
    from offline.traffic import DatasetTraffic
    from ops.publishing import publish_traffic
    from streams.producer import Producer
    from streams.topics import Topics

    topics = Topics(settings.namespace, settings.model_version)

    async def run(traffic: DatasetTraffic, total: int) -> Published:
        async with Producer(settings.kafka_bootstrap) as producer:
            return await publish_traffic(producer, topics, traffic, speed, total)

    try:
        traffic = DatasetTraffic(KNOWN[name](place), topics, time.time_ns() // 1_000_000, first=limit)
        return asyncio.run(run(traffic, len(traffic.rows())))
    except DatasetError as problem:
        raise MissingInput(str(problem)) from problem


@contextmanager
def _opened(source: str) -> Iterator[int]:
    """A file descriptor to read from."""
    if source == "-":
        yield sys.stdin.fileno()
        return
    path = Path(source)
    if path.is_dir():
        raise MissingInput(f"{path} is a folder: name a file, or give --dataset")
    try:
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
