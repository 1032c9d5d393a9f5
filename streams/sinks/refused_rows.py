"""Dead letters of records whose rows a store refuses."""

from __future__ import annotations

from collections.abc import Mapping

from aiokafka import AIOKafkaProducer
from aiokafka.structs import TopicPartition

from streams.contract.dead_letters import DeadLetter
from streams.contract.reasons import Reason
from streams.kafka.bulk_read import bulk_consumer
from streams.sinks.config import SinkConfig
from streams.sinks.halving import Place
from streams.sinks.lane import Lane
from streams.sinks.log_reads import record_at
from streams.sinks.store_calls import NotOurs


async def tell_refused(
    config: SinkConfig, sink: str, lanes: Mapping[int, Lane], producer: AIOKafkaProducer, refused: dict[Place, str]
) -> None:
    """Publishes them with the original bytes, read again from the log, but of an erased user without. Raises `NotOurs`
    where a partition is somebody else's by now, who tells then."""
    async with bulk_consumer(config.bootstrap) as reader:
        for (topic, partition, offset), why in refused.items():
            record = await record_at(reader, TopicPartition(topic, partition), offset)
            refusal = DeadLetter(
                key=record.key if record else None,
                value=record.value if record else None,
                reason=Reason.STORE_REFUSED,
                detail=f"{sink}: {why}",
                topic=topic,
                partition=partition,
                offset=offset,
                append_time_ms=record.timestamp if record else 0,
            )
            lane = lanes.get(partition)
            if lane is None:
                raise NotOurs
            letter = (refusal.blank() if record and lane.is_erased(record) else refusal).to_record()
            await producer.send_and_wait(
                config.topics.dead_letters,
                letter.value,
                letter.key,
                partition=letter.partition,
                headers=letter.headers,
            )
