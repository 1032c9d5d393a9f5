"""Looks for a user in every place that holds something made of their events."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiokafka.structs import ConsumerRecord

from agents.delivery.table import POSITION_KEY
from ops.operator.archive.erasure import read_erasures
from ops.operator.dead_letters.records import is_about
from ops.operator.erasure.links import names_in_link
from ops.operator.inspect.finding import find, partition_count, versions
from ops.operator.snapshots.kept_files import RetainedFiles
from serving.keys import Keys
from serving.redis_clients import connect
from streams.contract.erasure import users_named
from streams.contract.id_search import Ids
from streams.contract.identities import Identities
from streams.contract.user_records import user_of, user_partition
from streams.kafka.bulk_read import bulk_consumer
from streams.kafka.topics import Topics

_GLOB_SPECIAL = "\\*?[]"


@dataclass(frozen=True)
class Names:
    """The ids of one user: `sent` is the producers', `all` adds the one that is stored, which `identities` made."""

    sent: str
    all: frozenset[str]
    identities: Identities

    @classmethod
    def of(cls, user_id: str, identities: Identities) -> "Names":
        """Both, though only one is stored: somebody may have turned hashing on or off since."""
        return cls(user_id, frozenset({user_id, identities.of(user_id)}), identities)

    @property
    def ids(self) -> Ids:
        """All, to be searched for."""
        return Ids(self.all)

    @property
    def encoded(self) -> frozenset[bytes]:
        """All, as bytes."""
        return frozenset(name.encode() for name in self.all)


@dataclass
class Leftovers:
    """Records or keys of a user by place. `superseded` ones were replaced or removed and are bytes on the brokers'
    disks until the topic is compacted, a day at most; nobody who reads a table meets them."""

    found: dict[str, int] = field(default_factory=dict)
    superseded: dict[str, int] = field(default_factory=dict)

    def add(self, other: "Leftovers") -> None:
        """What is left of somebody else too."""
        for mine, more in ((self.found, other.found), (self.superseded, other.superseded)):
            mine.update({place: mine.get(place, 0) + count for place, count in more.items()})

    @property
    def total(self) -> int:
        """0 = nothing is left."""
        return sum(self.found.values())

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "places": self.found,
            "total": self.total,
            "awaiting_compaction": self.superseded,
            "awaiting_compaction_total": sum(self.superseded.values()),
        }


async def check(bootstrap: str, redis_url: str, topics: Topics, names: Names, files: RetainedFiles) -> Leftovers:
    """Counts by place. The interactions log itself is not a place: it keeps what was sent until its retention ends."""
    name = Topics(topics.namespace, "x")
    left = Leftovers()
    async with bulk_consumer(bootstrap) as consumer:
        partition = user_partition(names.sent, await partition_count(consumer, topics.interactions))
        built = await versions(consumer, name.user_changelog.removesuffix("x"))
        linking = await versions(consumer, name.guest_parts.removesuffix("x"))

    async def look(topic: str, is_theirs: Callable[[ConsumerRecord], bool], where: int | None) -> None:
        found = await find(bootstrap, topic, is_theirs, where)
        left.found[topic], left.superseded[topic] = len(found.live), found.superseded

    for version in built:
        await look(
            Topics(topics.namespace, version).user_changelog, lambda record: _is_row(record.key, names), partition
        )
    for version in linking:
        await look(
            Topics(topics.namespace, version).guest_parts,
            lambda record: not names.encoded.isdisjoint(record.key.split(b"\0")),
            None,
        )
    await look(topics.links, lambda record: names_in_link(record.key, record.value, names.sent), None)
    await look(topics.profiles, lambda record: record.key == names.sent.encode(), None)
    await look(topics.dead_letters, lambda record: is_about(record, names.ids), None)
    for topic in (topics.requests, topics.served, topics.predictions, topics.misplaced_profiles):
        await look(topic, lambda record: is_served_to(record, names), None)
    known = await read_erasures(bootstrap, topics, names.identities)
    left.found |= files.count(known, names.sent, names.encoded)
    left.found["redis"] = sum(map(len, redis_keys(redis_url, topics.namespace, names)))
    return left


def _is_row(key: bytes, names: Names) -> bool:
    """A kind byte and the user, or a kind byte, four bytes of a number and the user; see tables.user_keys."""
    return key != POSITION_KEY and not names.encoded.isdisjoint((key[1:], key[5:]))


def is_served_to(record: ConsumerRecord, names: Names) -> bool:
    """Whether a record of a served topic is about a user, by its key or by the `user_id` in it."""
    of_key = user_of(record.key) if record.key else b""
    return of_key in names.encoded or not names.all.isdisjoint(users_named(None, record.value))


def redis_keys(redis_url: str, namespace: str, names: Names) -> tuple[list[str], list[str]]:
    """Keys of any version that carry the user's hash tag, and the sorted sets of readers that hold the user."""
    keys = Keys(namespace)
    patterns = [f"{keys.root}*{{u:{_escaped(name)}}}*" for name in sorted(names.all)]
    with connect(redis_url) as redis:
        found = {key.decode() for pattern in patterns for key in redis.scan_iter(match=pattern, count=1000)}
        tagged = sorted(key for key in found if any(keys.names_user(key, name) for name in names.all))
        noted = [
            key.decode()
            for pattern in (f"{keys.root}*readers:*", f"{keys.root}*:missed:*")
            for key in redis.scan_iter(match=pattern, count=1000)
        ]
        marked = [
            key
            for key in noted
            if keys.notes_users(key) and any(redis.zscore(key, name) is not None for name in names.all)
        ]
    return tagged, marked


def _escaped(name: str) -> str:
    return "".join(f"\\{char}" if char in _GLOB_SPECIAL else char for char in name)
