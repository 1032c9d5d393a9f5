"""What a user gets: from popular to personal, after an event of theirs, and after Redis lost everything."""

import secrets
from typing import Any

import httpx
import pytest
from harness.cluster import Cluster
from harness.polling import eventually
from harness.traffic import publish_event

pytestmark = [pytest.mark.stack, pytest.mark.shared_log]


async def test_a_new_user_is_served_popular_items_then_personal_ones(
    reference: Cluster, endpoint: httpx.AsyncClient
) -> None:
    user = f"new-{secrets.token_hex(4)}"
    await reference.wait_until_caught_up()

    async def served(source: str) -> dict[str, Any] | None:
        answer = await endpoint.get("/api/v1/recommendations", params={"user_id": user})
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body if body["source"] == source and body["recommendations"] else None

    await eventually("popular items", lambda: served("popular"))
    where = await publish_event(reference, user, "i3", event_type="like")
    body = await eventually("personal items", lambda: served("personal"))
    assert body["as_of"] == {"partition": where.partition, "offset": where.offset}
    assert body["user_id"] == user


async def test_a_list_changes_after_an_event_of_its_user(reference: Cluster) -> None:
    user = f"watcher-{secrets.token_hex(4)}"
    first = await publish_event(reference, user, "i0", event_type="like")
    shown = await eventually("a list", lambda: items_as_of(reference, user, first.offset))

    finished = await publish_event(reference, user, shown[0], event_type="watch_end", completion_pct=100)

    now_shown = await eventually("the list reflects the event", lambda: items_as_of(reference, user, finished.offset))
    assert now_shown
    assert shown[0] not in now_shown


async def items_as_of(cluster: Cluster, user: str, offset: int) -> list[str] | None:
    """The items of the user's list once it reflects the offset."""
    prefix = cluster.list_prefix(user)
    if prefix is None or prefix.offset < offset:
        return None
    return [entry["item_id"] for entry in cluster.listed(cluster.list_bytes(user) or b"")["recommendations"]]


async def test_redis_wiped_lists_are_back_without_a_new_event(cluster: Cluster) -> None:
    cluster.start_worker("worker")
    await cluster.wait_until_caught_up()
    before = await eventually("a list for every user", lambda: as_of_of_all_users(cluster))
    published = (await cluster.account()).published

    cluster.redis.flushdb()

    assert await eventually("the same lists again", lambda: as_of_of_all_users(cluster)) == before
    assert (await cluster.account()).published == published


async def as_of_of_all_users(cluster: Cluster) -> dict[str, int] | None:
    """What each user's list reflects, once every user has one."""
    users = [key[1:].decode() for _, key in await cluster.user_rows() if key[:1] == b"r"]
    prefixes = {user: cluster.list_prefix(user) for user in users}
    return {user: prefix.offset for user, prefix in prefixes.items() if prefix} if all(prefixes.values()) else None
