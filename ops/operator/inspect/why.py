"""Why an item is on a user's list or not, from what the topics hold now: row, profile, item model."""

from typing import Any

from agents.followers.item_follower import ItemFollower
from agents.lists.treatments import Treatments, traits_of
from ops.operator.experiments.lifecycle import read_experiments
from ops.operator.inspect.finding import partition_count
from ops.operator.inspect.one_user import read_user
from ops.operator.inspect.running import NotThere
from ops.operator.inspect.stored_lists import read_list
from ops.operator.rules.changes import read_rules
from ranking.settings import RankingSettings
from ranking.why import why
from serving.keys import Keys
from serving.redis_address import is_cluster
from streams.contract.catalog import Maturity
from streams.contract.identities import Identities
from streams.contract.user_records import user_partition
from streams.kafka.bulk_read import bulk_consumer
from streams.kafka.topics import Topics
from tables.sequence.sequence_model import SequenceModel


async def explain(
    bootstrap: str,
    redis_url: str,
    topics: Topics,
    user_id: str,
    item_id: str,
    now_ms: int,
    size: int,
    settings: RankingSettings,
    identities: Identities,
    default_maturity: Maturity,
    sequence_model: SequenceModel | None = None,
) -> dict[str, Any]:
    """What `ranking.why` says at `now_ms` under the user's variants, and where the item stands on the list in Redis. A
    user without events is explained as well: their list is everybody's. Raises `NotThere` when the version does not
    know the item."""
    followed = await _followed(bootstrap, topics, now_ms, default_maturity, sequence_model)
    model = followed.model
    item = model.index(item_id)
    if item < 0:
        raise NotThere(f"neither the catalogue nor version {topics.version} knows an item {item_id!r}")
    stored_id = identities.of(user_id)
    user, profile = await read_user(bootstrap, topics, user_id, stored_id)
    book = await read_experiments(bootstrap, topics)
    treatments = Treatments(book, settings)
    treatment = book.treatment(stored_id, traits_of((user, profile)))
    keys = Keys(topics.namespace, topics.version, is_cluster(redis_url))
    async with bulk_consumer(bootstrap) as consumer:
        partition = user_partition(user_id, await partition_count(consumer, topics.interactions))
    stored = read_list(redis_url, keys, keys.at(partition, keys.user_list(stored_id)))
    shown = [entry["item_id"] for entry in stored["items"]] if stored else []
    return {
        "user_id": user_id,
        "version": topics.version,
        "rows_contain": None if user is None else user.row.last_offset,
        "stored_list": None if stored is None else _told(stored),
        "stored_slot": shown.index(item_id) + 1 if item_id in shown else None,
        "experiment_id": treatment.experiment_id or None,
        "variant": treatment.variant or None,
        **why(user, profile, model, followed.ranker, now_ms, item, size, treatments.settings(treatment)),
    }


async def _followed(
    bootstrap: str, topics: Topics, now_ms: int, default_maturity: Maturity, sequence_model: SequenceModel | None
) -> ItemFollower:
    follower = ItemFollower(bootstrap, topics, default_maturity=default_maturity, sequence_model=sequence_model)
    await follower.start()
    await follower.stop()
    follower.follow_rules((await read_rules(bootstrap, topics)).in_force(now_ms))
    follower.model.refresh_priors(now_ms)
    follower.model.refresh_vectors()
    return follower


def _told(stored: dict[str, Any]) -> dict[str, Any]:
    """What the list in Redis says of itself."""
    return {name: stored[name] for name in ("as_of", "generated_at", "experiment_id", "variant") if name in stored}
