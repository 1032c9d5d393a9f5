"""One user as the topics hold them: row and profile."""

from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition

from agents.delivery.table import POSITION_KEY, ChangelogTable
from agents.followers.guest_parts import GuestParts
from agents.followers.profiles import PartitionProfiles
from agents.followers.refusals import guarded, say
from ops.operator.inspect.finding import partition_count
from streams.contract.catalog import UserProfile, renamed_profile
from streams.contract.misplaced import parse_misplaced
from streams.contract.unreadable import read_profile
from streams.contract.user_records import user_partition
from streams.kafka.bulk_read import bulk_consumer, partitions_of, pass_over, read_to_end
from streams.kafka.topics import Topics
from tables import guest_part, user_keys
from tables.guest_part import GuestPart
from tables.linked_user import linked_user
from tables.stored_rows import check_user_row
from tables.user import User

HISTORY = 100


async def read_user(
    bootstrap: str, topics: Topics, user_id: str, stored_id: str
) -> tuple[User | None, UserProfile | None]:
    """Row, with what the user's guests did, and profile of one user as the topics hold them now, under their stored id;
    None where they hold none. Raises `TopicMissing`."""
    sent, wanted = user_id.encode(), stored_id.encode()
    profiles = PartitionProfiles()
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
                value = read_profile(sent, record.value).value
                profiles.put(stored_id, None if value is None else renamed_profile(value, stored_id), record.timestamp)

        def take_misplaced(record: Any) -> None:
            if (found := parse_misplaced(record.key, record.value)).user_id == stored_id:
                profiles.note_elsewhere(found)

        await read_to_end(consumer, [TopicPartition(table.topic, partition)], guarded(apply, say), damaged=pass_over)
        for topic, apply_to in ((topics.profiles, take), (topics.misplaced_profiles, take_misplaced)):
            await partitions_of(consumer, [topic])
            await read_to_end(consumer, [TopicPartition(topic, partition)], guarded(apply_to, say), damaged=pass_over)
        parts = await read_parts(consumer, topics, partition, stored_id)
    profile = profiles.get(stored_id)
    user = User.load(table.rows, stored_id, HISTORY) if user_keys.user_key(stored_id) in table.rows else None
    return linked_user(stored_id, user, parts.values(), HISTORY) if parts else user, profile


async def read_parts(
    consumer: AIOKafkaConsumer, topics: Topics, partition: int, stored_id: str
) -> dict[str, GuestPart]:
    """What guests did who are linked with a user, by their stored ids. Raises `TopicMissing`."""
    followed = GuestParts()
    await partitions_of(consumer, [topics.guest_parts])
    await read_to_end(
        consumer,
        [TopicPartition(topics.guest_parts, partition)],
        guarded(followed.apply, say),
        damaged=pass_over,
    )
    parts = followed.of(partition).users.get(stored_id, {})
    return {guest_id: guest_part.decode(value) for guest_id, value in sorted(parts.items())}
