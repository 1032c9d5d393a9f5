"""Names of archive files say which of them count, whatever a crash left behind, and what is missing."""

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.retention.archive_files import ArchiveFile, chained, day_of
from agents.retention.errors import StorageError

DAY = date(2026, 3, 1)


def file(first: int, end: int, revision: int = 0, partition: int = 0) -> ArchiveFile:
    return ArchiveFile(DAY, partition, first, end, revision, f"{first * 1000 + end:064x}")


def test_a_name_says_everything() -> None:
    made = file(7, 1_000, revision=2, partition=31)
    assert ArchiveFile.parse(made.name) == made
    assert ArchiveFile.parse("archive.json") is None
    assert ArchiveFile.parse(made.name + ".tmp") is None
    assert day_of(1_772_323_199_999).isoformat() == "2026-02-28"
    assert day_of(1_772_323_200_000) == DAY


def test_the_day_went_on_and_a_crash_left_the_former_file() -> None:
    found = chained([file(0, 100), file(0, 150), file(150, 200), file(100, 150)])[0]
    assert found.chain == [file(0, 150), file(150, 200)]
    assert set(found.superseded) == {file(0, 100), file(100, 150)}
    assert (found.begin, found.end) == (0, 200)


def test_the_newest_revision_counts() -> None:
    found = chained([file(0, 100), file(0, 100, revision=1)])[0]
    assert found.chain == [file(0, 100, revision=1)]
    assert found.superseded == [file(0, 100)]


def test_a_missing_file_is_named() -> None:
    with pytest.raises(StorageError, match="lacks offsets 100 to 199 of partition 3"):
        chained([file(0, 100, partition=3), file(200, 300, partition=3)])


@given(st.lists(st.integers(1, 50), min_size=1, max_size=12), st.data())
def test_every_offset_is_in_one_file(sizes: list[int], data: st.DataObject) -> None:
    """Whatever was extended or revised when a run was killed."""
    files, first = [], 10
    for size in sizes:
        made = file(first, first + size)
        files.append(made)
        if data.draw(st.booleans()):
            files.append(replace(made, revision=1))
        if size > 1 and data.draw(st.booleans()):
            files.append(replace(made, end=first + size - 1))
        first += size
    chain = chained(data.draw(st.permutations(files)))[0].chain
    held = [offset for each in chain for offset in range(each.first, each.end)]
    assert held == list(range(10, first))
