"""What ClickHouse holds is what the log holds, whatever happened on the way."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from itertools import count

import pytest
from harness.processes import WorkerProcess
from harness.sinks import Recount, SinkWorld

pytestmark = pytest.mark.stack

EVENTS = 3_000
#: Of the long form.
MANY_EVENTS = int(os.environ.get("FRESHET_TEST_SINK_EVENTS", "200000"))
AT_ONCE = 500
METRICS = (
    "SELECT hour, algorithm, variant, served, clicks FROM {db}.recommendation_metrics FINAL "
    "ORDER BY hour, algorithm, variant"
)


async def assert_truth(world: SinkWorld, at_least: int) -> None:
    """Difference 0 to a recount of both topics."""
    recount = await Recount.of(world.place.bootstrap, world.topics.interactions, world.topics.served)
    assert sum(recount.events.values()) > 0.9 * at_least
    recount.assert_equals(world)


async def test_sums_equal_a_recount_after_kills_a_freeze_and_a_restart_of_the_store(world: SinkWorld) -> None:
    first, second = world.start_sink("first"), world.start_sink("second")
    await world.group.members_are(2)
    await world.publish_traffic(EVENTS // 3)
    first.kill()
    second.freeze()
    await world.publish_traffic(EVENTS // 3)
    third = world.start_sink("third")
    await asyncio.to_thread(world.server.stop)
    await world.publish_traffic(EVENTS // 3)
    second.thaw()
    await asyncio.to_thread(world.server.start)

    await world.caught_up()

    await assert_truth(world, EVENTS)
    assert await third.terminate() == 0, third.log_text


async def test_the_same_records_again_change_nothing(world: SinkWorld) -> None:
    await world.publish_traffic(1_000)
    sink = world.start_sink("sink")
    await world.caught_up()
    before = world.rows(METRICS)
    assert await sink.terminate() == 0, sink.log_text

    again = world.start_sink("again", "--from", "earliest")
    await world.group.members_are(1)
    await world.caught_up()

    assert world.rows(METRICS) == before
    await assert_truth(world, 1_000)
    assert await again.terminate() == 0, again.log_text


@pytest.mark.slow
async def test_the_same_for_many_events_and_faults(world: SinkWorld) -> None:
    """Kills and freezes go round while events flow, and the store is stopped for a minute in the middle of them."""
    names = count()
    sinks = [world.start_sink(f"sink-{next(names)}") for _ in range(2)]
    await world.group.members_are(2)

    async def kill() -> None:
        sinks.pop(0).kill()
        sinks.append(world.start_sink(f"sink-{next(names)}"))

    async def freeze() -> None:
        frozen = sinks[0]
        frozen.freeze()
        await _publish(world, 4 * AT_ONCE)
        await asyncio.sleep(12)  # longer than the session: the others have its partitions when it wakes up
        frozen.thaw()

    async def stop_store() -> None:
        await asyncio.to_thread(world.server.stop)
        await asyncio.sleep(60)
        await asyncio.to_thread(world.server.start)

    faults: list[Callable[[], Awaitable[None]]] = [kill, freeze, kill, stop_store, kill, freeze, kill]
    for fault in faults:
        hurt = asyncio.create_task(fault())  # type: ignore[arg-type]
        await _publish(world, MANY_EVENTS // len(faults))
        await hurt
    await world.caught_up()
    await assert_truth(world, MANY_EVENTS)
    ends: list[WorkerProcess] = sinks
    assert [await sink.terminate() for sink in ends] == [0] * len(ends)


async def _publish(world: SinkWorld, events: int) -> None:
    for _ in range(0, events, AT_ONCE):
        await world.publish_traffic(AT_ONCE)
