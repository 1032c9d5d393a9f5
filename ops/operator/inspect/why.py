"""Why an item is on a user's list or not, from what the topics hold now: row, profile, item model."""

from typing import Any

from aiokafka.structs import TopicPartition

from agents.delivery.table import POSITION_KEY, ChangelogTable
from agents.item_follower import ItemFollower
from ops.operator.finding import partition_count
from ops.operator.running import NotThere
from ops.operator.stored_lists import read_list
from ranking.rerank.settings import RerankSettings
from ranking.why import why
from serving.keys import Keys
from streams.bulk_read import bulk_consumer, partitions_of, read_to_end
from streams.catalog import UserProfile, parse_profile
from streams.identities import Identities
from streams.topics import Topics
from streams.user_records import user_partition
from tables import user_keys
from tables.user import User

HISTORY = 100


async def explain(
    bootstrap: str,
    redis_url: str,
    topics: Topics,
    user_id: str,
    item_id: str,
    now_ms: int,
    size: int,
    settings: RerankSettings,
    identities: Identities,
) -> dict[str, Any]:
    """What `ranking.why` says at `now_ms`, and where the item stands on the list in Redis. A user without events is
    explained as well: their list is everybody's. Raises `NotThere` when the version does not know the item."""
    followed = await _followed(bootstrap, topics, now_ms)
    model = followed.model
    item = model.index(item_id)
    if item < 0:
        raise NotThere(f"neither the catalogue nor version {topics.version} knows an item {item_id!r}")
    stored_id = identities.of(user_id)
    user, profile = await _user(bootstrap, topics, user_id, stored_id)
    stored = read_list(redis_url, Keys(topics.namespace, topics.version).user_list(stored_id))
    shown = [entry["item_id"] for entry in stored["items"]] if stored else []
    return {
        "user_id": user_id,
        "version": topics.version,
        "rows_contain": None if user is None else user.row.last_offset,
        "stored_list": None if stored is None else {"as_of": stored["as_of"], "generated_at": stored["generated_at"]},
        "stored_slot": shown.index(item_id) + 1 if item_id in shown else None,
        **why(user, profile, model, followed.ranker, now_ms, item, size, settings),
    }


async def _followed(bootstrap: str, topics: Topics, now_ms: int) -> ItemFollower:
    follower = ItemFollower(bootstrap, topics)
    await follower.start()
    await follower.stop()
    follower.model.refresh_priors(now_ms)
    follower.model.refresh_vectors()
    return follower


async def _user(bootstrap: str, topics: Topics, user_id: str, stored_id: str) -> tuple[User | None, UserProfile | None]:
    sent, wanted = user_id.encode(), stored_id.encode()
    said: list[bytes | None] = [None]
    async with bulk_consumer(bootstrap) as consumer:
        partition = user_partition(user_id, await partition_count(consumer, topics.interactions))
        table = ChangelogTable(topics.user_changelog, partition)

        def apply(record: Any) -> None:
            if record.key == POSITION_KEY or wanted in (record.key[1:], record.key[5:]):
                table.load(record.key, record.value)

        def take(record: Any) -> None:
            if record.key == sent:
                said[0] = record.value

        await read_to_end(consumer, [TopicPartition(table.topic, partition)], apply)
        await read_to_end(consumer, await partitions_of(consumer, [topics.profiles]), take)
    profile = None if said[0] is None else parse_profile(sent, said[0])
    user = User.load(table.rows, stored_id, HISTORY) if user_keys.user_key(stored_id) in table.rows else None
    return user, profile
