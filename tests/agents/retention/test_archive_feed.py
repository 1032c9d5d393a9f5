"""The feed gives every archived record once, under its offset, from wherever a version goes on."""

import asyncio
from pathlib import Path

import pytest
from aiokafka.structs import ConsumerRecord

from agents.retention import archive_feed
from agents.retention.archive_feed import ArchiveFeed
from agents.retention.archive_files import ArchiveFile, day_of
from agents.retention.archive_store import ArchiveStore, hashed
from agents.retention.record_files import ArchivedRecord, RecordWriter, plain_record

TOPIC = "user.interactions"
BEGIN, MIDDLE, END = 5, 12, 30


def record(offset: int) -> ConsumerRecord:
    headers = [("traceparent", b"00"), ("n", b"%d" % offset)] if offset % 2 else []
    key = b"u%d" % offset if offset % 3 else None
    return plain_record(TOPIC, 0, offset, 1_000 * offset, key, None if offset == 7 else b"{}", headers)


@pytest.fixture
def store(tmp_path: Path) -> ArchiveStore:
    """Two files; there is no record at some offsets, as behind transactions."""
    made = ArchiveStore(str(tmp_path / "storage"), "demo", TOPIC)
    put(made, tmp_path, BEGIN, MIDDLE)
    put(made, tmp_path, MIDDLE, END)
    return made


def put(store: ArchiveStore, scratch: Path, first: int, end: int, former: ArchiveFile | None = None) -> ArchiveFile:
    local = scratch / "made"
    with RecordWriter(local) as writer:
        for offset in range(first, end):
            if offset % 5 != 4:
                writer.add(ArchivedRecord(record(offset), ["u"]))
    file = hashed(ArchiveFile(day_of(0), 0, first, end, former.revision + 1 if former else 0, ""), local)
    store.put(file, local, former)
    return file


async def opened(tmp_path: Path) -> ArchiveFeed:
    feed = ArchiveFeed(TOPIC, str(tmp_path / "storage"), "demo", tmp_path / "copies")
    await feed.open()
    return feed


async def read_on(feed: ArchiveFeed, position: int) -> list[ConsumerRecord]:
    records: list[ConsumerRecord] = []
    while feed.end(TOPIC, 0, position) is not None:
        found, position = await feed.read(0, position)
        records += found
    assert position == END
    return records


@pytest.mark.usefixtures("store")
async def test_it_goes_on_from_every_offset(tmp_path: Path) -> None:
    for begin in (0, *range(BEGIN, END)):
        found = await read_on(await opened(tmp_path), begin)
        assert found == [record(offset) for offset in range(max(begin, BEGIN), END) if offset % 5 != 4]
    assert not files_in(tmp_path, "copies/*/*.parquet"), "copies of read files are removed"


@pytest.mark.usefixtures("store")
async def test_what_the_archive_does_not_hold_is_the_logs(tmp_path: Path) -> None:
    feed = await opened(tmp_path)
    assert feed.end(TOPIC, 0, BEGIN - 1) is None
    assert feed.end(TOPIC, 0, END) is None
    assert feed.end(TOPIC, 1, 0) is None
    assert feed.end("item.deltas.v1", 0, BEGIN) is None
    closed = ArchiveFeed(TOPIC, str(tmp_path / "storage"), "demo", tmp_path / "copies")
    assert closed.end(TOPIC, 0, 0) is None


async def test_a_file_that_is_replaced_meanwhile_is_found_again(store: ArchiveStore, tmp_path: Path) -> None:
    feed = await opened(tmp_path)
    former = next(file for file in store.files() if file.first == MIDDLE)
    put(store, tmp_path, MIDDLE, END + 10, former)  # the day went on; the log takes over where it was to
    assert (await read_on(feed, BEGIN))[-1].offset == END - 2


@pytest.mark.usefixtures("store")
async def test_damage_ends_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = died_of(monkeypatch)
    feed = await opened(tmp_path)
    (damaged,) = files_in(tmp_path, f"storage/archive/demo/**/{MIDDLE:020d}-*.parquet")
    damaged.write_bytes(damaged.read_bytes()[:-9] + b"x" + damaged.read_bytes()[-8:])
    with pytest.raises(SystemExit):
        await read_on(feed, BEGIN)
    assert f"{damaged.name} is damaged" in said[0]


@pytest.mark.usefixtures("store")
async def test_a_gap_before_the_log_ends_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = died_of(monkeypatch)
    feed = await opened(tmp_path)
    feed.hand_over(0, END, log_begin=END)
    feed.hand_over(0, END, log_begin=END - 3)
    with pytest.raises(SystemExit):
        feed.hand_over(0, END, log_begin=END + 1)
    assert said == [f"the archive ends at offset {END} and the log begins at {END + 1}; what is between is in neither"]


def files_in(folder: Path, pattern: str) -> list[Path]:
    return list(folder.glob(pattern))


def died_of(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    said: list[str] = []

    def die(_what: str, error: BaseException) -> None:
        said.append(str(error))
        raise SystemExit(70)

    monkeypatch.setattr(archive_feed, "die", die)
    return said


@pytest.mark.usefixtures("store")
def test_reading_needs_no_loop_of_its_own(tmp_path: Path) -> None:
    """The consumer's thread has another loop than the one in which the feed was opened."""
    feed = asyncio.run(opened(tmp_path))
    assert asyncio.run(feed.read(0, BEGIN))[0][0].offset == BEGIN
