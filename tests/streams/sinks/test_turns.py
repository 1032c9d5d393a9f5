"""What a sink does while its partitions go to somebody else, and while a broker does not answer."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import KafkaTimeoutError
from aiokafka.structs import ConsumerRecord, TopicPartition
from harness.polling import eventually

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
    runner = SinkRunner(
        config, SimpleNamespace(name="clickhouse", wants_served=False, rows=lambda _: (), maintain=lambda: None)
    )
    lists = AttributionLists(config.attribution_window_ms, config.shown_bytes)
    runner._consumer = SimpleNamespace(**{"assignment": set, **consumer})
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


class Brokers:
    """A consumer that has read everything up to offset 8, and brokers that say when they are told to where it ends."""

    def __init__(self) -> None:
        self.asked: list[asyncio.Future[int]] = []

    async def end_offsets(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        self.asked.append(asyncio.get_running_loop().create_future())
        return dict.fromkeys(partitions, await self.asked[-1])

    async def getmany(self, *_: TopicPartition, **__: int) -> dict[TopicPartition, list[ConsumerRecord]]:
        await asyncio.sleep(0)
        return {}

    async def position(self, _: TopicPartition) -> int:
        return 8

    async def commit(self, positions: dict[TopicPartition, int]) -> None:
        """Well."""

    def runner(self) -> SinkRunner:
        return runner_of(
            assignment=lambda: {EVENTS},
            end_offsets=self.end_offsets,
            getmany=self.getmany,
            position=self.position,
            commit=self.commit,
        )


async def turned(runner: SinkRunner) -> None:
    """One turn, in which the lag is due."""
    runner._lag_noted_s = 0.0
    async with asyncio.timeout(30):
        await runner._turn()


async def test_nothing_waits_for_a_broker_that_does_not_say_where_a_log_ends() -> None:
    brokers = Brokers()
    runner = brokers.runner()

    async def written() -> bool:
        await turned(runner)
        return runner.metrics.blocks == 1 and runner._writing is None

    await eventually("a block is written meanwhile", written)
    assert len(brokers.asked) == 1
    assert runner.metrics.lag == {}
    brokers.asked[0].set_result(20)

    async def known() -> bool:
        return runner.metrics.lag == {EVENTS: 12}

    await eventually("the lag counts no block that was written meanwhile", known)


async def test_a_lag_that_nobody_knows_stays_what_it_was_and_is_asked_for_again() -> None:
    brokers = Brokers()
    runner = brokers.runner()
    runner.metrics.lag = {EVENTS: 3}

    async def asked(times: int) -> bool:
        await turned(runner)
        return len(brokers.asked) == times

    await eventually("it is asked for", lambda: asked(1))
    brokers.asked[0].set_exception(KafkaTimeoutError())
    await eventually("it is asked for again", lambda: asked(2))
    assert runner.metrics.lag == {EVENTS: 3}
    brokers.asked[1].set_exception(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):  # what is unexpected ends the process
        await eventually("it is raised", lambda: asked(3))


async def test_who_ends_waits_for_no_broker() -> None:
    brokers = Brokers()
    runner = brokers.runner()
    working = asyncio.create_task(runner._work())

    async def asked() -> bool:
        return len(brokers.asked) == 1

    await eventually("it is asked for", asked)
    runner.stop()
    async with asyncio.timeout(30):
        await working
    assert runner._noting_lag is not None
    with pytest.raises(asyncio.CancelledError):
        await runner._noting_lag
