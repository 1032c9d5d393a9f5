"""What is archived, blanked or restored folds to the rows that the log itself folds to, byte for byte."""

import random
from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from aiokafka.structs import ConsumerRecord
from hypothesis import given, settings
from hypothesis import strategies as st
from invariant_logs import LIMITS, PARTITIONS, START_MS, Folded, Log, NoLists, as_logs, events, finish, fold, record

from agents.dead_letters import DeadLetters
from agents.followers.erasures import Erasures
from agents.interactions import InteractionsStep, OutgoingDeltas
from agents.retention.blanking import BlankedRecord, blanked
from agents.retention.record_files import ArchivedRecord, RecordWriter, read_records, read_rows, write_rows
from ops.operator.erasure.forgetting import forgotten
from streams.contract.erasure import ErasureMarker
from streams.contract.identities import PLAIN
from tables import user_keys
from tables.user_plane import UserPlane

LOGS = events().map(as_logs)
ERASED = "u0"


def erasures_of(end: int, partition: int) -> Erasures:
    """`ERASED` is erased up to `end`, asked for after everything was appended."""
    erasures = Erasures()
    marker = ErasureMarker(ERASED, START_MS + 2**40, end).encode()
    erasures.apply(record(partition, 0, 0, ERASED.encode(), marker))
    return erasures


def fold_on(
    partition: int, log: Iterable[ConsumerRecord], rows: dict[bytes, bytes], erasures: Erasures
) -> list[tuple[str, int, bytes | None]]:
    """Folds into `rows` as an owner of the partition does; returns everything else that is written."""
    step = InteractionsStep(
        lambda: UserPlane(partition, PARTITIONS, rows, LIMITS, erasures.of(partition).ends),
        NoLists(),  # type: ignore[arg-type]
        OutgoingDeltas("deltas", partition, PARTITIONS),
        DeadLetters("letters"),
        erasures,
    )
    for each in log:
        step.fold(each)
    return [(sent.topic, sent.partition, sent.value) for sent in finish(step.effects(0, force=True)).outgoing]


def through_a_file(log: Sequence[ConsumerRecord], partition: int) -> Log:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        with RecordWriter(path) as writer:
            for each in log:
                writer.add(ArchivedRecord(each))
        return [kept.record for group in read_records(path, "user.interactions", partition) for kept in group]


@settings(max_examples=40)
@given(logs=LOGS, seed=st.integers(0, 2**16))
def test_archived_records_fold_as_those_of_the_log(logs: list[Log], seed: int) -> None:
    for partition, log in enumerate(logs):
        end = random.Random(seed).randint(0, len(log))
        archived = through_a_file(log[:end], partition)
        assert fold(partition, [archived, log[end:]]) == fold(partition, [log[:end], log[end:]])


@settings(max_examples=60)
@given(logs=LOGS, seed=st.integers(0, 2**16))
def test_what_is_left_of_erased_records_folds_as_they_would(logs: list[Log], seed: int) -> None:
    for partition, log in enumerate(logs):
        end = random.Random(seed).randint(0, len(log))
        erasures = erasures_of(end, partition)
        left = [blanked(each, erasures, PLAIN, PARTITIONS) or each for each in log]
        kept = through_a_file(left, partition)
        rows: dict[bytes, bytes] = {}
        full: dict[bytes, bytes] = {}
        assert fold_on(partition, kept, rows, erasures) == fold_on(partition, log, full, erasures)
        assert rows == full
        named = [each for each in kept[:end] if ERASED.encode() in (each.key or b"") + (each.value or b"")]
        assert not named
        assert all(blanked(each, erasures, PLAIN, PARTITIONS) is None for each in kept)


@settings(max_examples=40)
@given(logs=LOGS, seed=st.integers(0, 2**16))
def test_a_snapshot_and_the_rest_of_the_log_are_the_whole_log(logs: list[Log], seed: int) -> None:
    for partition, log in enumerate(logs):
        cut = random.Random(seed).randint(0, len(log))
        with TemporaryDirectory() as folder:
            path = Path(folder) / "rows"
            write_rows(path, fold(partition, [log[:cut]]).rows.items())
            rows = dict(read_rows(path))
        rest = fold_on(partition, log[cut:], rows, Erasures())
        whole: Folded = fold(partition, [log[:cut], log[cut:]])
        assert rows == whole.rows
        before = fold(partition, [log[:cut]])
        for target, found in whole.deltas.items():
            later = [value for topic, to, value in rest if (topic, to) == ("deltas", target)]
            assert later == found[len(before.deltas.get(target, ())) :]


@settings(max_examples=40)
@given(logs=LOGS, seed=st.integers(0, 2**16))
def test_a_snapshot_forgets_as_an_owner_does(logs: list[Log], seed: int) -> None:
    for partition, log in enumerate(logs):
        cut = random.Random(seed).randint(0, len(log))
        erasures = erasures_of(cut, partition)
        restored = fold(partition, [log[:cut]]).rows
        dropped = forgotten(restored, partition, PARTITIONS, erasures.of(partition))
        assert not [key for key in restored if key != user_keys.PARTITION and ERASED.encode() in (key[1:], key[5:])]
        assert forgotten(restored, partition, PARTITIONS, erasures.of(partition)) == []
        assert dropped, "the partition's row notes it at least"

        owned = fold(partition, [log[:cut]]).rows
        fold_on(partition, log[cut:], owned, erasures)
        fold_on(partition, log[cut:], restored, erasures)
        assert restored == owned


def test_only_what_was_erased_is_blanked() -> None:
    erasures = erasures_of(end=2, partition=0)
    body = b'{"event_type":"view","user_id":"u%d","item_id":"i1","timestamp":%d}'
    own = record(0, 1, START_MS, b"u0", body % (0, START_MS))
    later = record(0, 2, START_MS, b"u0", body % (0, START_MS))
    other = record(0, 0, START_MS, b"u1", body % (1, START_MS))
    damaged = record(0, 5, START_MS, b"u1", b'{"user_id":"u0"')
    left = blanked(own, erasures, PLAIN, 1)
    assert isinstance(left, BlankedRecord)
    assert (left.offset, left.timestamp, left.key, left.value, left.event_ms) == (1, START_MS, None, None, START_MS)
    assert blanked(later, erasures, PLAIN, 1) is None
    assert blanked(other, erasures, PLAIN, 1) is None
    unusable = blanked(damaged, erasures, PLAIN, 1)
    assert unusable is not None
    assert unusable.event_ms is None
