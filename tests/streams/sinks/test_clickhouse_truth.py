"""What ClickHouse holds is what the log holds, whatever happened on the way."""

import asyncio

import pytest
from harness.sinks import Recount, SinkWorld

pytestmark = pytest.mark.stack

EVENTS = 3_000
METRICS = (
    "SELECT hour, algorithm, variant, served, clicks FROM {db}.recommendation_metrics FINAL "
    "ORDER BY hour, algorithm, variant"
)


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

    recount = await Recount.of(world.place.bootstrap, world.topics.interactions, world.topics.served)
    assert sum(recount.events.values()) > 0.9 * EVENTS
    recount.assert_equals(world)
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
    (await Recount.of(world.place.bootstrap, world.topics.interactions, world.topics.served)).assert_equals(world)
    assert await again.terminate() == 0, again.log_text
