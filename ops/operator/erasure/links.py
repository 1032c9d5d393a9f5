"""Links of users and guests, as `users.links` says now: whose data goes with a user's, and out of the topic itself."""

from dataclasses import dataclass, field

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.structs import ConsumerRecord

from agents.followers.links import Links
from agents.followers.refusals import read_usable
from streams.contract.erasure import users_named
from streams.kafka.topics import Topics


@dataclass(frozen=True)
class LinkBook:
    """Ids as producers send them. `in_force` maps guests to users, `records` the key of each live record to its value,
    which may be one that is refused."""

    in_force: dict[str, str]
    records: dict[bytes, bytes] = field(default_factory=dict)

    def guests_of(self, user_id: str) -> list[str]:
        """Who is linked with a user."""
        return sorted(guest for guest, user in self.in_force.items() if user == user_id)

    def naming(self, user_id: str) -> list[bytes]:
        """Keys of live records that name somebody, as guest or as user, whether they are in force or not."""
        return [key for key, value in self.records.items() if names_in_link(key, value, user_id)]


def names_in_link(key: bytes | None, value: bytes | None, user_id: str) -> bool:
    """Whether a record of the topic names somebody, as guest or as user, however damaged it is."""
    return user_id in users_named(key, value)


async def read_links(bootstrap: str, topics: Topics) -> LinkBook:
    """The links in force, by the rules of the workers."""
    links, records = Links(partitions=1), dict[bytes, bytes]()

    def apply(record: ConsumerRecord) -> None:
        if record.key is not None:
            records.pop(record.key, None)
            if record.value is not None:
                records[record.key] = record.value
        links.apply(record)

    await read_usable(bootstrap, [topics.links], apply)
    return LinkBook({guest: user.user_id for guest, user in links.of(0).users.items()}, records)


async def remove_links(bootstrap: str, topics: Topics, producer: AIOKafkaProducer, user_id: str) -> None:
    """Takes every record out that names somebody. One that was refused, because its guest is linked with somebody else,
    is written over by the link in force."""
    book = await read_links(bootstrap, topics)
    keys = book.naming(user_id)
    if not keys:
        return
    async with producer.transaction():
        for key in keys:
            guest_id = key.decode(errors="replace")
            other = book.in_force.get(guest_id)
            link = None if other is None or user_id in (guest_id, other) else {"guest_id": guest_id, "user_id": other}
            await producer.send(topics.links, link and msgspec.json.encode(link), key, partition=0)
