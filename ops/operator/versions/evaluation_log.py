"""The log of Kafka as something to be evaluated: every interaction and the catalogue as they are now."""

from aiokafka.structs import ConsumerRecord

from agents.followers.refusals import read_usable
from offline.evaluate.log import EvaluationLog
from streams.contract.catalog import CatalogItem, parse_catalog_item
from streams.contract.erasure import marker_in
from streams.contract.events import Interaction, InvalidEvent, parse_interaction
from streams.kafka.bulk_read import pass_over, read_topics
from streams.kafka.topics import Topics


async def read_evaluation_log(bootstrap: str, topics: Topics, limit: int | None) -> EvaluationLog:
    """The events that can be used, each `event_id` of a user once. Users of whom an erasure was asked for are left out
    as a whole, and so is what would become a dead letter. Raises `TopicMissing`."""
    interactions: dict[tuple[str, str], Interaction] = {}
    catalog: dict[str, CatalogItem] = {}
    erased: set[str] = set()

    def interaction(record: ConsumerRecord) -> None:
        try:
            event = parse_interaction(record.value, record.timestamp)
        except InvalidEvent:
            return  # the workers reject it as well
        interactions.setdefault((event.user_id, event.event_id), event)

    def described(record: ConsumerRecord) -> None:
        try:
            item = parse_catalog_item(record.key, record.value)
        except InvalidEvent:
            return
        catalog.pop(record.key.decode(), None)
        if item is not None:
            catalog[item.item_id] = item

    def erasure(record: ConsumerRecord) -> None:
        user_id, marker = marker_in(record.key, record.value)
        if marker is not None:
            erased.add(user_id)

    await read_usable(bootstrap, [topics.erasure], erasure)
    await read_topics(bootstrap, [topics.catalog], described, pass_over)
    await read_topics(bootstrap, [topics.interactions], interaction, pass_over)
    kept = (event for event in interactions.values() if event.user_id not in erased)
    return EvaluationLog.of_interactions(kept, catalog, limit)
