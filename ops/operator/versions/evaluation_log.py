"""The log of Kafka as something to be judged: every interaction and the catalogue as they are now."""

from aiokafka.structs import ConsumerRecord

from offline.evaluate.log import EvaluationLog
from streams.bulk_read import read_topics
from streams.catalog import CatalogItem, parse_catalog_item
from streams.erasure import parse_marker
from streams.events import Interaction, InvalidEvent, parse_interaction
from streams.topics import Topics


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
        if record.value is not None:
            erased.add(parse_marker(record.value).user_id)

    await read_topics(bootstrap, [topics.erasure], erasure)
    await read_topics(bootstrap, [topics.catalog], described)
    await read_topics(bootstrap, [topics.interactions], interaction)
    kept = (event for event in interactions.values() if event.user_id not in erased)
    return EvaluationLog.of_interactions(kept, catalog, limit)
