"""Publishes dead letters again, once, however often and by however many it is started.

1. Being the sole producer ends whoever redrove before and makes the dead letters final.
2. An unfinished redrive is finished: what it published since the ends it noted carries the dead letter's coordinates in
   a
   header, and those dead letters are marked now.
3. The ends of the interactions partitions are noted, the originals are published, the dead letters are marked, and the
   note
   is removed; the last two in one transaction.

The originals are published without a transaction: its markers would be offsets of the interactions log that nobody
folds, so that lag and accounting by offsets would never be zero again.
"""

import logging
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.structs import ConsumerRecord, TopicPartition

from ops.operator.dead_letters.records import StoredDeadLetter, read_dead_letters, rewrite, rewriter_of
from ops.operator.dead_letters.redrive_plan import Plan, Republish, plan
from ops.operator.dead_letters.sole_producer import sole_producer
from ops.operator.erasure.erasures import read_markers
from ops.operator.inspect.finding import partition_count
from streams.contract.codec import dumps
from streams.contract.controls import REDRIVE_KEY
from streams.contract.dead_letters import ORIGINAL_TIME_HEADER, REDRIVEN_HEADER, dead_letter_name
from streams.contract.reasons import Reason
from streams.kafka import clients
from streams.kafka.bulk_read import POLL_MS, bulk_consumer, partitions_of, pass_over, read_topics
from streams.kafka.topics import Topics

logger = logging.getLogger(__name__)


class _Note(msgspec.Struct):
    """Ends of the partitions of interactions, by number, when an unfinished redrive began."""

    ends: dict[str, Annotated[int, msgspec.Meta(ge=0)]]


Places = Mapping[str, str]  # a dead letter's name -> "partition:offset" where its original is again


@dataclass(frozen=True)
class Redriven:
    """What a redrive did. `recovered` dead letters were published by an earlier redrive that did not live to mark
    them."""

    plan: Plan
    published: int
    recovered: int
    dry_run: bool

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "published": self.published,
            "would_publish": len(self.plan.republish) if self.dry_run else 0,
            "recovered": self.recovered,
            "refused": [{"letter": refusal.name, "why": refusal.why} for refusal in self.plan.refused],
            "already_redriven": self.plan.done,
            "other_reasons": self.plan.left,
        }


async def preview(bootstrap: str, topics: Topics, reason: Reason | None) -> Redriven:
    """What `redrive` would do now; changes nothing."""
    return Redriven(await _plan(bootstrap, topics, reason), published=0, recovered=0, dry_run=True)


async def redrive(bootstrap: str, topics: Topics, reason: Reason | None) -> Redriven:
    """Publishes what `plan` finds. Raises `ProducerFenced` when another redrive was started meanwhile."""
    async with sole_producer(bootstrap, rewriter_of(topics)) as producer:
        recovered = await _recover(bootstrap, topics, producer)
        made = await _plan(bootstrap, topics, reason)
        if made.republish:
            await _note_ends(bootstrap, topics, producer)
            places = await publish(bootstrap, topics.interactions, made.republish)
            await _mark(topics, producer, [item.kept for item in made.republish], places)
        return Redriven(made, len(made.republish), recovered, dry_run=False)


async def _plan(bootstrap: str, topics: Topics, reason: Reason | None) -> Plan:
    async with bulk_consumer(bootstrap) as consumer:
        partitions = await partition_count(consumer, topics.interactions)
    markers = await read_markers(bootstrap, topics)
    erased_at_ms = {user_id: marker.erased_at_ms for user_id, marker in markers.items()}
    dead_letters = await read_dead_letters(bootstrap, topics)
    return plan(dead_letters, topics.interactions, partitions, erased_at_ms, time.time_ns() // 1_000_000, reason)


async def publish(bootstrap: str, interactions: str, items: Iterable[Republish]) -> dict[str, str]:
    """Publishes originals in order and returns where they are."""
    producer = clients.producer(bootstrap, acks="all", enable_idempotence=True)
    await producer.start()
    try:
        sent = [(item.kept.dead_letter.name, await _send(producer, interactions, item)) for item in items]
        places = {}
        for name, future in sent:
            where = await future
            places[name] = f"{where.partition}:{where.offset}"
        return places
    finally:
        await producer.stop()


async def _send(producer: AIOKafkaProducer, interactions: str, item: Republish) -> Any:
    dead_letter = item.kept.dead_letter
    headers = [(REDRIVEN_HEADER, dead_letter.name.encode()), (ORIGINAL_TIME_HEADER, b"%d" % dead_letter.append_time_ms)]
    return await producer.send(
        interactions, dead_letter.value, item.user_id.encode(), partition=item.partition, headers=headers
    )


async def _note_ends(bootstrap: str, topics: Topics, producer: AIOKafkaProducer) -> None:
    async with bulk_consumer(bootstrap) as consumer:
        ends = await consumer.end_offsets(await partitions_of(consumer, [topics.interactions]))
    note = {
        "started_at_ms": time.time_ns() // 1_000_000,
        "ends": {str(tp.partition): end for tp, end in ends.items()},
    }
    async with producer.transaction():
        await producer.send_and_wait(topics.controls, dumps(note), REDRIVE_KEY, partition=0)


async def _mark(
    topics: Topics, producer: AIOKafkaProducer, dead_letters: Iterable[StoredDeadLetter], places: Places
) -> None:
    async with producer.transaction():
        for kept in dead_letters:
            marked = replace(kept.dead_letter, redriven=places[kept.dead_letter.name])
            await rewrite(producer, topics.dead_letters, replace(kept, dead_letter=marked))
        await producer.send(topics.controls, None, REDRIVE_KEY, partition=0)


# -- an unfinished redrive --------------------------------------------------------------------------------------------


async def _recover(bootstrap: str, topics: Topics, producer: AIOKafkaProducer) -> int:
    noted: list[bytes | None] = [None]

    def apply(record: ConsumerRecord) -> None:
        if record.key == REDRIVE_KEY:
            noted[0] = record.value

    await read_topics(bootstrap, [topics.controls], apply, pass_over)
    if noted[0] is None:
        return 0
    ends = await _noted_ends(bootstrap, topics, noted[0])
    places = await _published_since(bootstrap, ends) if ends else {}
    unmarked = [
        kept
        for kept in await read_dead_letters(bootstrap, topics)
        if kept.dead_letter.name in places and not kept.dead_letter.redriven
    ]
    await _mark(topics, producer, unmarked, places)
    return len(unmarked)


async def _noted_ends(bootstrap: str, topics: Topics, note: bytes) -> dict[TopicPartition, int]:
    """What an unfinished redrive noted; nothing, and a line in the log, for what is no note of one."""
    async with bulk_consumer(bootstrap) as consumer:
        known = {str(tp.partition): tp for tp in await partitions_of(consumer, [topics.interactions])}
    try:
        return {known[number]: end for number, end in msgspec.json.decode(note, type=_Note).ends.items()}
    except (msgspec.DecodeError, KeyError) as error:
        logger.warning(
            "%s: the note of an unfinished redrive cannot be read and is skipped (%s): originals that it published are "
            "published again, and workers take those with an event_id for duplicates",
            *(topics.controls, error),
        )
        return {}


async def _published_since(bootstrap: str, starts: Mapping[TopicPartition, int]) -> dict[str, str]:
    places: dict[str, str] = {}
    async with bulk_consumer(bootstrap) as consumer:
        consumer.assign(list(starts))
        for tp, start in starts.items():
            consumer.seek(tp, start)
        ends = await consumer.end_offsets(list(starts))
        while pending := [tp for tp in starts if await consumer.position(tp) < ends[tp]]:
            await _collect(consumer, pending, places)
    return places


async def _collect(consumer: AIOKafkaConsumer, pending: Iterable[TopicPartition], places: dict[str, str]) -> None:
    for records in (await consumer.getmany(*pending, timeout_ms=POLL_MS)).values():
        for record in records:
            original = dead_letter_name(dict(record.headers).get(REDRIVEN_HEADER))
            if original is not None:
                places[original] = f"{record.partition}:{record.offset}"
