"""What Cassandra holds is what the log holds, whatever happened on the way."""

import asyncio
import json
import time

import pytest
from harness.cassandra import CassandraWorld, Recount, published_ratings, stored_ratings
from harness.commands import freshet
from harness.polling import eventually
from harness.traffic import event_record

from streams.sinks.cassandra.tables import OF_USERS

pytestmark = pytest.mark.stack


@pytest.mark.parametrize(("events", "away_s"), [(3_000, 0.0), pytest.param(200_000, 60.0, marks=pytest.mark.slow)])
async def test_rows_equal_a_recount_after_kills_a_freeze_and_a_crash_of_the_store(
    world: CassandraWorld, events: int, away_s: float
) -> None:
    """In the long form the store is away for a whole minute."""
    worker = world.cluster.start_worker("worker")
    first, second = world.start_sink("first"), world.start_sink("second")
    await world.group.members_are(2)
    await world.publish_traffic(events // 3)
    first.kill()
    second.freeze()
    await world.publish_traffic(events // 3)
    third = world.start_sink("third")
    await asyncio.to_thread(world.server.kill)
    back_s = time.monotonic() + away_s
    world.client.close()  # ours: it would find out with the first question afterwards
    await world.publish_traffic(events // 3)
    second.thaw()
    await asyncio.sleep(back_s - time.monotonic())
    await asyncio.to_thread(world.server.start)

    await world.caught_up()

    recount = await Recount.of(world.place.bootstrap, world.topics.interactions)
    assert len(recount.history) > events // 5
    recount.assert_equals(world)

    await world.cluster.wait_until_caught_up()
    published = await published_ratings(world)
    assert recount.has_said(published)

    async def rated() -> bool:
        return stored_ratings(world) == published

    await eventually("items are rated as they are folded", rated)
    assert await third.terminate() == 0, third.log_text
    assert await worker.terminate() == 0, worker.log_text


async def test_freshet_erase_reaches_every_table_with_a_sink_and_without_one(world: CassandraWorld) -> None:
    def of(user: str) -> list[object]:
        left = [
            row
            for table in OF_USERS
            for row in world.rows(f"SELECT * FROM {{ks}}.{table.name} WHERE user_id = '{user}'")
        ]
        return left + world.rows(f"SELECT * FROM {{ks}}.content_views WHERE user_id = '{user}'")

    async def erased(user: str, *options: str) -> tuple[int, dict[str, object]]:
        done = await freshet(
            "erase", user, *options, "--json", environment=world.environment, folder=world.place.folder
        )
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout.splitlines()[-1])

    kinds: dict[str, dict[str, object]] = {
        "watch_start": {},
        "view": {},
        "rating": {"rating": 4},
        "search": {"query": "noir"},
    }
    await world.cluster.publish(
        event_record(world.topics.interactions, user, "i1", event_type=kind, **fields)
        for user in ("gone", "later", "stays")
        for kind, fields in kinds.items()
    )
    sink = world.start_sink("sink")
    await world.group.members_are(1)
    await world.caught_up()
    assert [len(of(user)) for user in ("gone", "later", "stays")] == [6, 6, 6]

    code, said = await erased("gone")
    assert (code, said["total"], said["stores"]) == (0, 0, {"cassandra": "sink"}), said
    assert of("gone") == []
    assert await sink.terminate() == 0, sink.log_text
    assert (await erased("later", "--verify"))[1]["places"]["cassandra"] == 6  # type: ignore[index]
    code, said = await erased("later")
    assert (code, said["total"], said["stores"]) == (0, 0, {"cassandra": "this command"}), said
    assert of("later") == []
    again = world.start_sink("again", "--from", "earliest")
    await world.cluster.publish([event_record(world.topics.interactions, "gone", "i2", event_type="watch_start")])
    await world.group.members_are(1)
    await world.caught_up()
    assert [len(of(user)) for user in ("gone", "later", "stays")] == [4, 0, 6]
    assert await again.terminate() == 0, again.log_text
