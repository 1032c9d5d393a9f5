"""Before a partition's rows are gone on with: is every log that they belong to still the one they are of?

What was folded of a source that is not the same log any more cannot be told from what was not, so nothing is folded.
A log that this system derives from its source may lose its end: what it held is missing in what is learned, not in
anybody's list, so the owner says so and goes on with what is there.
"""

import logging
from collections.abc import Iterable, Mapping, MutableMapping

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition
from msgspec.structs import replace

from agents.delivery.log_mark import LogMark
from agents.delivery.table import ChangelogTable
from streams.kafka.bulk_read import bulk_consumer
from streams.kafka.log_begin import gaps
from streams.kafka.log_position import NO_EPOCH, LogMismatch, LogPosition, log_mismatch
from streams.kafka.log_state import TopicFacts, read_logs, read_topics_facts, retried

logger = logging.getLogger(__name__)

WHAT_TO_DO = (
    "Nothing was skipped, and nothing is folded under this version any more. Bring the former log back, or begin a new "
    "generation: `freshet replay` into a new version, with --snapshot or --archive when they are of this log "
    '(docs/operations.md, "When the log is another one")'
)

ERASURES_GONE = (
    "who asked to be erased there is not known any more, and erasures that are asked for now would be taken for "
    f"carried out. {WHAT_TO_DO}; then erase those users again"
)


class LogChanged(RuntimeError):
    """A log is not the one that the rows are of. The message says which, why, and what to do."""


def source_changed(tp: TopicPartition, place: LogPosition, found: LogMismatch) -> LogChanged:
    """What is said of a source that cannot be read on."""
    return LogChanged(
        f"{tp.topic}:{tp.partition} is not the log whose offsets before {place.offset} were folded: {found.why}. "
        f"{WHAT_TO_DO}"
    )


class LogCheck:
    """Compares rows with logs as they are now, and notes in the rows' marks which they are. `derived` are the sources
    that this system writes itself; `orders` names the topic, by source, whose position the rows keep too."""

    def __init__(self, bootstrap: str, derived: Iterable[str] = (), orders: Mapping[str, str] | None = None) -> None:
        self._bootstrap = bootstrap
        self._derived = frozenset(derived)
        self._orders = orders or {}

    async def check(self, tables: Mapping[TopicPartition, ChangelogTable]) -> set[TopicPartition]:
        """Of restored `tables`, by source, those whose position it moved. Raises `LogChanged`, `KafkaError`."""
        if not tables:
            return set()
        positions = {tp: table.next_offset for tp, table in tables.items()}
        async with bulk_consumer(self._bootstrap) as consumer:
            topics = {tp.topic for tp in tables} | {table.topic for table in tables.values()}
            topics |= {self._orders[tp.topic] for tp in tables if tp.topic in self._orders}
            facts = await retried(lambda: read_topics_facts(consumer._client, topics))
            for tp, table in tables.items():
                self._check_own(tp, table, facts)
            await self._check_orders(consumer, tables)
            for tp, found in (await self._log_mismatches(consumer, tables)).items():
                self._go_on(tp, tables[tp], found)
            await self._leave_out_removed(consumer, tables)
        for tp, table in tables.items():
            table.mark = self._mark(tp, table, facts)
        return {tp for tp, table in tables.items() if table.next_offset != positions[tp]}

    def _check_own(self, tp: TopicPartition, table: ChangelogTable, facts: Mapping[str, TopicFacts]) -> None:
        mark, now = table.mark, self._mark(tp, table, facts)
        if mark.changelog and mark.changelog != now.changelog:
            raise LogChanged(
                f"{table.topic}:{table.partition} was deleted and made again while a worker wrote to it: rows that did "
                f"not change since are gone. {WHAT_TO_DO}"
            )
        if mark.orders and mark.orders != now.orders:
            raise LogChanged(f"{self._orders[tp.topic]} was deleted and made again: {ERASURES_GONE}")

    async def _check_orders(self, consumer: AIOKafkaConsumer, tables: Mapping[TopicPartition, ChangelogTable]) -> None:
        places = {
            TopicPartition(self._orders[tp.topic], tp.partition): LogPosition(
                table.mark.orders_offset, leader_epoch=table.mark.orders_epoch
            )
            for tp, table in tables.items()
            if tp.topic in self._orders
        }
        for tp, found in (await confirmed_mismatches(consumer, places)).items():
            raise LogChanged(f"{tp.topic}:{tp.partition} was carried out, but {found.why}: {ERASURES_GONE}")

    async def _log_mismatches(
        self, consumer: AIOKafkaConsumer, tables: Mapping[TopicPartition, ChangelogTable]
    ) -> dict[TopicPartition, LogMismatch]:
        return await confirmed_mismatches(
            consumer,
            {
                tp: LogPosition(each.next_offset, each.mark.source, each.mark.leader_epoch)
                for tp, each in tables.items()
            },
        )

    def _go_on(self, tp: TopicPartition, table: ChangelogTable, found: LogMismatch) -> None:
        if tp.topic not in self._derived:
            raise source_changed(tp, LogPosition(table.next_offset), found)
        logger.warning(
            "%s:%d was read up to offset %d, but %s: whatever it held unread is lost, and this owner goes on at offset "
            "%d. Items and ranker have learned less than the events say; a replay under a new version learns it all",
            *(tp.topic, tp.partition, table.next_offset, found.why, found.go_on_at),
        )
        table.next_offset, table.mark = found.go_on_at, replace(table.mark, leader_epoch=NO_EPOCH)

    async def _leave_out_removed(
        self, consumer: AIOKafkaConsumer, tables: Mapping[TopicPartition, ChangelogTable]
    ) -> None:
        positions = {tp: table.next_offset for tp, table in tables.items() if tp.topic in self._derived}
        begins = await consumer.beginning_offsets(list(positions)) if positions else {}
        for tp, begin in gaps(positions, begins).items():
            warn_of_removed(tp, positions[tp], begin)
            tables[tp].next_offset = begin

    def _mark(self, tp: TopicPartition, table: ChangelogTable, facts: Mapping[str, TopicFacts]) -> LogMark:
        return LogMark(
            _id_of(tp.topic, facts),
            _id_of(table.topic, facts),
            _id_of(self._orders.get(tp.topic, ""), facts),
            table.mark.leader_epoch,
            table.mark.orders_offset,
            table.mark.orders_epoch,
        )


def warn_of_removed(tp: TopicPartition, position: int, begin: int) -> None:
    """Says that a derived log lost records that nobody had folded."""
    logger.warning(
        "%s:%d: offsets %d to %d were removed by retention before they were folded; this owner goes on without them. "
        "Items and ranker have learned less than the events say; a replay under a new version learns it all",
        *(tp.topic, tp.partition, position, begin - 1),
    )


async def confirmed_mismatches(
    consumer: AIOKafkaConsumer,
    places: Mapping[TopicPartition, LogPosition],
    ends: MutableMapping[TopicPartition, int] | None = None,
) -> dict[TopicPartition, LogMismatch]:
    """Places whose log is another one now. Asked twice: a broker may not have heard of the latest leader yet. Where the
    logs end is noted in `ends`."""
    for _ in range(2):
        logs = await read_logs(consumer._client, places)
        if ends is not None:
            ends.update({tp: log.end for tp, log in logs.items()})
        found = {tp: why for tp, place in places.items() if (why := log_mismatch(place, logs[tp]))}
        if not found:
            break
        places = {tp: places[tp] for tp in found}
        await consumer._client.force_metadata_update()
    return found


def _id_of(topic: str, facts: Mapping[str, TopicFacts]) -> str:
    return facts[topic].topic_id if topic in facts else ""
