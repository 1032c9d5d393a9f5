"""One record batch of a fetch response, read in such a way that no record of it breaks the fetch."""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Protocol

from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatch

from streams.contract.limits import LIMITS
from streams.contract.reasons import InvalidEvent, Reason
from streams.kafka.record_parse import Parsed, records
from streams.kafka.unpacking import NONE, unpack

#: Larger batches are parsed by us, record by record: aiokafka would make objects of all their headers first.
CAREFUL_ABOVE_BYTES: Final = 2 * 1024 * 1024
_MAX_BATCH_RECORDS: Final = 100_000_000

_ATTRIBUTES: Final = struct.Struct(">h")
_ATTRIBUTES_AT: Final = 21
_CODEC_MASK: Final = 0x07
_COUNT: Final = struct.Struct(">i")
_COUNT_AT: Final = 57
HEADER_BYTES: Final = 61


@dataclass(frozen=True, slots=True)
class RefusedRecord:
    """What the fetcher makes a `DamagedRecord` of; it looks at the first seven, as at aiokafka's own records."""

    offset: int
    timestamp: int
    timestamp_type: int
    key: bytes | None
    value: bytes | None
    headers: tuple[()]
    checksum: None
    refusal: InvalidEvent
    is_whole: bool = False
    original_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class PlainRecord:
    """A record that we parsed, as the fetcher wants it."""

    offset: int
    timestamp: int
    timestamp_type: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]
    checksum: None = None


class Reader(Protocol):
    """Who reads a partition."""

    next_fetch_offset: int

    def is_news(self, base_offset: int) -> bool:
        """Notes a wrong checksum; whether the batch deserves to be fetched again."""


class FetchResponse(Protocol):
    """The fetch response that a batch is of; `owner` reads it."""

    @property
    def owner(self) -> Reader | None:
        """None before it is read."""

    def stop(self) -> None:
        """Leaves what follows to the next fetch."""


class GuardedBatch:
    """A batch as the fetcher asks for it. Iterating gives every record, read or refused."""

    def __init__(self, raw: memoryview, response: FetchResponse) -> None:
        self._raw = raw
        self._response = response
        self._read = DefaultRecordBatch(raw)
        self._torn = False  # its checksum is wrong
        self._again = False  # and it is to be fetched again

    @property
    def producer_id(self) -> int:
        """Of a transaction; -1 = none."""
        return -1 if self._torn else self._read.producer_id

    @property
    def base_offset(self) -> int:
        """Of the first record."""
        return int(self._read.base_offset)

    @property
    def next_offset(self) -> int:
        """Where to go on behind it."""
        owner = self._response.owner
        return int(owner.next_fetch_offset if self._again and owner is not None else self._read.next_offset)

    @property
    def is_control_batch(self) -> bool:
        """Whether it is a transaction's marker."""
        return not self._torn and self._read.is_control_batch

    @property
    def is_transactional(self) -> bool:
        """Whether it belongs to a transaction."""
        return not self._torn and self._read.is_transactional

    def validate_crc(self) -> bool:
        """True: what is wrong is told by the records. A checksum decides only once it was wrong repeatedly."""
        if not self._read.validate_crc():
            owner = self._response.owner
            self._torn = True
            self._again = owner is not None and owner.is_news(self.base_offset)
            if self._again:
                self._response.stop()
        return True

    def __next__(self) -> Any:
        """The record of a marker, which is never compressed."""
        return next(self._read)

    def __iter__(self) -> Iterator[Any]:
        if self._again:
            return
        try:
            body = self._unpacked()
        except InvalidEvent as refusal:
            yield from self._refused_from(self.base_offset, refusal)
            return
        if len(body) <= CAREFUL_ABOVE_BYTES:
            try:
                yield from self._in_order(DefaultRecordBatch(body))
            except Exception:  # noqa: BLE001, S110  whatever it could not read: we look ourselves, from the beginning
                pass
            else:
                return
        yield from self._carefully(body)

    def _in_order(self, records: Iterable[Any]) -> Iterator[Any]:
        """The records as long as their offsets are those of the batch. One that says another offset would move whoever
        reads to a place behind records of others."""
        offset = self._read.base_offset
        end, step = self._read.next_offset, self._step
        for record in records:
            if not offset <= record.offset < min(end, offset + step):
                raise InvalidEvent(Reason.DAMAGED, f"a record that says offset {record.offset} at {offset}")
            yield record
            offset = record.offset + 1

    @property
    def _step(self) -> int:
        """How far offsets may be apart: 1, unless compaction took records out of the batch."""
        (count,) = _COUNT.unpack_from(self._raw, _COUNT_AT)
        span = self._read.next_offset - self._read.base_offset
        return 1 if count >= span else int(span)

    def _unpacked(self) -> memoryview:
        """The batch as if it had not been compressed."""
        if self._torn:
            raise InvalidEvent(Reason.DAMAGED, "the checksum of its batch is wrong")
        (attributes,) = _ATTRIBUTES.unpack_from(self._raw, _ATTRIBUTES_AT)
        codec = attributes & _CODEC_MASK
        if codec == NONE:
            return self._raw
        header = bytearray(self._raw[:HEADER_BYTES])
        _ATTRIBUTES.pack_into(header, _ATTRIBUTES_AT, attributes & ~_CODEC_MASK)
        return unpack(codec, self._raw[HEADER_BYTES:], LIMITS.batch_bytes, header)

    def _carefully(self, body: memoryview) -> Iterator[Any]:
        """All records; the fetcher leaves out those that it was given before."""
        (count,) = _COUNT.unpack_from(body, _COUNT_AT)
        expected = self.base_offset
        try:
            for record in self._in_order(map(self._made, records(body[HEADER_BYTES:], count))):
                yield record
                expected = record.offset + 1
        except InvalidEvent as refusal:
            yield from self._refused_from(expected, refusal)

    def _made(self, parsed: Parsed) -> "PlainRecord | RefusedRecord":
        read = self._read
        offset = read.base_offset + parsed.offset
        by_append = read.timestamp_type == 1
        timestamp = read.max_timestamp if by_append else read.first_timestamp + parsed.timestamp
        if parsed.refusal is None:
            return PlainRecord(offset, timestamp, read.timestamp_type, parsed.key, parsed.value, parsed.headers)
        original_bytes = None if parsed.is_whole or parsed.value is None else parsed.value_bytes
        return RefusedRecord(
            offset,
            timestamp,
            read.timestamp_type,
            parsed.key,
            parsed.value,
            (),
            None,
            parsed.refusal,
            parsed.is_whole,
            original_bytes,
        )

    def _refused_from(self, first: int, refusal: InvalidEvent) -> Iterator[RefusedRecord]:
        """Every offset of the batch from the first on. A value that could not be read is none, never the packed batch:
        nobody could find an erased user in that."""
        end = self._read.next_offset
        if end - first > _MAX_BATCH_RECORDS:
            raise CorruptRecordException(f"a batch of {end - first} records at offset {first}: {refusal}")
        for offset in range(first, end):
            yield RefusedRecord(
                offset, self._read.max_timestamp, self._read.timestamp_type, None, None, (), None, refusal
            )
