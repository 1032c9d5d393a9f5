"""Why an item is on a user's list or not, from what the topics hold now: row, profile, item model."""

from typing import Any

from aiokafka.structs import TopicPartition

from agents.delivery.table import POSITION_KEY, ChangelogTable
from agents.followers.item_follower import ItemFollower
from agents.followers.refusals import guarded, say
from ops.operator.inspect.finding import partition_count
from ops.operator.inspect.running import NotThere
from ops.operator.inspect.stored_lists import read_list
from ranking.rerank.settings import RerankSettings
from ranking.why import why
from serving.keys import Keys
from streams.contract.catalog import Maturity, UserProfile
from streams.contract.identities import Identities
from streams.contract.unreadable import read_profile
from streams.contract.user_records import user_partition
from streams.kafka.bulk_read import bulk_consumer, partitions_of, pass_over, read_to_end
from streams.kafka.topics import Topics
from tables import user_keys
from tables.stored_rows import check_user_row
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
    default_maturity: Maturity,
) -> dict[str, Any]:
    """What `ranking.why` says at `now_ms`, and where the item stands on the list in Redis. A user without events is
    explained as well: their list is everybody's. Raises `NotThere` when the version does not know the item."""
    followed = await _followed(bootstrap, topics, now_ms, default_maturity)
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


async def _followed(bootstrap: str, topics: Topics, now_ms: int, default_maturity: Maturity) -> ItemFollower:
    follower = ItemFollower(bootstrap, topics, default_maturity=default_maturity)
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
                if record.key != POSITION_KEY and record.value is not None:
                    check_user_row(record.key, record.value)
                table.load(record.key, record.value)

        def take(record: Any) -> None:
            if record.key == sent:
                said[0] = record.value

        await read_to_end(consumer, [TopicPartition(table.topic, partition)], guarded(apply, say), damaged=pass_over)
        await read_to_end(
            consumer, await partitions_of(consumer, [topics.profiles]), guarded(take, say), damaged=pass_over
        )
    profile = read_profile(sent, said[0]).profile
    user = User.load(table.rows, stored_id, HISTORY) if user_keys.user_key(stored_id) in table.rows else None
    return user, profile
