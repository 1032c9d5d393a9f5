"""The dedupe memory keeps what it promises and no more than its bound."""

import pytest

from tables.dedupe import KEPT_IDS, KEPT_MS, MAX_IDS, Dedupe, decode_segment, encode_segment, hash_of
from tables.segmented_log import SEGMENT_ENTRIES

NOW_MS = 1_700_000_000_000


def test_the_last_thousand_ids_are_remembered_however_old() -> None:
    dedupe = Dedupe()
    for number in range(3_000):
        dedupe.add(number, NOW_MS + number * KEPT_MS)
        assert all(recent in dedupe.known for recent in range(max(0, number - KEPT_IDS + 1), number + 1, 97))
    assert len(dedupe.known) < KEPT_IDS + 2 * SEGMENT_ENTRIES


def test_a_day_of_ids_is_remembered_beyond_the_thousand() -> None:
    dedupe = Dedupe()
    step_ms = KEPT_MS // 5_000
    for number in range(9_000):
        dedupe.add(number, NOW_MS + number * step_ms)
    assert set(range(9_000 - 5_000, 9_000)) <= dedupe.known
    assert 0 not in dedupe.known


def test_never_more_than_the_bound() -> None:
    dedupe = Dedupe()
    for number in range(MAX_IDS + 500):
        dedupe.add(number, NOW_MS)
        assert len(dedupe.known) <= MAX_IDS
    assert set(range(MAX_IDS + 500 - (MAX_IDS - SEGMENT_ENTRIES), MAX_IDS + 500)) <= dedupe.known


def test_a_full_segment_is_written_once() -> None:
    dedupe = Dedupe()
    for number in range(SEGMENT_ENTRIES):
        dedupe.add(number, NOW_MS)
    assert [number for number, _ in dedupe.log.take_closed()] == [0]
    assert dedupe.log.tail is None
    dedupe.add(10_001, NOW_MS)
    assert dedupe.log.take_closed() == []
    assert dedupe.log.tail is not None
    assert (dedupe.log.tail.entries, dedupe.log.full_end) == ([10_001], 1)


@pytest.mark.parametrize("count", [1, 63, 64])
def test_a_segment_survives_its_row(count: int) -> None:
    dedupe = Dedupe()
    for number in range(count):
        dedupe.add(hash_of(f"event {number}"), NOW_MS + number)
    restored = decode_segment(encode_segment(dedupe.log.segments[0]))
    assert (restored.entries, restored.newest) == (dedupe.log.segments[0].entries, NOW_MS + count - 1)
