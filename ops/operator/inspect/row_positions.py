"""Where the rows of a version are in its input logs, read from the ends of its changelogs."""

from collections.abc import Mapping

from aiokafka.structs import ConsumerRecord, TopicPartition

from agents.delivery.table import POSITION_KEY, ChangelogTable
from streams.kafka.bulk_read import bulk_consumer, partitions_of, pass_over, read_to_end
from streams.kafka.log_position import LogPosition, log_mismatch
from streams.kafka.log_state import read_logs
from streams.kafka.topics import Topics

#: A position is the last record of every transaction; behind the last committed one there may be an aborted one.
NEWEST = 2_000


async def read_mismatches(bootstrap: str, topics: Topics) -> dict[TopicPartition, str]:
    """Input partitions whose log is not the one that the rows are of, and why. Raises `TopicMissing`, `KafkaError`."""
    places = await read_row_positions(bootstrap, topics)
    async with bulk_consumer(bootstrap) as consumer:
        logs = await read_logs(consumer._client, places)
    return {tp: found.why for tp, place in places.items() if (found := log_mismatch(place, logs[tp]))}


async def read_row_positions(bootstrap: str, topics: Topics) -> Mapping[TopicPartition, LogPosition]:
    """By input partition; without those that have no rows yet, or whose position is far from the changelog's end."""
    changelogs = dict(
        zip((topics.user_changelog, topics.item_model, topics.ranker_weights), topics.inputs, strict=True)
    )
    places: dict[TopicPartition, LogPosition] = {}

    def apply(record: ConsumerRecord) -> None:
        if record.key == POSITION_KEY:
            table = ChangelogTable(record.topic, record.partition)
            table.load(record.key, record.value, record.headers)
            source = TopicPartition(changelogs[record.topic], record.partition)
            if table.has_position:
                places[source] = LogPosition(table.next_offset, table.mark.source, table.mark.leader_epoch)

    async with bulk_consumer(bootstrap) as consumer:
        await read_to_end(consumer, await partitions_of(consumer, changelogs), apply, newest=NEWEST, damaged=pass_over)
    return places
