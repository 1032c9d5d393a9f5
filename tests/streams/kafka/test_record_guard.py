"""What consumers get of records that aiokafka cannot read: each at its offset, with the reason, and all others."""

import subprocess
import sys
from collections.abc import Sequence

import cramjam
import pytest
from aiokafka.consumer import fetcher
from aiokafka.record.util import calc_crc32c
from aiokafka.structs import ConsumerRecord, TopicPartition
from hostile.raw_batches import PACKERS, RawRecord, batch, body_of, packed_batch, record_bytes
from hypothesis import given
from hypothesis import strategies as st

from streams.contract.limits import LIMITS
from streams.contract.reasons import Reason
from streams.kafka import guarded_batch, record_guard
from streams.kafka.damaged_record import DamagedRecord, refusal_of
from streams.kafka.unpacking import GZIP, LZ4, NONE, SNAPPY, ZSTD

TP = TopicPartition("topic", 0)
GOOD = RawRecord(b"key", b"value", [(b"name", b"value"), (b"none", None)])
BAD_NAME = RawRecord(b"key", b"value", [(b"\xff\xfe", b"x")])
CODECS = [NONE, GZIP, SNAPPY, LZ4, ZSTD]


def fetched(response: bytes, begin: int = 0) -> list[ConsumerRecord]:
    """What a consumer gets of a fetch response, through aiokafka's own classes."""
    return list(partition_records(response, begin))


def partition_records(response: bytes, begin: int = 0) -> record_guard.GuardedPartitionRecords:
    return fetcher.PartitionRecords(TP, fetcher.MemoryRecords(response), [], begin, None, None, True, 1)


def reasons(records: Sequence[ConsumerRecord]) -> list[Reason | None]:
    return [record.reason if isinstance(record, DamagedRecord) else None for record in records]


@pytest.fixture
def low_limit(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(LIMITS, "batch_bytes", 1024 * 1024)
    return LIMITS.batch_bytes


@pytest.mark.parametrize("codec", CODECS)
def test_batches_come_through_whatever_they_are_compressed_with(codec: int) -> None:
    two = batch([GOOD] * 3, codec, 5) + batch([GOOD, RawRecord()], codec, 6, base_offset=3)
    records = fetched(two, begin=1)
    assert [(record.offset, record.timestamp) for record in records] == [(1, 5), (2, 5), (3, 6), (4, 6)]
    assert (records[0].key, records[0].value, records[0].headers) == (
        b"key",
        b"value",
        (("name", b"value"), ("none", None)),
    )
    assert (records[3].key, records[3].value, records[3].headers) == (None, None, ())
    assert not any(isinstance(record, DamagedRecord) for record in records)


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("careful_above", [0, guarded_batch.CAREFUL_ABOVE_BYTES])
def test_a_header_name_that_is_not_utf8_costs_nobody_else(
    codec: int, careful_above: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guarded_batch, "CAREFUL_ABOVE_BYTES", careful_above)
    records = fetched(batch([GOOD, BAD_NAME, GOOD, BAD_NAME], codec) + batch([GOOD], codec, base_offset=4))
    assert [record.offset for record in records] == [0, 1, 2, 3, 4]
    assert reasons(records) == [None, Reason.BAD_HEADER, None, Reason.BAD_HEADER, None]
    assert {(record.key, record.value) for record in records} == {(b"key", b"value")}
    assert records[1].is_whole
    assert records[2].headers == (("name", b"value"), ("none", None))


@given(
    records=st.lists(
        st.builds(
            RawRecord,
            st.none() | st.binary(max_size=20),
            st.none() | st.binary(max_size=200),
            st.lists(st.tuples(st.text(max_size=8).map(str.encode), st.none() | st.binary(max_size=9)), max_size=4),
        ),
        min_size=1,
        max_size=20,
    ),
    codec=st.sampled_from(CODECS),
    begin=st.integers(0, 20),
)
def test_what_we_parse_ourselves_is_what_aiokafka_parses(records: list[RawRecord], codec: int, begin: int) -> None:
    made = batch(records, codec, 5)
    theirs = fetched(made, begin)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(guarded_batch, "CAREFUL_ABOVE_BYTES", 0)
        assert fetched(made, begin) == theirs
    assert len(theirs) == max(0, len(records) - begin)


@pytest.mark.parametrize("codec", [GZIP, SNAPPY, LZ4, ZSTD])
def test_a_batch_that_unpacks_to_more_than_the_limit_is_refused_offset_by_offset(codec: int, low_limit: int) -> None:
    bomb = batch([RawRecord(b"key", bytes(low_limit))] * 3, codec, 7, base_offset=1)
    records = fetched(batch([GOOD], codec) + bomb + batch([GOOD], codec, base_offset=4))
    assert [record.offset for record in records] == [0, 1, 2, 3, 4]
    assert reasons(records) == [None, *[Reason.TOO_LARGE] * 3, None]
    assert (records[1].key, records[1].value, records[1].timestamp, records[1].is_whole) == (None, None, 7, False)


@pytest.mark.parametrize("codec", [GZIP, SNAPPY, LZ4, ZSTD])
def test_a_batch_of_just_the_limit_is_read(codec: int, low_limit: int) -> None:
    room = low_limit - len(body_of([RawRecord(b"key", bytes(low_limit - 20))])) + low_limit - 20
    made = [RawRecord(b"key", bytes(room))]
    assert len(body_of(made)) == low_limit
    assert reasons(fetched(batch(made, codec))) == [None]
    assert reasons(fetched(batch([RawRecord(b"key", bytes(room + 1))], codec))) == [Reason.TOO_LARGE]


def test_a_frame_that_lies_about_its_size_is_unpacked_to_no_more(low_limit: int) -> None:
    honest = cramjam.zstd.compress(b"x")
    liar = bytes(honest) + bytes(cramjam.zstd.compress(bytes(10 * low_limit)))
    assert reasons(fetched(packed_batch(liar, ZSTD, 1))) == [Reason.TOO_LARGE]


@pytest.mark.parametrize("codec", [GZIP, SNAPPY, LZ4, ZSTD, 5, 6, 7])
@pytest.mark.parametrize("packed", [b"", b"nonsense", b"\x28\xb5\x2f\xfd", b"\x82SNAPPY\0" + b"\xff" * 40, b"\xff" * 5])
def test_what_does_not_unpack_is_damaged(codec: int, packed: bytes) -> None:
    records = fetched(packed_batch(packed, codec, 2) + batch([GOOD], base_offset=2))
    assert reasons(records) == [Reason.DAMAGED, Reason.DAMAGED, None]


@pytest.mark.parametrize("codec", CODECS)
def test_records_that_are_cut_off_are_damaged_and_those_before_are_not(codec: int) -> None:
    body = body_of([GOOD, GOOD, GOOD])
    records = fetched(packed_batch(PACKERS[codec](body[:-3]), codec, 3) + batch([GOOD], base_offset=3))
    assert reasons(records) == [None, None, Reason.DAMAGED, None]


def test_a_count_that_lies_damages_the_offsets_that_are_not_there() -> None:
    records = fetched(packed_batch(body_of([GOOD, GOOD]), NONE, 4) + batch([GOOD], base_offset=4))
    assert reasons(records) == [None, None, Reason.DAMAGED, Reason.DAMAGED, None]


def test_a_wrong_checksum_is_fetched_again_before_it_counts() -> None:
    good, bad = batch([GOOD]), bytearray(batch([GOOD, GOOD], base_offset=1))
    bad[-1] ^= 1
    response = bytes(good + bad) + batch([GOOD], base_offset=3)
    for _ in range(record_guard.CHECKSUM_ATTEMPTS - 1):
        again = partition_records(response)
        assert reasons(list(again)) == [None]
        assert again.next_fetch_offset == 1
    assert reasons(fetched(response)) == [None, Reason.DAMAGED, Reason.DAMAGED, None]


def test_a_record_longer_than_any_that_can_be_taken_is_cut_and_the_next_is_read() -> None:
    long = bytes(guarded_batch.CAREFUL_ABOVE_BYTES + 1)
    (cut, whole) = fetched(batch([RawRecord(b"key", long), GOOD], ZSTD))
    assert isinstance(cut, DamagedRecord)
    assert (cut.reason, cut.key, cut.original_bytes, cut.is_whole) == (Reason.TOO_LARGE, b"key", len(long), False)
    assert len(cut.value) < len(long)
    assert whole.value == b"value"


def test_headers_are_counted_before_they_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guarded_batch, "CAREFUL_ABOVE_BYTES", 100_000)
    records = fetched(batch([RawRecord(b"key", b"value", [(b"", None)] * 200_000), GOOD], ZSTD))
    assert reasons(records) == [Reason.BAD_HEADER, None]
    assert (records[0].key, records[0].value) == (b"key", b"value")


@pytest.mark.parametrize(
    ("name", "value", "refused"),
    [
        (b"freshet.original_append_time_ms", b"1700000000000", False),
        (b"freshet.original_append_time_ms", None, True),
        (b"freshet.original_append_time_ms", b"", True),
        (b"freshet.original_append_time_ms", b"9" * 5_000, True),
        (b"freshet.original_append_time_ms", b"-5", True),
        (b"freshet.original_append_time_ms", b"1e3", True),
        (b"freshet.original_append_time_ms", "١٢٣".encode(), True),
        (b"freshet.original_append_time_ms", b"\xff", True),
        (b"freshet.redriven", b"user.interactions:3:41", False),
        (b"freshet.redriven", None, True),
        (b"freshet.redriven", b"\xff:3:41", True),
        (b"freshet.redriven", b"t:3:" + b"9" * 5_000, True),
        (b"traceparent", b"\xff", False),
        (b"ce_id", None, False),
    ],
)
def test_headers_of_ours_say_what_we_write_or_the_record_is_refused(
    name: bytes, value: bytes | None, refused: bool
) -> None:
    (record,) = fetched(batch([RawRecord(b"key", b"value", [(name, value)])]))
    refusal = refusal_of(record)
    assert (refusal is not None and refusal.reason is Reason.BAD_HEADER) is refused


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize(
    ("said", "read"),
    [([5, 1, 2], 0), ([0, 0, 1], 1), ([0, 2, 1], 1), ([1, 2, 3], 0), ([0, 1, 2**40], 2), ([0, -1, 2], 1)],
)
def test_a_record_that_says_another_offset_moves_nobody_behind_records_of_others(
    codec: int, said: list[int], read: int
) -> None:
    body = b"".join(record_bytes(GOOD, offset) for offset in said)
    records = fetched(packed_batch(PACKERS[codec](body), codec, 3) + batch([GOOD, GOOD], base_offset=3))
    assert [record.offset for record in records] == [0, 1, 2, 3, 4]
    assert reasons(records) == [*[None] * read, *[Reason.DAMAGED] * (3 - read), None, None]


@pytest.mark.parametrize("codec", CODECS)
def test_gaps_that_compaction_left_are_none(codec: int) -> None:
    body = b"".join(record_bytes(GOOD, offset) for offset in (1, 4, 5))
    compacted = bytearray(packed_batch(PACKERS[codec](body), codec, 3))
    compacted[23:27] = (7).to_bytes(4, "big")  # the last offset that the batch had
    compacted[17:21] = calc_crc32c(bytes(compacted[21:])).to_bytes(4, "big")
    records = fetched(bytes(compacted) + batch([GOOD], base_offset=8))
    assert [record.offset for record in records] == [1, 4, 5, 8]
    assert reasons(records) == [None] * 4


def test_whoever_makes_a_consumer_reads_so() -> None:
    asked = "import streams.kafka.clients, aiokafka.consumer.fetcher as fetcher; print(fetcher.MemoryRecords.__name__)"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == record_guard.GuardedRecords.__name__
