"""Where every published record went: the one sum that must be zero."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field

from aiokafka.structs import ConsumerRecord, TopicPartition

from agents.delivery.table import POSITION_KEY, ChangelogTable
from streams.contract.dead_letters import DeadLetter
from streams.contract.reasons import Reason
from streams.kafka.bulk_read import bulk_consumer, partitions_of, pass_over, read_topics
from streams.kafka.log_position import LogPosition, log_mismatch
from streams.kafka.log_state import read_logs
from streams.kafka.topics import Topics
from tables import partition_row, user_keys, user_row
from tables.partition_row import PartitionRow
from tables.stored_rows import check_user_row
from tables.user_row import UserRow


@dataclass(frozen=True, slots=True)
class OtherLog:
    """`why` the rows are of another log; `gone` records are in them that the log does not hold any more, and of what it
    holds `not_folded`, whatever the sums say."""

    why: str
    gone: int
    not_folded: int


@dataclass(frozen=True, slots=True)
class Account:
    """Records of the interactions topic by what became of them, read back from Kafka.

    `published` is counted by end offsets, `folded` and `duplicates` are sums over the committed user rows and what the
    rows of purged users had counted (`purged` of the two are theirs), `dead_letters` counts distinct source
    coordinates, and `erased` what was forgotten or never folded because its user was erased. Purging a row changes
    `users` and `purged` and nothing else; what was purged before its user was erased stays `folded` or a duplicate.
    `late` events came more than the allowed lateness behind their partition's time: they are in the rows of their users
    (or those were erased since), and in no window.

    `other_logs` are partitions whose rows are of another generation of the log than there is now. What was folded of
    that one does not make up for records of this one: nothing from where they part is folded.
    """

    published: int
    folded: int
    duplicates: int
    dead_letters: int
    users: int
    erased: int = 0
    purged: int = 0
    late: int = 0
    unaccounted_by_partition: dict[int, int] = field(default_factory=dict)
    other_logs: dict[int, OtherLog] = field(default_factory=dict)

    @property
    def unaccounted(self) -> int:
        """Records that nobody can account for: positive = lost or not done yet, negative = counted twice. What one
        partition lost is not made up for by what another counted twice: then it is both together, without a sign."""
        whole = self.published - self.folded - self.duplicates - self.dead_letters - self.erased
        gaps = self.unaccounted_by_partition.values() or [whole]
        lost, twice = sum(gap for gap in gaps if gap > 0), -sum(gap for gap in gaps if gap < 0)
        return lost + twice if lost else -twice

    def as_dict(self) -> dict[str, object]:
        """All figures by name."""
        gaps = {str(partition): gap for partition, gap in self.unaccounted_by_partition.items()}
        others = {str(partition): asdict(other) for partition, other in self.other_logs.items()}
        return {
            **asdict(self),
            "unaccounted_by_partition": gaps,
            "other_logs": others,
            "unaccounted": self.unaccounted,
        }


async def read_account(bootstrap: str, topics: Topics) -> Account:
    """Counts as of now; final once the group has no lag."""
    users, partitions, places = await _read_user_plane(bootstrap, topics.user_changelog)
    dead_letters = await _dead_letter_coordinates(bootstrap, topics)
    published = await _ends(bootstrap, topics.interactions)
    return account_of(
        users,
        partitions,
        published,
        Counter(partition for _, partition, _ in dead_letters),
        await _other_logs(bootstrap, topics.interactions, places, published),
    )


def account_of(
    users: Mapping[int, Collection[UserRow]],
    partitions: Mapping[int, PartitionRow],
    published: Mapping[int, int],
    dead_letters: Mapping[int, int],
    other_logs: Mapping[int, OtherLog] | None = None,
) -> Account:
    """The sums over all rows; everything is given by partition of the interactions topic."""
    others = dict(other_logs or {})
    each = {
        number: _account_of_one(
            users.get(number, ()),
            partitions.get(number, PartitionRow()),
            published.get(number, 0),
            dead_letters.get(number, 0),
        )
        for number in sorted({*users, *partitions, *published, *dead_letters})
    }
    names = ("published", "folded", "duplicates", "dead_letters", "users", "erased", "purged", "late")
    sums = {name: sum(getattr(account, name) for account in each.values()) for name in names}
    gaps = {
        number: others[number].not_folded if number in others else account.unaccounted
        for number, account in each.items()
    }
    found = {number: gap for number, gap in gaps.items() if gap}
    return Account(**sums, unaccounted_by_partition=found, other_logs=others)


def _account_of_one(users: Collection[UserRow], row: PartitionRow, published: int, dead_letters: int) -> Account:
    return Account(
        published=published,
        folded=sum(user.folded for user in users) + row.purged_folded,
        duplicates=sum(user.duplicates for user in users) + row.purged_duplicates,
        dead_letters=dead_letters,
        users=len(users),
        erased=row.erased,
        purged=row.purged_folded + row.purged_duplicates,
        late=row.late,
    )


async def _other_logs(
    bootstrap: str, interactions: str, places: Mapping[int, LogPosition], published: Mapping[int, int]
) -> dict[int, OtherLog]:
    by_partition = {TopicPartition(interactions, number): place for number, place in places.items()}
    async with bulk_consumer(bootstrap) as consumer:
        logs = await read_logs(consumer._client, by_partition)
    found = {tp: other for tp, place in by_partition.items() if (other := log_mismatch(place, logs[tp]))}
    return {
        tp.partition: OtherLog(
            other.why,
            by_partition[tp].offset - other.go_on_at,
            max(0, published.get(tp.partition, 0) - other.go_on_at),
        )
        for tp, other in found.items()
    }


async def _read_user_plane(
    bootstrap: str, changelog: str
) -> tuple[dict[int, list[UserRow]], dict[int, PartitionRow], dict[int, LogPosition]]:
    """The rows of all users and those of the partitions, and the places that they reach, by partition."""
    rows: dict[tuple[int, bytes], bytes] = {}
    places: dict[int, LogPosition] = {}

    def apply(record: ConsumerRecord) -> None:
        if record.key == POSITION_KEY:
            table = ChangelogTable(changelog, record.partition)
            table.load(record.key, record.value, record.headers)
            if table.has_position:
                places[record.partition] = LogPosition(table.next_offset, table.mark.source, table.mark.leader_epoch)
            return
        if record.value is None:
            rows.pop((record.partition, record.key), None)
        else:
            rows[record.partition, record.key] = record.value

    await read_topics(bootstrap, [changelog], apply, pass_over)
    users: dict[int, list[UserRow]] = {}
    partitions: dict[int, PartitionRow] = {}
    for (partition, key), value in rows.items():
        try:
            check_user_row(key, value)
        except ValueError:
            continue  # somebody else's, until an owner puts it right: it accounts for nothing
        if key == user_keys.PARTITION:
            partitions[partition] = partition_row.CODEC.decode(value)
        elif key[:1] == user_keys.USER:
            users.setdefault(partition, []).append(user_row.CODEC.decode(value))
    return users, partitions, places


async def read_rows(bootstrap: str, changelog: str) -> dict[bytes, bytes]:
    """The table that a changelog topic holds: the last value of every key that was not removed."""
    rows: dict[bytes, bytes] = {}

    def apply(record: ConsumerRecord) -> None:
        if record.value is None:
            rows.pop(record.key, None)
        else:
            rows[record.key] = record.value

    await read_topics(bootstrap, [changelog], apply, pass_over)
    return rows


async def count_records(bootstrap: str, topic: str) -> int:
    """Records appended to a topic that nobody writes transactions to and that lost nothing to retention yet."""
    return sum((await _ends(bootstrap, topic)).values())


async def _ends(bootstrap: str, topic: str) -> dict[int, int]:
    async with bulk_consumer(bootstrap) as consumer:
        ends = await consumer.end_offsets(await partitions_of(consumer, [topic]))
        return {tp.partition: end for tp, end in ends.items()}


async def _dead_letter_coordinates(bootstrap: str, topics: Topics) -> set[tuple[str, int, int]]:
    found: set[tuple[str, int, int]] = set()

    def apply(record: ConsumerRecord) -> None:
        try:
            dead_letter = DeadLetter.from_record(record.key, record.value, record.headers)
        except ValueError:
            return  # no letter of ours, and so it accounts for nothing
        if dead_letter.topic == topics.interactions and dead_letter.reason is not Reason.STORE_REFUSED:  # used
            found.add(dead_letter.coordinates)

    await read_topics(bootstrap, [topics.dead_letters], apply, pass_over)
    return found
