"""Lists that were made too early, and lists that Redis lost: every reader has the right one again, without an event."""

import secrets
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
import redis
from harness.cluster import Cluster, StackConfig
from harness.endpoint import endpoint_of
from harness.polling import eventually
from harness.traffic import event_record

from agents.lists.list_basis import LATER_MS
from agents.worker import now_ms
from ops.local_stack.stack import LocalStack
from streams.kafka.producer import OutgoingRecord
from streams.kafka.topics_admin import delete_namespace

pytestmark = pytest.mark.stack

DATABASE = 10
ITEMS, USERS, EVENTS_A_USER = 60, 60, 25
#: With so many, item vectors are fitted.
MORE_ITEMS = 120
GENRES = 4
KINDS = ("list", "post_play", "continue", "user_features", "user_emb", "similar", "popular", "trending_list", "row")


@pytest.fixture
def place(stack: LocalStack, tmp_path: Path) -> Iterator[StackConfig]:
    """A log of its own in a database of its own."""
    url = f"{stack.redis_url.rpartition('/')[0]}/{DATABASE}"
    namespace = f"test-{secrets.token_hex(4)}"
    yield StackConfig(stack.bootstrap, url, namespace, tmp_path)
    delete_namespace(stack.bootstrap, namespace)
    with redis.Redis.from_url(url) as client:
        client.flushdb()


@pytest.fixture
async def loaded(place: StackConfig, request: pytest.FixtureRequest) -> AsyncIterator[Cluster]:
    """A log with a history that was published before any worker started, and then a worker."""
    items = getattr(request, "param", ITEMS)
    async with Cluster(place, "v1") as cluster:
        await cluster.publish(history(cluster, items))
        cluster.start_worker("worker")
        yield cluster


def history(cluster: Cluster, items: int) -> Iterator[OutgoingRecord]:
    """Items of four genres, and sixty users who like 25 of them each, half of one genre."""
    for item in range(items):
        entry = {"item_id": f"i{item}", "title": f"Title {item}", "genres": [f"g{item % GENRES}"]}
        yield OutgoingRecord(cluster.topics.catalog, f"i{item}".encode(), orjson.dumps(entry))
    for number in range(EVENTS_A_USER):
        for user in range(USERS):
            own = number < EVENTS_A_USER // 2
            item = (user % GENRES + GENRES * (number + user)) % items if own else (7 * user + 11 * number) % items
            yield event_record(cluster.topics.interactions, f"u{user}", f"i{item}", event_type="like")


async def test_who_was_loaded_in_bulk_is_served_what_items_know_in_the_end(loaded: Cluster) -> None:
    async def all_personal() -> bool:
        return (reasons := reasons_of(loaded))["because_you_watched"] > 0.9 * reasons.total() > 0

    async def all_stay() -> bool:
        ages_ms = [now_ms() - prefix.generated_at_ms for user in users() if (prefix := loaded.list_prefix(user))]
        return min(ages_ms) > LATER_MS + 5_000  # by then they were looked at, and left as they are

    await loaded.wait_until_caught_up()
    published = (await loaded.account()).published
    await eventually("personal lists", all_personal)
    await eventually("lists that stay", all_stay)
    early = {user: listed(loaded, user) for user in users()}
    loaded.redis.flushdb()  # what is made now is made with all that items know

    async def all_back() -> bool:
        return all(listed(loaded, user) for user in users())

    await eventually("all lists are back", all_back)
    late = {user: listed(loaded, user) for user in users()}
    assert sum(len(early[user] & late[user]) for user in users()) > 0.9 * sum(map(len, late.values()))
    assert (await loaded.account()).published == published


async def test_who_has_met_everything_is_offered_it_again_the_longest_ago_first(loaded: Cluster) -> None:
    items = [f"i{number}" for number in range(ITEMS)]
    await loaded.publish(event_record(loaded.topics.interactions, "omnivore", item) for item in items)
    async with endpoint_of(loaded) as client:

        async def again() -> bool:
            body = await read(client, "omnivore")
            listed = body["recommendations"]
            offered = [entry["item_id"] for entry in listed], {entry["reason_code"] for entry in listed}
            return (body["source"], *offered) == ("personal", items[: len(listed)], {"seen_again"})

        await eventually("a list of what was seen", again)


@pytest.mark.parametrize("loaded", [MORE_ITEMS], indirect=True)
async def test_what_redis_lost_comes_back(loaded: Cluster) -> None:
    found = await eventually("all that is written", lambda: settled(loaded))
    for kind in KINDS:
        await loses(loaded, [key for key in found if kind_of(loaded, key) == kind])
    personal = sorted(key for key in found if b"{u:" in key)
    await loses(loaded, personal[::100])
    await loses(loaded, [key for key in found if b"{i:" in key][::100])
    some = {tag_of(key) for key in personal[:50]}
    await loses(loaded, [key for key in found if tag_of(key) in some])  # a slot of a cluster
    await loses(loaded, sorted(found))


async def loses(cluster: Cluster, keys: list[bytes]) -> None:
    """Returns when all are there again."""
    assert keys
    cluster.redis.delete(*keys)

    async def all_back() -> bool:
        return cluster.redis.exists(*keys) == len(keys)

    await eventually(f"{len(keys)} keys like {keys[0]!r}", all_back)


async def test_a_reader_whose_list_was_deleted_is_personal_again(loaded: Cluster) -> None:
    async def all_written() -> bool:
        return all(map(loaded.list_bytes, users()))

    await eventually("every list", all_written)
    async with endpoint_of(loaded) as client:

        async def personal() -> bool:
            return (await read(client, "u7"))["source"] == "personal"

        loaded.redis.delete(loaded.keys.user_list("u7"))
        await eventually("the reader's list", personal)


async def read(client: httpx.AsyncClient, user: str) -> dict[str, Any]:
    answer = await client.get("/api/v1/recommendations", params={"user_id": user})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def users() -> list[str]:
    return [f"u{number}" for number in range(USERS)]


def listed(cluster: Cluster, user: str) -> set[str]:
    value = cluster.list_bytes(user)
    return {entry["item_id"] for entry in cluster.listed(value)["recommendations"]} if value else set()


def reasons_of(cluster: Cluster) -> Counter[str]:
    values = [value for user in users() if (value := cluster.list_bytes(user))]
    return Counter(entry["reason_code"] for value in values for entry in cluster.listed(value)["recommendations"])


def keys_of(cluster: Cluster) -> set[bytes]:
    return set(cluster.redis.scan_iter(match=f"{cluster.keys.prefix}*", count=1000))


def tag_of(key: bytes) -> bytes:
    """What decides in which slot of a cluster a key is."""
    return key.partition(b"{")[2].partition(b"}")[0] or key


def kind_of(cluster: Cluster, key: bytes) -> str:
    name = key.decode().removeprefix(cluster.keys.prefix)
    return "post_play" if name.endswith(":post_play") else name.partition(":")[0]


async def settled(cluster: Cluster) -> set[bytes] | None:
    """All keys, once there are some of every kind and every user and item has theirs."""
    found = keys_of(cluster)
    count = Counter(kind_of(cluster, key) for key in found)
    complete = all(count[kind] >= USERS for kind in ("list", "post_play", "continue", "user_features"))
    return found if complete and count["similar"] == MORE_ITEMS and all(count[kind] for kind in KINDS) else None
