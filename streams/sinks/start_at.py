"""Where a sink begins to read, when an operator says so: `freshet sink … --from`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition

from streams.kafka import clients
from streams.kafka.bulk_read import bulk_consumer, partitions_of
from streams.sinks.config import SinkConfig


class PositionsInUse(RuntimeError):
    """Positions of a group cannot be set while it has members."""


@dataclass(frozen=True, slots=True)
class StartAt:
    """`time_ms` None = the oldest record that there is; else the first one that was appended then or later."""

    time_ms: int | None


async def set_positions(config: SinkConfig, sink: str, reads_served: bool, start_at: StartAt) -> Mapping[str, int]:
    """Commits the positions from which the sink reads on; by "topic:partition". What is written again replaces itself.
    Raises `PositionsInUse`. Erasures stay where they are: those that were carried out hold for what is read again."""
    topics = config.topics
    inputs = [topics.interactions] + [topics.served] * reads_served
    async with bulk_consumer(config.bootstrap) as reader:
        partitions = await partitions_of(reader, inputs)
        positions: dict[TopicPartition, int] = await reader.beginning_offsets(partitions)
        if start_at.time_ms is not None:
            ends = await reader.end_offsets(partitions)
            found = await reader.offsets_for_times(dict.fromkeys(partitions, start_at.time_ms))
            positions = {tp: at.offset if at is not None else ends[tp] for tp, at in found.items()}
    consumer = clients.consumer(config.bootstrap, group_id=topics.sink_group(sink), enable_auto_commit=False)
    await consumer.start()
    try:
        consumer.assign(partitions)
        await consumer.commit(positions)
    except KafkaError as failure:
        raise PositionsInUse(
            f"positions of {topics.sink_group(sink)} cannot be set while it runs ({failure})"
        ) from None
    finally:
        await consumer.stop()
    return {f"{tp.topic}:{tp.partition}": offset for tp, offset in positions.items()}
