"""Another title is shown within seconds, by a real worker and a real endpoint, and no list is written for it."""

import secrets
import time

import httpx
import orjson
import pytest
from harness.cluster import Cluster
from harness.polling import eventually
from harness.traffic import catalogue, publish_event

from serving.item_card import field_of
from streams.kafka.producer import OutgoingRecord
from tables.item_keys import key_of

pytestmark = [pytest.mark.stack, pytest.mark.shared_log]

ITEM = "i6"
QUIET_S = 5.0


def lists_that_show(cluster: Cluster, item_id: str) -> dict[bytes, bytes]:
    """By key."""
    keys = list(cluster.redis.scan_iter(match=f"{cluster.keys.prefix}list:*", count=1000))
    values = cluster.redis.mget(keys)
    return {key: value for key, value in zip(keys, values, strict=True) if value and field_of(key_of(item_id)) in value}


async def settled(cluster: Cluster) -> dict[bytes, bytes]:
    """The lists that show the item, once none was written for so long that all is said that items learned before."""
    found, since_s = lists_that_show(cluster, ITEM), time.monotonic()

    async def are_quiet() -> bool:
        nonlocal found, since_s
        if (now := lists_that_show(cluster, ITEM)) != found:
            found, since_s = now, time.monotonic()
        return time.monotonic() - since_s > QUIET_S

    await eventually("no list is written any more", are_quiet)
    return found


async def test_another_title_is_shown_and_rewrites_no_list(reference: Cluster, endpoint: httpx.AsyncClient) -> None:
    user = f"reader-{secrets.token_hex(4)}"
    await publish_event(reference, user, ITEM, event_type="watch_start")  # begun: on a list of their own

    async def title() -> str:
        body = (await endpoint.get(f"/api/v1/users/{user}/continue-watching")).raise_for_status().json()
        return next((item["title"] for item in body["items"] if item["item_id"] == ITEM), "")

    await eventually("the item is begun", title)
    entry = next(record for record in catalogue(reference.topics.catalog) if record.key == ITEM.encode())
    before = await settled(reference)
    assert len(before) >= 20
    assert not any(b"Title" in value for value in before.values())
    try:
        for number in range(4):  # by the fourth time the first one would have been followed
            renamed = orjson.loads(entry.value or b"") | {"title": f"Another title {number}"}
            await reference.publish_one(OutgoingRecord(entry.topic, entry.key, orjson.dumps(renamed)))

            async def is_shown(number: int = number) -> bool:
                return await title() == f"Another title {number}"

            await eventually("the title is shown", is_shown)
    finally:
        await reference.publish_one(entry)
    after = lists_that_show(reference, ITEM)
    rewritten = [key for key, value in before.items() if after.get(key) != value]
    sizes = sorted(map(len, after.values()))
    print(f"{len(before)} lists show it, {len(rewritten)} written since; bytes of a list {sizes[0]} to {sizes[-1]}")
    assert len(rewritten) < len(before) / 10  # some may follow from what items learned meanwhile
