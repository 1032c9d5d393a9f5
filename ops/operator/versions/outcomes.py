"""Reads how events turned out under a version."""

from collections import defaultdict, deque

import numpy as np
from aiokafka.structs import ConsumerRecord

from agents.followers.refusals import guarded, say
from offline.versions.quality import ByPartition
from ranking.outcomes import Outcomes, decode
from streams.kafka.bulk_read import bulk_consumer, partitions_of, pass_over, read_to_end
from streams.kafka.topics import Topics

#: What is read at most, the newest first: records, of which each holds the evaluated events of one batch, and events.
MAX_RECORDS = 200_000
MAX_EVENTS = 1_000_000


class _Newest:
    """The newest outcomes of one partition."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._parts: deque[Outcomes] = deque()
        self._count = 0

    def add(self, part: Outcomes) -> None:
        self._parts.append(part)
        self._count += len(part)
        while self._count - len(self._parts[0]) >= self._limit:
            self._count -= len(self._parts.popleft())

    def all(self) -> Outcomes:
        return np.concatenate(list(self._parts))[-self._limit :]


async def read_outcomes(bootstrap: str, topics: Topics) -> ByPartition:
    """Outcomes by partition, the newest ones if there are too many to hold. Raises `TopicMissing`."""
    async with bulk_consumer(bootstrap) as consumer:
        partitions = await partitions_of(consumer, [topics.judged_events])
        newest: defaultdict[int, _Newest] = defaultdict(lambda: _Newest(MAX_EVENTS // len(partitions)))

        def apply(record: ConsumerRecord) -> None:
            newest[record.partition].add(decode(record.value))

        await read_to_end(
            consumer, partitions, guarded(apply, say), newest=MAX_RECORDS // len(partitions), damaged=pass_over
        )
    return {number: rows.all() for number, rows in newest.items()}
