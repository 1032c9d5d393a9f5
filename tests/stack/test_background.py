"""A background task of a real worker fails: it is named, everything else goes on, and it works again when it can."""

import secrets

import pytest
from harness.cluster import Cluster
from harness.polling import eventually
from harness.traffic import publish_event

from ops.operator.inspect.lag import read_workers

pytestmark = [pytest.mark.stack, pytest.mark.shared_log]


async def test_shared_lists_that_cannot_be_written_end_no_worker(cluster: Cluster) -> None:
    worker = cluster.start_worker("worker")
    await cluster.wait_until_caught_up()

    async def failing() -> str | None:
        (heartbeat,) = read_workers(cluster.place.redis_url, cluster.keys) or ({},)
        found: str | None = heartbeat.get("failing", {}).get("shared lists")
        return found

    async def well() -> bool:
        heartbeats = read_workers(cluster.place.redis_url, cluster.keys) or []
        return bool(heartbeats) and not heartbeats[0]["failing"] and heartbeats[0]["task_restarts"] > 0

    cluster.redis.delete(cluster.keys.cards)
    cluster.redis.set(cluster.keys.cards, "what is no hash")
    assert "WRONGTYPE" in str(await eventually("the task is named", failing))
    user = f"meanwhile-{secrets.token_hex(4)}"
    where = await publish_event(cluster, user, "i0", event_type="like")

    async def listed() -> bool:
        prefix = cluster.list_prefix(user)
        return prefix is not None and prefix.offset == where.offset

    await eventually("a list meanwhile", listed)
    cluster.redis.delete(cluster.keys.cards)
    await eventually("the task works again", well)
    assert worker.exits == []
