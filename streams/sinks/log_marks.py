"""Which log the positions of a sink are in: a topic that was made again gives the same offsets to other records.

Each committed position carries Kafka's id of the topic and the leader epoch of the last record before it. A position of
another log is worth nothing, and costs nothing: a sink reads on from where the log holds what it did not read before,
for what is written twice replaces itself (decision 36).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Mapping, Sequence

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from aiokafka.structs import OffsetAndMetadata, TopicPartition

from streams.kafka.leader_epochs import LeaderEpochs
from streams.kafka.log_position import NO_EPOCH, LogPosition, log_mismatch
from streams.kafka.log_state import TopicFacts, read_logs, read_topics_facts, retried

logger = logging.getLogger(__name__)

LOOK_S = 2.0


class LogReplaced(Exception):
    """A topic is another one than when this process began. Starting again reads it from where it has to be read."""


class LogMarks:
    """Of what one consumer reads. Make it before the consumer fetches anything, and `start` it before it commits."""

    def __init__(self, consumer: AIOKafkaConsumer, inputs: Sequence[str]) -> None:
        self._consumer = consumer
        self._inputs = inputs
        self._begun: Mapping[str, TopicFacts] = {}
        self._epochs = LeaderEpochs()
        self._epochs.listen(consumer._client)
        self._looked_s = time.monotonic()

    async def start(self) -> None:
        """Notes which topics there are. Raises `KafkaError`."""
        self._begun = await retried(lambda: read_topics_facts(self._consumer._client, self._inputs))

    async def positions(self, assigned: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        """Where to go on: the committed position, or what of it the present log still holds; 0 = nothing is known."""
        committed: Mapping[TopicPartition, OffsetAndMetadata]
        committed = await self._consumer._coordinator.fetch_committed_offsets(list(assigned))
        places = {tp: _place(found) for tp, found in committed.items() if found.offset > 0}
        positions = dict.fromkeys(assigned, 0) | {tp: place.offset for tp, place in places.items()}
        for tp, now in (await read_logs(self._consumer._client, places)).items():
            found = log_mismatch(places[tp], now)
            if found is not None:
                positions[tp] = found.go_on_at if places[tp].topic_id else 0
                was = places[tp].offset
                logger.error(
                    "%s:%d was read up to offset %d, but %s: read on at %d", *tp, was, found.why, positions[tp]
                )
        return positions

    def marked(self, positions: Mapping[TopicPartition, int]) -> dict[TopicPartition, OffsetAndMetadata]:
        """The positions as they are to be committed."""
        return {
            tp: OffsetAndMetadata(offset, f"{self._begun[tp.topic].topic_id} {self._epochs.at(tp, offset - 1)}")
            for tp, offset in positions.items()
        }

    async def look(self) -> None:
        """Raises `LogReplaced`. May be called all the time: it asks every `LOOK_S`."""
        if time.monotonic() - self._looked_s < LOOK_S:
            return
        self._looked_s = time.monotonic()
        try:
            now = await read_topics_facts(self._consumer._client, self._inputs)
        except KafkaError as failure:  # brokers come and go
            logger.warning("no news of the topics: %r", failure)
            return
        for name, found in now.items():
            before = self._begun[name]
            if found.topic_id != before.topic_id:
                raise LogReplaced(f"topic {name} was deleted and made again: start again to read the new one")
            if found.partitions != before.partitions:
                raise LogReplaced(
                    f"topic {name} has {found.partitions} partitions, it had {before.partitions}: users are in others "
                    "now. The number is fixed for the life of a log"
                )


def _place(committed: OffsetAndMetadata) -> LogPosition:
    topic_id, _, epoch = committed.metadata.partition(" ")
    return LogPosition(committed.offset, topic_id, int(epoch) if epoch.isdecimal() else NO_EPOCH)
