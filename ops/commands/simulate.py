"""`freshet simulate`: a made-up world whose truth is known, live into the log."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ops.output import JsonOption, console, print_json

if TYPE_CHECKING:
    from offline.simulator.clocks import Clocks
    from ops.configuration.settings import Settings
    from ops.publishing import Published

#: How fast the world lives when its events are published faster than live.
_NOMINAL_EVENTS_PER_S = 100.0


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(simulate)


def simulate(
    users: Annotated[int, typer.Option(min=1, help="Number of simulated users.")] = 500,
    items: Annotated[int, typer.Option(min=1, help="Number of items at the start; more are released later.")] = 1000,
    events: Annotated[
        int, typer.Option(min=1, help="Number of records to publish, duplicates and malformed ones included.")
    ] = 10_000,
    seed: Annotated[
        int, typer.Option(min=0, help="Seed of the random choices; the same seed gives the same world.")
    ] = 1,
    rate: Annotated[
        str, typer.Option(metavar="N/s|max", help="Events per second, or max for as fast as possible.")
    ] = "200/s",
    malformed_share: Annotated[
        float, typer.Option(min=0, max=0.5, help="Malformed records per valid event; they are refused.")
    ] = 0.01,
    duplicate_share: Annotated[
        float, typer.Option(min=0, max=0.5, help="Duplicates per valid event; they count once.")
    ] = 0.02,
    wrong_partition_share: Annotated[
        float, typer.Option(min=0, max=0.5, help="Records in a wrong partition per valid event; they are refused.")
    ] = 0.001,
    late_share: Annotated[
        float, typer.Option(min=0, max=0.5, help="Share of events that arrive minutes to hours late.")
    ] = 0.0,
    ahead_share: Annotated[
        float, typer.Option(min=0, max=0.5, help="Share of events from clocks up to 4 minutes ahead.")
    ] = 0.0,
    future_share: Annotated[
        float, typer.Option(min=0, max=0.5, help="Records dated a year ahead per valid event; they are refused.")
    ] = 0.0,
    too_old_share: Annotated[
        float,
        typer.Option(
            min=0, max=0.5, help="Records over 120 days old per valid event; refused unless the retention is longer."
        ),
    ] = 0.0,
    bots: Annotated[int, typer.Option(min=0, help="Number of bots: users with hundreds of events a minute.")] = 0,
    json: JsonOption = False,
) -> None:
    """Publish a simulated catalogue, profiles and events: users with preferences, new items, and producers' mistakes.

    Events happen now, at the pace of --rate; with max they are shifted so that the last one is now. With --json the
    last line says what must have become of every record: folded (late ones and those of bots too), duplicate, or dead
    letter and why.
    """
    from offline.simulator.clocks import Clocks
    from ops.configuration.settings_sources import load_settings
    from ops.publishing import parse_speed, quiet_client

    shares = {
        "malformed_share": malformed_share,
        "duplicate_share": duplicate_share,
        "wrong_partition_share": wrong_partition_share,
    }
    clocks = Clocks(late_share, ahead_share, future_share, too_old_share)
    settings = load_settings()
    quiet_client()
    summary = asyncio.run(
        _simulate(settings, users, items, events, parse_speed(rate), shares, seed=seed, clocks=clocks, bots=bots)
    )
    console().print(
        f"{summary['published']} events published: {summary['folded']} valid, {summary['duplicates']} duplicates, "
        f"{summary['dead_letters']} to be refused"
    )
    if json:
        print_json(summary)


async def _simulate(
    settings: Settings,
    users: int,
    items: int,
    events: int,
    rate: float | None,
    shares: dict[str, float],
    *,
    seed: int,
    clocks: Clocks,
    bots: int,
) -> dict[str, Any]:
    from offline.simulator.world import World
    from offline.traffic import SimulatedTraffic
    from ops.publishing import publish_traffic
    from streams.kafka.producer import Producer
    from streams.kafka.topics import Topics

    topics = Topics(settings.namespace, settings.model_version)
    events_per_s = _NOMINAL_EVENTS_PER_S if rate is None else rate
    past_ms = int(events / events_per_s * 1000) if rate is None else 0
    async with Producer(settings.kafka) as producer:
        partitions = await producer.partitions(topics.interactions)
        if partitions == 1:
            shares = shares | {"wrong_partition_share": 0.0}
        start_ms = time.time_ns() // 1_000_000 - past_ms
        world = World(
            seed,
            users,
            items,
            start_ms=start_ms,
            events_per_s=events_per_s,
            partitions=partitions,
            clocks=clocks,
            bots=bots,
            **shares,
        )
        traffic = SimulatedTraffic(world, topics, count=events)
        published = await publish_traffic(producer, topics, traffic, None if rate is None else 1.0, events)
    return _summary(topics.interactions, published, seed, world.expected.as_dict())


def _summary(topic: str, published: Published, seed: int, expected: dict[str, Any]) -> dict[str, Any]:
    """What was acknowledged, and the truth about it."""
    return expected | {
        "published": published.records[topic],
        "published_by_topic": dict(published.records),
        "seed": seed,
    }
