"""Dead letters as a table: the last record of every coordinates is the dead letter as it is now."""

import logging
from dataclasses import dataclass, replace

from aiokafka import AIOKafkaProducer
from aiokafka.structs import ConsumerRecord

from ops.operator.inspect.running import NotThere
from streams.contract.dead_letters import DeadLetter
from streams.contract.id_search import Ids, suspects
from streams.contract.reasons import Reason
from streams.kafka.bulk_read import pass_over, read_topics
from streams.kafka.topics import Topics

_OF_LETTERS = frozenset(
    f"freshet.{name}"
    for name in ("key", "reason", "detail", "topic", "partition", "offset", "append_time_ms", "original_bytes")
) | {"freshet.no_value", "freshet.redriven"}

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class StoredDeadLetter:
    """A dead letter, and when it was written (ms): writing it again keeps that time, so retention ends it when it would
    have."""

    dead_letter: DeadLetter
    written_ms: int


def dead_letter_of(record: ConsumerRecord) -> DeadLetter:
    """The dead letter in a record of the topic."""
    return DeadLetter.from_record(record.key, record.value, record.headers)


def readable_dead_letter(record: ConsumerRecord) -> DeadLetter | None:
    """The dead letter; None for what is none, which anybody may write to the topic, and which is said."""
    try:
        return None if record.value is None else dead_letter_of(record)
    except ValueError as error:
        logger.warning("%s:%d:%d is left out: %s", record.topic, record.partition, record.offset, error)
        return None


def is_about(record: ConsumerRecord, ids: Ids) -> bool:
    """Whether a record of the topic names one of `ids` in any encoding, or it cannot be ruled out that it does."""
    try:
        dead_letter = dead_letter_of(record)
    except ValueError:  # somebody else's record
        return bool(suspects(ids, record.key, record.value, [value for _, value in record.headers]).all)
    if dead_letter.reason is Reason.ERASED and not dead_letter.value and dead_letter.key is None:
        return False
    others = [value for name, value in record.headers if name not in _OF_LETTERS]
    others.append(dead_letter.detail.encode("utf-8", "replace"))
    is_cut = dead_letter.original_bytes is not None
    return bool(suspects(ids, dead_letter.key, dead_letter.value, others, is_cut=is_cut).all)


def blanked(record: ConsumerRecord) -> StoredDeadLetter | None:
    """What a dead letter about an erased user becomes; None for somebody else's record, which is removed."""
    try:
        return StoredDeadLetter(dead_letter_of(record).blank(), record.timestamp)
    except ValueError:
        return None


async def read_dead_letters(bootstrap: str, topics: Topics) -> list[StoredDeadLetter]:
    """All dead letters, in the order in which their originals were appended."""
    table: dict[bytes, StoredDeadLetter] = {}

    def apply(record: ConsumerRecord) -> None:
        dead_letter, known = readable_dead_letter(record), table.get(record.key)
        if dead_letter is None:
            return
        if known is not None and not dead_letter.redriven:  # another version refused the same record later
            dead_letter = replace(dead_letter, redriven=known.dead_letter.redriven)
        table[record.key] = StoredDeadLetter(dead_letter, record.timestamp)

    await read_topics(bootstrap, [topics.dead_letters], apply, pass_over)
    return sorted(table.values(), key=lambda kept: (kept.dead_letter.append_time_ms, *kept.dead_letter.coordinates))


async def find_dead_letter(bootstrap: str, topics: Topics, coordinates: str) -> DeadLetter:
    """The dead letter of a source record, "topic:partition:offset". Raises `NotThere`."""
    name = coordinates if coordinates.count(":") == 2 else f"{topics.interactions}:{coordinates}"
    for kept in await read_dead_letters(bootstrap, topics):
        if kept.dead_letter.name == name:
            return kept.dead_letter
    raise NotThere(f"there is no dead letter of {name}; `freshet dlq list` shows which there are")


def rewriter_of(topics: Topics) -> str:
    """Transactional id of whoever writes dead letters again: one at a time, or one brings back what another blanks."""
    return f"{topics.dead_letters}.rewrite"


async def rewrite(producer: AIOKafkaProducer, topic: str, kept: StoredDeadLetter) -> None:
    """Writes the dead letter again, within the producer's transaction, in place of what it was."""
    record = kept.dead_letter.to_record()
    await producer.send(
        topic,
        record.value,
        record.key,
        partition=record.partition,
        headers=record.headers,
        timestamp_ms=kept.written_ms,
    )
