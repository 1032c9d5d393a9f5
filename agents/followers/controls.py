"""What operators told this version's workers, followed from `freshet.controls`."""

import logging

from aiokafka.structs import ConsumerRecord, TopicPartition

from streams.contract.controls import paused_partition

logger = logging.getLogger(__name__)


class Controls:
    """`paused` is replaced as a whole whenever it changes, so that any thread may read it."""

    def __init__(self, version: str) -> None:
        self._version = version
        self.paused: frozenset[TopicPartition] = frozenset()

    def apply(self, record: ConsumerRecord) -> None:
        """Takes one record of the topic; those for other versions and other purposes are none of ours."""
        partition = paused_partition(self._version, record.key or b"")
        if partition is None:
            return
        pause = record.value is not None
        self.paused = self.paused | {partition} if pause else self.paused - {partition}
        what = "paused" if pause else "resumed"
        logger.warning("%s:%d %s by an operator", partition.topic, partition.partition, what)
