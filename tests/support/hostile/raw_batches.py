"""Batches of records byte by byte: header names of any bytes, any compression, lengths and checksums that lie."""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from aiokafka import AIOKafkaProducer
from aiokafka.codec import gzip_encode, lz4_encode, snappy_encode, zstd_encode
from aiokafka.errors import KafkaError, LeaderNotAvailableError, for_code
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.util import calc_crc32c, encode_varint
from aiokafka.structs import TopicPartition

from streams.kafka.unpacking import GZIP, LZ4, NONE, SNAPPY, ZSTD

PACKERS = {
    NONE: bytes,
    GZIP: gzip_encode,
    SNAPPY: snappy_encode,
    LZ4: lz4_encode,
    ZSTD: zstd_encode,
}
_HEAD = struct.Struct(">qiibIhiqqqhii")
_CRC_AT = 17
_BEHIND_CRC = 21
_LENGTH_FROM = 12
_TIMEOUT_MS = 30_000


@dataclass(frozen=True)
class RawRecord:
    """What a client may put into a record; names of headers are bytes here."""

    key: bytes | None = None
    value: bytes | None = None
    headers: Sequence[tuple[bytes, bytes | None]] = ()


def record_bytes(record: RawRecord, offset: int, timestamp: int = 0) -> bytes:
    """One record as it stands in a batch; both numbers are relative to the batch's."""
    body = bytearray(b"\0") + _varint(timestamp) + _varint(offset) + _field(record.key) + _field(record.value)
    body += _varint(len(record.headers))
    for name, value in record.headers:
        body += _field(name) + _field(value)
    return bytes(_varint(len(body)) + body)


def body_of(records: Iterable[RawRecord]) -> bytes:
    """The records of a batch, not compressed."""
    return b"".join(record_bytes(record, offset) for offset, record in enumerate(records))


def batch(records: Sequence[RawRecord], codec: int = NONE, timestamp_ms: int = 0, base_offset: int = 0) -> bytes:
    """A batch as a broker keeps it."""
    return packed_batch(PACKERS[codec](body_of(records)), codec, len(records), timestamp_ms, base_offset)


def packed_batch(packed: bytes, codec: int, count: int, timestamp_ms: int = 0, base_offset: int = 0) -> bytes:
    """A batch of `count` records that are compressed already, or are none at all."""
    made = bytearray(
        _HEAD.pack(base_offset, 0, -1, 2, 0, codec, count - 1, timestamp_ms, timestamp_ms, -1, -1, -1, count) + packed
    )
    struct.pack_into(">i", made, 8, len(made) - _LENGTH_FROM)
    struct.pack_into(">I", made, _CRC_AT, calc_crc32c(bytes(made[_BEHIND_CRC:])))
    return bytes(made)


class RawProducer:
    """Appends batches as they are. The broker checks what it always checks: checksum, counts, compression, times."""

    def __init__(self, bootstrap: str) -> None:
        self._kafka = AIOKafkaProducer(bootstrap_servers=bootstrap)

    async def __aenter__(self) -> "RawProducer":
        await self._kafka.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._kafka.stop()

    async def append(self, topic: str, partition: int, made: bytes) -> int:
        """The offset of the batch's first record. Raises what the broker answers, other than that it is not ready."""
        while True:
            try:
                return await self._append(TopicPartition(topic, partition), made)
            except KafkaError as error:
                if not error.retriable:
                    raise
                await self._kafka.client.force_metadata_update()

    async def _append(self, tp: TopicPartition, made: bytes) -> int:
        await self._kafka.partitions_for(tp.topic)
        node = self._kafka.client.cluster.leader_for_partition(tp)
        if node is None or node < 0:
            raise LeaderNotAvailableError(tp)
        request = ProduceRequest(None, -1, _TIMEOUT_MS, [(tp.topic, [(tp.partition, made)])])
        response = await self._kafka.client.send(node, request)
        ((_, ((_, code, offset, *_),)),) = response.topics
        if code:
            raise for_code(code)(tp)
        return int(offset)


def _varint(number: int) -> bytearray:
    buffer = bytearray()
    encode_varint(number, buffer.append)
    return buffer


def _field(text: bytes | None) -> bytearray:
    return _varint(-1) if text is None else _varint(len(text)) + text
