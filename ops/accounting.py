"""Where every published record went: the one sum that must be zero."""

from collections.abc import Collection
from dataclasses import asdict, dataclass

from aiokafka.structs import ConsumerRecord

from streams.bulk_read import bulk_consumer, partitions_of, read_topics
from streams.dead_letters import DeadLetter
from streams.topics import Topics
from tables import partition_row, user_keys, user_row
from tables.partition_row import PartitionRow
from tables.user_row import UserRow


@dataclass(frozen=True, slots=True)
class Account:
    """Records of the interactions topic by what became of them, read back from Kafka.

    `published` is counted by end offsets, `folded` and `duplicates` are sums over the committed user rows and what the
    rows of purged users had counted (`purged` of the two are theirs), `dead_letters` counts distinct source
    coordinates, and `erased` what was forgotten or never folded because its user was erased. Purging a row changes
    `users` and `purged` and nothing else; what was purged before its user was erased stays `folded` or a duplicate.
    """

    published: int
    folded: int
    duplicates: int
    dead_letters: int
    users: int
    erased: int = 0
    purged: int = 0

    @property
    def unaccounted(self) -> int:
        """Records that nobody can account for: positive = lost or not done yet, negative = counted twice."""
        return self.published - self.folded - self.duplicates - self.dead_letters - self.erased

    def as_dict(self) -> dict[str, int]:
        """All figures by name."""
        return {**asdict(self), "unaccounted": self.unaccounted}


async def read_account(bootstrap: str, topics: Topics) -> Account:
    """Counts as of now; final once the group has no lag."""
    rows, partitions = await _read_user_plane(bootstrap, topics.user_changelog)
    return account_of(
        [user_row.CODEC.decode(value) for key, value in rows.items() if key[:1] == user_keys.USER],
        partitions,
        published=await count_records(bootstrap, topics.interactions),
        dead_letters=len(await _dead_letter_coordinates(bootstrap, topics)),
    )


def account_of(
    users: Collection[UserRow], partitions: Collection[PartitionRow], published: int, dead_letters: int
) -> Account:
    """The sums over all rows."""
    purged_folded = sum(row.purged_folded for row in partitions)
    purged_duplicates = sum(row.purged_duplicates for row in partitions)
    return Account(
        published=published,
        folded=sum(user.folded for user in users) + purged_folded,
        duplicates=sum(user.duplicates for user in users) + purged_duplicates,
        dead_letters=dead_letters,
        users=len(users),
        erased=sum(row.erased for row in partitions),
        purged=purged_folded + purged_duplicates,
    )


async def _read_user_plane(bootstrap: str, changelog: str) -> tuple[dict[bytes, bytes], list[PartitionRow]]:
    """The rows of all users, and those of the partitions."""
    rows: dict[bytes, bytes] = {}
    partitions: dict[int, PartitionRow] = {}

    def apply(record: ConsumerRecord) -> None:
        if record.key == user_keys.PARTITION:  # every partition has one under the same key
            partitions[record.partition] = partition_row.CODEC.decode(record.value)
        elif record.value is None:
            rows.pop(record.key, None)
        else:
            rows[record.key] = record.value

    await read_topics(bootstrap, [changelog], apply)
    return rows, list(partitions.values())


async def read_rows(bootstrap: str, changelog: str) -> dict[bytes, bytes]:
    """The table that a changelog topic holds: the last value of every key that was not removed."""
    rows: dict[bytes, bytes] = {}

    def apply(record: ConsumerRecord) -> None:
        if record.value is None:
            rows.pop(record.key, None)
        else:
            rows[record.key] = record.value

    await read_topics(bootstrap, [changelog], apply)
    return rows


async def count_records(bootstrap: str, topic: str) -> int:
    """Records appended to a topic that nobody writes transactions to and that lost nothing to retention yet."""
    async with bulk_consumer(bootstrap) as consumer:
        partitions = await partitions_of(consumer, [topic])
        ends = await consumer.end_offsets(partitions)
        return sum(ends.values())


async def _dead_letter_coordinates(bootstrap: str, topics: Topics) -> set[tuple[str, int, int]]:
    found: set[tuple[str, int, int]] = set()

    def apply(record: ConsumerRecord) -> None:
        letter = DeadLetter.from_record(record.key, record.value, record.headers)
        if letter.topic == topics.interactions:
            found.add(letter.coordinates)

    await read_topics(bootstrap, [topics.dead_letters], apply)
    return found
