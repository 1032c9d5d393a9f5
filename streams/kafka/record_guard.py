"""No record breaks a fetch: what all our consumers get from aiokafka instead of an error.

aiokafka unpacks a batch of any size, and raises for a record that it cannot read; whoever fetches again meets the same
record, for ever. `install` replaces what its fetcher takes responses apart with, for every consumer of the process:

* A batch is unpacked up to `ReadLimits.batch_bytes` and no further, see `streams.kafka.unpacking`.
* A record that cannot be read comes as a `DamagedRecord` at its offset, with the reason, and those around it come as
  they are. Where not even its batch can be read, each of the batch's offsets is one.
* A checksum that is wrong is fetched again twice: it may have been the way here.
* One poll takes at most `POLL_BYTES` out of a partition, whatever the number of records: memory is bounded in bytes.

Whoever consumes decides what a damaged record means: docs/decisions/0020-poison-records.md.
"""

import struct
from collections import Counter
from typing import Any, ClassVar, Final

from aiokafka.consumer import fetcher
from aiokafka.record.legacy_records import LegacyRecordBatch
from aiokafka.structs import ConsumerRecord, TopicPartition

from streams.kafka.damaged_record import DamagedRecord
from streams.kafka.guarded_batch import HEADER_BYTES, GuardedBatch, RefusedRecord

POLL_BYTES: Final = 16 * 1024 * 1024
CHECKSUM_ATTEMPTS: Final = 3
_OBJECT_BYTES: Final = 100  # of a header, about

_LENGTH: Final = struct.Struct(">i")
_LENGTH_AT: Final = 8
_OVERHEAD: Final = 12  # base offset and length precede what the length counts
_MAGIC_AT: Final = 16


class GuardedRecords:
    """The batches in a fetch response. The last may be cut off, as brokers do; it is fetched again."""

    def __init__(self, response: bytes) -> None:
        self._buffer = memoryview(response)
        self._position = 0
        self._next = self._cut()
        self.owner: GuardedPartitionRecords | None = None

    def size_in_bytes(self) -> int:
        """Of the response."""
        return len(self._buffer)

    def has_next(self) -> bool:
        """Whether a whole batch is left."""
        return self._next is not None

    def next_batch(self) -> Any:
        """The next batch; None after the last."""
        raw, self._next = self._next, None
        if raw is None:
            return None
        self._next = self._cut()
        if raw[_MAGIC_AT] < 2:  # of brokers before Kafka 0.11; no broker that we support keeps any
            return LegacyRecordBatch(raw, raw[_MAGIC_AT])
        return GuardedBatch(raw, self)

    def stop(self) -> None:
        """Leaves what follows to the next fetch."""
        self._next = None

    def _cut(self) -> memoryview | None:
        begin = self._position
        if len(self._buffer) - begin < HEADER_BYTES:
            return None
        (length,) = _LENGTH.unpack_from(self._buffer, begin + _LENGTH_AT)
        end = begin + _OVERHEAD + length
        if length <= HEADER_BYTES - _OVERHEAD - 1 or end > len(self._buffer):
            return None
        self._position = end
        return self._buffer[begin:end]


_Fetched: Any = fetcher.PartitionRecords
_Result: Any = fetcher.FetchResult


class GuardedPartitionRecords(_Fetched):  # type: ignore[misc]  # untyped there
    """The records of one partition in a fetch response."""

    _torn: ClassVar[Counter[tuple[TopicPartition, int]]] = Counter()

    def __init__(self, tp: TopicPartition, batches: GuardedRecords, *rest: Any) -> None:
        super().__init__(tp, batches, *rest)
        batches.owner = self

    def is_news(self, base_offset: int) -> bool:
        """Notes a wrong checksum; whether the batch deserves to be fetched again."""
        self._torn[self._tp, base_offset] += 1
        return self._torn[self._tp, base_offset] < CHECKSUM_ATTEMPTS

    def _consumer_record(self, tp: TopicPartition, record: Any) -> ConsumerRecord:
        if type(record) is not RefusedRecord:
            return super()._consumer_record(tp, record)
        return DamagedRecord(
            tp.topic,
            tp.partition,
            record.offset,
            record.timestamp,
            record.timestamp_type,
            record.key,
            record.value,
            None,
            -1,
            -1,
            (),
            record.refusal.reason,
            record.refusal.detail,
            record.is_whole,
            record.original_bytes,
        )


class GuardedFetchResult(_Result):  # type: ignore[misc]  # untyped there
    """What a partition's fetch brought, handed out in portions of bounded size."""

    _partition_records: Any

    def getall(self, max_records: int | None = None) -> list[ConsumerRecord]:
        """The next records: at least one, unless none is left, and no more once they have `POLL_BYTES`."""
        if not self.check_assignment(self._topic_partition) or not self.has_more():
            return []
        found: list[ConsumerRecord] = []
        left_bytes = POLL_BYTES
        for record in self._partition_records:
            found.append(record)
            left_bytes -= len(record.value or b"") + len(record.key or b"") + _OBJECT_BYTES * len(record.headers)
            if left_bytes <= 0 or len(found) == max_records:
                self._update_position()
                return found
        self._update_position()
        self._partition_records = None
        return found


def install() -> None:
    """From now on every consumer of this process reads through here. May be repeated.

    Raises:
        RuntimeError: aiokafka is not as we know it.
    """
    missing = [name for name in ("MemoryRecords", "PartitionRecords", "FetchResult") if not hasattr(fetcher, name)]
    if missing:
        raise RuntimeError(f"this aiokafka has no {', '.join(missing)}: install the version in constraints.txt")
    fetcher.MemoryRecords = GuardedRecords
    fetcher.PartitionRecords = GuardedPartitionRecords
    fetcher.FetchResult = GuardedFetchResult


install()
