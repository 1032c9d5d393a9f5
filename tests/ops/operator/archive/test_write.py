"""An archive grows by days, has no gaps, keeps nothing of erased users, and says what it does not fit to."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from aiokafka.structs import ConsumerRecord, TopicPartition
from disguises import DISGUISES

from agents.followers.erasures import Erasures
from agents.retention.archive_files import About, ArchiveFile, chained, day_of
from agents.retention.archive_store import ArchiveStore
from agents.retention.errors import StorageError
from agents.retention.record_files import plain_record, read_records
from ops.operator.archive.erasure import ArchiveErasure, KnownErasures
from ops.operator.archive.run import check_files
from ops.operator.archive.write import (
    CannotArchive,
    PartitionArchived,
    _Partition,
    check_about,
    check_meets_log,
    check_same_records,
)
from streams.contract.erasure import ErasureMarker
from streams.contract.identities import PLAIN

TOPIC = "user.interactions"
SOURCE = TopicPartition(TOPIC, 0)
DAY_MS = 86_400_000
START_MS = 20_000 * DAY_MS


class Log:
    """One partition of a log, read a few records at a time; positions pass markers, which are no records."""

    def __init__(self, records: Sequence[ConsumerRecord], end: int) -> None:
        self._records = records
        self._end = end
        self._position = 0

    def assign(self, partitions: Sequence[TopicPartition]) -> None: ...

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self._position = offset

    async def position(self, partition: TopicPartition) -> int:
        return self._position

    async def getmany(self, timeout_ms: int) -> Mapping[TopicPartition, list[ConsumerRecord]]:
        found = [record for record in self._records if record.offset >= self._position][:7]
        self._position = found[-1].offset + 1 if found else self._end
        return {SOURCE: found}


def event(offset: int) -> ConsumerRecord:
    """Ten a day; users u0, u1, u2 in turn; every 13th is damaged and names u0 all the same."""
    at_ms = START_MS + offset * DAY_MS // 10
    user = f"u{offset % 3}"
    value = f'{{"event_type":"view","user_id":"{user}","item_id":"i{offset}","timestamp":{at_ms}}}'
    if offset % 13 == 12:
        value = '{"user_id": "u0"'
    return plain_record(TOPIC, 0, offset, at_ms, user.encode(), value.encode())


@pytest.fixture
def store(tmp_path: Path) -> ArchiveStore:
    made = ArchiveStore(str(tmp_path / "storage"), "", TOPIC)
    made.begin(About(TOPIC, "id-1", 1), tmp_path)
    return made


async def archive(store: ArchiveStore, scratch: Path, end: int, log_begin: int = 0) -> PartitionArchived:
    log = Log([event(offset) for offset in range(log_begin, end) if offset % 10 != 9], end)
    work = _Partition(store, log, SOURCE, chained(store.files()).get(0), scratch)
    return await work.archive(log_begin, end)


def held(store: ArchiveStore, scratch: Path) -> list[ConsumerRecord]:
    found = []
    for file in chained(store.files())[0].chain:
        store.fetch(file, scratch / "held")
        records = [kept.record for group in read_records(scratch / "held", TOPIC, 0) for kept in group]
        assert all(file.first <= record.offset < file.end for record in records)
        found += records
    return found


async def test_every_record_is_archived_once_however_often_it_runs(store: ArchiveStore, tmp_path: Path) -> None:
    for end in (3, 4, 4, 18, 55, 60):
        result = await archive(store, tmp_path, end)
        assert (result.begin, result.end) == (0, end)
        assert held(store, tmp_path) == [event(offset) for offset in range(end) if offset % 10 != 9]
        assert not chained(store.files())[0].superseded
    files = chained(store.files())[0].chain
    assert [file.day for file in files] == [day_of(START_MS + day * DAY_MS) for day in range(6)]
    assert check_files(store) == [PartitionArchived(0, 0, 60, 0)]


async def test_a_log_that_forgot_its_beginning_begins_there(store: ArchiveStore, tmp_path: Path) -> None:
    result = await archive(store, tmp_path, 40, log_begin=25)
    assert (result.begin, result.end, result.added) == (25, 40, 13)


async def test_what_a_crash_left_is_removed(store: ArchiveStore, tmp_path: Path) -> None:
    await archive(store, tmp_path, 5)
    (former,) = store.files()
    store.fetch(former, tmp_path / "former")
    await archive(store, tmp_path, 8)
    store.put(former, tmp_path / "former")
    await archive(store, tmp_path, 8)
    (left,) = store.files()
    assert (left.first, left.end) == (0, 8)


def known(end: int) -> KnownErasures:
    erasures = Erasures()
    marker = ErasureMarker("u0", START_MS + 10**12, end).encode()
    erasures.apply(plain_record("user.erasure", 0, 0, 0, b"u0", marker))
    return KnownErasures(erasures, frozenset({"u0"}), PLAIN)


async def test_erased_users_are_blanked_and_nobody_else(store: ArchiveStore, tmp_path: Path) -> None:
    await archive(store, tmp_path, 40)
    erasure = ArchiveErasure(store, TOPIC, known(end=31))
    wanted = sum(offset % 10 != 9 and (offset % 13 == 12 or (offset % 3 == 0 and offset < 31)) for offset in range(40))
    assert erasure.count("u0") == wanted
    assert ArchiveErasure(store, TOPIC, KnownErasures(Erasures(), frozenset(), PLAIN)).count("u0") > wanted
    assert erasure.blank(store.files()) == wanted
    assert erasure.count("u0") == erasure.blank(store.files()) == 0
    after = held(store, tmp_path)
    assert [record.offset for record in after] == [offset for offset in range(40) if offset % 10 != 9]
    kept = [record for record in after if record.value is not None]
    assert kept == [event(record.offset) for record in kept]
    assert len(after) - len(kept) == wanted
    assert not any(b"u0" in record.value for record in kept if record.offset < 31)
    await archive(store, tmp_path, 45)  # the day of a blanked file goes on
    assert erasure.count("u0") == 0


async def test_only_files_that_name_an_erased_user_are_fetched(
    store: ArchiveStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched: list[ArchiveFile] = []
    fetch = store.fetch
    monkeypatch.setattr(store, "fetch", lambda file, local: (fetched.append(file), fetch(file, local)))
    at_ms = START_MS + 2 * DAY_MS
    rare = plain_record(
        TOPIC, 0, 21, at_ms, b"u0", b'{"event_type":"view","user_id":"rare","item_id":"i","timestamp":1}'
    )
    others = [event(offset) for offset in range(40) if offset % 3 and offset % 13 != 12 and offset != 21]
    log = Log(sorted([*others, rare], key=lambda record: record.offset), 40)
    await _Partition(store, log, SOURCE, None, tmp_path).archive(0, 40)
    files = chained(store.files())[0].chain
    assert len(files) == 4
    fetched.clear()
    nobody = KnownErasures(Erasures(), frozenset({"nobody"}), PLAIN)
    assert ArchiveErasure(store, TOPIC, nobody).blank(files) == ArchiveErasure(store, TOPIC, nobody).count("no") == 0
    assert set(fetched) == {files[2]}  # it has a record that is no event, and may be about anybody
    assert ArchiveErasure(store, TOPIC, nobody).count("rare") == 1
    assert set(fetched) == {files[2]}
    assert ArchiveErasure(store, TOPIC, nobody).count("u0") == 1  # by the record's key
    monkeypatch.setattr("agents.retention.record_files.encoded", lambda _: {})  # as a former release wrote them
    await archive(store, tmp_path, 45)
    fetched.clear()
    assert ArchiveErasure(store, TOPIC, nobody).count("no") == 0
    assert len(fetched) == 2


async def test_damage_and_gaps_are_named(store: ArchiveStore, tmp_path: Path) -> None:
    await archive(store, tmp_path, 40)
    files = chained(store.files())[0].chain
    store.remove(files[1])
    with pytest.raises(StorageError, match="lacks offsets 10 to 19 of partition 0"):
        check_files(store)
    damaged = tmp_path / "damaged"
    damaged.write_bytes(b"PAR1")
    store.put(files[1], damaged)
    with pytest.raises(StorageError, match=f"{files[1].sha256}.parquet is damaged"):
        check_files(store)


def test_an_archive_that_does_not_meet_the_log_is_refused() -> None:
    files = chained([ArchiveFile(day_of(0), 0, 10, 20, 0, "0" * 64)])[0]
    for begin, end in ((0, 20), (20, 20), (15, 100)):
        check_meets_log(SOURCE, files, begin, end)
    check_meets_log(SOURCE, None, 7, 100)
    with pytest.raises(CannotArchive, match="ends at offset 20, but its log begins at 21"):
        check_meets_log(SOURCE, files, 21, 100)
    with pytest.raises(CannotArchive, match="it is of another log"):
        check_meets_log(SOURCE, files, 0, 19)


def test_another_topic_is_refused(store: ArchiveStore) -> None:
    check_about(store, About(TOPIC, "id-1", 1))
    with pytest.raises(CannotArchive, match=r"made of 1 partitions, user\.interactions has 4"):
        check_about(store, About(TOPIC, "id-1", 4))
    with pytest.raises(CannotArchive, match="is of another log"):
        check_about(store, About(TOPIC, "id-2", 1))


async def test_days_before_one_are_removed_but_the_newest_file_stays(store: ArchiveStore, tmp_path: Path) -> None:
    await archive(store, tmp_path, 40)
    days = sorted({file.day for file in store.files()})
    assert len(days) == 4
    assert store.forget_before(days[0]) == 0
    assert store.forget_before(days[2]) == 2
    assert {file.day for file in store.files()} == set(days[2:])
    await archive(store, tmp_path, 45)  # it goes on where it ended
    assert chained(store.files())[0].end == 45
    assert store.forget_before(days[3] + timedelta(30)) >= 1
    assert len(store.files()) == 1


async def test_records_that_are_no_events_are_blanked_however_they_write_the_id(
    store: ArchiveStore, tmp_path: Path
) -> None:
    user, at_ms = "u-zoë-1", START_MS
    hidden = [plain_record(TOPIC, 0, n, at_ms, None, disguise(user)) for n, disguise in enumerate(DISGUISES.values())]
    others = [
        plain_record(TOPIC, 0, len(hidden) + n, at_ms, b"u2", disguise("u2"))
        for n, disguise in enumerate(DISGUISES.values())
    ]
    end = len(hidden) + len(others)
    await _Partition(store, Log([*hidden, *others], end), SOURCE, None, tmp_path).archive(0, end)
    erasures = Erasures()
    marker = ErasureMarker(user, START_MS + 10**12, 1).encode()
    erasures.apply(plain_record("user.erasure", 0, 0, 0, user.encode(), marker))
    erasure = ArchiveErasure(store, TOPIC, KnownErasures(erasures, frozenset({user}), PLAIN))
    assert erasure.count(user) == erasure.blank(store.files()) == len(hidden)
    assert erasure.count(user) == 0
    assert [record.value for record in held(store, tmp_path)] == [None] * len(hidden) + [r.value for r in others]


@pytest.mark.parametrize(
    ("holds", "differs"),
    [
        (range(40), False),
        (range(35, 40), False),
        ([*range(20), *range(60, 80)], True),
        (range(20), True),
    ],
    ids=["what was archived", "the end of it", "other records since it was cut off", "less than was archived"],
)
async def test_a_log_that_was_cut_off_is_not_the_archived_one(
    store: ArchiveStore, tmp_path: Path, holds: Sequence[int], differs: bool
) -> None:
    """`holds` are the events that the log holds from its beginning on; the archive has the first forty."""
    await archive(store, tmp_path, 40)
    begin = 35 if len(holds) == 5 else 0
    records = [
        plain_record(TOPIC, 0, begin + place, event(number).timestamp, b"u", b"{}")
        for place, number in enumerate(holds)
    ]
    log = Log(records, 40)
    checking = check_same_records(log, store, chained(store.files()), {SOURCE: begin}, tmp_path)
    if not differs:
        await checking
        return
    with pytest.raises(CannotArchive, match=rf"{TOPIC}:0 holds another record at offset 38 than .* cut the log off"):
        await checking
