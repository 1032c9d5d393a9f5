"""Where every published record went: the one sum that must be zero."""

from dataclasses import asdict, dataclass

from aiokafka.structs import ConsumerRecord

from streams.bulk_read import bulk_consumer, partitions_of, read_topics
from streams.dead_letters import DeadLetter
from streams.topics import Topics
from tables import partition_row, user_keys, user_row


@dataclass(frozen=True, slots=True)
class Account:
    """Records of the interactions topic by what became of them, read back from Kafka.

    `published` is counted by end offsets, `folded` and `duplicates` are sums over the committed user rows,
    `dead_letters` counts distinct source coordinates, and `erased` what was forgotten or never folded because its user
    was erased.
    """

    published: int
    folded: int
    duplicates: int
    dead_letters: int
    users: int
    erased: int = 0

    @property
    def unaccounted(self) -> int:
        """Records that nobody can account for: positive = lost or not done yet, negative = counted twice."""
        return self.published - self.folded - self.duplicates - self.dead_letters - self.erased

    def as_dict(self) -> dict[str, int]:
        """All figures by name."""
        return {**asdict(self), "unaccounted": self.unaccounted}


async def read_account(bootstrap: str, topics: Topics) -> Account:
    """Counts as of now; final once the group has no lag."""
    rows, erased = await _read_user_plane(bootstrap, topics.user_changelog)
    users = [user_row.CODEC.decode(value) for key, value in rows.items() if key[:1] == user_keys.USER]
    return Account(
        published=await count_records(bootstrap, topics.interactions),
        folded=sum(user.folded for user in users),
        duplicates=sum(user.duplicates for user in users),
        dead_letters=len(await _dead_letter_coordinates(bootstrap, topics)),
        users=len(users),
        erased=erased,
    )


async def _read_user_plane(bootstrap: str, changelog: str) -> tuple[dict[bytes, bytes], int]:
    """The rows of all users, and the sum of what the partitions count as erased."""
    rows: dict[bytes, bytes] = {}
    erased: dict[int, int] = {}

    def apply(record: ConsumerRecord) -> None:
        if record.key == user_keys.PARTITION:  # every partition has one under the same key
            erased[record.partition] = partition_row.CODEC.decode(record.value).erased
        elif record.value is None:
            rows.pop(record.key, None)
        else:
            rows[record.key] = record.value

    await read_topics(bootstrap, [changelog], apply)
    return rows, sum(erased.values())


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
