"""Leader epochs are read from what brokers send, and what is fetched again says the same again."""

from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.structs import TopicPartition

from streams.kafka.leader_epochs import LeaderEpochs, epochs_in
from streams.kafka.log_position import NO_EPOCH

TP = TopicPartition("log", 0)


def batch(offset: int, epoch: int, records: int = 3) -> bytes:
    """As a broker keeps it: the first offset and the epoch are its own."""
    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=0,
        is_transactional=0,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=-1,
        batch_size=9_999,
    )
    for number in range(records):
        builder.append(number, 0, b"k", b"v", [])
    built = bytearray(builder.build())
    built[0:8] = offset.to_bytes(8, "big")
    built[12:16] = epoch.to_bytes(4, "big")
    return bytes(built)


def test_every_batch_says_who_appended_it_the_last_one_may_be_cut_off() -> None:
    run = batch(10, 2) + batch(13, 2) + batch(16, 5)
    assert list(epochs_in(run)) == [(10, 2), (13, 2), (16, 5)]
    assert list(epochs_in(run[:-20])) == [(10, 2), (13, 2), (16, 5)]
    assert list(epochs_in(run[: -len(batch(16, 5)) + 8])) == [(10, 2), (13, 2)]
    assert list(epochs_in(b"")) == []


def test_the_watermark_of_an_offset_is_that_of_its_batch() -> None:
    epochs = LeaderEpochs()
    assert epochs.at(TP, 10) == NO_EPOCH
    epochs.note(TP, batch(10, 2) + batch(13, 2))
    epochs.note(TP, batch(16, 5))
    assert [epochs.at(TP, offset) for offset in (9, 10, 15, 16, 18)] == [NO_EPOCH, 2, 2, 5, 5]


def test_offsets_that_are_fetched_again_may_be_others_records() -> None:
    epochs = LeaderEpochs()
    epochs.note(TP, batch(10, 2) + batch(13, 3))
    epochs.note(TP, batch(13, 7))
    assert [epochs.at(TP, offset) for offset in (12, 13)] == [2, 7]
    epochs.note(TP, batch(0, 0))
    assert epochs.at(TP, 13) == 0


def test_leaders_that_change_often_take_no_memory() -> None:
    epochs = LeaderEpochs()
    for number in range(1_000):
        epochs.note(TP, batch(3 * number, number))
    assert epochs.at(TP, 3 * 999) == 999
    assert len(epochs._changes[TP]) <= 16
