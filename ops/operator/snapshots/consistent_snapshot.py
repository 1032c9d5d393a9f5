"""Reads the tables of a running version so that they fit together: a cut between its transactions.

Every plane writes rows and position in one transaction, the position last. So rows are taken up to the last position
that was read, and what came after it is left. Between planes the order of reading decides: first the tables that learn,
then the users', then the records that wait between them. What the former had learned was committed with users' rows
before; a read of those that waits for every transaction that was open then contains it. What waits is compared with the
users' positions by its stamp (`agents.retention.source_position`): later records are left, the log brings them again.
"""

from collections.abc import Callable, Mapping

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import ConsumerRecord, TopicPartition

from agents.delivery.table import POSITION_KEY, ChangelogTable
from agents.retention.source_position import source_position
from ops.exit_codes import CommandFailed
from streams.kafka.bulk_read import pass_over, poll


class NoConsistentSnapshot(CommandFailed):
    """The tables of the version cannot be read as one."""


async def read_table(consumer: AIOKafkaConsumer, source: TopicPartition, end: int) -> ChangelogTable:
    """The rows of one changelog partition at the last position before `end`, once nothing before `end` is open."""
    table = ChangelogTable(source.topic, source.partition)
    waiting: list[ConsumerRecord] = []

    def apply(record: ConsumerRecord) -> None:
        waiting.append(record)
        if record.key == POSITION_KEY:
            for each in waiting:
                table.load(each.key, each.value, each.headers)
            waiting.clear()

    await _read(consumer, source, None, end, apply)
    return table


async def read_waiting(
    consumer: AIOKafkaConsumer, source: TopicPartition, begin: int, end: int, positions: Mapping[int, int]
) -> list[ConsumerRecord]:
    """Records between the planes, from `begin` on, that belong to `positions` of the users' rows, by partition.

    Raises:
        CannotCut: records are gone or do not say what they belong to.
    """
    beginning = (await consumer.beginning_offsets([source]))[source]
    if 0 < begin < beginning:
        raise NoConsistentSnapshot(
            f"{source.topic}:{source.partition} begins at {beginning}, its table ends at {begin}"
        )
    found: list[ConsumerRecord] = []

    def apply(record: ConsumerRecord) -> None:
        stamp = source_position(record.headers)
        if stamp is None:
            raise NoConsistentSnapshot(
                f"{source.topic}:{source.partition} holds records of a former release that are not folded yet; "
                "try again in a minute"
            )
        partition, position = stamp
        if position <= positions[partition]:
            found.append(record)

    await _read(consumer, source, begin, end, apply)
    return found


async def _read(
    consumer: AIOKafkaConsumer,
    source: TopicPartition,
    begin: int | None,
    end: int,
    apply: Callable[[ConsumerRecord], None],
) -> None:
    consumer.assign([source])
    if begin is None:
        await consumer.seek_to_beginning(source)
    else:
        consumer.seek(source, begin)
    while await consumer.position(source) < end:  # waits for transactions that are open
        await poll(consumer, (), apply, pass_over)
