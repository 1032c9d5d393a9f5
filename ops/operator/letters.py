"""Dead letters as a table: the last record of every coordinates is the letter as it is now."""

from dataclasses import dataclass, replace

from aiokafka import AIOKafkaProducer
from aiokafka.structs import ConsumerRecord

from ops.operator.running import NotThere
from streams.bulk_read import read_topics
from streams.dead_letters import DeadLetter
from streams.erasure import users_named
from streams.topics import Topics


@dataclass(frozen=True)
class Kept:
    """A letter, and when it was written (ms): writing it again keeps that time, so retention ends it when it would
    have."""

    letter: DeadLetter
    written_ms: int


def letter_of(record: ConsumerRecord) -> DeadLetter:
    """The letter in a record of the topic."""
    return DeadLetter.from_record(record.key, record.value, record.headers)


def names_user(letter: DeadLetter, user_id: str) -> bool:
    """Whether the original says, by its key or its `user_id`, that it is about this user."""
    return user_id in users_named(letter.key, letter.value)


async def read_letters(bootstrap: str, topics: Topics) -> list[Kept]:
    """All letters, in the order in which their originals were appended."""
    table: dict[bytes, Kept] = {}

    def apply(record: ConsumerRecord) -> None:
        letter, known = letter_of(record), table.get(record.key)
        if known is not None and not letter.redriven:  # another version refused the same record later
            letter = replace(letter, redriven=known.letter.redriven)
        table[record.key] = Kept(letter, record.timestamp)

    await read_topics(bootstrap, [topics.dead_letters], apply)
    return sorted(table.values(), key=lambda kept: (kept.letter.append_time_ms, *kept.letter.coordinates))


async def find_letter(bootstrap: str, topics: Topics, coordinates: str) -> DeadLetter:
    """The letter of a source record, "topic:partition:offset". Raises `NotThere`."""
    name = coordinates if coordinates.count(":") == 2 else f"{topics.interactions}:{coordinates}"
    for kept in await read_letters(bootstrap, topics):
        if kept.letter.name == name:
            return kept.letter
    raise NotThere(f"there is no dead letter of {name}; `freshet dlq list` shows which there are")


def rewriter_of(topics: Topics) -> str:
    """Transactional id of whoever writes letters again: one at a time, or one brings back what another blanks."""
    return f"{topics.dead_letters}.rewrite"


async def rewrite(producer: AIOKafkaProducer, topic: str, kept: Kept) -> None:
    """Writes the letter again, within the producer's transaction, in place of what it was."""
    record = kept.letter.to_record()
    await producer.send(
        topic,
        record.value,
        record.key,
        partition=record.partition,
        headers=record.headers,
        timestamp_ms=kept.written_ms,
    )
