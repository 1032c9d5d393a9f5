"""What was met is remembered for the whole retention, and then forgotten in whole segments."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from streams.contract.units import HOUR_MS
from tables.seen import MAX_ITEMS, Meeting, Seen, decode_segment, encode_segment
from tables.segmented_log import SEGMENT_ENTRIES, SegmentedLog

DAY_MS = 24 * HOUR_MS
START_MS = 1_700_000_000_000
RETENTION_MS = 90 * DAY_MS


@given(st.lists(st.tuples(st.integers(0, 150), st.integers(0, 2 * DAY_MS)), max_size=400))
def test_nothing_is_forgotten_within_the_retention(meetings: list[tuple[int, int]]) -> None:
    seen = Seen()
    last_met: dict[str, int] = {}
    now_ms = START_MS
    for item, wait_ms in meetings:
        now_ms += wait_ms
        seen.meet(f"i{item}", now_ms)
        last_met[f"i{item}"] = now_ms
        seen.forget_before(now_ms - RETENTION_MS)
        assert all(item_id in seen for item_id, at_ms in last_met.items() if at_ms >= now_ms - RETENTION_MS)


def test_what_is_long_past_the_retention_is_dropped() -> None:
    seen = Seen()
    for number in range(2 * SEGMENT_ENTRIES + 1):
        seen.meet(f"i{number}", START_MS)
    seen.meet("new", START_MS + 200 * DAY_MS)
    seen.forget_before(START_MS + 200 * DAY_MS - RETENTION_MS)
    assert "i0" not in seen
    assert "new" in seen
    assert seen.log.take_dropped() == [0, 1]
    assert seen.log.take_closed() == []


def test_meeting_an_item_every_day_does_not_fill_the_log() -> None:
    seen = Seen()
    for day in range(70):
        seen.meet("a", START_MS + day * DAY_MS)
    assert len(seen.log) == 10


def test_the_bound_holds() -> None:
    seen = Seen()
    for number in range(MAX_ITEMS + 100):
        seen.meet(f"i{number}", START_MS)
    assert len(seen) <= MAX_ITEMS
    assert f"i{MAX_ITEMS + 99}" in seen


@given(
    st.lists(st.tuples(st.text(max_size=5), st.integers(0, 10**6), st.booleans()), min_size=1, max_size=SEGMENT_ENTRIES)
)
def test_a_segment_survives_its_row(entries: list[Meeting]) -> None:
    log: SegmentedLog[Meeting] = SegmentedLog()
    for item_id, hour, used in entries:
        log.append((item_id, hour, used), hour)
    restored = decode_segment(encode_segment(log.segments[0]))
    assert (restored.entries, restored.newest) == (entries, max(hour for _, hour, _ in entries))


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 30 * DAY_MS), st.booleans()), max_size=200))
def test_the_first_use_is_told_once(meetings: list[tuple[int, int, bool]]) -> None:
    """However often an item was refused before, in whatever order times come, and restored in between."""
    seen, first = Seen(), []
    for item, after_ms, uses in meetings:
        if seen.meet(f"i{item}", START_MS + after_ms, uses=uses):
            first.append(item)
        rows = [encode_segment(segment) for segment in seen.log.segments]
        log: SegmentedLog[Meeting] = SegmentedLog()
        for row in rows:
            log.restore(decode_segment(row))
        restored = Seen(log)
        assert (restored.hours, restored.used) == (seen.hours, seen.used)
    assert sorted(first) == sorted({item for item, _, uses in meetings if uses})


def test_rows_of_a_former_format_count_as_used() -> None:
    former = Seen(SegmentedLog())
    former.log.restore(decode_segment(msgspec.msgpack.encode([1, 7, ["a"], [0]])))
    assert not Seen(former.log).meet("a", START_MS)
