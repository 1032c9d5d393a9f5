"""Fills tables from their changelogs, and puts right what others wrote there.

A row that cannot be read as one is not ours: whoever may write to a topic wrote it. What its key held before is what
the owner had committed, so the last record of the key that is a row holds, when the log still has it. When compaction
has removed that, nothing is left of the row, and its user or item begins anew. Either way the record becomes a dead
letter, and the row is written again in the transaction that claims the partition, or the next restore would find what
compaction leaves of the two: the foreign one.

A record that is well made and wrong cannot be told from ours.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import ConsumerRecord, TopicPartition

from agents.delivery.table import POSITION_KEY, ChangelogTable
from streams.kafka.bulk_read import bulk_consumer, read_to_end
from streams.kafka.damaged_record import DamagedRecord, refusal_of

logger = logging.getLogger(__name__)

#: More rows of a partition than this that nothing is left of are no accident: to go on would be to forget them.
MOST_FORGOTTEN = 1_000
#: Rows that are checked before others have their turn, the group's heartbeats for example: about 10 µs each.
CHECKED_A_TURN = 1_000


#: Other keys that a row names, by its key; nothing of rows that name none.
NamedKeys = dict[bytes, Sequence[bytes]]


class RowsUnreadable(RuntimeError):
    """Most of a table is not what this code reads. The message says of which."""


async def restore(bootstrap: str, tables: Sequence[ChangelogTable]) -> int:
    """Fills empty `tables` from their changelogs with one consumer; returns the number of records read.

    Call it after the partitions' producers have fenced their former owners: only then is the end of each changelog
    final. Raises `RowsUnreadable`.
    """
    by_partition: dict[TopicPartition, list[ChangelogTable]] = defaultdict(list)
    for table in tables:
        by_partition[TopicPartition(table.topic, table.partition)].append(table)

    def apply(record: ConsumerRecord) -> None:
        if record.key is None or isinstance(record, DamagedRecord):
            damaged(record)
            return
        for table in by_partition[TopicPartition(record.topic, record.partition)]:
            table.doubts.pop(record.key, None)
            table.load(record.key, record.value, record.headers)
            if record.key == POSITION_KEY:
                _note_position(table, record)

    def damaged(record: ConsumerRecord) -> None:
        why = _why_damaged(record)
        for table in by_partition[TopicPartition(record.topic, record.partition)]:
            table.foreign.append((record, why))
            if record.key is not None:
                table.doubts[record.key] = why

    if not by_partition:
        return 0
    async with bulk_consumer(bootstrap) as consumer:
        count = await read_to_end(consumer, by_partition, apply, damaged=damaged)
        for tp, sharing in by_partition.items():
            for table in sharing:
                await _put_right(consumer, tp, table)
    return count


def _note_position(table: ChangelogTable, record: ConsumerRecord) -> None:
    table.foreign = [(other, why) for other, why in table.foreign if other.key != POSITION_KEY]  # this one holds
    if (why := table.doubts.get(POSITION_KEY)) is not None:
        table.foreign.append((record, why))


def _why_damaged(record: ConsumerRecord) -> str:
    refusal = refusal_of(record)
    return "no key" if refusal is None else f"{refusal.reason}: {refusal.detail}"


async def _put_right(consumer: AIOKafkaConsumer, tp: TopicPartition, table: ChangelogTable) -> None:
    named: NamedKeys = {}
    for number, (key, value) in enumerate(table.rows.items()):
        if why := _why_unusable(table, key, value, named):
            table.doubts[key] = why
        if number % CHECKED_A_TURN == CHECKED_A_TURN - 1:
            await asyncio.sleep(0)
    if table.doubts:
        await _look_back(consumer, tp, table, table.doubts, named)
    if missing := await _missing(table, named):
        lost = {key: "removes what another row names" for keys in missing.values() for key in keys}
        await _look_back(consumer, tp, table, lost, named, removals=False)
        _drop(table, await _missing(table, named))  # nor does the log hold them any more
    if table.mended:
        _drop(table, table.rules.ownerless(table.rows))
    _say(tp, table)


async def _missing(table: ChangelogTable, named: NamedKeys) -> dict[bytes, list[bytes]]:
    """Keys that rows name and that are not there, by the key of the row."""
    missing = {}
    for number, key in enumerate(table.rows):
        if absent := [other for other in named.get(key, ()) if other not in table.rows]:
            missing[key] = absent
        if number % CHECKED_A_TURN == CHECKED_A_TURN - 1:
            await asyncio.sleep(0)
    return missing


def _drop(table: ChangelogTable, keys: Iterable[bytes]) -> None:
    for key in list(keys):
        del table.rows[key]
        table.mended.append((key, None))


def _why_unusable(table: ChangelogTable, key: bytes, value: bytes, named: NamedKeys) -> str | None:
    """What is wrong with a row; of one that is right, what it names is noted."""
    try:
        others = table.rules.check(key, value)
    except ValueError as error:
        return str(error) or type(error).__name__
    if others:
        named[key] = others
    else:
        named.pop(key, None)
    return None


async def _look_back(
    consumer: AIOKafkaConsumer,
    tp: TopicPartition,
    table: ChangelogTable,
    doubts: dict[bytes, str],
    named: NamedKeys,
    *,
    removals: bool = True,
) -> None:
    """Gives each of the keys the last value in the log that is a row. `removals`: a tombstone may be ours."""
    former: dict[bytes, bytes | None] = {}
    poison_keys: dict[bytes, tuple[ConsumerRecord, str]] = {}

    def apply(record: ConsumerRecord) -> None:
        key, value = record.key, record.value
        if key not in doubts or key == POSITION_KEY or isinstance(record, DamagedRecord):
            return
        why = _why_unusable(table, key, value, named) if value is not None else None if removals else doubts[key]
        if why is None:
            former[key] = value
            poison_keys.pop(key, None)
        else:
            poison_keys[key] = record, why

    await read_to_end(consumer, [tp], apply, damaged=lambda _: None)
    table.foreign += poison_keys.values()
    for key in doubts.keys() - {POSITION_KEY}:
        value = former.get(key)
        if value is None:
            table.rows.pop(key, None)
        else:
            table.rows[key] = value
        table.mended.append((key, value))


def _say(tp: TopicPartition, table: ChangelogTable) -> None:
    for record, why in table.foreign:
        logger.critical("%s:%d:%d is no row of ours: %s", *tp, record.offset, why)
    forgotten = sum(value is None for _, value in table.mended)
    if table.mended:
        logger.critical(
            "%s:%d: of %d rows that others wrote over, %d are what the log said before; nothing is left of %d, and "
            "whom they were about begins anew",
            *(*tp, len(table.mended), len(table.mended) - forgotten, forgotten),
        )
    if forgotten > MOST_FORGOTTEN:
        raise RowsUnreadable(
            f"{tp.topic}:{tp.partition}: {forgotten} rows are not what this release writes, and the log does not hold "
            "what they were before. Nothing was changed. Start the release that wrote them, or rebuild the rows by a "
            "replay under a new model version."
        )
