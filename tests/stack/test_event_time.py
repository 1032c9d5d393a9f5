"""What the times and figures of events come to, from the producer to the answer: late ones, backdated ones, and where a
film goes on."""

import secrets
import time
from typing import Any

import httpx
import orjson
import pytest
from harness.cluster import PARTITIONS, Cluster
from harness.polling import eventually
from harness.traffic import event_record, publish_event

from streams.contract.partitioning import partition_of
from tables import item_rows

pytestmark = [pytest.mark.stack, pytest.mark.shared_log]

HOUR_MS = 3_600_000


def of_one_partition(count: int) -> list[str]:
    """New users of one partition, so that one of them sets the time by which the others are late."""
    found: dict[int, list[str]] = {}
    while True:
        user = f"late-{secrets.token_hex(4)}"
        mine = found.setdefault(partition_of(user.encode(), PARTITIONS), [])
        mine.append(user)
        if len(mine) == count:
            return mine


async def buckets_of(reference: Cluster, item: str) -> dict[bytes, item_rows.BucketRow]:
    return {
        key: item_rows.BUCKET_CODEC.decode(row)
        for (_, key), row in (await reference.item_counts()).items()
        if key[:1] == item_rows.BUCKET and item_rows.bucket_of(key)[1] == item
    }


async def counts_of(reference: Cluster, item: str) -> item_rows.CountsRow | None:
    rows = {key: row for (_, key), row in (await reference.item_counts()).items()}
    row = rows.get(item_rows.counts_key(item))
    return None if row is None else item_rows.COUNTS_CODEC.decode(row)


async def late_by_heartbeats(reference: Cluster) -> int:
    """What the worker says from now on: a heartbeat is of what was a moment ago."""
    since_ms = time.time_ns() // 1_000_000

    async def said() -> list[int]:
        values = reference.redis.mget(list(reference.redis.scan_iter(match=f"{reference.keys.prefix}worker:*")))
        beats = [orjson.loads(value) for value in values if value]
        return [beat["events_late"] for beat in beats if beat["at_ms"] >= since_ms]

    return sum(await eventually("the worker's heartbeat", said))


async def test_a_late_event_is_folded_and_counted_and_in_no_window(reference: Cluster) -> None:
    timely, *late = of_one_partition(4)
    item, other = f"late-{secrets.token_hex(4)}", f"timely-{secrets.token_hex(4)}"
    await reference.wait_until_caught_up()
    told, account = await late_by_heartbeats(reference), await reference.account()
    now_ms = time.time_ns() // 1_000_000
    await publish_event(reference, timely, other, event_type="purchase", timestamp=now_ms)
    ages_ms = (6 * 60_000, HOUR_MS // 2, 3 * HOUR_MS)
    records = [
        event_record(reference.topics.interactions, user, item, event_type="purchase", timestamp=now_ms - age_ms)
        for user, age_ms in zip(late, ages_ms, strict=True)
    ]
    await reference.publish(records)

    async def is_popular() -> bool:
        row = await counts_of(reference, item)
        return row is not None and row.events == len(late)

    async def has_weight() -> bool:
        return [row.weights for row in (await buckets_of(reference, other)).values()] == [{"": 10}]

    await eventually("popularity counts them", is_popular)
    await eventually("the timely one weighs ten", has_weight)
    assert await buckets_of(reference, item) == {}
    assert (await reference.account()).late == account.late + len(late)
    await eventually("the worker tells of them", lambda: told_of(reference, told + len(late)))


async def told_of(reference: Cluster, count: int) -> bool:
    return await late_by_heartbeats(reference) == count


async def test_a_play_that_says_how_far_it_is_comes_back_with_the_catalogues_position(
    reference: Cluster, endpoint: httpx.AsyncClient
) -> None:
    user = f"player-{secrets.token_hex(4)}"
    await publish_event(reference, user, "i1", event_type="PLAY", progress_pct=45)
    await publish_event(reference, user, "i2", event_type="watch_start")
    await publish_event(reference, user, "i2", event_type="watch_end", watch_duration=900)

    async def both() -> list[dict[str, Any]] | None:
        answer = await endpoint.get(f"/api/v1/users/{user}/continue-watching")
        assert answer.status_code == 200, answer.text
        items: list[dict[str, Any]] = answer.json()["items"]
        return items if len(items) == 2 else None

    items = await eventually("both films", both)
    found = [(entry["item_id"], entry["progress_pct"], entry["position_s"]) for entry in items]
    assert found == [("i2", 25.0, 900.0), ("i1", 45.0, 1_620.0)]  # of an hour each
