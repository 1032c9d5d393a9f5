"""What a sink does while its partitions go to somebody else."""

import asyncio
from types import SimpleNamespace
from typing import Any

from aiokafka.structs import ConsumerRecord, TopicPartition

from streams.kafka.topics import Topics
from streams.sinks.attribution import AttributionLists
from streams.sinks.config import SinkConfig
from streams.sinks.lane import Lane
from streams.sinks.owned_lanes import OwnedLanes, Work
from streams.sinks.runner import SinkRunner
from streams.sinks.store_calls import NotOurs

TOPICS = Topics("t", "v1")
EVENTS = TopicPartition(TOPICS.interactions, 0)
RECORD = ConsumerRecord(EVENTS.topic, 0, 7, 0, 0, b"u", b"{}", None, 0, 0, ())


async def look() -> None:
    """The log is the one that it was."""


def runner_of(**consumer: Any) -> SinkRunner:
    """With one lane, in which a whole block waits."""
    config = SinkConfig("unused", TOPICS, block_records=1)
    runner = SinkRunner(config, SimpleNamespace(name="clickhouse", wants_served=False, rows=lambda _: ()))
    lists = AttributionLists(config.attribution_window_ms, config.shown_bytes)
    runner._consumer = SimpleNamespace(assignment=set, **consumer)
    runner._marks = SimpleNamespace(look=look, marked=dict)
    runner._owned = OwnedLanes(config, runner.metrics, runner._consumer, runner._marks, 1, wants_served=False)
    runner._owned.lanes[0] = Lane(config, 0, 1, lists, False)
    runner._owned.lanes[0].add_events([RECORD], 0.0)
    return runner


async def test_nothing_begins_while_positions_are_given_away() -> None:
    committing, committed = asyncio.Event(), asyncio.Event()

    async def commit(_: object) -> None:
        committing.set()
        await committed.wait()

    runner = runner_of(commit=commit)
    runner._writing = asyncio.create_task(runner._carry_out(Work(positions={EVENTS: 7})))
    going = asyncio.create_task(runner.let_go())
    await committing.wait()
    await runner._turn()
    begun = runner._writing
    committed.set()
    await going
    assert begun is None
    assert runner._writing is None


async def test_a_write_that_is_not_ours_any_more_does_not_end_the_process() -> None:
    async def not_ours() -> Work:
        raise NotOurs

    runner = runner_of()
    runner._writing = asyncio.create_task(not_ours())
    await asyncio.wait([runner._writing])
    runner._calls.taken_away.set()
    await runner._turn()
    await runner.let_go()
